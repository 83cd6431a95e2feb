"""LoRA patches, small and quantised weights of a host's models."""

import tiny_models
import torch
from model_families import Family, memory_of, slope
from model_gradients import gradients, restored


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
