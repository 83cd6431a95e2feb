"""Gradients through networks that ComfyUI has loaded: what stands in their way, put back after.

ComfyUI runs nodes in inference mode and keeps weights that were created in it, which can never
take part in back-propagation. `gradients` replaces them by ordinary tensors on the same memory,
freezes them, chooses differentiable kernels and recomputes activations, all for as long as the
context is open. Weights, functions and flags of the host are the same objects before and after.
"""

import contextlib
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    management: Any
elif "folder_paths" in sys.modules:  # ComfyUI imports it before any custom node
    import comfy.model_management as management

__all__ = ["blocks_copied", "gradients", "guarded", "load_whole", "thawed"]

NORMS = ("LayerNorm", "RMSNorm")
"""Classes whose saved input Flux overwrites."""
UNIMPLEMENTED: Any = nn.Module.forward
DEPTH = 2
"""Levels of called modules below a network's root at which activations are recomputed."""
_OPEN: list[nn.Module] = []
"""Networks whose context is open."""


def load_whole(patchers: Sequence[Any], memory: float = 0) -> None:
    """Has ComfyUI load networks completely, buffers included, and free memory for the work.

    Args:
        patchers: ComfyUI's.
        memory: bytes that the work needs besides the weights.

    Raises:
        RuntimeError: a network is not entirely on its device.
    """
    with torch.inference_mode(False):
        management.load_models_gpu(list(patchers), memory_required=memory, force_full_load=True)
        for patcher in patchers:
            # With --novram plain modules stay on the CPU.
            patcher.model.to(patcher.load_device)


@contextlib.contextmanager
def gradients(patchers: Sequence[Any], *, recompute: bool = False) -> Generator[None, None, None]:
    """Context in which loaded networks can be differentiated with respect to their inputs.

    Args:
        patchers: ComfyUI's, of networks on their device.
        recompute: whether activations are computed again for the gradient instead of being kept.
    """
    models = [patcher.model for patcher in patchers]
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(_training())
        for model in models:
            stack.enter_context(guarded(model, recompute=recompute))
        yield


@contextlib.contextmanager
def guarded(model: nn.Module, *, recompute: bool) -> Generator[None, None, None]:
    """Context in which one network has ordinary frozen weights and differentiable functions.

    A network whose context is open already is left as it is.

    Args:
        model: the network.
        recompute: as for `gradients`.
    """
    if any(one is model for one in _OPEN):
        yield
        return
    _OPEN.append(model)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(thawed(model))
            stack.enter_context(_copying_norms(model))
            stack.enter_context(blocks_copied(_root(model), recompute=recompute))
            yield
    finally:
        _OPEN[:] = [one for one in _OPEN if one is not model]


@contextlib.contextmanager
def thawed(model: nn.Module) -> Generator[None, None, None]:
    """Context in which all weights are ordinary frozen tensors on the memory of the host's.

    At the end the host's own tensors return, except where the host has moved a weight meanwhile.

    Args:
        model: the network.
    """
    replaced: list[tuple[dict[str, Any], str, Tensor, Tensor]] = []
    try:
        for module in model.modules():
            for table in (vars(module)["_parameters"], vars(module)["_buffers"]):
                for name, tensor in table.items():
                    if tensor is not None and (tensor.is_inference() or tensor.requires_grad):
                        replaced.append((table, name, tensor, _same_memory(tensor)))
        for table, name, _, ordinary in replaced:
            table[name] = ordinary
        yield
    finally:
        for table, name, own, ordinary in replaced:
            if table.get(name) is ordinary and _place(ordinary) == _place(own):
                table[name] = own


def _same_memory(tensor: Tensor) -> Tensor:
    """A tensor that is no inference tensor, frozen, on the same memory."""
    data = tensor.data if isinstance(tensor, nn.Parameter) else tensor
    inner = getattr(data, "_qdata", None)
    if inner is not None:  # the newer host's quantised weights
        whole: Any = data
        made = type(whole)(_alias(inner), whole._layout_cls, whole._params.clone())
    else:
        made = _alias(data)
    return nn.Parameter(made, requires_grad=False) if isinstance(tensor, nn.Parameter) else made


def _alias(tensor: Tensor) -> Tensor:
    # Views, detach() and .to() of the same kind remain inference tensors; this one does not.
    made = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    place = (tensor.storage_offset(), tensor.size(), tensor.stride())
    return made.set_(tensor.untyped_storage(), *place)  # pyright: ignore[reportArgumentType]


def _place(tensor: Tensor) -> tuple[int, torch.device]:
    inner = getattr(tensor, "_qdata", tensor)
    return inner.untyped_storage().data_ptr(), inner.device


@contextlib.contextmanager
def _training() -> Generator[None, None, None]:
    """Context with the flag by which the newer host avoids kernels without a gradient."""
    if not hasattr(management, "in_training"):
        yield
        return
    before = management.in_training
    management.in_training = True
    try:
        yield
    finally:
        management.in_training = before


@contextlib.contextmanager
def _forwards(
    changes: Sequence[tuple[nn.Module, Callable[..., Any]]],
) -> Generator[None, None, None]:
    """Context in which modules have other functions; put back in reverse order."""
    before = [(module, vars(module).get("forward")) for module, _ in changes]
    try:
        for module, function in changes:
            vars(module)["forward"] = function
        yield
    finally:
        for module, own in before:
            if own is None:
                vars(module).pop("forward", None)
            else:
                vars(module)["forward"] = own


def _copying_norms(model: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Normalisations on a copy of their input, which Flux's blocks overwrite afterwards."""

    def copying(forward: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, *rest, **named: forward(x.clone(), *rest, **named)

    norms = [m for m in model.modules() if type(m).__name__ in NORMS]
    return _forwards([(m, copying(m.forward)) for m in norms])


def blocks_copied(root: nn.Module, *, recompute: bool) -> contextlib.AbstractContextManager[None]:
    """Context in which the blocks of a network work on copies of what they are given.

    Some blocks write into it. Values and gradients are the same to the bit whether activations are
    kept or computed again, since the sums of gradients are grouped alike.

    Args:
        root: the network; its blocks are the modules of the first two called levels below it, the
            outermost ones.
        recompute: whether the blocks compute their activations again for the gradient.
    """
    inside: list[bool] = []

    def recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*values: Any, **named: Any) -> Any:  # noqa: ANN401
            inside.append(True)
            try:
                own = {name: _copied(value) for name, value in named.items()}
                return forward(*map(_copied, values), **own)
            finally:
                inside.pop()

        def outer(*values: Any, **named: Any) -> Any:  # noqa: ANN401
            if inside or not torch.is_grad_enabled():
                return forward(*values, **named)
            if not recompute:
                return run(*values, **named)
            given = {name: _snapshot(value) for name, value in named.items()}
            return checkpoint(
                run,
                *map(_snapshot, values),
                use_reentrant=False,
                preserve_rng_state=False,
                **given,
            )

        return outer

    blocks = list(_blocks(root, DEPTH))
    return _forwards([(block, recomputed(block.forward)) for block in blocks])


def _blocks(module: nn.Module, levels: int) -> Iterator[nn.Module]:
    for child in module.children():
        called = type(child).forward is not UNIMPLEMENTED
        if called and next(child.children(), None) is not None:
            yield child
        if levels > 1 or not called:
            yield from _blocks(child, levels - called)


def _copied(value: Any) -> Any:  # noqa: ANN401
    return value.clone() if isinstance(value, Tensor) and value.is_floating_point() else value


def _snapshot(value: Any) -> Any:  # noqa: ANN401
    # The host notes in a dictionary which block is running.
    return dict(value) if type(value) is dict else value


def _root(model: nn.Module) -> nn.Module:
    """The part of a network whose children are its blocks."""
    for name in ("diffusion_model", "decoder", "taesd_decoder"):
        found = getattr(model, name, None)
        if isinstance(found, nn.Module):
            return found
    return model
