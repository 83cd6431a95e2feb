"""The inputs of KRR Flow Refine."""

from ...core.krr.settings import DIVERGENCES
from ..host import io
from ..running import clamp_widget, preview_every, resume_widget
from ..sockets import AUXILIARY, ENERGY, GENERATOR, LATENTS
from ..widgets import advanced, chunk, schedule, seed, steps

__all__ = ["inputs"]


def inputs() -> list[io.Input]:
    """Returns all inputs, in the order of the canvas."""
    return [
        GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
        LATENTS.Input(
            "start",
            display_name="latents",
            tooltip="Where the particles start, at least 2 of each condition, or an interrupted "
            "run.",
        ),
        seed(
            "the mollifier's samples, of the draws of real images and of random energies",
            streams="Every sample has its own random stream.",
        ),
        steps(15),
        io.Float.Input(
            "step_size",
            default=0.3,
            min=1e-9,
            max=1e6,
            step=0.01,
            round=False,
            tooltip="Length of a step, in latent units, times the sum of the terms' gradients "
            "(1e-9 to 1e6). The paper: 0.1 to 1, best 0.3 with 15 steps.",
        ),
        *_weights(),
        *_models(),
        *_kernel(),
        *_mollifier(),
        *_estimator(),
        *_run(),
        *_densities(),
    ]


def _lambda(name: str, what: str) -> io.Float.Input:
    return io.Float.Input(
        f"lambda_{name}",
        default=1.0,
        min=0.0,
        max=1e6,
        step=0.01,
        tooltip=f"{what} (0 to 1e6).",
    )


def _weights() -> list[io.Input]:
    return [
        advanced(
            _lambda("generated", "Weight of the samples' own density, which drives them apart")
        ),
        _lambda("real", "Weight of the real images' density; no effect without them"),
        _lambda("condition", "Weight of the energy, -log p(c given x); no effect without one"),
    ]


def _models() -> list[io.Input]:
    return [
        AUXILIARY.Input(
            "auxiliary",
            display_name="features",
            optional=True,
            tooltip="The model whose features compare images: a CLIP, a classifier or a judge. "
            "Without one, the generator's own discriminator.",
        ),
        advanced(
            io.Combo.Input(
                "feature",
                options=["auto", "penultimate", "logits", "normalised", "raw"],
                default="auto",
                tooltip="Which features: penultimate or logits of discriminators, classifiers and "
                "judges; normalised or raw embeddings of CLIPs. auto: penultimate, normalised.",
            )
        ),
        io.Image.Input(
            "real",
            display_name="real images",
            optional=True,
            tooltip="Images of the target distribution, at least 2, of the generator's image "
            "size. Load Image Set scales them to it.",
        ),
        ENERGY.Input(
            "energy",
            optional=True,
            tooltip="-log p(c given x): Energy Discriminator, Energy CLIP, Energy Classifier, "
            "Energy Direction, Energy Masked, or sums of them.",
        ),
    ]


def _ridge(name: str, what: str, many: str) -> io.Float.Input:
    return io.Float.Input(
        name,
        default=0.0,
        min=0.0,
        max=1e9,
        step=0.1,
        round=False,
        tooltip=f"Ridge of the {what} density (0 to 1e9); 0 for the number of {many}, n, where "
        "the step is within some 10 % of that of kernel density estimation. n/10 is kernel ridge "
        "regression proper: on the digits the step differs by 23 to 48 %, and the flow is as "
        "stable. At n/100 and below, such as 1, weights become negative, and particles may "
        "collapse; what is too small for float32 is refused.",
    )


def _kernel() -> list[io.Input]:
    return [
        advanced(_ridge("eta", "samples'", "samples")),
        advanced(_ridge("xi", "real images'", "real images")),
        advanced(
            io.Combo.Input(
                "bandwidth",
                options=["median", "one", "number"],
                default="median",
                tooltip="h of the kernel exp(-d^2 / h) of a distance d of features: the median of "
                "the squared distances; 1, as in the paper; or bandwidth_number.",
            )
        ),
        advanced(
            io.Float.Input(
                "bandwidth_number",
                default=1.0,
                min=1e-9,
                max=1e9,
                step=0.1,
                round=False,
                tooltip="h where bandwidth is number (1e-9 to 1e9).",
            )
        ),
    ]


def _mollifier() -> list[io.Input]:
    return [
        advanced(
            io.Combo.Input(
                "mollifier",
                options=["none", "feature", "image"],
                default="none",
                tooltip="Mollifier that smooths the kernel. feature: noise on features, in "
                "closed form. image: noise on pixels, by samples, each of which costs a "
                "pass.",
            )
        ),
        advanced(
            io.Float.Input(
                "sigma",
                default=0.5,
                min=1e-6,
                max=1e6,
                step=0.01,
                round=False,
                tooltip="Standard deviation of the mollifier's noise at the first step (1e-6 to "
                "1e6): on features in units of the kernel's length, on pixels in [0, 1].",
            )
        ),
        advanced(
            io.Int.Input(
                "mollifier_samples",
                default=8,
                min=2,
                max=1024,
                step=2,
                tooltip="Samples of noise on pixels, m in the paper, an even number (2 to 1024).",
            )
        ),
        *schedule("sigma", "sigma"),
    ]


def _estimator() -> list[io.Input]:
    return [
        advanced(
            io.Combo.Input(
                "estimator",
                options=["krr", "kde", "stein"],
                default="krr",
                tooltip="Estimator of the densities: kernel ridge regression, the paper; kernel "
                "density estimation; or Stein's identity for the samples' own density, "
                "the paper's ablation.",
            )
        ),
        advanced(
            io.Boolean.Input(
                "self_term",
                default=True,
                tooltip="Whether a sample counts in its own density, as in the paper.",
            )
        ),
        advanced(
            io.Combo.Input(
                "divergence",
                options=list(DIVERGENCES),
                default=DIVERGENCES[0],
                tooltip="Divergence that the flow lowers: KL in the paper. The others, from its "
                "appendix, move samples along the same direction at other speeds. The "
                "speed depends on r = p(x given c) / q(x given c) without the lambdas, which "
                "only weigh the direction; with lambda_generated = 0 there is no r, and all "
                "move as KL.",
            )
        ),
        *schedule("step", "the step size"),
    ]


def _run() -> list[io.Input]:
    return [
        advanced(
            io.Float.Input(
                "clip_norm",
                default=0.0,
                min=0.0,
                max=1e6,
                step=0.1,
                tooltip="Largest gradient norm of a sample (0 to 1e6); 0 for no limit, as in the "
                "paper.",
            )
        ),
        clamp_widget(),
        chunk(),
        preview_every(),
        resume_widget(),
    ]


def _densities() -> list[io.Input]:
    return [
        advanced(
            io.Boolean.Input(
                "pooled",
                default=False,
                optional=True,
                tooltip="Whether samples of several conditions share one density. Off: the "
                "samples of each condition (equal rows in the energy: a prompt, a class, a "
                "picture) have their own density, as in the paper, and flow independently of "
                "the others; an eta of 0 is then their number.",
            )
        ),
        advanced(
            io.Int.Input(
                "real_samples",
                default=0,
                min=0,
                max=1000000,
                optional=True,
                tooltip="Number of real images for the density of a step, drawn by the seed, at "
                "least 2 (0 to 1000000); 0 for all. The paper draws as many as there are "
                "samples.",
            )
        ),
        advanced(
            io.Combo.Input(
                "real_draw",
                options=["each step", "once"],
                default="each step",
                optional=True,
                tooltip="When they are drawn: again at each step, or once for the run, as in the "
                "paper's algorithm 1. No effect where all are used.",
            )
        ),
        advanced(
            io.Combo.Input(
                "places",
                options=["all", "rows", "centre first", "random"],
                default="all",
                optional=True,
                tooltip="For latents on a grid, as those of a discrete VAE: all moves every place "
                "in each step, the warm-up of the paper's two stages; the others move a few "
                "places at a time in this order, its fine-tuning.",
            )
        ),
        advanced(
            io.Int.Input(
                "at_once",
                default=1,
                min=1,
                max=1000000,
                optional=True,
                tooltip="Number of places that a step moves (1 to 1000000), where places are not "
                "all. A pass over all places takes their number divided by this one.",
            )
        ),
    ]
