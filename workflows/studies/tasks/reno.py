"""`latentsteer reproduce reno`: the noise of a one-step generator, moved by a reward in four ways.

ReNO (arXiv 2406.04312) in miniature: the embedded one-step generator of avatars, from a grid of
noise to an image; the embedded CLIP's cosine as the reward, counted as HPSv2.1; the judge, which
no method uses, as the measure. Every method calls the generator equally often for an image, and
every refinement ends at the best point on its way by the reward. ReNO has the paper's numbers.
The smoothing, and the steps, bounds and schedules of Langevin dynamics and of the KRR flow, were
chosen on three other captions (of `make_captions(777)`), by few tries. Each seed has captions of
its own.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from ....core.auxiliaries.rewards.clips import clip_reward
from ....core.chunking import Chunking
from ....core.conditions.prompts import text_condition
from ....core.energies.noise import noise_norm
from ....core.energies.prior import prior_energy
from ....core.energies.reward import REWARDS, reward_energy
from ....core.energies.similarity import similarity
from ....core.energy import Energy
from ....core.features import feature_map
from ....core.generators import load_generator
from ....core.krr.flow import krr_flow
from ....core.krr.settings import FlowSettings
from ....core.latents import Latents
from ....core.metrics.attributes import evaluate_attributes
from ....core.refine.first_order import FirstOrder
from ....core.refine.refinement import Refinement, refine
from ....core.refine.rules import Descent, Langevin, Nesterov
from ....core.refine.schedule import Schedule
from ....core.zoo.avatar_captions import AvatarPrompt, captions
from ....core.zoo.shipped import embedded
from ....nodes.images import grid
from ..avatars_models import avatars_models
from ..krr.runs import Runner
from ..ledger import Ledger, mean_and_deviation

__all__ = ["BUDGETS", "METHODS", "Budget", "OneStep", "run"]

KIND = "HPSv2.1"
REGULARISER, CLIP_NORM = 0.01, 0.1
"""ReNO's weight of the noise's norm, and its bound on a gradient."""
SMOOTHING = 0.3
"""Standard deviation of fresh noise on the point of each step, for the smoothed rows."""
STEP, LAST = 1.0, 0.1
"""Step of Langevin dynamics and of the flow, which falls linearly to its last share.

A Langevin step of 1 halves the point and adds noise of deviation 1: it first leaps between the
avatars, where the map is flat around each of them, and then settles."""
LARGEST = 16.0
"""Bound on a gradient of Langevin dynamics and of the flow, twice the length of the noise."""
FLOW = FlowSettings(generated=1.0, eta=4.0)


@dataclass(frozen=True)
class Budget:
    """Size of the study.

    Attributes:
        seeds: seeds of noise; each takes other captions.
        captions: captions of a seed.
        samples: images of a caption.
        calls: calls of the generator for an image.
    """

    seeds: tuple[int, ...]
    captions: int
    samples: int
    calls: int


BUDGETS: Mapping[str, Budget] = {
    "ci": Budget((0,), 1, 2, 4),
    "full": Budget((0, 1, 2), 3, 4, 100),
}
Method: TypeAlias = Callable[["OneStep", Latents, AvatarPrompt, int], Latents]


class OneStep:
    """The one-step generator with the embedded CLIP as its reward, and the judge.

    Args:
        seed: seed of the noise.
        device: device of the models.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        _, self.clip, self.judge = avatars_models(device)
        generator = load_generator(embedded("avatars one step (embedded)"))
        self.runner = Runner(generator, seed=seed, device=device, say=lambda text: None)
        self.generator, self.seed, self.device = self.runner.generator, seed, device
        self.chunking = Chunking.of("fast", generator.image_size)
        self.reward = clip_reward(self.clip, KIND)
        self.features = feature_map(self.clip)

    def prior(self, prompt: AvatarPrompt, samples: int) -> Latents:
        """Returns noise of the prior."""
        return self.runner.prior(samples, f"noise {prompt.text}")

    def rewarded(self, prompt: AvatarPrompt) -> Energy:
        """Returns ReNO's loss of the reward, with its weight."""
        return REWARDS[KIND].weight * reward_energy(self.reward, prompt.text)

    def likelihood(self, prompt: AvatarPrompt) -> Energy:
        """Returns -log p(c|x) by the CLIP, the same cosine times its logit scale."""
        condition = text_condition(self.clip, prompt.text).condition
        return similarity(self.clip, condition, scaled=True)

    def refined(
        self,
        start: Latents,
        energy: Energy,
        refiner: FirstOrder,
        calls: int,
        *,
        kept_by: str,
        smoothing: float = 0.0,
    ) -> Latents:
        """Refines noise to the best of the points that the calls render, by a term."""
        job = Refinement(
            title="refinement",
            generator=self.generator,
            energy=energy,
            refiner=refiner,
            steps=calls - 1,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
            keep_best=True,
            kept_by=(kept_by,),
            latent_noise=smoothing,
        )
        return refine(job, start)[0]


def _first(study: OneStep, start: Latents, prompt: AvatarPrompt, calls: int) -> Latents:
    return start


def _best_of(study: OneStep, start: Latents, prompt: AvatarPrompt, calls: int) -> Latents:
    energy = study.rewarded(prompt)
    return study.runner.prior(len(start), f"best {prompt.text}", energy=energy, candidates=calls)


def _reno(
    study: OneStep,
    start: Latents,
    prompt: AvatarPrompt,
    calls: int,
    *,
    smoothing: float = 0.0,
    searched: bool = False,
) -> Latents:
    """ReNO, smoothed if asked, and from the best noise of half the calls if asked."""
    if searched:
        start = _best_of(study, start, prompt, calls // 2)
    energy = study.rewarded(prompt) + REGULARISER * noise_norm(study.generator.source)
    refiner = FirstOrder(Nesterov(), clip_norm=CLIP_NORM)
    left = calls - calls // 2 if searched else calls
    return study.refined(start, energy, refiner, left, kept_by=KIND, smoothing=smoothing)


def _langevin(study: OneStep, start: Latents, prompt: AvatarPrompt, calls: int) -> Latents:
    likelihood = study.likelihood(prompt)
    rule = Langevin(
        step_size=STEP, inverse_temperature=1.0, momentum=0.0, step_schedule=_falling(calls)
    )
    return study.refined(
        start,
        likelihood + prior_energy(study.generator),
        FirstOrder(rule, clip_norm=LARGEST),
        calls,
        kept_by=likelihood.names()[0],
    )


def _flow(study: OneStep, start: Latents, prompt: AvatarPrompt, calls: int) -> Latents:
    """The flow to p(z) p(c|G(z)): the condition holds the prior of the noise."""
    likelihood = study.likelihood(prompt)
    flow = krr_flow(
        FLOW,
        study.features,
        steps=calls - 1,
        image_size=study.generator.image_size,
        chunking=study.chunking,
        condition=likelihood + prior_energy(study.generator),
        seed=study.seed,
    )
    rule = Descent(step_size=STEP, step_schedule=_falling(calls))
    refiner = FirstOrder(rule, clip_norm=LARGEST, direction=flow.direction)
    return study.refined(start, flow.energy, refiner, calls, kept_by=likelihood.names()[0])


def _falling(calls: int) -> Schedule:
    return Schedule("linear", steps=calls - 1, final=LAST)


METHODS: Mapping[str, Method] = {
    "prior": _first,
    "best": _best_of,
    "langevin": _langevin,
    "krr": _flow,
    "reno": _reno,
    "smoothed": partial(_reno, smoothing=SMOOTHING),
    "searched": partial(_reno, smoothing=SMOOTHING, searched=True),
}
"""Ways to choose noise for a prompt, in the order of the table."""


def run(args: argparse.Namespace) -> int:
    """Prints the figures, writes their flat keys, and pictures of the first seed."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    out = (args.out or args.base / "out") / "reno"
    out.mkdir(parents=True, exist_ok=True)
    budget = BUDGETS[args.budget]
    say = partial(print, flush=True)
    ledger = Ledger(args.json, {"name": "reno", "budget": repr(budget)}, say)
    flat = mean_and_deviation(_of_seed(seed, budget, device, ledger, out) for seed in budget.seeds)
    flat |= {"seeds": len(budget.seeds), "calls": budget.calls, "samples": budget.samples}
    flat["captions"] = budget.captions
    for key, value in flat.items():
        print(f"{key:<44}{value:>10.3f}")
    print(f"pictures in {out}")
    ledger.finish(flat)
    return 0


def _of_seed(
    seed: int, budget: Budget, device: torch.device, ledger: Ledger, out: Path
) -> dict[str, float]:
    """Returns the figures of a seed, a part of the ledger for each method."""
    study = OneStep(seed, device)
    asked = captions()[seed :: max(1, 48 // budget.captions)][: budget.captions]
    flat: dict[str, float] = {}
    for name, method in METHODS.items():

        def figures(name: str = name, method: Method = method) -> dict[str, float]:
            found, images = measured(study, name, method, asked, budget)
            if seed == budget.seeds[0]:
                grid(images, budget.samples).save(out / f"{name}.png")
            return found

        flat |= ledger.part(f"seed {seed}, {name}", figures)
    first = flat["prior_satisfied"]
    rises = {name: flat[f"{name}_satisfied"] - first for name in METHODS if name != "prior"}
    return flat | {f"{name}_rise": rise for name, rise in rises.items()}


def measured(
    study: OneStep, name: str, method: Method, asked: list[AvatarPrompt], budget: Budget
) -> tuple[dict[str, float], Tensor]:
    """Returns the figures of a method, and its images."""
    begun = time.process_time()
    parts: list[Tensor] = []
    scores: list[Tensor] = []
    norms: list[Tensor] = []
    for prompt in asked:
        start = study.prior(prompt, budget.samples)
        found = method(study, start, prompt, budget.calls)
        parts.append(study.runner.images(found))
        norms.append(found.values.norm(dim=1))
        said = study.clip.texts([prompt.text]).embeddings
        with torch.no_grad():
            seen = study.clip.embed(parts[-1].to(device=study.device))
        scores.append(torch.cosine_similarity(seen, said).cpu())
    seconds = (time.process_time() - begun) / (len(asked) * budget.samples)
    images = torch.cat(parts)
    texts = [prompt.text for prompt in asked for _ in range(budget.samples)]
    numbers = evaluate_attributes(
        study.judge, images, texts=texts, chunking=study.chunking, device=study.device
    ).numbers()
    features = [study.judge.features(part.to(study.device)).detach().double() for part in parts]
    spread = torch.stack([torch.pdist(one).mean() for one in features]).mean()
    return {
        f"{name}_satisfied": numbers["satisfied"],
        f"{name}_satisfied_low": numbers["satisfied_low"],
        f"{name}_satisfied_high": numbers["satisfied_high"],
        f"{name}_score": float(torch.cat(scores).mean()),
        f"{name}_apart": float(spread),
        f"{name}_norm": float(torch.cat(norms).mean()),
        f"{name}_seconds": seconds,
    }, images
