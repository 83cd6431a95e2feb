"""The texts of the help pages of KRR Flow Refine and what belongs to it."""

__all__ = ["KRR_TEXTS"]

KRR_TEXTS: dict[str, tuple[str, str]] = {
    "LoadImageSet": (
        "The folder lies in the host's `input` folder. Captions go with the pictures by a file "
        "`captions.txt`: a line per picture in the order of their names, or lines as `name: "
        "caption`; labels by `labels.csv` with rows `name,label`. Pictures are turned as their "
        "camera says and become RGB; one that cannot be read stops the run and is named.",
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
        "live in the space of `features`. The paper does not tell its eta and xi: far below "
        "the number of samples weights of ridge regression may be negative and particles "
        "collapse; from there on it is a kernel density estimator, so 0 takes that number. The "
        "result depends on the whole batch: a sample alone does not equal the same sample in a "
        "batch.",
        "Prior Init with 64 samples, digits classifier as `features`, Load Image Set of digits "
        "into `real images`, Energy Discriminator into `energy`, `steps` = 15, `step_size` = 0.3.",
    ),
}
