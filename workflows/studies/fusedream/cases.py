"""FuseDream's case studies on the avatars: attacked pixels, wrong starts, and figure 12."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from ....core.charts import Start
from ....core.metrics.distances import frechet_distance
from ....core.metrics.intervals import Interval, bootstrap, paired_difference, wilson
from ....core.refine.pixels import fgsm
from ....core.rng import SampleRng
from ....core.spaces import Identity
from ....core.starts.best import best_candidates
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_captions import AvatarPrompt
from .study import Basis, FuseDreamStudy

__all__ = ["SWITCHES", "Switch", "attacks", "figures_of", "odd_starts", "wrong_starts"]

Figures: TypeAlias = dict[str, float]
REFERENCE = "avatars held out (embedded)"


def figures_of(name: str, found: Interval) -> Figures:
    """Returns an interval under flat names."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def attacks(
    study: FuseDreamStudy,
    prompts: Sequence[AvatarPrompt],
    *,
    images: int,
    epsilon: float,
    views: int,
    measured: int,
) -> Figures:
    """Measures case study 1 (section 2.1): one step of FGSM on avatars, to other captions.

    Args:
        study: study whose seed draws the views.
        prompts: prompts, one for each image in turn.
        images: real avatars that no model was trained on.
        epsilon: largest change of a pixel.
        views: views of AugCLIP in the attack.
        measured: views of AugCLIP in the measurement, the same before and after.
    """
    real = catalogue.reference_images(REFERENCE)[0][:images].to(study.device)
    condition = study.condition([prompts[row % len(prompts)].text for row in range(len(real))])
    kinds = {"plain": 0, "augclip": measured}
    before = {name: study.scores(real, condition, count) for name, count in kinds.items()}
    rise: dict[tuple[str, str], Tensor] = {}
    for attacked, count in (("plain", 0), ("augclip", views)):
        rng = SampleRng.of(study.seed, len(real), f"attack on {attacked}")
        energy = study.energy(condition, count)
        moved = fgsm(real, energy, rng, epsilon=epsilon, chunking=study.chunking)
        for name, scored in kinds.items():
            rise[attacked, name] = study.scores(moved, condition, scored) - before[name]
    found: Figures = {}
    for (attacked, name), values in rise.items():
        found[f"attack_on_{attacked}_raises_{name}"] = float(values.mean())
    for key, less in (
        ("attack_on_plain_plain_more", rise["plain", "augclip"]),
        ("attack_each_on_itself_plain_more", rise["augclip", "augclip"]),
    ):
        more = rise["plain", "plain"] - less
        found |= figures_of(key, bootstrap(lambda rows: float(rows.mean()), more, seed=0))
        found[f"{key}_share"] = float((more > 0).float().mean())
    for name, values in before.items():
        found[f"attack_spread_of_{name}"] = float(values.std())
    return found


@dataclass(frozen=True)
class Switch:
    """A start that shows one value of an attribute, and a text with another value.

    Attributes:
        name: name of the case.
        wrong: text of the start.
        wanted: target text.
        attribute: attribute that distinguishes them.
        before: its value at the start.
        after: its target value.
    """

    name: str
    wrong: str
    wanted: str
    attribute: str
    before: str
    after: str


SWITCHES = (
    Switch("afro_to_hat", "afro", "hat", "top", "afro", "hat"),
    Switch("long_hair_to_bald", "long hair", "bald", "top", "long", "bald"),
    Switch("glasses_to_sunglasses", "glasses", "sunglasses", "accessory", "glasses", "sunglasses"),
    Switch("light_to_dark_skin", "light skin", "dark skin", "skin", "light", "dark"),
    Switch("scream_to_smile", "screaming", "smiling", "mouth", "scream", "smile"),
    Switch(
        "orange_to_blue", "orange background", "blue background", "background", "orange", "blue"
    ),
)
"""The first corresponds to the dog that should become a cat: another object at the same place."""


def wrong_starts(
    study: FuseDreamStudy,
    switches: Sequence[Switch],
    *,
    starts: int,
    candidates: int,
    steps: int,
    rate: float,
    views: int,
) -> tuple[Figures, Tensor]:
    """Measures case study 2 (section 2.1): from the best of a wrong text, by either score.

    Starts that already show the target value do not count as reached. The judge does not choose
    starts.

    Args:
        study: whose seed draws starts and views.
        switches: cases.
        starts: number of starts of each case, the paper's seeds.
        candidates: M of the start.
        steps: T.
        rate: Adam's learning rate.
        views: of AugCLIP.

    Returns:
        Figures, and images of the first start of each case: unrefined, by the plain score, by
        AugCLIP.
    """
    cases = [one for one in switches for _ in range(starts)]
    wrong, wanted = (
        study.condition([getattr(one, name) for one in cases]) for name in ("wrong", "wanted")
    )
    found = study.search(wrong, candidates, 1, purpose="wrong start")
    start = study.start(found.points, Basis(1))
    shown = [study.images(start)]
    at = _reached(study, shown[0], cases)
    reached: dict[str, list[bool]] = {}
    flat: Figures = {"wrong_start_there_already": sum(at) / len(at)}
    for name, count in (("plain", 0), ("augclip", views)):
        study.say(f"from wrong starts, {name}")
        energy = study.energy(wanted, count)
        shown.append(study.images(study.refined(start, energy, steps=steps, rate=rate)))
        ends = _reached(study, shown[-1], cases)
        reached[name] = [now and not before for now, before in zip(ends, at, strict=True)]
        flat[f"wrong_start_{name}_score"] = float(study.scores(shown[-1], wanted).mean())
        flat |= figures_of(f"wrong_start_{name}_reached", wilson(sum(reached[name]), len(cases)))
        for number, one in enumerate(switches):
            own = reached[name][number * starts : (number + 1) * starts]
            flat[f"wrong_start_{one.name}_{name}"] = sum(own)
    flat["wrong_start_start_score"] = float(study.scores(shown[0], wanted).mean())
    more = paired_difference(reached["augclip"], reached["plain"])
    flat |= figures_of("wrong_start_augclip_more", more)
    for number, one in enumerate(switches):
        part = slice(number * starts, (number + 1) * starts)
        more = paired_difference(reached["augclip"][part], reached["plain"][part])
        flat |= figures_of(f"wrong_start_{one.name}_augclip_more", more)
    return flat, torch.stack([images[::starts] for images in shown])


def _reached(study: FuseDreamStudy, images: Tensor, cases: Sequence[Switch]) -> list[bool]:
    seen = study.visible(images)
    return [v.get(one.attribute) == one.after for v, one in zip(seen, cases, strict=True)]


def odd_starts(
    study: FuseDreamStudy,
    prompts: Sequence[AvatarPrompt],
    *,
    candidates: int,
    keep: int,
    steps: int,
    rate: float,
    compared: int,
) -> tuple[Figures, dict[str, Tensor]]:
    """Measures figure 12's analogue: candidates outside of the training distribution.

    BigGAN's class block holds embeddings of its thousand classes, and the paper draws it from N(0,
    I) instead. The avatars' generator has no class block. Its analogue is the latent that its
    decoder was trained on: the encoder's output, whose mean and covariance the prior matches.
    `unwhitened` draws that latent from N(0, I), the usual prior of a VAE; `wide` draws z from N(0,
    4 I), where the prior is N(0, I).

    Args:
        study: study whose seed draws the candidates.
        prompts: captions.
        candidates: M.
        keep: k.
        steps: T.
        rate: Adam's learning rate.
        compared: number of real images for the Frechet distances; they are biased, so that only
            distances of equal numbers of images are comparable.
    """
    condition = study.condition([prompt.text for prompt in prompts])
    wanted = [prompt.constraints for prompt in prompts]
    real = _features(study, catalogue.reference_images(REFERENCE)[0][:compared])
    energy = study.energy(condition)
    like = torch.empty(0, device=study.device)
    dim = study.generator.source.dim
    flat: Figures = {}
    shown: dict[str, Tensor] = {}
    for name, place in _places(study).items():
        study.say(f"candidates from elsewhere, {name}")
        rng = SampleRng.of(study.seed, len(prompts), "elsewhere")

        def draw(streams: SampleRng, place: Place = place) -> Tensor:
            return place(streams.normal(dim, like=like))

        pulled = energy.pullback(study.generator)
        best = best_candidates(draw, pulled, candidates, keep, rng, study.chunking)
        start = study.start(best.points, Basis(keep))
        first = draw(SampleRng.of(study.seed, len(prompts), "elsewhere, one"))
        drawn = study.images(study.latents(Start(first, Identity(study.generator.source))))
        images = study.images(study.refined(start, energy, steps=steps, rate=rate))
        satisfied = study.satisfied(images, wanted)
        flat[f"start_{name}_satisfied"] = statistics.fmean(
            f for one in satisfied for f in one.values()
        )
        flat[f"start_{name}_similarity"] = float(study.scores(images, condition).mean())
        flat[f"start_{name}_drawn_frechet"] = frechet_distance(_features(study, drawn), real)
        flat[f"start_{name}_frechet"] = frechet_distance(_features(study, images), real)
        shown[f"{name}, drawn"], shown[name] = drawn, images
    return flat, shown


Place: TypeAlias = Callable[[Tensor], Tensor]


def _places(study: FuseDreamStudy) -> dict[str, Place]:
    """Map from N(0, I) to latents of the generator."""
    buffers = dict(study.generator.module.named_buffers())
    shift, scale = buffers["shift"], buffers["scale"]

    def unwhitened(drawn: Tensor) -> Tensor:
        return torch.linalg.solve_triangular(scale, (drawn - shift).mT, upper=False).mT

    return {
        "prior": lambda drawn: drawn,
        "wide": lambda drawn: 2 * drawn,
        "unwhitened": unwhitened,
    }


@torch.no_grad()
def _features(study: FuseDreamStudy, images: Tensor) -> Tensor:
    """Returns the features of the judge's penultimate layer."""
    return study.chunking.apply(study.judge.features, images.to(study.device)).cpu()
