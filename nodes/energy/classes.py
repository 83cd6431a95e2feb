"""The energies. They add by chaining: each takes an optional energy and returns the sum."""

import contextlib
from collections.abc import Generator as Iterating
from typing import get_args

from ...core.auxiliary import Auxiliary
from ...core.condition import Condition
from ...core.energies.bayes import bayes
from ...core.energies.classification import classification
from ...core.energies.prior import NoDensity, needs_fit, prior_energy
from ...core.energy import Energy
from ...core.generator import Generator
from ..host import autograd, host, io
from ..kinds import as_classifier
from ..sockets import AUXILIARY, CONDITION, GENERATOR
from ..widgets import advanced
from .widgets import added, chained, summed
from .widgets import weight as weighting

__all__ = ["NODES"]


def _std() -> io.Float.Input:
    return advanced(
        io.Float.Input(
            "std",
            default=1.0,
            min=1e-3,
            max=1e3,
            step=0.01,
            tooltip="Factor on the standard deviations of the generator's own prior (0.001 to "
            "1000): 1 is that prior; where it is N(0, 1), this is nu of the paper, 0.7 for its "
            "NVAE. Classes have no part in it.",
        )
    )


def _no_density() -> io.Combo.Input:
    return advanced(
        io.Combo.Input(
            "no_density",
            options=list(get_args(NoDensity)),
            default="refuse",
            tooltip="Where the prior has no density (latents w and w+ of a StyleGAN). refuse: say "
            "so. fitted Gaussian: pull towards a Gaussian with the means and deviations of 4096 "
            "mapped draws.",
        )
    )


@contextlib.contextmanager
def _building(generator: Generator, no_density: NoDensity) -> Iterating[None, None, None]:
    """Where a prior's energy is built: with the networks at hand, if draws are needed."""
    modules = generator.modules if needs_fit(generator, no_density) else ()
    with autograd(), host().on_device(modules) if modules else contextlib.nullcontext():
        yield


class EnergyClassifier(io.ComfyNode):
    """Cross-entropy with the wanted class."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_EnergyClassifier",
            display_name="Energy Classifier",
            category="LatentSteer/energy",
            description="Cross-entropy between a classifier's answer and the wanted class: TR0N "
            "equation 2 with section 5.1.",
            inputs=[
                AUXILIARY.Input("auxiliary", tooltip="The classifier f."),
                CONDITION.Input("condition", tooltip="The wanted classes, of this classifier."),
                weighting("the cross-entropy"),
                advanced(
                    io.Int.Input(
                        "views",
                        default=0,
                        min=0,
                        max=64,
                        tooltip="Random views of the image that the classifier looks at (0 to "
                        "64), a little shifted, blurred, blended with grey, fresh at every step, "
                        "as FuseDream's AugCLIP does; 0 for the image itself. Images then fool "
                        "the classifier less; each view costs one more of its passes.",
                    )
                ),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["class", "guidance", "cross entropy", "AugCLIP", "robust"]
        return schema

    @classmethod
    def execute(
        cls,
        auxiliary: Auxiliary,
        condition: Condition,
        weight: float,
        views: int = 0,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        """The weighted term, added to the chain."""
        term = weight * classification(as_classifier(auxiliary), condition, views=views)
        return io.NodeOutput(added(term, energy))


class EnergyBayes(io.ComfyNode):
    """The posterior's energy."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_EnergyBayes",
            display_name="Energy Bayes",
            category="LatentSteer/energy",
            description="-beta1 log p(z) - beta2 log p(c given G(z)): TR0N equation 7. Refine it "
            "with inverse temperature 1. (1, 1) is the exact posterior, for every generator whose "
            "prior has a density.",
            inputs=[
                GENERATOR.Input("generator", tooltip="Whose latents z are."),
                AUXILIARY.Input("auxiliary", tooltip="The classifier p(c given x)."),
                CONDITION.Input("condition", tooltip="The wanted classes, of this classifier."),
                io.Float.Input(
                    "beta1",
                    default=1.0,
                    min=0.0,
                    max=1e6,
                    step=0.01,
                    tooltip="Weight of the prior (0 to 1e6); 1 for the posterior.",
                ),
                io.Float.Input(
                    "beta2",
                    default=1.0,
                    min=0.0,
                    max=1e6,
                    step=0.01,
                    tooltip="Weight of the classifier (0 to 1e6); 1 for the posterior, 20 for the "
                    "paper's best.",
                ),
                _std(),
                chained(),
                _no_density(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["posterior"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        auxiliary: Auxiliary,
        condition: Condition,
        beta1: float,
        beta2: float,
        std: float,
        energy: Energy | None = None,
        no_density: NoDensity = "refuse",
    ) -> io.NodeOutput:
        """Both terms, added to the chain."""
        with _building(generator, no_density if beta1 > 0 else "refuse"):
            both = bayes(
                generator,
                as_classifier(auxiliary),
                condition,
                prior_weight=beta1,
                likelihood_weight=beta2,
                std=std,
                no_density=no_density,
            )
        return io.NodeOutput(added(both, energy))


class EnergyPrior(io.ComfyNode):
    """The prior's own pull."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_EnergyPrior",
            display_name="Energy Prior",
            category="LatentSteer/energy",
            description="-log p(z) of the generator's own prior, |z|^2 / (2 nu^2) where it is "
            "normal: keeps latents where the generator was trained.",
            inputs=[
                GENERATOR.Input("generator", tooltip="Whose latents z are."),
                weighting("the prior"),
                _std(),
                chained(),
                _no_density(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["L2", "regulariser"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        weight: float,
        std: float,
        energy: Energy | None = None,
        no_density: NoDensity = "refuse",
    ) -> io.NodeOutput:
        """The weighted term, added to the chain."""
        with _building(generator, no_density):
            term = weight * prior_energy(generator, std=std, no_density=no_density)
        return io.NodeOutput(added(term, energy))


NODES = [EnergyClassifier, EnergyBayes, EnergyPrior]
