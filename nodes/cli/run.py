"""Command `latentsteer run`: runs a workflow file, here or on a server, and writes its report."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..standalone.canvas.formats import api_from_ui
from ..standalone.executor import RunResult, execute
from ..standalone.graph import check_shape, is_ui, read_workflow
from ..standalone.host import StandaloneHost, use
from ..standalone.registry import Nodes, load_nodes, schemas_of
from . import report
from .server import submit
from .settings import apply_settings

__all__ = ["run", "say", "show"]


def run(args: argparse.Namespace, nodes: Nodes | None = None) -> int:
    """Runs a workflow file.

    Args:
        args: workflow, settings, base, out, device, server and previews.
        nodes: supported nodes; LatentSteer's and the stand-ins for ComfyUI's if None.

    Returns:
        0; failures are raised.
    """
    known = load_nodes() if nodes is None else nodes
    host = StandaloneHost()
    out = args.base / "out" if args.out is None else args.out
    host.configure(args.base, out, args.device, write_previews=args.previews)
    content = read_workflow(args.workflow)
    with use(host):
        api = api_from_ui(content, schemas_of(known), _note) if is_ui(content) else content
        check_shape(api)
        api = apply_settings(api, args.settings, schemas_of(known, api))
    canvas = content if is_ui(content) else None
    with host.catching_sigint():
        if args.server:
            result = submit(
                api, args.server, host.out, workflow=canvas, stop=host.interrupt_requested
            )
            device = "server"
        else:
            device = str(host.device())
            pnginfo = None if canvas is None else {"workflow": canvas}
            result = execute(api, host, nodes=known, on_event=say, extra_pnginfo=pnginfo)
    content = report.build(
        result, workflow=args.workflow.name, device=device, server=args.server or None
    )
    report.write_report(host.out / "report.json", content)
    show(result)
    print(host.out / "report.json")
    return 0


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def say(event: str, data: dict[str, Any]) -> None:
    """Prints an event of a run to stderr: a note, or a finished node."""
    if event == "note":
        _note(data["text"])
    if event == "done":
        print(f"{data['seconds']:8.2f} s  {data['called']}", file=sys.stderr)


def show(result: RunResult) -> None:
    """Prints the texts of the nodes and the files of a run."""
    for node_id, shown in result.ui.items():
        for text in shown.get("text") or ():
            kind = result.api.get(node_id, {}).get("class_type")
            print(f"node {node_id} ({kind}): {text}")
    for path in result.files:
        print(path)
