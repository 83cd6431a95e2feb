"""The frame of a node at work."""

from types import SimpleNamespace

import pytest
import torch
from latentsteer.nodes.standalone.host import RunInterrupted, StandaloneHost, use
from latentsteer.nodes.work import working
from torch import nn


def model(*modules, **attributes):
    return SimpleNamespace(modules=modules, **attributes)


class Host(StandaloneHost):
    """Records the models on the device, and every bar."""

    def __init__(self, folder):
        super().__init__(folder, folder / "out", "cpu")
        self.loaded, self.bars = [], []

    def on_device(self, modules):
        self.loaded.append(tuple(modules))
        return super().on_device(modules)

    def progress(self, total, label=""):
        self.bars.append((total, label))
        return super().progress(total, label)


@pytest.fixture
def host(tmp_path):
    with use(Host(tmp_path)) as found:
        yield found


def test_gradients_exist_where_the_host_forbids_them(host):
    with torch.inference_mode():
        with working("Work", 0, image_size=(8, 8)):
            x = torch.ones(2, requires_grad=True)
            (slope,) = torch.autograd.grad((x * x).sum(), x)
        assert torch.is_inference_mode_enabled()
    assert slope.tolist() == [2, 2]


def test_every_network_is_loaded_once_and_missing_models_are_skipped(host):
    one, two, three = (nn.Linear(1, 1) for _ in range(3))
    both = model(one, two, image_size=(8, 8))
    with working("Work", 0, both, None, three, model(two)) as work:
        assert work.device == torch.device("cpu")
    assert host.loaded == [(one, two, three)]


def test_nothing_is_loaded_where_no_model_has_a_network(host):
    with working("Work", 0, None, model(), image_size=(8, 8)):
        pass
    assert host.loaded == []


@pytest.mark.parametrize("size", [(8, 8), (128, 64)])
def test_the_chunking_is_that_of_the_first_model_with_images(size, host):
    used = (model(), model(image_size=size), model(image_size=512))
    with working("Work", 0, *used, chunk="fixed") as work:
        assert work.chunking.size == (8 if max(size) <= 64 else 1)
    with working("Work", 0, *used, chunk="fast", image_size=(1024, 512)) as work:
        assert work.chunking.size == 2


def test_a_square_of_a_clip_is_an_image_size(host):
    with working("Work", 0, model(image_size=512), chunk="fast") as work:
        assert work.chunking.size == 4


def test_images_of_no_known_size_are_a_mistake_found_before_anything_is_loaded(host):
    with pytest.raises(TypeError, match="image_size"), working("Work", 3, model(nn.Identity())):
        pass
    assert host.loaded == host.bars == []


def test_the_bar_reports_and_notices_a_stop(host):
    with working("Work", 3, model(image_size=(8, 8))) as work:
        work.report(1)
        host.request_interrupt()
        with pytest.raises(RunInterrupted):
            work.report(2)
    assert host.bars == [(3, "Work")]


def test_work_without_a_total_has_no_bar(host):
    with working("Work", 0, model(image_size=(8, 8))) as work:
        host.request_interrupt()
        work.report(1)
    assert host.bars == []
