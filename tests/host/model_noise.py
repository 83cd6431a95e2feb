"""Noise on the way, to the host and back, and refined from end to end."""

import contextlib
import sys

import torch
from model_families import PACK, executed, frozen_state, slope, streams, working


def steered_noise(family):
    """Noise on the way as latents: a block for each draw, all with gradients, and repeatable."""
    found = {}
    for sampler in ("lcm", "euler_ancestral"):
        generator = family.generator(sampler, 3, noise_on_the_way="steered")
        z = torch.randn(1, generator.source.dim, generator=torch.Generator().manual_seed(2))
        image, slopes = slope(generator, z)
        again, _ = slope(generator, z)
        parts = generator.source.split(slopes)
        found[sampler] = {
            "blocks": list(parts),
            "least": min(part.norm().item() for part in parts.values()),
            "repeats": bool(torch.equal(image, again)),
        }
    return found


def bridges(family):
    """NOISE to latents and back, rendered by the host's own sampler; the VAE alone."""

    import nodes

    generator = family.generator("lcm", 2)
    noises = sys.modules["comfy_extras.nodes_custom_sampler"]
    noise = noises.Noise_RandomNoise(9)
    latents = executed("LatentsFromNoise", generator=generator, noise=noise, samples=2)
    back = executed("LatentsToNoise", generator=generator, batch=latents)
    empty = {"samples": torch.zeros(2, family.channels, 8, 8)}
    given = torch.equal(back.generate_noise(empty), noise.generate_noise(empty))
    try:
        back.generate_noise({"samples": torch.zeros(2, family.channels, 4, 8)})
        message = ""
    except ValueError as error:
        message = str(error)

    vae = executed("GeneratorFromVAE", vae=family.vae, width=64, height=64)
    with torch.inference_mode():
        picture = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(4))
        theirs = family.vae.decode(family.vae.encode(picture))
        scaled = family.model.model.latent_format.process_out(family.noise())
        (decoded,) = nodes.VAEDecode().decode(family.vae, {"samples": scaled})
    with working(vae), torch.no_grad():
        again = vae(vae.encode(picture.clone().movedim(-1, 1)), streams())
        ours = vae(family.noise().flatten(1), streams())
    _, slopes = slope(vae, family.noise())
    return {
        "noise": bool(given),
        "message": message,
        "decoded_apart": (ours.movedim(1, -1) - decoded.clone()).abs().max().item(),
        "encoded_apart": (again.movedim(1, -1) - theirs.clone()).abs().max().item(),
        "vae_slope": slopes.norm().item(),
        "names": [str(vae.source), str(generator.source)],
    }


def refinement(family):
    """Nodes from end to end in the host's inference mode; interrupted and resumed to the bit."""
    import comfy.model_management as management

    import nodes

    generator = family.generator()
    energy = executed("NoiseNorm", generator=generator, form="norm", weight=0.01)
    target = torch.full((1, 32, 32, 3), 0.6)
    energy = executed("EnergyPerceptual", images=target, energy=energy, weight=100.0)
    start = executed("PriorInit", generator=generator, samples=2, seed=1)

    def refine(latents=start):
        # The same model with other ways to save memory has the same id.
        node = nodes.NODE_CLASS_MAPPINGS["LatentSteer_NesterovRefine"]
        with torch.inference_mode():
            return node.execute(
                generator=generator,
                start=latents,
                energy=energy,
                seed=0,
                steps=4,
                learning_rate=5.0,
                preview_every=2,
            ).args

    kept = frozen_state(family.model, family.vae.patcher)
    latents, trace = refine()
    again, _ = refine()
    written = []
    host = PACK.nodes_dot_host
    record, update = host.ComfyHost.record_interrupted, host.ComfyProgress.update

    def stop(self, step, preview=None):
        if step == 2:
            raise management.InterruptProcessingException

    host.ComfyHost.record_interrupted = lambda self, path, node="": written.append(path)
    host.ComfyProgress.update = stop
    try:
        with contextlib.suppress(management.InterruptProcessingException):
            refine()
    finally:
        host.ComfyHost.record_interrupted, host.ComfyProgress.update = record, update
    after = frozen_state(family.model, family.vae.patcher) == kept
    with torch.inference_mode(False):
        unfinished = PACK.core_dot_latent_files.load_latents(written[0])
    resumed, _ = refine(unfinished)
    decode, failures = family.vae.first_stage_model.decode, []

    def short(*given, **named):
        failures.append(1)
        if len(failures) == 5:
            raise torch.OutOfMemoryError("none left")
        return decode(*given, **named)

    family.vae.first_stage_model.decode = short
    generator = family.generator(memory="plain")
    host.ComfyHost.record_interrupted = lambda self, path, node="": written.append(path)
    try:
        retried, _ = refine()
    finally:
        del family.vae.first_stage_model.decode
        host.ComfyHost.record_interrupted = record
    return {
        "retried": bool(torch.equal(retried.values, latents.values)),
        "staged": generator.module.mode,
        "kept": len(written),
        "energy": [trace.before["energy"].mean().item(), trace.after["energy"].mean().item()],
        "repeats": bool(torch.equal(latents.values, again.values)),
        "restored": after,
        "resumed": bool(torch.equal(resumed.values, latents.values)),
    }
