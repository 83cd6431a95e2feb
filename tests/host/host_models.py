"""Run by a host's Python: its own diffusion models and VAEs as LatentSteer's generators.

host_models.py CHECKOUT BASE FAMILY...

Prints, for each family of tiny random models, what the test asserts on, as one line of JSON.
"""

import asyncio
import contextlib
import dataclasses
import importlib
import importlib.util
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
ARGUMENTS = sys.argv[1:]  # the host reads its own
import recipe_runs  # noqa: E402
import tiny_models  # noqa: E402
import torch  # noqa: E402


class Pack:
    """Modules of LatentSteer as the host has loaded them, by the end of their names."""

    def __getattr__(self, name):
        ending = name.replace("_dot_", ".")
        return next(m for n, m in sys.modules.items() if n.endswith(f"latent-steer.{ending}"))


PACK = Pack()


def executed(name, **inputs):
    """The value of one of LatentSteer's nodes, in the host's inference mode."""
    import nodes

    with torch.inference_mode():
        return nodes.NODE_CLASS_MAPPINGS[f"LatentSteer_{name}"].execute(**inputs).args[0]


def streams(rows=1):
    return PACK.core_dot_rng.SampleRng.of(0, rows)


@contextlib.contextmanager
def working(generator):
    host = PACK.nodes_dot_host
    with host.autograd(), host.host().on_device(generator.modules):
        yield


def slope(generator, z):
    """An image and the gradient of a fixed functional of it."""
    with working(generator):
        leaf = z.clone().flatten(1).requires_grad_()
        image = generator(leaf, streams(len(leaf)))
        (found,) = torch.autograd.grad((image * functional_of(image)).sum(), leaf)
    return image.detach(), found


def functional_of(image):
    stream = torch.Generator().manual_seed(11)
    return torch.randn(image.shape, generator=stream) / image.numel() ** 0.5


def frozen_state(*patchers, same=id):
    """What must be the same before and after: by default, the same objects."""
    import comfy.model_management as management

    found = [getattr(management, "in_training", None)]
    for patcher in patchers:
        for module in patcher.model.modules():
            found.append(vars(module).get("forward"))
            for table in (module._parameters, module._buffers):
                found += [
                    (name, same(t), None if t is None else (t.is_inference(), t.requires_grad))
                    for name, t in table.items()
                ]
    return found


def memory_of(tensor):
    """Where a tensor is; the newer host wraps weights of quantised layers anew on the way."""
    if tensor is None:
        return None
    return getattr(tensor, "_qdata", tensor).untyped_storage().data_ptr()


class Family:
    """A MODEL, a VAE and prompts of a family, made in the inference mode of nodes."""

    def __init__(self, name, **kind):
        self.name, self.channels = name, tiny_models.CHANNELS[name]
        with torch.inference_mode():
            self.model = tiny_models.make_model(name, **kind)
            self.vae = tiny_models.make_vae(self.channels)
            self.positive = tiny_models.make_prompt(name, 3)
            self.negative = tiny_models.make_prompt(name, 4)
            self.empty = {"samples": torch.zeros(1, self.channels, *tiny_models.sides(name))}

    def generator(self, sampler="euler", steps=1, cfg=1.0, **more):
        given = {"negative": self.negative, "latent": self.empty, "seed": 5, **more}
        return executed(
            "GeneratorFromModel",
            model=self.model,
            vae=self.vae,
            positive=self.positive,
            sampler=sampler,
            steps=steps,
            cfg=cfg,
            **given,
        )

    def sampled(self, sampler="euler", steps=1, cfg=1.0, seed=5):
        """The image of the host's own KSampler and VAE Decode."""
        import nodes

        with torch.inference_mode():
            prompts = (self.positive, self.negative)
            (latent,) = nodes.common_ksampler(
                self.model, seed, steps, cfg, sampler, "simple", *prompts, self.empty
            )
            (image,) = nodes.VAEDecode().decode(self.vae, latent)
        return image.clone().movedim(-1, 1)

    def noise(self, seed=5):
        import comfy.sample

        return comfy.sample.prepare_noise(self.empty["samples"], seed)


def forwards(family):
    """Largest difference from the host's image over samplers, steps and guidance."""
    apart, least = 0.0, float("inf")
    z = family.noise()
    for steps in (1, 4):
        for sampler in PACK.nodes_dot_host_models.SAMPLERS:
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


def kinds(name):
    """LoRA patches, and weights in bf16 and fp8: the same table."""
    found = {}
    for kind in ("lora", "bf16", "fp8"):
        types = {"bf16": torch.bfloat16, "fp8": torch.float8_e4m3fn}
        manual = {} if kind == "lora" else {"dtype": types[kind], "manual": torch.float32}
        family = Family(name, **manual)
        plain = family.generator()
        if kind == "lora":
            with torch.inference_mode():
                weights = family.model.model.state_dict()
                key = next(k for k, v in weights.items() if v.ndim == 2 and "attn" in k)
                stream = torch.Generator().manual_seed(1)
                change = 0.2 * torch.randn(weights[key].shape, generator=stream)
                family.model = family.model.clone()
                family.model.add_patches({key: ("diff", (change,))}, 0.7)
        generator = family.generator()
        image, slopes = slope(generator, family.noise())
        _, staged = slope(family.generator(memory="staged"), family.noise())
        found[kind] = {
            "apart": (image - family.sampled()).abs().max().item(),
            "slope": slopes.norm().item(),
            "equal": bool(torch.equal(slopes, staged)),
            "another": str(generator.id) != str(plain.id) if kind == "lora" else True,
            "repeats": str(family.generator().id) == str(generator.id),
        }
    return found


def quantised(name):
    """The newer host's quantised weights: their images and gradients, or the message."""
    plain = Family(name).generator()
    found = {}
    for form in tiny_models.STORED:
        family = Family(name, quantised=form)
        layers = [m for m in family.model.model.modules() if getattr(m, "quant_format", None)]
        held = [type(m.weight.data).__name__ for m in layers]
        try:
            generator = family.generator(memory="plain")
            image, slopes = slope(generator, family.noise())
            _, staged = slope(family.generator(memory="staged"), family.noise())
        except Exception as error:  # noqa: BLE001 - the test looks at what it is
            found[form] = {"message": f"{type(error).__name__}: {error}"}
            continue
        found[form] = {
            "layers": held.count("QuantizedTensor"),
            "apart": (image - family.sampled()).abs().max().item(),
            "from_plain": (image - slope(plain, family.noise())[0]).abs().max().item(),
            # int8 rounds activations too: shorter differences are those of its steps.
            "differences": gradients(family, 0.3)["differences"],
            "equal": bool(torch.equal(slopes, staged)),
            "another": str(generator.id) != str(plain.id),
            "restored": all(restored(family, memory_of)["restored"]),
        }
    return found


def refused(family):
    """The messages of what cannot be differentiated or does not fit."""
    import comfy.model_patcher

    def message(**changes):
        given = Family.__new__(Family)
        given.__dict__ = {**family.__dict__, **changes.pop("own", {})}
        try:
            given.generator(**changes)
        except Exception as error:  # noqa: BLE001 - the test looks at what it is
            return f"{type(error).__name__}: {error}"
        return ""

    def patched(**attributes):
        model = family.model.clone()
        for name, value in attributes.items():
            setattr(model, name, value)
        return model

    features, extra = family.positive[0]
    found = {
        "vae": message(own={"vae": tiny_models.make_vae(20 - family.channels)}),
        "cfg": message(cfg=2.0, negative=None),
        "size": message(latent=None, width=60, height=64),
        "content": message(latent={"samples": torch.ones(1, family.channels, 8, 8)}),
        "sampler": message(sampler="sa_solver_pece"),
        "sigmas": message(sigmas=torch.tensor([1.0, 2.0])),
        "prompt": message(own={"positive": [[features[..., :7], extra]]}),
        "empty": message(own={"positive": []}),
        "control": message(own={"positive": [[features, {**extra, "control": object()}]]}),
        "hooks": message(own={"positive": [[features, {**extra, "hooks": object()}]]}),
        "gpus": message(own={"model": patched(additional_models={"multigpu": [family.model]})}),
        "compiled": message(
            own={"model": patched(wrappers={"apply_model": {"torch.compile": [print]}})}
        ),
    }

    class Streaming(comfy.model_patcher.ModelPatcher):
        def is_dynamic(self):
            return True

        def get_non_dynamic_delegate(self):
            raise RuntimeError("no loader")

    place = torch.device("cpu")
    streaming = Streaming(family.model.model, load_device=place, offload_device=place)
    found["dynamic"] = message(own={"model": streaming})
    return found


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


WORKFLOWS = {
    "SD15": "reno_sd_turbo",
    "SDXL": "reno_sdxl_turbo",
    "Flux": "reno_flux_schnell",
    "ZImage": "reno_z_image_turbo",
}
OTHERS = sorted(
    path.stem
    for path in recipe_runs.RENO.glob("*.json")
    if path.stem not in {*WORKFLOWS.values(), "reno_avatars"}
)
"""Other ways to move the noise, on SD-Turbo."""


def part_of_pack(name):
    """A module of LatentSteer that the host has not imported."""
    base = PACK.core_dot_rng.__name__.removesuffix(".core.rng")
    return importlib.import_module(f"{base}.{name}")


def loaded(file):
    """A toy in place of a file of Load Aux Model."""
    examples = part_of_pack("core.energies.example")
    if file.startswith("resnet50"):
        toy = examples.toy_classifier()

        def logits(images):
            return toy.logits(torch.nn.functional.interpolate(images, (5, 5), mode="bilinear"))

        return dataclasses.replace(toy, classes=("cat", "beagle", "car"), logits=logits)
    clip = dataclasses.replace(examples.toy_clip(), name=file, logit_scale=9.0)
    if file != "ImageReward.pt":
        return clip
    reward = part_of_pack("core.auxiliaries.rewards.clips").clip_reward(clip, "HPSv2.1")
    return dataclasses.replace(reward, kind="ImageReward")


def workflow(family):
    """The shipped workflow on tiny models, its files replaced, at 64 pixels and two steps."""
    kinds = recipe_runs.run(family, WORKFLOWS[family.name], loaded)
    (both,), (_, trace) = kinds["StackImages"][0], kinds["NesterovRefine"][0]
    return {
        "shape": list(both.shape),
        "apart": (both[0] - both[1]).abs().max().item(),
        "energy": [trace.before["energy"].item(), trace.after["energy"].item()],
        "scores": sum(name.startswith("score(") for name in trace.after),
    }


def other(family, name):
    """Another workflow: the least difference of its images, and energies of a refinement."""
    kinds = recipe_runs.run(family, name, loaded)
    images = kinds.get("StackImages", kinds["Decode"])[0][0]
    rows = images.flatten(1)
    found = {"shape": list(images.shape), "apart": torch.pdist(rows).min().item()}
    for refiner in ("NesterovRefine", "AdamRefine", "KRRFlowRefine", "CMAESRefine"):
        for _, trace in kinds.get(refiner, ()):
            ends = (trace.before["energy"], trace.after["energy"])
            found["energy"] = [end.mean().item() for end in ends]
    return found


def main(checkout, base, *families):
    nodes = tiny_models.start(checkout, base)
    path = Path(checkout) / "comfy_extras" / "nodes_custom_sampler.py"
    asyncio.run(nodes.load_custom_node(str(path), module_parent="comfy_extras"))
    importlib.import_module("comfy_extras.nodes_custom_sampler")
    found = {}
    for name in families:
        family = Family(name)
        found[name] = {"forward": forwards(family), **gradients(family), **restored(family)}
        if name in WORKFLOWS:
            found[name]["workflow"] = workflow(family)
        if name in ("SD15", "SD3"):
            found[name]["bare"] = bare(family)
        if name in ("SD15", "Flux"):
            found[name]["steered"] = steered_noise(family)
            found[name]["kinds"] = kinds(name)
        if name == "SD15" and importlib.util.find_spec("comfy.quant_ops"):
            found[name]["quantised"] = quantised(name)
        if name == "SD15":
            found[name]["refused"] = refused(family)
            found[name]["bridges"] = bridges(family)
            found[name]["refinement"] = refinement(family)
            found[name]["others"] = {one: other(family, one) for one in OTHERS}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*ARGUMENTS)
