"""Runs a validated graph: each node once, in order, in inference mode as ComfyUI does."""

from __future__ import annotations

import asyncio
import copy
import inspect
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .api.node import HiddenHolder, NodeOutput, normalised_output, with_hidden
from .errors import NodeError, RunInterrupted
from .graph import Graph, Node, validate
from .host import StandaloneHost, use
from .registry import Nodes, load_nodes

__all__ = ["OnEvent", "RunResult", "execute"]

OnEvent = Callable[[str, dict[str, Any]], None]


@dataclass
class RunResult:
    """Result of a run.

    Attributes:
        prompt_id: id of the run.
        api: the graph that was run.
        values: widgets of each node due to run, including defaults; empty for a run on a server,
            which does not report them.
        outputs: output values of each executed node.
        ui: what each node displayed, if anything.
        seconds: duration of each executed node, in order of execution.
        total: duration of the whole run in seconds, validation included.
        files: files written to the output folder.
    """

    prompt_id: str
    api: dict[str, dict[str, Any]]
    values: dict[str, dict[str, object]] = field(default_factory=dict)
    outputs: dict[str, tuple[object, ...]] = field(default_factory=dict)
    ui: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    total: float = 0.0
    files: list[Path] = field(default_factory=list)


def execute(
    api: Mapping[str, Any],
    host: StandaloneHost,
    *,
    on_event: OnEvent | None = None,
    nodes: Nodes | None = None,
    extra_pnginfo: dict[str, Any] | None = None,
) -> RunResult:
    """Validates a graph and runs it.

    Args:
        api: workflow in API format.
        host: services for the nodes.
        on_event: called with ("note", {text}) for parts of the graph that are ignored, then with
            ("start", {node_id, called, index, count}) before and ("done", {node_id, called,
            seconds}) after each node.
        nodes: supported nodes; LatentSteer's and the stand-ins for ComfyUI's if None.
        extra_pnginfo: texts for the PNG files, in addition to the graph.

    Raises:
        WorkflowError: the graph is invalid; nothing has run.
        NodeError: a node failed.
        RunInterrupted: a stop was requested.
    """
    begin, known = time.perf_counter(), load_nodes() if nodes is None else nodes
    with use(host):
        graph = validate(api, known)
    result = RunResult(str(uuid.uuid4()), copy.deepcopy(dict(api)))
    result.values = {node_id: dict(graph.nodes[node_id].values) for node_id in graph.order}
    before = len(host.files)
    notify = on_event or (lambda event, data: None)
    for text in graph.notes:
        notify("note", {"text": text})
    for index, node_id in enumerate(graph.order):
        host.raise_if_interrupted()
        node = graph.nodes[node_id]
        about: dict[str, Any] = {"node_id": node_id, "called": node.called}
        notify("start", {**about, "index": index, "count": len(graph.order)})
        start = time.perf_counter()
        _run(node, graph, host, result, extra_pnginfo)
        result.seconds[node_id] = time.perf_counter() - start
        notify("done", {**about, "seconds": result.seconds[node_id]})
    result.files = host.files[before:]
    result.total = time.perf_counter() - begin
    return result


def _run(
    node: Node,
    graph: Graph,
    host: StandaloneHost,
    result: RunResult,
    extra_pnginfo: dict[str, Any] | None,
) -> None:
    import torch

    linked = {name: result.outputs[link.node][link.slot] for name, link in node.links.items()}
    asked = node.schema.hidden or ()
    everything = HiddenHolder(node.id, result.api, extra_pnginfo)
    given = {hidden.name: getattr(everything, hidden.name) for hidden in asked}
    try:
        running = with_hidden(node.type, HiddenHolder(**given))
        with host.executing(result.prompt_id, node.id), torch.inference_mode():
            returned: object = running.execute(**node.values, **linked)
            if inspect.isawaitable(returned):
                returned = asyncio.run(_wait(returned))
        output = normalised_output(node.type, node.schema, returned)
    except RunInterrupted as error:
        files = [
            *host.interrupted_files,
            *(f for f in error.files if f not in host.interrupted_files),
        ]
        raise RunInterrupted(f"interrupted in {node.called}", files) from error
    except Exception as error:
        raise NodeError(node.id, node.called, error) from error
    result.outputs[node.id] = output.args
    if output.ui is not None:
        result.ui[node.id] = _shown(output)


async def _wait(awaitable: Any) -> object:  # noqa: ANN401 - whatever an async execute returns
    return await awaitable


def _shown(output: NodeOutput) -> dict[str, Any]:
    if isinstance(output.ui, Mapping):
        return dict(output.ui)
    assert output.ui is not None
    return dict(output.ui.as_dict())
