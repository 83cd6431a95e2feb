"""The texts of the help pages of KRR Flow Refine and what belongs to it."""

__all__ = ["KRR_TEXTS"]

KRR_TEXTS: dict[str, tuple[str, str]] = {
    "LoadImageSet": (
        "The folder lies in the host's `input` folder. Captions go with the pictures by a file "
        "`captions.txt`: a line per picture in the order of their names, or lines as `name: "
        "caption`; labels by `labels.csv` with rows `name,label`. Pictures are turned as their "
        "camera says and become RGB; one that cannot be read stops the run and is named. `part` "
        "halves the pictures in an `order` that a seed draws, balanced over the labels or not: "
        "one half for KRR Flow Refine, the other for `real images` of Evaluate Images.",
        "`folder` = `birds`, `width` = 128, into `real images` of KRR Flow Refine with a "
        "generator of 128 x 128 pixels.",
    ),
    "EnergyDiscriminator": (
        "Most published GAN files hold the generator alone; digits (embedded) and StyleGAN's own "
        "pickles hold both. The logit has no bound and soon beats other terms: lower `weight`, or "
        "take log-sigmoid. A discriminator with minibatch standard deviation sees one image at a "
        "time.",
        "Into `energy` of KRR Flow Refine: with real images it is the paper's A + B + C, without "
        "any other term (`lambda_generated` = 0) it is DDLS.",
    ),
    "EnergyDirection": (
        "What is steered by is the difference of the two texts, so that what both say, a face, "
        "does not matter. `source` with the decoded start as `images` changes least else; "
        "`global` is StyleCLIP's direction as the paper takes it, a straight way in the latents "
        "that is the same for every sample: diversity then comes from KRR Flow Refine alone.",
        "Text Conditions `a face with a hat` and `a face`, Decode of the latents into `images`, "
        "`kind` = source, then KRR Flow Refine with the CLIP as `features`.",
    ),
    "EnergyMasked": (
        "White is painted anew, as in ComfyUI; mask and image must be of one size. Pixels count "
        "by the mean squared difference over the known region alone, so their weight does not "
        "depend on the mask's size: the error that the report tells is its root, of channels in "
        "[0, 1]. "
        "Features see grey in the hole. Afterwards Image Composite Masked puts the known pixels "
        "back: the generated images as destination, the source as source, the inverted mask.",
        "Load Image with a painted mask, this node with `pixels` = 1000, KRR Flow Refine with 4 "
        "samples: four completions that differ in the hole.",
    ),
    "KRRFlowRefine": (
        "The samples of the batch are particles of a distribution. Their own density, estimated "
        "from all of them, drives them apart; the real images' density and -log p(c|x) draw them; "
        "each has its weight, and Energy Report shows the curves of the three apart. Densities "
        "live in the space of `features`. Where the energy has a condition per sample, the "
        "samples of each condition have a density of their own, at least 2 of them; `pooled` "
        "makes one of all. The result depends on the other samples of the condition: a sample "
        "alone does not equal the same sample in a batch, but a condition alone does.\n\n"
        "The paper does not tell its eta and xi. 0 takes the number of samples n: the step is "
        "then within some 10 % of that of kernel density estimation (3 to 9 % on the digits). A "
        "tenth of n is kernel ridge regression proper, 23 to 48 % from it, and as stable; far "
        "below, weights are negative and particles may collapse. Ridges too small for the digits "
        "of float32 features are refused.\n\n"
        "`real_samples` draws some of the real images, anew at each step or once; keep a part of "
        "them back to measure on (`part` of Load Image Set and Reference Images). With a "
        "`divergence` other than KL the speed goes by r = p(x|c) / q(x|c), in which the lambdas "
        "have no part; a term that is left out counts as constant, and with `lambda_generated` = "
        "0 there is no r: all divergences are then KL.",
        "Prior Init with 64 samples, digits classifier as `features`, Load Image Set of digits "
        "into `real images`, Energy Discriminator into `energy`, `steps` = 15, `step_size` = 0.3.",
    ),
}
