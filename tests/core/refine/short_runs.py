"""Short refinements of the toy generator."""

from latentsteer.core.refine.rules import Langevin

STEPS = 10


def start(toys, count=5):
    return toys.latents(toys.generator(), toys.normal(count, 12))


def langevin_run(toys):
    return toys.job(steps=STEPS), start(toys)


def keep_best_run(toys):
    # Hot enough for the best point to occur during the run.
    hot = Langevin(step_size=0.3, inverse_temperature=1, momentum=0)
    return toys.job(steps=STEPS, rule=hot, keep_best=True), start(toys)
