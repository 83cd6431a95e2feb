"""Two persons in one image: FuseDream's composition against a single image of the same prompt."""

import statistics
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ....core.composition.compose import Composer, CompositionJob, CompositionResult
from ....core.composition.paste import Paste
from ....core.composition.placement import Placement, placements
from ....core.energies.regions import somewhere
from ....core.features import clip_features
from ....core.latents import Latents
from ....core.metrics.intervals import paired_difference, wilson
from ....core.refine.rules import Adam
from ....core.rng import SampleRng
from ....core.zoo.avatar_pairs import Pair
from .cases import Figures, figures_of
from .study import Basis, FuseDreamStudy

__all__ = ["Judging", "two_persons"]


class Judging:
    """Criterion for both persons being present, the same for every image.

    A judge evaluates nineteen regions of the image: the whole, and each of the 18 boxes of a
    foreground, enlarged. A person is present if one region satisfies all constraints on them.
    The two persons contradict each other, so that no region can satisfy both.

    Args:
        study: study with the judge. pairs: an image each.
    """

    def __init__(self, study: FuseDreamStudy, pairs: Sequence[Pair]) -> None:
        self.study, self.pairs = study, pairs
        self.paste = Paste(study.generator.image_size, placements())

    def shares(self, images: Tensor) -> list[tuple[float, float]]:
        """Returns the share of each person's constraints met in the best matching region."""
        each = len(self.paste.placements)
        rng = SampleRng.of(0, each * len(images), "regions")
        boxes = self.paste.magnified(images.repeat_interleave(each, dim=0), rng)
        regions = torch.cat([images[:, None], boxes.unflatten(0, (len(images), each))], dim=1)
        seen = self.study.visible(regions.flatten(0, 1))
        found: list[tuple[float, float]] = []
        for row, pair in enumerate(self.pairs):
            own = seen[row * (each + 1) : (row + 1) * (each + 1)]
            found.append((_best(own, pair.first.constraints), _best(own, pair.second.constraints)))
        return found

    def figures(self, name: str, images: Tensor) -> tuple[Figures, list[bool]]:
        """Returns figures under flat keys, and in which images both persons are present."""
        shares = self.shares(images)
        both = [first == second == 1 for first, second in shares]
        flat = figures_of(f"pairs_{name}_both", wilson(sum(both), len(both)))
        flat[f"pairs_{name}_person"] = statistics.fmean(s == 1 for one in shares for s in one)
        flat[f"pairs_{name}_satisfied"] = statistics.fmean(s for one in shares for s in one)
        return flat, both


def two_persons(
    study: FuseDreamStudy,
    pairs: Sequence[Pair],
    *,
    candidates: int,
    keep: int,
    refined: int,
    rate: float,
    composed: int,
    composed_rate: float,
    places: Sequence[Placement],
) -> tuple[Figures, dict[str, Tensor]]:
    """Measures a single and a composed image of each pair, by the same energy.

    Two energies are used for both images. `whole` is the paper's: Energy CLIP of the prompt of
    both persons on the whole image, with the sum of both directions, as for prompts of several
    parts. `somewhere` is the sum over both persons of the energy of a text and its best matching
    region: the embedded CLIP was never trained on two persons in one image.

    The single image is FuseDream's with that energy, with candidates chosen by the whole prompt.
    The foreground is FuseDream's with the text of the first person and the background with that of
    the second, with the same M, k and steps. Then both are refined together by the dynamic barrier
    at each placement, and the energy chooses. The paper starts both from the whole prompt, which
    gained nothing over a single image in a small trial. The figures therefore show the gain of
    composing with a separate text for each image, at the cost of a second search, and not the
    contribution of the barrier.

    Args:
        study: study whose seed draws the candidates.
        pairs: of persons.
        candidates: M.
        keep: k.
        refined: steps of the single image, of the foreground and of the background.
        rate: Adam's learning rate.
        composed: steps of the composition.
        composed_rate: Adam's learning rate there.
        places: places to try for each pair.
    """
    judging = Judging(study, pairs)
    texts = {
        "whole": [one.text for one in pairs],
        "first": [one.first.text for one in pairs],
        "second": [one.second.text for one in pairs],
    }
    conditions = {name: study.condition(lines) for name, lines in texts.items()}
    boxes = judging.paste.boxes
    energies = {
        "whole": study.energy(conditions["whole"]),
        "somewhere": somewhere(study.clip, conditions["first"], boxes)
        + somewhere(study.clip, conditions["second"], boxes),
    }
    starts: dict[str, Latents] = {}
    for name, condition in conditions.items():
        study.say(f"two persons, candidates for {name}")
        found = study.search(condition, candidates, keep, purpose=f"pairs, {name}")
        starts[name] = study.start(found.points, Basis(keep))
    layers = [
        study.refined(starts[name], study.energy(conditions[name]), steps=refined, rate=rate)
        for name in ("first", "second")
    ]
    flat: Figures = {}
    shown: dict[str, Tensor] = {}
    for name, energy in energies.items():
        study.say(f"two persons, {name}")
        single = study.images(study.refined(starts["whole"], energy, steps=refined, rate=rate))
        job = CompositionJob(
            study.generator,
            energy,
            clip_features(study.clip),
            steps=composed,
            seed=study.seed,
            chunking=study.chunking,
            device=study.device,
            placements=tuple(places),
            rule=Adam(learning_rate=composed_rate),
        )
        result = Composer(job, layers[0], layers[1]).run()
        shown |= {f"single, {name}": single, f"composed, {name}": result.images}
        figures, alone = judging.figures(f"single_{name}", single)
        flat |= figures
        figures, together = judging.figures(f"composed_{name}", result.images)
        flat |= figures | figures_of(f"pairs_{name}_more", paired_difference(together, alone))
        flat |= _course(f"pairs_{name}", result)
    return flat, shown


def _course(name: str, found: CompositionResult) -> Figures:
    """Returns the change of the two objectives over all placements."""
    trace = found.trace
    secondary = next(key for key in trace.before if key.startswith("foreground to"))
    return {
        f"{name}_falls": float(found.falls.float().mean()) / (len(trace.energies) - 1),
        f"{name}_primary_before": float(trace.before["energy"].mean()),
        f"{name}_primary_after": float(trace.after["energy"].mean()),
        f"{name}_secondary_before": float(trace.before[secondary].mean()),
        f"{name}_secondary_after": float(trace.after[secondary].mean()),
    }


def _best(seen: Sequence[Mapping[str, str]], wanted: Mapping[str, str]) -> float:
    return max(
        sum(one.get(name) == value for name, value in wanted.items()) / len(wanted) for one in seen
    )
