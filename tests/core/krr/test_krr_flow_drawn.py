"""Real images of KRR flow that are drawn from a set at each step."""

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.features import feature_map
from latentsteer.core.krr.kernel import median_bandwidth
from latentsteer.core.krr.settings import FlowSettings

from .flows import flow_of, real_images


def bank_at(flow, step):
    densities = flow.energy.terms[0][1]
    return densities.real.density(0.0, torch.zeros(1, dtype=torch.float64), step)


def test_real_images_are_drawn_anew_at_each_step_or_once(toys):
    fresh, once = (
        flow_of(toys, FlowSettings(real_samples=3, real_fresh=f, xi="count"))[0]
        for f in (True, False)
    )
    drawn = [fresh.energy.terms[0][1].real.drawn(step) for step in range(20)]
    assert all(len(set(numbers)) == 3 for numbers in drawn)
    assert len(set(drawn)) > 10
    assert {number for numbers in drawn for number in numbers} == set(range(7))
    assert len({once.energy.terms[0][1].real.drawn(step) for step in range(20)}) == 1
    features = feature_map(toys.classifier(torch.float64)).of(real_images(toys))
    for step in (0, 5, 0):
        found = bank_at(fresh, step)
        assert torch.allclose(found.points[:, 0], features[list(drawn[step])], atol=1e-12)
        assert found.width == pytest.approx(median_bandwidth(features))
    other = flow_of(toys, FlowSettings(real_samples=3), seed=1)[0]
    assert [other.energy.terms[0][1].real.drawn(step) for step in range(20)] != drawn


def test_all_real_images_drawn_are_the_flow_of_before(toys):
    whole, _ = flow_of(toys)
    for settings in (FlowSettings(real_samples=7), FlowSettings(real_fresh=False)):
        flow, _ = flow_of(toys, settings)
        assert flow.energy.signature() == whole.energy.signature()
        assert torch.equal(bank_at(flow, 3).points, bank_at(whole, 0).points)
    some = {flow_of(toys, FlowSettings(real_samples=n, real_fresh=f))[0].energy.signature()
            for n in (3, 4) for f in (True, False)}  # fmt: skip
    assert len(some | {whole.energy.signature()}) == 5


def test_more_real_images_than_there_are_cannot_be_drawn(toys):
    with pytest.raises(InvalidInput, match="8 real images of a step requested; 7 are there"):
        flow_of(toys, FlowSettings(real_samples=8))
    with pytest.raises(InvalidInput, match="needs at least 2"):
        FlowSettings(real_samples=1)
