"""Command `latentsteer train-d2c`, which `torchrun` starts on each device."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    from ...core.d2c.training.settings import D2CConfiguration
    from ...core.d2c.training.steps import Losses
    from ...core.pairs.processes import Processes
    from ..standalone.host import StandaloneHost

    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # pyright: ignore[reportPrivateUsage]

__all__ = ["add_train_d2c"]

KIND = "latentsteer_generators"


def add_train_d2c(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds the command that trains a D2C; returns its parser."""
    sub = commands.add_parser(
        "train-d2c",
        parents=[common],
        help="train a D2C on a folder of images, on one device or by torchrun on many",
    )
    sub.add_argument("--images", type=Path, required=True, metavar="DIR", help="the images")
    sub.add_argument("--name", required=True, metavar="NAME", help="file of the generator")
    sub.add_argument(
        "--configuration",
        default="small 64",
        metavar="NAME",
        help="networks and hyperparameters (default: small 64; an unknown name lists all)",
    )
    sub.add_argument(
        "--scheme",
        choices=("joint", "two-stage"),
        help="equations 4 and 5 at once, or the released two stages (default: the "
        "configuration's)",
    )
    sub.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="change a hyperparameter, such as steps=5000, batch_size=32, bf16=true, "
        "contrastive_weight=0, contrast.temperature=0.2; can be repeated",
    )
    sub.add_argument(
        "--pictures",
        type=int,
        default=500,
        metavar="N",
        help="batches between two pictures of reconstructions and samples (default: 500)",
    )
    sub.add_argument(
        "--keep-seconds",
        type=float,
        default=300.0,
        metavar="S",
        help="seconds between two writings of the unfinished training (default: 300)",
    )
    sub.set_defaults(run=_run, writes=True)
    return sub


def _run(args: argparse.Namespace) -> int:
    import torch

    from ...core.errors import InvalidInput
    from ...core.pairs.processes import launched_together
    from ..file_names import checked_name
    from ..standalone.host import StandaloneHost

    checked_name(args.name)
    if args.pictures < 1:
        raise InvalidInput(f"--pictures {args.pictures}; expected at least 1.")
    configuration = _configuration(args)
    host = StandaloneHost()
    host.configure(args.base, args.base / "out" if args.out is None else args.out, args.device)
    gpu = args.device in ("auto", "cuda") and torch.cuda.is_available()
    with launched_together(gpu=gpu) as processes, host.catching_sigint():
        _train(args, configuration, host, processes)
    return 0


def _configuration(args: argparse.Namespace) -> D2CConfiguration:
    from dataclasses import replace

    from ...core.d2c.training.changes import changed_configuration
    from ...core.d2c.training.configurations import configuration_named

    found = configuration_named(args.configuration)
    own = found.training
    if args.scheme == "joint" and own.scheme != "joint":
        own = replace(
            own,
            scheme="joint",
            diffusion_steps=0,
            reconstructed="clean",
            diffusion_weight=own.reconstruction_weight,
        )
    if args.scheme == "two-stage" and own.scheme != "two-stage":
        own = replace(own, scheme="two-stage", diffusion_steps=own.steps)
    return changed_configuration(replace(found, training=own), args.settings)


def _train(
    args: argparse.Namespace,
    configuration: D2CConfiguration,
    host: StandaloneHost,
    processes: Processes,
) -> None:
    from ...core.d2c.training.fitting import fit_d2c, save_d2c
    from ...core.d2c.training.images import training_images
    from ...core.d2c.training.loss_table import LossTable
    from ...core.d2c.training.pictures import TrainingPictures
    from ...core.translators.progress import TrainingFile

    folder = host.out / "d2c" / args.name
    first = processes.rank == 0
    images = training_images(args.images, configuration.resolution)
    table = LossTable(folder / "losses.csv")
    bar = host.progress(configuration.training.batches, f"train-d2c {args.name}")
    kept = TrainingFile(folder / "training.safetensors", args.keep_seconds)

    def report(done: int, losses: Losses) -> None:
        if first:
            table.add(done, losses)
        bar.update(done)

    try:
        networks = fit_d2c(
            images,
            configuration,
            seed=args.seed,
            device=host.device(),
            report=report,
            progress=kept,
            processes=processes,
            shown=TrainingPictures(folder, args.pictures),
        )
    finally:
        bar.close()
        if first:
            table.close()
        if kept.path.exists():
            host.record_interrupted(kept.path, "latentsteer train-d2c")
    if first:
        path = host.model_folder(KIND)[0] / f"{args.name}.safetensors"
        save_d2c(networks, configuration, path)
        print(f"{len(images)} images, pictures in {folder}", file=sys.stderr)
        print(path)
