"""Architectures of CLIPs: their names, and what files and options tell about them."""

import open_clip
import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.auxiliaries.clips import openclip
from latentsteer.core.auxiliaries.clips.building import configuration
from latentsteer.core.auxiliaries.clips.matching import matching_names
from latentsteer.core.auxiliaries.clips.settings import architectures
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError, InvalidInput
from open_clip.model import CLIP

from .openclip_files import CONFIGS, VIT, agree, theirs

pytestmark = pytest.mark.usefixtures("offline", "registered")


def test_the_activation_is_that_of_the_name_or_of_the_option(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    quick, plain = theirs("tiny-ViT", quick=True), theirs("tiny-ViT")
    agree(load_auxiliary(path), plain)
    agree(load_auxiliary(path, architecture="tiny-ViT-quickgelu"), quick)
    agree(load_auxiliary(path, activation="quickgelu"), quick)
    agree(load_auxiliary(path, architecture="tiny-ViT-quickgelu", activation="gelu"), plain)
    ids = {load_auxiliary(path, activation=a).id for a in ("auto", "gelu", "quickgelu")}
    assert len(ids) == 2
    by_name = load_auxiliary(path, architecture="tiny-ViT-quickgelu").id
    assert by_name == load_auxiliary(path, activation="quickgelu").id


def test_an_unknown_size_lists_the_nearest(tmp_path):
    state = theirs("tiny-ViT").state_dict()
    state["visual.positional_embedding"] = torch.zeros(3, 64)
    checkpoints.write(tmp_path / "odd.safetensors", state)
    with pytest.raises(
        CheckpointError, match=r"odd\.safetensors: .*Nearest: tiny-ViT, tiny-ViT-q"
    ):
        load_auxiliary(tmp_path / "odd.safetensors")
    with pytest.raises(CheckpointError, match=r"positional_embedding"):
        load_auxiliary(tmp_path / "odd.safetensors", architecture="tiny-ViT")


def test_architectures_that_only_their_heads_tell_apart_are_listed(tmp_path, monkeypatch):
    many = {**CONFIGS["tiny-ViT"], "vision_cfg": {**VIT, "head_width": 8}}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-many-heads", many)
    monkeypatch.setattr(openclip, "architectures", lambda: ["tiny-ViT", "tiny-many-heads"])
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    with pytest.raises(CheckpointError, match=r"fit several .*tiny-ViT, tiny-many-heads"):
        load_auxiliary(path)
    agree(load_auxiliary(path, architecture="tiny-ViT"), theirs("tiny-ViT"))


def test_an_architecture_that_does_not_exist_lists_those_that_do(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    with pytest.raises(InvalidInput, match=r"no architecture 'ViT-Z'.*ViT-B-32"):
        load_auxiliary(path, architecture="ViT-Z")


def test_a_text_tower_of_the_hub_is_not_fetched(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    with pytest.raises(CheckpointError, match=r"'roberta-base'.*nothing is downloaded"):
        load_auxiliary(path, architecture="tiny-hub-text")


def test_architectures_are_open_clips_own():
    assert sorted(architectures()) == sorted(set(open_clip.list_models()) - set(CONFIGS))
    names = architectures()
    assert names.index("RN50x4") < names.index("RN50x16")


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-L-14", "ViT-H-14", "RN50"])
def test_known_architectures_are_told_from_shapes(name):
    config = dict(configuration(name))
    with torch.device("meta"):
        state = CLIP(**config).state_dict()
    state = {n: t for n, t in state.items() if not n.startswith("logit")}
    there = ["ViT-B-16", "ViT-B-32", "ViT-B-32-quickgelu", "ViT-L-14", "ViT-H-14", "RN50", "RN101"]
    found = matching_names(state, exact=True, among=there)
    assert found == [n for n in there if n.removesuffix("-quickgelu") == name]
