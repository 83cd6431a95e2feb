"""Energy Prior and Energy Bayes where the prior has no density, as a host runs them."""

import inspect

import pytest
import torch
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.stylegan import stylegan2
from latentsteer.core.rng import SampleRng
from latentsteer.nodes.energy.bayes import EnergyBayes
from latentsteer.nodes.energy.prior import EnergyPrior
from latentsteer.nodes.host import autograd
from torch import nn

FITTED = {"no_density": "fitted Gaussian"}


def steered_in(latent, folder):
    example = stylegan2.GENERATOR.examples[0]()
    stream = torch.Generator().manual_seed(0)
    for network in example.networks.values():
        for parameter in network.parameters():
            nn.init.normal_(parameter, generator=stream)
    tensors = {
        prefix + name: tensor
        for prefix, network in example.networks.items()
        for name, tensor in network.state_dict().items()
    }
    checkpoints.write(folder / "g.safetensors", tensors, example.config)
    return load_generator(folder / "g.safetensors", {"latent": latent})


def judge(side):
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 2)).requires_grad_(False)
    return Classifier("f", "f-id", network, ("a", "b"), network, network)


@pytest.mark.usefixtures("quick_fit")
@pytest.mark.parametrize("latent", ["w", "w+"])
def test_a_fit_made_in_inference_mode_differentiates(latent, tmp_path):
    with autograd():
        generator = steered_in(latent, tmp_path)
        classifier = judge(generator.image_size[0])
    with torch.inference_mode():
        with pytest.raises(InvalidInput, match="has no density"):
            EnergyPrior.execute(generator, 1.0, 1.0)
        condition = classifier.condition(["b"])
        with pytest.raises(InvalidInput, match="has no density"):
            EnergyBayes.execute(generator, classifier, condition, 1.0, 1.0, 1.0)
        alone = EnergyBayes.execute(generator, classifier, condition, 0.0, 20.0, 1.0).result[0]
        assert len(alone.terms) == 1
        prior = EnergyPrior.execute(generator, 1.0, 1.0, **FITTED).result[0]
        both = EnergyBayes.execute(generator, classifier, condition, 1.0, 1.0, 1.0, **FITTED)
    v = generator.prior.sample(SampleRng.of(0, 3), torch.empty(0)).requires_grad_()
    (slope,) = torch.autograd.grad(prior(v, SampleRng.of(0, 3)).sum(), v)
    assert bool(slope.isfinite().all())
    assert slope.abs().max() > 0
    assert next(both.result[0].leaves()).domain == generator.source


@pytest.mark.parametrize("node", [EnergyPrior, EnergyBayes])
def test_the_new_widget_is_the_last_and_refuses_by_default(node):
    *_, last = node.define_schema().inputs
    assert (last.id, last.default) == ("no_density", "refuse")
    assert inspect.signature(node.execute).parameters["no_density"].default == "refuse"
