"""What cannot be differentiated or does not fit, and what the message says."""

import tiny_models
import torch
from model_families import Family


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
