"""All nodes, in the order in which the canvas lists them."""

from importlib import import_module

from .defaults import with_defaults
from .host import io

__all__ = ["ALL_NODES"]

_NODES = (
    "tasks.steer:Steer",
    "tasks.edit:EditImage",
    "load.generator:LoadGenerator",
    "load.conditional:GiveInputs",
    "load.host_model:GeneratorFromModel",
    "load.host_vae:GeneratorFromVAE",
    "load.auxiliary:LoadAuxModel",
    "load.caption:CaptionAuxModel",
    "load.reference:ReferenceImages",
    "load.image_set:LoadImageSet",
    "condition.classes:ClassCondition",
    "condition.text:TextCondition",
    "condition.image:ImageCondition",
    "condition.interpolate:InterpolateConditions",
    "condition.average:AverageConditions",
    "condition.few_shot:FewShotCondition",
    "condition.few_shot_words:FewShotConditionByWords",
    "condition.save_few_shot:SaveFewShotCondition",
    "load.few_shot:LoadFewShotCondition",
    "load.boundary:LoadBoundary",
    "energy.classifier:EnergyClassifier",
    "energy.bayes:EnergyBayes",
    "energy.codebook:EnergyCodebook",
    "energy.prior:EnergyPrior",
    "energy.clip:EnergyCLIP",
    "energy.reward:EnergyReward",
    "energy.noise:NoiseNorm",
    "energy.perceptual:EnergyPerceptual",
    "energy.discriminator:EnergyDiscriminator",
    "energy.direction:EnergyDirection",
    "energy.masked:EnergyMasked",
    "energy.few_shot:EnergyFewShot",
    "train.pairs:SynthesisePairs",
    "train.save_pairs:SavePairs",
    "load.pairs:LoadPairs",
    "train.d2c:TrainD2C",
    "train.translator:TrainTranslator",
    "train.save:SaveTranslator",
    "load.translator:LoadTranslator",
    "train.diffusion_prior:TrainDiffusionPrior",
    "train.save_prior:SaveDiffusionPrior",
    "load.prior:LoadDiffusionPrior",
    "load.prior_generator:PriorGenerator",
    "load.generator_prior:GeneratorPrior",
    "start.prior:PriorInit",
    "start.variation:VariationInit",
    "start.translator:TranslatorInit",
    "start.nearest:NearestPairsInit",
    "start.basis:BasisInit",
    "start.inversion:ImageToLatents",
    "start.rejection:RejectionSample",
    "start.guided:GuidedSample",
    "refine.descent:LangevinRefine",
    "refine.descent:AdamRefine",
    "refine.nesterov:NesterovRefine",
    "refine.krr:KRRFlowRefine",
    "refine.cma_es:CMAESRefine",
    "refine.compose:ComposeFuse",
    "latents.decode:Decode",
    "report.grid:ImageGrid",
    "latents.save:SaveLatents",
    "latents.load:LoadLatents",
    "latents.select:SelectLatents",
    "latents.stack:StackLatents",
    "latents.plain:PlainLatents",
    "latents.noise:LatentsFromNoise",
    "latents.noise:LatentsToNoise",
    "latents.snap:SnapToCodes",
    "latents.interpolate:InterpolateLatents",
    "latents.contrast:ContrastDirection",
    "latents.move:MoveLatents",
    "latents.edit:EditByCondition",
    "latents.best:BestLatents",
    "refine.pixels:ImageGradientStep",
    "report.best:BestImages",
    "report.stack:StackImages",
    "report.clip_score:CLIPScore",
    "report.energy:EnergyReport",
    "report.evaluate:EvaluateImages",
)
"""The module and the class of each node. A new node is its file and a line here."""


def _node(entry: str) -> type[io.ComfyNode]:
    module, _, name = entry.partition(":")
    return with_defaults(getattr(import_module(f".{module}", __package__), name))


ALL_NODES = [_node(entry) for entry in _NODES]
