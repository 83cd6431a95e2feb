"""Commands `latentsteer inspect`, `convert` and `parity` for model files outside of a graph."""

import argparse
import json
import math
from pathlib import Path
from typing import Any

from ...core.auxiliaries import AUXILIARIES, open_model
from ...core.auxiliary import Discriminator
from ...core.checkpoints.architecture import Architecture, detect, load_detected
from ...core.checkpoints.cache import cache_folder, convert
from ...core.checkpoints.checkpoint import read
from ...core.checkpoints.parity import TOLERANCE, compared, read_arrays
from ...core.checkpoints.record import Checkpoint, held_in
from ...core.errors import CheckpointError
from ...core.files import replacing
from ...core.generator import ConditionalGenerator, Generator
from ...core.generators import ARCHITECTURES, DISCRIMINATORS, PARTS
from ...core.generators.beside import GeneratorPart
from ...core.generators.nvae.readjusting import readjust
from ...core.zoo.licences import licence_of, shipped_licence
from . import report

__all__ = ["inspected", "run_convert", "run_inspect", "run_parity"]

ALL: tuple[Architecture[Any], ...] = (*ARCHITECTURES, *DISCRIMINATORS, *PARTS, *AUXILIARIES)

UNKNOWN = 2
"""Exit code of parity if the architecture knows none of the named outputs."""


def run_inspect(args: argparse.Namespace) -> int:
    """Prints the architecture of a model file, and what was assumed about it."""
    facts = inspected(args.file)
    width = max(map(len, facts))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in facts.items()))
    if args.json:
        report.write_report(args.json, facts)
    return 0


def run_convert(args: argparse.Namespace) -> int:
    """Writes a model file as safetensors that every loader opens alike."""
    if args.readjust is None:
        convert(args.source, args.target)
    else:
        readjust(args.source, args.target, args.readjust, report=_every_tenth)
    print(f"{args.target} ({args.target.stat().st_size / 1e6:.1f} MB)")
    return 0


def _every_tenth(done: int, total: int) -> None:
    if done % max(total // 10, 1) == 0:
        print(f"pass {done} of {total}", flush=True)


def run_parity(args: argparse.Namespace) -> int:
    """Compares outputs with those of the authors' code.

    Returns:
        0 if all are within the tolerance, 1 if one is not, 2 if none is known.
    """
    arrays = read_arrays(args.arrays)
    checkpoint = read(args.checkpoint)
    architecture: Architecture[Any] = detect(checkpoint, ALL)
    rows = compared(checkpoint, architecture, arrays)
    if not rows:
        print(f"{architecture.id}: none of {', '.join(arrays)} is a known output")
        return UNKNOWN
    print("\n".join(map(str, rows)))
    kept = sum(row.holds for row in rows)
    print(f"{architecture.id}: {kept} of {len(rows)} outputs within {TOLERANCE:g}")
    if args.json:
        flat = {row.name: row.error for row in rows}
        report.write_report(args.json, {"family": architecture.id, "errors": flat})
    if kept < len(rows):
        return 1
    _remember(checkpoint, max(row.error for row in rows), len(rows))
    return 0


def inspected(path: Path) -> dict[str, Any]:
    """Returns facts about a model file or folder by name, as texts and numbers.

    Raises:
        CheckpointError: it cannot be opened, or no known architecture recognises it.
    """
    try:
        checkpoint = read(path)
        if checkpoint.config.get("what"):
            return _own(checkpoint)
        family = detect(checkpoint, ALL)
    except CheckpointError:
        if not path.is_dir():
            raise
        return {"file": str(path)} | _auxiliary(open_model(path))
    model = load_detected(checkpoint, ALL)
    facts: dict[str, Any] = {"file": str(path), "sha256": checkpoint.sha256, "family": family.id}
    facts |= _model(model)
    if licence := shipped_licence(checkpoint.sha256):
        facts["licence"] = licence
    facts["options"] = ", ".join(family.option_names) or "none"
    for name, fact in (family.facts(checkpoint) if family.facts else {}).items():
        facts[f"assumed: {name}"] = fact
    if left_out := getattr(checkpoint.tensors, "left_out", {}):
        count = f"{len(left_out)} tensors" if len(left_out) > 1 else "a tensor"
        why = next(iter(left_out.values()))
        facts["not read"] = f"{count}, which the model above does not use: it {why}"
    facts["verified"] = _verdict(checkpoint, family)
    return facts


def _own(checkpoint: Checkpoint) -> dict[str, Any]:
    """Facts about a file that LatentSteer wrote and that holds no model, such as a translator."""
    facts: dict[str, Any] = {"file": str(checkpoint.path), "sha256": checkpoint.sha256}
    facts["holds"] = held_in(checkpoint)
    for name, value in sorted(checkpoint.config.items()):
        if name not in ("what", "licence") and isinstance(value, str | int | float):
            facts[name.replace("_", " ")] = value
    return facts | {"licence": licence_of(checkpoint)}


def _model(model: Any) -> dict[str, Any]:  # noqa: ANN401 - of any kind
    if isinstance(model, ConditionalGenerator):
        return {
            "kind": "conditional generator",
            "image size": " x ".join(map(str, model.image_size)),
            "needs": ", ".join(model.needs),
            "domains": ", ".join(model.domains) or "none",
            "licence": model.licence,
        }
    if isinstance(model, GeneratorPart):
        belongs = f"a generator {model.architecture}: keep both files in one folder"
        return {"kind": model.kind, "belongs to": belongs, **model.facts}
    return _generator(model) if isinstance(model, Generator) else _auxiliary(model)


def _generator(model: Generator) -> dict[str, Any]:
    bounded = [b for b in model.source.blocks if math.isfinite(b.low) or math.isfinite(b.high)]
    return {
        "kind": "generator",
        "image size": " x ".join(map(str, model.image_size)),
        "latents": f"{model.source}, {model.source.dim} numbers",
        "bounds": "; ".join(f"{b.name} in [{b.low:g}, {b.high:g}]" for b in bounded) or "none",
        "prior": str(model.prior),
        "log density": "no" if model.prior.log_density is None else "yes",
        "discriminator": "no" if model.discriminator is None else "yes",
        "encoder": "no" if model.encode is None else "yes",
        "licence": model.licence,
    }


def _auxiliary(model: Any) -> dict[str, Any]:  # noqa: ANN401 - a captioner is no auxiliary
    facts: dict[str, Any] = {"kind": type(model).__name__.lower()}
    if hasattr(model, "name"):
        facts["name"] = model.name
    if hasattr(model, "embed_dim"):
        facts["numbers in a condition"] = model.embed_dim
    if isinstance(model, Discriminator):
        facts["classes"] = str(model.classes) if model.classes else "none"
    elif hasattr(model, "classes"):
        facts["classes"] = ", ".join(model.classes[:10]) + (", ..." * (len(model.classes) > 10))
    size = getattr(model, "image_size", None)
    return facts if size is None else facts | {"image size": size}


def _record(checkpoint: Checkpoint) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / f"{checkpoint.sha256[:32]}.parity.json"


def _remember(checkpoint: Checkpoint, error: float, outputs: int) -> None:
    """Records in the cache that a file was verified, if the cache is writable."""
    if (path := _record(checkpoint)) is None:
        return
    found = {"sha256": checkpoint.sha256, "error": error, "outputs": outputs}
    try:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(found), encoding="utf-8")
    except OSError:
        return


def _verdict(checkpoint: Checkpoint, family: Architecture[Any]) -> str:
    if family.parity is None:
        return "unverified: there is no parity check for this family"
    path = _record(checkpoint)
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path else {}
        if found.get("sha256") == checkpoint.sha256:
            return (
                f"verified: {int(found['outputs'])} outputs of its authors' code within "
                f"{float(found['error']):.1e}"
            )
    except (AttributeError, LookupError, OSError, TypeError, ValueError):
        pass
    return "unverified: run `latentsteer parity` on it with arrays from its authors' code"
