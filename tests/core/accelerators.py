"""Devices of the device tests: always a simulated one, and CUDA and Metal where available.

The guarantees: draws are the CPU's; results agree within `Device.tolerance`; a run repeats and
resumes bit for bit on its own device; a step of a loop waits for the device only to report.
"""

import contextlib

import pytest
import torch

from . import stand_in

gpu = pytest.mark.gpu
KINDS = ["stand-in", pytest.param("cuda", marks=gpu), pytest.param("mps", marks=gpu)]
TOLERANCE = {
    "stand-in": {"rtol": 1e-4, "atol": 1e-5},
    "cuda": {"rtol": 2e-3, "atol": 2e-4},
    "mps": {"rtol": 5e-3, "atol": 5e-4},
}
"""Tolerance of float32 over a few steps: kernels sum in other orders."""


class Device:
    """A device under test.

    Attributes:
        name: its kind.
        device: as PyTorch has it.
        tolerance: tolerance of its agreement with the CPU, for `assert_close`.
    """

    def __init__(self, name, device, pretended=None):
        self.name, self.device = name, device
        self.tolerance = TOLERANCE[name]
        self._pretended = pretended

    def __call__(self, what):
        """Returns a tensor or a network, moved to the device."""
        return what.to(self.device)

    def model(self, model):
        """Returns a model with its networks moved to the device."""
        for module in model.modules:
            module.to(self.device)
        discriminator = getattr(model, "discriminator", None)
        if discriminator is not None:
            discriminator.module.to(self.device)
        return model

    @contextlib.contextmanager
    def away(self):
        """Context of the host alone: what it computes there does not pass through a simulation."""
        if self._pretended is None:
            yield
            return
        self._pretended.__exit__(None, None, None)
        try:
            yield
        finally:
            self._pretended.__enter__()

    @contextlib.contextmanager
    def without_waiting(self, reads=0):
        """Context in which the host waits for the device at most `reads` times.

        CUDA raises at the first wait, so only `reads` of 0 is checked there; Metal cannot report
        it.
        """
        if self._pretended is not None:
            self._pretended.forget()
            yield
            assert self._pretended.waits.total() <= reads, self._pretended.waits
        elif self.name == "cuda" and reads == 0:
            torch.cuda.synchronize()
            torch.cuda.set_sync_debug_mode("error")
            try:
                yield
            finally:
                torch.cuda.set_sync_debug_mode("default")
        else:
            yield

    def close(self, found, expected, **tolerance):
        """Asserts that a result of the device agrees with the CPU's."""
        assert expected.device.type == "cpu"
        torch.testing.assert_close(found.cpu(), expected, **(tolerance or self.tolerance))


@contextlib.contextmanager
def exact_products():
    """Context of deterministic matrix products and convolutions in float32, not TF32."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    kept = cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic
    cudnn.allow_tf32 = matmul.allow_tf32 = False
    cudnn.deterministic = True
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic = kept


@contextlib.contextmanager
def opened(name):
    """Returns the device of a kind, or skips with the reason."""
    if name == "stand-in":
        with stand_in.Accelerator() as pretended:
            yield Device(name, stand_in.DEVICE, pretended)
        return
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}[name]
    if not there():
        pytest.skip(f"no {name} device here")
    with exact_products():
        yield Device(name, torch.device(name))
