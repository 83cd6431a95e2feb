"""KRR flow's image generation in miniature: Tables 1, 2, 6 and 7 of the paper, on the digits.

The judge took no part in steering. Of the thousand digits that no model was trained on, half are
the flow's real images, and distances are measured to the other half. Settings were chosen on seeds
7 and 8 with the halves swapped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ....core.auxiliaries import load_auxiliary
from ....core.energies.discriminator import discriminator
from ....core.energy import Energy
from ....core.features import FeatureMap, feature_map
from ....core.generators import load_generator
from ....core.krr.density import fit_density, log_density, stein_score
from ....core.krr.kernel import Mollifier, median_bandwidth
from ....core.krr.settings import Estimator, FlowSettings
from ....core.metrics.classes import ClassifierOutputs, classifier_outputs
from ....core.metrics.distances import frechet_distance
from ....core.rng import SampleRng
from ....core.zoo import shipped as catalogue
from ....nodes.kinds import as_classifier
from ..session import Progress, moved
from .runs import Flowing, Run, Runner

__all__ = ["MARKS", "ROWS", "STEIN_RIDGES", "STEP_SIZES", "DigitsFlow", "Row", "plain"]

PARTICLES = 250
"""Particles of one flow; the thousand samples form several flows."""
RIDGE = 100.0
STEIN_RIDGES = (1.0, 10.0, 20.0, 100.0)
"""Ridges at which the norm of Stein's scores is reported."""
NARROW, WIDE = 0.1, 0.3
"""Bandwidths, relative to the median squared distance of real digits: one that is too small, as
the paper's 1 may be, and the best one found."""
STEP, STEPS = 0.3, 10
STEP_SIZES, MARKS = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0), (5, 10, 15)
"""Step sizes of Table 6, and two more."""
SMOOTH = Mollifier("feature", sigma=1.0, schedule="constant")
"""Mollifier that widens the narrow kernel to the wide one: h (1 + 2 sigma^2)."""


@dataclass(frozen=True)
class Row:
    """A row of the tables.

    Attributes:
        generated: lambda 1.
        real: lambda 2.
        condition: lambda 3, of the discriminator's logit.
        width: bandwidth relative to the median.
        estimator: estimator of the densities.
        mollifier: mollifier of the kernel.
        ridge: eta and xi.
        features: source of the features: `classifier` or `discriminator`.
        ridge_generated: eta, if it differs from xi.
    """

    generated: float = 1.0
    real: float = 1.0
    condition: float = 0.0
    width: float = WIDE
    estimator: Estimator = "krr"
    mollifier: Mollifier = field(default_factory=Mollifier)
    ridge: float = RIDGE
    features: str = "classifier"
    ridge_generated: float = 0.0


ROWS: Mapping[str, Row] = {
    "flow": Row(),
    "flow_discriminator": Row(features="discriminator"),
    "kde_wide": Row(estimator="kde"),
    "kde": Row(width=NARROW, estimator="kde"),
    "krr": Row(width=NARROW),
    "kde_smooth": Row(width=NARROW, estimator="kde", mollifier=SMOOTH),
    "krr_smooth": Row(width=NARROW, mollifier=SMOOTH),
    "krr_image": Row(mollifier=Mollifier("image", sigma=0.1, samples=4, schedule="constant")),
    "stein": Row(estimator="stein", ridge_generated=20.0),
    "only_real": Row(generated=0.0),
    "only_generated": Row(real=0.0),
    "only_condition": Row(generated=0.0, real=0.0, condition=1.0),
    "all_three": Row(condition=1.0),
    "all_three_gently": Row(condition=0.1),
    "small_ridge": Row(ridge=1.0),
    "median": Row(width=1.0),
}


class DigitsFlow:
    """The embedded digits, their judge, and the halves of the real ones.

    Args:
        seed: seed of starts and noise.
        samples: number of samples.
        device: device of the models.
        say: callback with messages on progress.
        swapped: whether the halves are swapped, as in the choice of settings.
    """

    def __init__(
        self,
        seed: int,
        samples: int,
        device: torch.device,
        say: Progress,
        *,
        swapped: bool = False,
    ) -> None:
        path = catalogue.embedded
        generator = load_generator(path("digits (embedded)"))
        classifier = load_auxiliary(path("digits classifier (embedded)"))
        self.judge = moved(as_classifier(load_auxiliary(path("digits judge (embedded)"))), device)
        self.runner = Runner(generator, seed=seed, device=device, say=say)
        self.features: dict[str, FeatureMap] = {
            "classifier": feature_map(as_classifier(classifier)),
            "discriminator": feature_map(generator),
        }
        for found in self.features.values():
            for module in found.modules:
                module.to(device)
        self.start = self.runner.prior(samples)
        images, _ = catalogue.reference_images("digits held out (embedded)")
        halves = images[0::2].contiguous(), images[1::2].contiguous()
        self.real, self.held_out = halves[::-1] if swapped else halves
        self.wanted = self._outputs(self.held_out).features
        self.medians = {name: self._median(found) for name, found in self.features.items()}

    def rows(
        self, table: Mapping[str, Row] = ROWS
    ) -> Iterator[tuple[str, dict[str, float], Tensor]]:
        """Yields name, figures and images of the prior, of the real digits, and of each row."""
        yield "prior", self.figures(before := self.runner.images(self.start)), before
        yield "real", self.figures(self.real), self.real
        for name, row in table.items():
            self.runner.say(f"seed {self.runner.seed}: {name}")
            flowing = self.flowed(row, STEP, STEPS)
            images = self.runner.images(flowing.after[STEPS])
            length = float(flowing.after[STEPS].values.norm(dim=1).mean())
            seconds = flowing.seconds
            yield name, self.figures(images) | {"length": length, "seconds": seconds}, images

    def sweep(self, row: Row, sizes: tuple[float, ...] = STEP_SIZES) -> dict[str, float]:
        """Measures Table 6: the Frechet distance by step size and number of steps."""
        found: dict[str, float] = {}
        for size in sizes:
            self.runner.say(f"seed {self.runner.seed}: step size {size:g}")
            flowing = self.flowed(row, size, max(MARKS))
            for steps, latents in sorted(flowing.after.items()):
                distance = self.figures(self.runner.images(latents))["fd"]
                found[f"size_{plain(size)}_steps_{steps}"] = distance
        return found

    def flowed(self, row: Row, step_size: float, steps: int) -> Flowing:
        """Returns the samples after the flow of a row."""
        settings = FlowSettings(
            generated=row.generated,
            real=row.real,
            condition=row.condition,
            eta=row.ridge_generated or row.ridge,
            xi=row.ridge,
            bandwidth=row.width * self.medians[row.features],
            mollifier=row.mollifier,
            estimator=row.estimator,
        )
        return self.runner.flow(
            self.start,
            Run(settings, step_size, steps),
            self.features[row.features],
            condition=self.condition if row.condition else None,
            real=self.real if row.real else None,
            particles=PARTICLES,
            marks=MARKS,
        )

    @property
    def condition(self) -> Energy:
        """Returns -d(x) of the generator's own discriminator."""
        return discriminator(self.runner.generator)

    @torch.no_grad()
    def figures(self, images: Tensor) -> dict[str, float]:
        """Returns the judge's figures, and the discriminator's mean logit.

        The judge's figures are the distance to held-out digits and a score like the Inception
        score.
        """
        seen = self._outputs(images)
        p = seen.probabilities.double().clamp_min(1e-12)
        information = (p * (p / p.mean(dim=0)).log()).sum(dim=1).mean()
        return {
            "fd": frechet_distance(seen.features, self.wanted),
            "score": float(information.exp()),
            "logit": self._logit(images),
        }

    def steins(self, ridges: tuple[float, ...] = STEIN_RIDGES) -> dict[str, float]:
        """Returns median ratios of the norms of Stein's scores to ridge regression's.

        Args:
            ridges: values of eta for Stein's scores.
        """
        with torch.no_grad():
            first = tuple(range(min(PARTICLES, len(self.start))))
            images = self.runner.images(self.start.picked(first))
            seen = self.features["classifier"].of(images.to(self.runner.device))
        width = WIDE * self.medians["classifier"]
        density = fit_density(seen, seen[:, None], width=width, ridge=RIDGE)
        leaf = seen.double().requires_grad_()
        (ridge_scores,) = torch.autograd.grad(log_density(leaf, density).sum(), leaf)
        lengths = {ridge: stein_score(seen, width, ridge).norm(dim=1) for ridge in ridges}
        return {
            f"stein_length_{plain(ridge)}": float((found / ridge_scores.norm(dim=1)).median())
            for ridge, found in lengths.items()
        }

    def _logit(self, images: Tensor) -> float:
        rng = SampleRng.of(0, len(images), "logit")
        (found,) = self.runner.chunking.apply_random(
            lambda part, streams: (-self.condition(part, streams),),
            images.to(self.runner.device),
            rng,
        )
        return float(found.mean())

    def _outputs(self, images: Tensor) -> ClassifierOutputs:
        return classifier_outputs(self.judge, images, self.runner.chunking, self.runner.device)

    @torch.no_grad()
    def _median(self, features: FeatureMap) -> float:
        return median_bandwidth(features.of(self.real.to(self.runner.device)))


def plain(number: float) -> str:
    """Formats a number for a key: 0.3 as 0_3."""
    return f"{number:g}".replace(".", "_")
