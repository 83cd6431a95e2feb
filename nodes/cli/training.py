"""Commands `latentsteer pairs` and `latentsteer train`, which `torchrun` starts on each device."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypeAlias

    from ..standalone.graph import Api

    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # pyright: ignore[reportPrivateUsage]

__all__ = ["add_pairs", "add_train"]


def add_pairs(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds the command that makes pairs; returns its parser."""
    sub = commands.add_parser(
        "pairs", parents=[common], help="make pairs, on one device or by torchrun on many"
    )
    sub.add_argument("--name", required=True, metavar="NAME", help="folder of the pairs")
    _add_models(sub)
    sub.set_defaults(run=lambda args: _run(args, _pairs(args, args.name)))
    return sub


def add_train(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds the command that trains a translator; returns its parser."""
    sub = commands.add_parser(
        "train",
        parents=[common],
        help="train a translator on pairs, on one device or by torchrun on many",
    )
    sub.add_argument("--name", required=True, metavar="NAME", help="file of the translator")
    sub.add_argument(
        "--pairs", required=True, metavar="NAME", help="folder of the pairs; missing ones are made"
    )
    _add_models(sub)
    sub.set_defaults(run=lambda args: _run(args, _training(args)))
    return sub


def _add_models(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--generator", required=True, metavar="FILE", help="as in Load Generator")
    sub.add_argument("--auxiliary", required=True, metavar="FILE", help="as in Load Aux Model")
    sub.add_argument(
        "--captioner", metavar="FILE", help="as in Load Aux Model: f embeds its captions"
    )
    sub.add_argument(
        "--count", type=int, metavar="N", help="number of pairs (default: the node's)"
    )
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NODE.INPUT=VALUE",
        help="change a widget of a node by its title, such as 'Train Translator.recipe=paper'; "
        "can be repeated",
    )


def _add(api: Api, kind: str, title: str, **inputs: object) -> list[Any]:
    """Adds a node to a graph in API format; returns the link to its first output."""
    number = str(len(api) + 1)
    api[number] = {
        "class_type": f"LatentSteer_{kind}",
        "inputs": {name: value for name, value in inputs.items() if value is not None},
        "_meta": {"title": title},
    }
    return [number, 0]


def _pairs(args: argparse.Namespace, name: str) -> Api:
    """Returns the graph that makes pairs, Synthesise Pairs being its last node."""
    api: Api = {}
    generator = _add(api, "LoadGenerator", "Load Generator", file=args.generator)
    auxiliary = _add(api, "LoadAuxModel", "Load Aux Model", file=args.auxiliary)
    if args.captioner:
        captioner = _add(api, "LoadAuxModel", "Load captioner", file=args.captioner)
        auxiliary = _add(
            api, "CaptionAuxModel", "Caption Aux Model", captioner=captioner, clip=auxiliary
        )
    models = {"generator": generator, "auxiliary": auxiliary}
    _add(api, "SynthesisePairs", "Synthesise Pairs", **models, count=args.count, name=name)
    return api


def _training(args: argparse.Namespace) -> Api:
    """Returns the graph that makes missing pairs, trains on all and saves the translator."""
    api = _pairs(args, args.pairs)
    number = str(len(api))
    models = {name: api[number]["inputs"][name] for name in ("generator", "auxiliary")}
    translator = _add(
        api, "TrainTranslator", "Train Translator", **models, synthesised=[number, 0]
    )
    _add(api, "SaveTranslator", "Save Translator", translator=translator, name=args.name)
    return api


def _run(args: argparse.Namespace, api: Api) -> int:
    """Runs a graph in every process that torchrun has started, or here alone."""
    import torch

    from ...core.pairs.processes import launched_together
    from ..standalone.executor import execute
    from ..standalone.host import StandaloneHost, use
    from ..standalone.registry import load_nodes, schemas_of
    from .run import say, show
    from .settings import apply_settings

    nodes, host = load_nodes(), StandaloneHost()
    host.configure(args.base, args.base / "out" if args.out is None else args.out, args.device)
    with use(host):
        api = apply_settings(api, args.settings, schemas_of(nodes, api))
    gpu = args.device in ("auto", "cuda") and torch.cuda.is_available()
    with launched_together(gpu=gpu) as processes, host.catching_sigint():
        host.joined = processes
        silent = processes.rank > 0
        result = execute(api, host, nodes=nodes, on_event=None if silent else say)
        if not silent:
            show(result)
    return 0
