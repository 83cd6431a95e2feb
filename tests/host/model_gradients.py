"""Images, gradients and restored state of a host's models, against the host's own nodes."""

import contextlib

import tiny_models
import torch
from model_families import PACK, Family, frozen_state, functional_of, slope, streams, working


def forwards(family):
    """Largest difference from the host's image over samplers, steps and guidance."""
    apart, least = 0.0, float("inf")
    z = family.noise()
    for steps in (1, 4):
        for sampler in PACK.nodes_dot_host_sampling.SAMPLERS:
            cfg = 2.0 if sampler == "euler" else 1.0
            image, found = slope(family.generator(sampler, steps, cfg), z)
            apart = max(apart, (image - family.sampled(sampler, steps, cfg)).abs().max().item())
            least = min(least, found.norm().item())
    return {"apart": apart, "least_slope": least, "spread": image.std().item()}


def gradients(family, size=2e-2):
    """Against central differences, plain autograd, and the ways that save memory."""
    z = family.noise(8)
    generator = family.generator(steps=1, memory="plain")
    _, plain = slope(generator, z)
    stream = torch.Generator().manual_seed(3)
    errors = []
    for _ in range(2):
        direction = torch.randn(z.numel(), generator=stream)
        direction /= direction.norm()
        with working(generator), torch.no_grad():
            ends = []
            for sign in (1, -1):
                image = generator(z.flatten(1) + sign * size * direction, streams()).double()
                ends.append((image * functional_of(image)).sum())
        measured = float(ends[0] - ends[1]) / (2 * size)
        expected = float((plain[0] * direction).sum())
        errors.append(abs(measured - expected) / float(plain.norm()))
    found = {"differences": max(errors), "slope": plain.norm().item()}
    for memory in ("checkpointed", "staged"):
        _, other = slope(family.generator(steps=1, memory=memory), z)
        found[memory] = bool(torch.equal(other, plain))
    return found


def bare(family):
    """The gradient of ordinary weights without any guard, where the model allows it."""
    ordinary = object.__new__(Family)
    ordinary.__dict__ = dict(family.__dict__)
    with torch.inference_mode(False):
        ordinary.model = tiny_models.make_model(family.name)
        ordinary.vae = tiny_models.make_vae(family.channels)
        for module in (ordinary.model.model, ordinary.vae.first_stage_model):
            module.requires_grad_(False)
    z = family.noise(8)
    generator = ordinary.generator(memory="plain")
    with torch.inference_mode(False), torch.enable_grad():
        leaf = z.clone().flatten(1).requires_grad_()
        image = generator(leaf, streams())
        (found,) = torch.autograd.grad((image * functional_of(image)).sum(), leaf)
    own = slope(family.generator(memory="plain"), z)[1]
    return float((found - own).norm() / own.norm())


def restored(family, how=id):
    """Whether everything is as before after work, errors and interrupts, in every way."""
    import comfy.model_management as management

    patchers = (family.model, family.vae.patcher)
    before, kept = family.sampled(seed=2), frozen_state(*patchers, same=how)
    same = []
    for memory in ("plain", "checkpointed", "staged"):
        generator = family.generator(memory=memory)
        slope(generator, family.noise())
        same.append(frozen_state(*patchers, same=how) == kept)
        for error in (ValueError("inside"), management.InterruptProcessingException()):
            with contextlib.suppress(type(error)), working(generator):
                generator(family.noise().flatten(1), streams())
                raise error
            same.append(frozen_state(*patchers, same=how) == kept)
        broken = generator.source.dim * [float("nan")]
        with contextlib.suppress(Exception), working(generator):
            generator(torch.tensor([broken])[:, 1:], streams())
        same.append(frozen_state(*patchers, same=how) == kept)
    again = family.sampled(seed=2)
    return {"restored": same, "same_bits": bool(torch.equal(before, again))}
