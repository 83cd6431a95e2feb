"""Moments of features: distances, merging and their file."""

import pytest
import torch
from latentsteer.core.errors import CheckpointError, ConditionMismatch, InvalidInput
from latentsteer.core.metrics.distances import frechet_distance
from latentsteer.core.metrics.moments import (
    FeatureMoments,
    frechet_between,
    load_moments,
    save_moments,
)


@pytest.fixture
def features():
    stream = torch.Generator().manual_seed(3)
    mixing = torch.randn(5, 5, generator=stream)
    return [
        torch.randn(count, 5, generator=stream) @ mixing + shift
        for count, shift in ((60, 0.0), (9, 2.0), (3, -1.0))
    ]


def test_moments_are_mean_and_unbiased_covariance(features):
    for one in features:
        found = FeatureMoments.of(one)
        assert found.count == len(one)
        assert torch.allclose(found.mean, one.double().mean(dim=0))
        assert torch.allclose(found.covariance, torch.cov(one.double().T), atol=1e-12)


def test_merged_moments_are_those_of_all_features(features):
    parts = [FeatureMoments.of(one) for one in features]
    merged = parts[0].merged(parts[1]).merged(parts[2])
    whole = FeatureMoments.of(torch.cat(features))
    assert merged.count == whole.count == 72
    assert torch.allclose(merged.mean, whole.mean)
    assert torch.allclose(merged.covariance, whole.covariance, atol=1e-12)


def test_the_distance_of_moments_is_that_of_their_features(features):
    first, second, _ = features
    moments = FeatureMoments.of(first), FeatureMoments.of(second)
    assert frechet_between(*moments) == frechet_distance(first, second)


def test_a_file_keeps_moments_up_to_a_distance_of_rounding(features, tmp_path):
    moments = {"all": FeatureMoments.of(features[0]), "few": FeatureMoments.of(features[1])}
    path = tmp_path / "moments.safetensors"
    save_moments(moments, path, features="judge", origin={"seed": 3})
    found = load_moments(path, features="judge")
    assert {name: one.count for name, one in found.items()} == {"all": 60, "few": 9}
    for name, one in moments.items():
        assert frechet_between(one, found[name]) < 1e-6 * float(one.root.square().sum())


def test_bad_moments_are_refused(features, tmp_path):
    first, _, few = features
    with pytest.raises(InvalidInput, match="at least 2"):
        FeatureMoments.of(first[:1])
    with pytest.raises(InvalidInput, match="not finite"):
        FeatureMoments.of(first * torch.nan)
    moments = FeatureMoments.of(first)
    narrow = FeatureMoments.of(first[:, :4])
    for both in (moments.merged, lambda other: frechet_between(moments, other)):
        with pytest.raises(InvalidInput, match="widths 5 and 4"):
            both(narrow)
    path = tmp_path / "moments.safetensors"
    with pytest.raises(InvalidInput, match="more images than features"):
        save_moments({"few": FeatureMoments.of(few)}, path, features="judge", origin={})
    with pytest.raises(InvalidInput, match="No moments"):
        save_moments({}, path, features="judge", origin={})
    save_moments({"all": moments}, path, features="judge", origin={})
    with pytest.raises(ConditionMismatch, match="moments again"):
        load_moments(path, features="another")
    with pytest.raises(CheckpointError):
        load_moments(tmp_path / "none.safetensors", features="judge")
