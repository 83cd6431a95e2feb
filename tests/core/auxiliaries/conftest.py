"""Small classifiers and tiny CLIPs, and a cache that is the test's own.

Libraries are imported where they are used: other tests of the folder need fewer of them.
"""

import pytest


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    """Copies of pickles go to the test's folder."""
    monkeypatch.setenv("LATENTSTEER_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def plain():
    """A ResNet of torchvision with one block per stage."""
    from torchvision.models.resnet import BasicBlock

    from .classifier_files import resnet

    return resnet(BasicBlock, [1, 1, 1, 1], 5)


@pytest.fixture(scope="session")
def small():
    """A CIFAR ResNet of 20 layers' shape, narrow, in torchvision's blocks."""
    from latentsteer.core.auxiliaries.classifiers.networks.resnet import ResNet

    from .classifier_files import random, stages_of

    parts = {"stem": 8, "kernel": 3, "max_pool": False, "bottleneck": False}
    return random(ResNet(**parts, stages=stages_of(), classes=4))


@pytest.fixture(scope="session")
def tokenizers():
    """The tokenizers of open_clip with some options: see `registered`."""
    return {}


@pytest.fixture
def registered(tokenizers, monkeypatch):
    """Tiny architectures among open_clip's own, whose 49,152 merges are read once in a session."""
    import open_clip
    from latentsteer.core.auxiliaries.clips import openclip

    from .openclip_files import CONFIGS

    made = open_clip.tokenizer.SimpleTokenizer

    def once(**options):
        key = repr(sorted(options.items()))
        if key not in tokenizers:
            tokenizers[key] = made(**options)
        return tokenizers[key]

    monkeypatch.setattr(open_clip.tokenizer, "SimpleTokenizer", once)

    known = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", {**known, **CONFIGS})
    monkeypatch.setattr(openclip, "architectures", lambda: [*CONFIGS, "ViT-B-32", "RN50"])
