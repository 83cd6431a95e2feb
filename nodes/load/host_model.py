"""Generator from Model: ComfyUI's diffusion model of few steps as a generator of noise."""

from typing import Any

from ...core.generators.host import host_generator
from ..help import Help
from ..host import autograd, io, ui
from ..host_checks import sampling_notes
from ..host_memory import Saving
from ..host_models import model_pipeline
from ..host_sampling import SAMPLERS, SCHEDULERS, Sampling
from ..host_widgets import height, memory_widget, width
from ..sockets import CONDITIONING, GENERATOR, LATENT, MODEL, SIGMAS, VAE
from ..widgets import advanced, seed

__all__ = ["GeneratorFromModel"]


class GeneratorFromModel(io.ComfyNode):
    """A MODEL, its VAE and its sampler as one map from noise to images."""

    HELP = Help(
        about=(
            "Models of one to four steps, such as SD-Turbo, SDXL-Turbo, LCM, FLUX schnell or "
            "Z-Image-Turbo, map noise to images at once. Connect the loader and the prompts of a "
            "text-to-image graph: G(z) is the image of KSampler and VAE Decode with the noise z, "
            "and every refiner, energy and flow moves that noise. ControlNet, GLIGEN, hooks, "
            "compiled models and several GPUs have no gradient here and are refused by name; "
            "LoRAs and weights in bf16 or fp8 work. Sage and flash attention are replaced by "
            "PyTorch's. The steps cost memory each; `memory` recomputes activations where they "
            "would not fit. Needs ComfyUI: the command of LatentSteer has no MODEL."
        ),
        example=(
            "SD-Turbo with 1 step, sampler euler, cfg 1, 512 x 512; Prior Init with 4 samples; "
            "Energy CLIP and Noise Norm; Nesterov Refine with 50 steps; Decode."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_GeneratorFromModel",
            display_name="Generator from Model",
            category="LatentSteer/load",
            description="ComfyUI's MODEL with its VAE, prompt and sampler as a frozen generator: "
            "the latents are the noise that sampling starts from.",
            inputs=[
                MODEL.Input("model", tooltip="A diffusion model made for one to four steps."),
                VAE.Input("vae", tooltip="Its VAE. TAESD needs the least memory."),
                CONDITIONING.Input("positive", tooltip="The prompt, encoded by its CLIP."),
                io.Int.Input(
                    "steps",
                    default=1,
                    min=1,
                    max=50,
                    tooltip="Steps of the sampler (1 to 50): as many as the model is made for. No "
                    "effect with SIGMAS.",
                ),
                io.Combo.Input(
                    "sampler",
                    options=list(SAMPLERS),
                    default=SAMPLERS[0],
                    tooltip="A sampler whose steps are all differentiable. With one step euler, "
                    "lcm and ddim are the same.",
                ),
                io.Float.Input(
                    "cfg",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="Guidance away from the negative prompt (0 to 100). 1: none, half the "
                    "time; models of one to four steps need 1.",
                ),
                width(),
                height(),
                advanced(
                    io.Combo.Input(
                        "scheduler",
                        options=list(SCHEDULERS),
                        default=SCHEDULERS[0],
                        tooltip="Noise levels of the steps. No effect with SIGMAS.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "noise_on_the_way",
                        options=["fixed", "steered"],
                        default="fixed",
                        tooltip="For lcm and euler_ancestral with several steps: the noise that "
                        "they draw between steps. fixed: by the seed, the same for all samples, "
                        "as KSampler draws it; steered: a part of the latents.",
                    )
                ),
                advanced(seed("the fixed noise on the way", control=False, streams="")),
                advanced(memory_widget()),
                CONDITIONING.Input(
                    "negative",
                    optional=True,
                    tooltip="The negative prompt; needed where cfg is not 1.",
                ),
                SIGMAS.Input(
                    "sigmas",
                    optional=True,
                    tooltip="Noise levels in place of steps and scheduler, such as those of "
                    "SDTurboScheduler.",
                ),
                LATENT.Input(
                    "latent",
                    optional=True,
                    tooltip="An empty latent, whose size is used in place of width and height.",
                ),
            ],
            outputs=[
                GENERATOR.Output(
                    "generator",
                    display_name="generator",
                    tooltip="G(z): noise z to images in [0, 1].",
                )
            ],
        )
        schema.search_aliases = ["SD-Turbo", "SDXL-Turbo", "FLUX schnell", "LCM", "ReNO", "MODEL"]
        return schema

    @classmethod
    def execute(
        cls,
        model: Any,  # noqa: ANN401
        vae: Any,  # noqa: ANN401
        positive: Any,  # noqa: ANN401
        steps: int,
        sampler: str,
        cfg: float,
        width: int,
        height: int,
        scheduler: str,
        noise_on_the_way: str,
        seed: int,
        memory: Saving,
        negative: Any | None = None,  # noqa: ANN401
        sigmas: Any | None = None,  # noqa: ANN401
        latent: Any | None = None,  # noqa: ANN401
    ) -> io.NodeOutput:
        steered = noise_on_the_way == "steered"
        with autograd():
            pipeline = model_pipeline(
                model,
                vae,
                positive,
                negative,
                Sampling(sampler, scheduler, steps, cfg, seed, steered, sigmas),
                size=(height, width),
                latent=latent,
                memory=memory,
            )
            made = host_generator(pipeline)
            size = " x ".join(map(str, made.image_size))
            known = f"noise of {made.source.dim} numbers to images of {size}"
            text = " ".join([f"{made.name}: {known}.", *sampling_notes(model, steps)])
            return io.NodeOutput(made, ui=ui.PreviewText(text))
