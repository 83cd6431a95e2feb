"""What to know of each node, and an example, for its help page."""

from __future__ import annotations

__all__ = ["KRR_TEXTS", "TEXTS"]

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
TEXTS: dict[str, tuple[str, str]] = {
    **KRR_TEXTS,
    "BestLatents": (
        "Samples are cheap to look at and dear to refine: make many, keep the best of every group "
        "(the rows of a prompt, say), and refine those on. Random energies are drawn from each "
        "sample's own stream, so the order does not depend on the batch.",
        "Sixteen samples through ten steps of Langevin Refine, this node with `keep` = 4, then "
        "fifty steps more.",
    ),
    "ReferenceImages": (
        "They are shipped, so that a workflow with pictures runs at once. No embedded model was "
        "trained on them, so they also serve as what a judge compares with. Digits are filed by "
        "class: take `order` = balanced for some of all classes, and `part` to keep a half for "
        "the judge (Evaluate Images has the same inputs).",
        "`avatars held out (embedded)` into Image Condition: new avatars like the first eight.",
    ),
    "LoadGenerator": (
        "Files lie in `models/latentsteer_generators`, or where `extra_model_paths.yaml` says for "
        "the key `latentsteer_generators`. A file that changes is read again. The options make "
        "another map of the same weights: latents and translators belong to the generator as it "
        "was loaded, and refuse it with other options.",
        "Take `digits (embedded)`, connect Prior Init and Decode, and see what the generator "
        "makes by itself.",
    ),
    "GiveInputs": (
        "Some generators make images for an input: inpainting fills the hole of an image, text to "
        "image follows a sentence, image translation takes an image, a domain and a style. Such a "
        "generator comes out of Load Generator, and this node gives it what it needs. What comes "
        "out is a generator as any other. Latents and translators belong to the generator with "
        "these inputs, and refuse it with others. Its error names the inputs that it needs, and "
        "the size of the images that it takes.",
        "Load Generator with an inpainting network, Load Image for an image and its mask, this "
        "node, then Prior Init and Decode: several ways to fill the hole.",
    ),
    "LoadAuxModel": (
        "The auxiliary model, f in the papers, says what an image shows; it is what samples are "
        "steered by. Files and model folders lie in `models/latentsteer_aux`: files of open_clip "
        "and OpenAI's CLIP archives; folders of transformers with a CLIP, a SigLIP, a BLIP or a "
        "BLIP-2, taken by their `config.json`. Nothing is downloaded, and no code of a file runs. "
        "The same weights with a wrong `activation` still load, and steer badly. Load a second "
        "model as judge for Evaluate Images: the model that steered is no fair judge.",
        "`avatars CLIP (embedded)` steers by words, `avatars judge (embedded)` judges.",
    ),
    "CaptionAuxModel": (
        "f of TR0N section 5.2 for captions: an image becomes the text embedding of what BLIP "
        "says of it. Only Train Translator needs it; the translator then takes Text Conditions of "
        "the CLIP, without the gap between images and texts. Captions are the likeliest ones, or "
        "those of a beam search: the paper draws them, this node draws nothing.",
        "Load Aux Model with a BLIP folder, Load Aux Model with a CLIP, both into this node, this "
        "node into Train Translator.",
    ),
    "ClassCondition": (
        "Every class gives as many rows as `samples_per_class` says, side by side, and every row "
        "becomes one sample. Set the columns of Image Grid to the same number: a row shows a "
        "class.",
        "`classes` = `3, 7` with `samples_per_class` = 4: eight samples, four threes and then "
        "four sevens.",
    ),
    "TextCondition": (
        "Each line becomes one row of the condition. Within a line, prompts separated by `|` add: "
        "their directions in the CLIP's space, each at its weight. A weight is a number after the "
        "last colon; a colon in other places, as in 10:30, is text (write `16:9 :2` to weigh it). "
        "What stands in `negative` is subtracted from every row. Words that the text encoder does "
        "not know, or has no room for, are told on the node and in the log. With `clause_weight` "
        "what stands between commas counts beside the whole prompt, times the prompt's weight: "
        "`a red hat, a smile` with 0.5 is `a red hat, a smile | a red hat:0.5 | a smile:0.5`. "
        "A clause without a known word does not count.",
        "`prompts` = `a red hat | a smile:0.5`, `negative` = `glasses:0.3`, `samples_per_prompt` "
        "= 4: four samples with a red hat and half a smile, away from glasses.",
    ),
    "ImageCondition": (
        "New images that mean the same to the CLIP, not copies: for a copy take Image to Latents. "
        "Every image gives as many rows as `samples_per_image` says, side by side.",
        "Load Image into this node, this node into Energy CLIP and Translator Init.",
    ),
    "InterpolateConditions": (
        "Rows of the first condition are paired with those of the second; one row goes with all. "
        "Each pair gives `frames` rows. Start from Translator Init with `mode` = mode, as the "
        "paper does, so that neighbours do not jump between draws.",
        "Two Text Conditions, `frames` = 8, then Image Grid with 8 columns.",
    ),
    "AverageConditions": (
        "The direction of the result is the weighted sum of the two directions, whatever their "
        "lengths; weights that cancel are refused. For classes, whose rows are probabilities, "
        "take Interpolate Conditions with `mode` = lerp.",
        "An Image Condition with `first_weight` = 1 and a Text Condition with `second_weight` = "
        "0.5: like the picture, and a little more like the words.",
    ),
    "EnergyClassifier": (
        "E(z, c) = weight x cross-entropy(f(G(z)), c): low where the classifier sees the wanted "
        "class. Connect `energy` of another energy node to add the two.",
        "Load Aux Model and Class Condition into this node, this node into Langevin Refine with "
        "`inverse_temperature` = 20.",
    ),
    "EnergyCLIP": (
        "E(z, c) = -weight x mean over views of cos(f(view of G(z)), c). Views are drawn anew in "
        "every step: changed in colour, moved, resized, with a square cut out. Without views "
        "(0) images please the CLIP without looking right. Weights of 1 need a large "
        "`inverse_temperature`: 1000 for the avatars, in the paper 2000 to 1e5.",
        "Load Aux Model and Text Condition into this node, this node into Langevin Refine.",
    ),
    "EnergyPerceptual": (
        "With a `backbone` it is LPIPS 0.1, to the digits of the package of that name, which must "
        "be installed (`pip install lpips`): put `vgg16-397923af.pth` or "
        "`alexnet-owt-7be5be79.pth` of torchvision into `models/latentsteer_aux`. Without one it "
        "is the distance between the feature maps of the CLIP that is connected, and without "
        "feature maps the mean squared difference of pixels. The text on the node says which.",
        "Chain it with Energy CLIP to change one thing and keep the rest: the reference here, "
        "the prompt there.",
    ),
    "EnergyBayes": (
        "E(z, c) = -beta1 log p(z) - beta2 log f_c(G(z)), with the generator's own prior; see "
        "Energy Prior for what that is. With `inverse_temperature` = 1 and `momentum` = 0 in "
        "Langevin Refine and (1, 1) here, samples follow the posterior of latents given the "
        "class: diverse, and less sure. (1, 20) is surer; (0, 20) equals Energy Classifier with "
        "`inverse_temperature` = 20. Latents w and w+ have no prior density: there (1, 1) is "
        "refused, or with a fitted Gaussian an approximation, and (0, 20) works.",
        "The template *tr0n_digits_bayes_1_20*.",
    ),
    "EnergyPrior": (
        "Draws latents back to where the generator was trained. Add it to another energy when "
        "refined images lose quality. The density is taken block by block: a normal z gives "
        "|z|^2 / (2 nu^2), BigGAN's truncated z the same with nu = psi, cut off at 2 psi; what "
        "says the class (`y`, `c`) is not drawn anywhere, since all classes are alike. `std` "
        "multiplies the prior's own standard deviations: below 1 it pulls harder than the prior "
        "does. StyleGAN's w and w+ have no density that can be evaluated: steer z, or choose "
        "*fitted Gaussian*, which pulls every number of w towards the mean of 4096 mapped draws, "
        "by its standard deviation among them. The draws are the same every time.",
        "Energy Prior with `weight` = 0.05 into the `energy` input of Energy Classifier.",
    ),
    "TrainTranslator": (
        "Draws latents z, makes G(z), asks the auxiliary model for its answer, and learns the way "
        "back from the answer to the latents. No data are needed. Training is repeated only when "
        "an input changes; Save Translator keeps the result.",
        "With the digits, the defaults take about half a minute on a processor. For a larger "
        "generator raise `pairs` and `hidden` first.",
    ),
    "SaveTranslator": (
        "The file says which generator and which auxiliary model the translator belongs to; it is "
        "refused for others.",
        "`name` = `digits`, then Load Translator offers `digits.safetensors` (press R on the "
        "canvas to refresh lists).",
    ),
    "LoadTranslator": (
        "Files lie in `models/latentsteer_translators`. A file that changes is read again. The "
        "text on the node tells which generator and which auxiliary it is for.",
        "Put it in the place of Train Translator: nothing is trained any more.",
    ),
    "PriorInit": (
        "Latents as the generator was trained on. As a start for refinement it is TR0N's ablation "
        "without translator; alone, with Decode, it shows what the generator makes unsteered. "
        "Without a condition `samples` says how many. With `generations` the best tenth of the "
        "candidates says where the next are drawn, and so on.",
        "`candidates` = 5 with an energy: of five draws per sample the best is taken.",
    ),
    "VariationInit": (
        "Draws of the prior, mixed with what is given: small variations keep most of an image. "
        "Many candidates with an energy find those in which a text has come true, where a "
        "gradient alone stays near the place that it begins in. What is rare among them comes by "
        "`towards`: half of the candidates then mix in latents in which it is there already.",
        "Image to Latents into `near`, an Energy CLIP of an Average Conditions (the image, and "
        "the text twice) into `energy`, a Prior Init with an Energy CLIP of the text alone into "
        "`towards`, `candidates` = 600; then KRR Flow Refine.",
    ),
    "ImageToLatents": (
        "Starts from the generator's encoder where it has one, else from the most alike of random "
        "candidates, and lowers a perceptual distance and the difference of pixels by Adam. Each "
        "sample ends at the best point that it met. What a generator cannot draw it will not "
        "find: the trace says how near it came. Cancel and resume work as in the refiners, "
        "through `interrupted`.",
        "Load Image into this node, `steps` = 100, into Decode: the generator's nearest image. "
        "Its latents into Langevin Refine with Energy CLIP edit it.",
    ),
    "TranslatorInit": (
        "Starts that already resemble what is wanted, so that refinement needs few steps. With "
        "`mode` = sample and `candidates` above 1, connect the energy that chooses. A prompt of "
        "many statements is rare among candidates: `generations` go on from the best tenth, drawn "
        "from the normal law of their means and deviations (the cross-entropy method).",
        "`mode` = sample, `candidates` = 5, then 25 steps of Langevin Refine: the paper's best "
        "row for classes.",
    ),
    "LangevinRefine": (
        "Every step goes down the energy's gradient and adds noise, so that results are samples "
        "and stay diverse. Previews show the first 16 samples. Cancel stops within a step and "
        "keeps the unfinished run in `output/interrupted`: Load Latents with the same settings "
        "goes on from there to the same images. Refiners in a row draw fresh noise, also with one "
        "seed.",
        "25 steps, `step_size` = 0.0001, `inverse_temperature` = 20, as in the paper. Too weak: "
        "raise `inverse_temperature` or `steps`. Images break: lower `step_size`.",
    ),
    "AdamRefine": (
        "Plain optimisation: it reaches low energies in few steps, but samples grow alike and "
        "can please the auxiliary model without looking right. Cancel and resume work as in "
        "Langevin Refine.",
        "25 steps with `learning_rate` = 0.01 on the digits.",
    ),
    "BasisInit": (
        "Many candidates of the prior, the `keep` best of which become a basis: a sample is their "
        "weighted sum, and Adam Refine moves points and weights together. `weights` scalar is the "
        "paper's: a number per vector, which moves the sample through the span of the basis as a "
        "whole; linear and softmax weigh every coordinate for itself. Candidates cost an image "
        "each and no gradient; with Energy CLIP, views multiply that. The text on the node tells "
        "which were kept. With several prompts give the condition too: one sample for each of its "
        "rows.",
        "`candidates` = 10000, `keep` = 5, Energy CLIP with 50 views, then Adam Refine with 1000 "
        "steps: FuseDream. As its code does it: 0 views here, `weights` softmax, "
        "`weights_start` random, and in Adam Refine `latent_noise` 0.01 and `returned` last but "
        "one.",
    ),
    "CMAESRefine": (
        "Needs the library cmaes: `pip install cmaes`. A generation of every sample is drawn "
        "about what the last ones taught, all are judged in one batch, and the sample is the "
        "best of them. Costs `population` evaluations a step, times one more for every inner "
        "step. All numbers of the latents are searched with one `sigma`: start from Prior Init "
        "or Plain Latents, not from a basis. Above 512 numbers variances alone are learnt.",
        "`inner_steps` = 30 is BasinCMA: each member descends by Adam before it is judged.",
    ),
    "CLIPScore": (
        "The views are drawn afresh, so what an image was fitted to does not count. The error "
        "of a score is how far it would move with other views. Scores of different CLIPs do not "
        "compare.",
        "Decode into this node, with the CLIP and the condition of Energy CLIP.",
    ),
    "ComposeFuse": (
        "Every scale at every place is a run of its own, all of one batch: 18 for each sample by "
        "default, so try `places` = centre first. In each, Adam moves both latents by the dynamic "
        "barrier: the energy first, and foreground and background alike as far as that costs it "
        "nothing. The two are compared as pasted: by LPIPS with a backbone, by a CLIP's features, "
        "else by pixels. The placement whose finished image has the lowest energy is kept. Cancel "
        "leaves a file; Load Latents into `interrupted` goes on from it.",
        "Two Basis Init of one prompt, other seeds, on avatars: `steps` = 50, `learning_rate` = "
        "0.02, the CLIP as `auxiliary`, `secondary_weight` = 0.1.",
    ),
    "Decode": (
        "Turns latents into images for any node of the host, such as Save Image. Grey images get "
        "three equal channels.",
        "Langevin Refine into Decode into Image Grid into Save Image.",
    ),
    "ImageGrid": (
        "Puts a batch into one picture, row by row, with a thin white line between the images.",
        "`columns` = `samples_per_class` of Class Condition: a row for each class.",
    ),
    "SaveLatents": (
        "Writes `output/latents/<name>_00001.safetensors` and counts up; nothing is overwritten.",
        "Save the start of a run, change the energy tomorrow, and refine the same start again.",
    ),
    "LoadLatents": (
        "Offers what Save Latents wrote, and what cancelled refiners left in "
        "`output/interrupted`. To go on with the latter connect it to `latents` of the same "
        "refiner with the same settings; other settings are refused, unless `resume` is off. The "
        "text on the node tells whose latents they are; files of before that hold no "
        "options are known by the generator's weights alone.",
        "Cancel at step 300 of 1000, press R, choose the newest file here, connect it, queue: "
        "the bar starts at 300.",
    ),
    "SelectLatents": (
        "Picks samples by number, from 0, in any order. Each keeps its own random stream: it "
        "refines alone exactly as it did in the batch.",
        "`rows` = `2, 5`: the third and the sixth sample.",
    ),
    "StackLatents": (
        "Both batches must be of one generator and written in one chart: latents of a basis do "
        "not mix with plain ones. Samples of the second go on counting after those of the first.",
        "Latents after 0, 10 and 50 steps, stacked: Decode and Image Grid show how they evolve.",
    ),
    "PlainLatents": (
        "A basis with its weights is written as the latents that it stands for. The image is the "
        "same; what is refined from here on moves the latents alone, and latents of bases of "
        "different size, or of none, can be stacked.",
        "Basis Init with `keep` = 5 into this node: one latent per sample, their mean.",
    ),
    "InterpolateLatents": (
        "Each frame is a latent of its own, (1 - t) of the first and t of the second, and stays "
        "on the generator's images only as far as those of two good latents do. To go from one "
        "meaning to another instead take Interpolate Conditions.",
        "Two prompts refined apart, `frames` = 8, then Decode and Image Grid with 8 columns.",
    ),
    "ImageGradientStep": (
        "x - epsilon sign(grad E(x)) within [0, 1]. By Energy CLIP with `views` = 0 a change that "
        "nobody sees raises the plain CLIP score much and AugCLIP little, which is why energies "
        "take views. Energies of latents, such as Energy Prior, cannot go here.",
        "Load Image, `epsilon` = 0.02, then CLIP Score before and after.",
    ),
    "BestImages": (
        "Best Latents for images alone. Random energies are drawn from each image's own stream, "
        "so the order does not depend on the batch. The text on the node tells the energies.",
        "Compose Fuse on 50 samples, this node with `keep` = 36: FuseDream's figure 10.",
    ),
    "StackImages": (
        "One batch after the other, grey and transparent images as RGB. The sizes must be equal.",
        "Given images and changed ones, stacked: Image Grid shows them above each other.",
    ),
    "EnergyReport": (
        "A curve per sample and their mean; in words, each term of the energy before and after. "
        "The curve should fall and then lie flat: if it still falls, take more steps.",
        "The `trace` of Langevin Refine into this node, `curves` into Preview Image.",
    ),
    "EvaluateImages": (
        "Mean probability of the wanted class, Frechet distance to real images, and diversity, "
        "by a judge. Use a judge that did not steer, and real images that nothing was steered "
        "by: `reference_part` takes a half of the reference where KRR Flow Refine had the other, "
        "`real images` your own. Diversity is the root mean square distance of two images' "
        "features over the root of 2, within classes where some are wanted; it needs two images "
        "to compare.",
        "`digits judge (embedded)` with the condition of the run: above 0.9 is good. Choose "
        "`digits held out (embedded)` for the distance when there are hundreds of images.",
    ),
}
"""For each node: what to know, and an example."""
