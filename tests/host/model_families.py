"""A host's models, VAEs and prompts for the scripts of test_host_models, and LatentSteer there."""

import contextlib
import sys

import tiny_models
import torch


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
