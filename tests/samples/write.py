"""Writes samples of the files of an earlier version of LatentSteer; runs with that version's code.

    PYTHONPATH=PACKAGES python write.py CHECKOUT OUTPUT

PACKAGES is a folder that has the checkout of that version as `latentsteer`; OUTPUT is a folder
with the version's short name. `README.md` describes what is written.
"""

import gzip
import json
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import torch
from safetensors.torch import save_file

BIGGAN, STYLEGAN = "biggan_cifar_ajbrock.pth", "sg2_tf_configf32.pkl"
LATENTS = ("digits_prior", "avatars_basis", "biggan_prior", "stylegan_w")
INTERRUPTED = ("langevin", "adam_basis", "krr", "cma_es", "compose", "inversion")
GRAPHS = {
    "a2d8531": (
        "krr_avatars_editing",
        "krr_avatars_inpainting",
        "tr0n_digits_bayes_0_20",
        "fusedream_avatars_attack",
        "fusedream_pixels_attack",
        "fusedream_avatars_composition",
        "fusedream_biggan_upscaled",
        "krr_cifar_only_real",
    ),
    "73d3504": (
        "krr_digits_only_condition",
        "tr0n_digits_no_error_correction",
        "fusedream_avatars_basin_cma",
        "fusedream_avatars_interpolation",
        "fusedream_avatars_views",
        "tr0n_avatars_interpolation",
        "fusedream_biggan_composition_seeds",
        "krr_faces_editing",
        "tr0n_biggan_text",
    ),
}


def module(place):
    """A module of this version, or None where it has none of that name."""
    try:
        return import_module(f"latentsteer.{place}")
    except ModuleNotFoundError:
        return None


def ours(name, *places):
    """A name from the first of these modules: they moved between the versions."""
    return getattr(next(filter(None, map(module, places))), name)


read = ours("read", "core.checkpoints.checkpoint", "core.checkpoints")
load_latents = ours("load_latents", "core.latents")
Translator = ours("Translator", "core.translators.translator", "core.translator")
execute = ours("execute", "nodes.standalone.executor", "nodes.cli.executor")
StandaloneHost = ours("StandaloneHost", "nodes.standalone.host", "nodes.cli.standalone")
Progress = ours("Progress", "nodes.standalone.host", "nodes.cli.standalone")
Interrupted = ours("Interrupted", "nodes.standalone.errors", "nodes.cli.errors")
NODES = ours("load_nodes", "nodes.standalone.registry", "nodes.cli.registry")()
default_of = ours("default_of", "nodes.standalone.values", "nodes.cli.values")
has_control = ours("has_control", "nodes.standalone.values", "nodes.cli.values")
has_upload = ours("has_upload", "nodes.standalone.values", "nodes.cli.values")
widgets = ours("widgets", "nodes.standalone.values", "nodes.cli.values")


class Graph:
    """An API graph with every widget."""

    def __init__(self):
        self.api = {}

    def add(self, kind, /, **inputs):
        """Adds a node and returns the link to its first output."""
        kind = f"LatentSteer_{kind}"
        defaults = {w.id: default_of(w) for w in widgets(NODES[kind].schema())}
        number = str(len(self.api) + 1)
        self.api[number] = {"class_type": kind, "inputs": {**defaults, **inputs}}
        return [number, 0]

    def digits(self, count=1):
        """Models, an energy and a start of the embedded digits."""
        generator = self.add("LoadGenerator", file="digits (embedded)")
        classifier = self.add("LoadAuxModel", file="digits classifier (embedded)")
        rows = {"classes": "3", "samples_per_class": count}
        condition = self.add("ClassCondition", auxiliary=classifier, **rows)
        energy = self.add("EnergyClassifier", auxiliary=classifier, condition=condition)
        start = self.add("PriorInit", generator=generator, samples=count, seed=1)
        return generator, classifier, energy, start

    def avatars(self):
        """Model, energy and a basis of the embedded avatars."""
        generator = self.add("LoadGenerator", file="avatars (embedded)")
        clip = self.add("LoadAuxModel", file="avatars CLIP (embedded)")
        prompts = "smiling woman with pink hair"
        condition = self.add("TextCondition", auxiliary=clip, prompts=prompts)
        energy = self.add("EnergyCLIP", auxiliary=clip, condition=condition, views=1)
        few = {"samples": 1, "candidates": 4, "keep": 2, "seed": 2}
        models = {"generator": generator, "energy": energy, "condition": condition}
        return generator, energy, self.add("BasisInit", **models, **few)

    def save(self, latents, name):
        """Adds Save Latents."""
        self.add("SaveLatents", latents=latents, name=name)
        return self


def saved(name):
    """The graph that saves the latents of this name."""
    graph = Graph()
    if name == "avatars_basis":
        return graph.save(graph.avatars()[2], name)
    options = {"file": {"biggan_prior": BIGGAN, "stylegan_w": STYLEGAN}.get(name)}
    if name == "digits_prior":
        options = {"file": "digits (embedded)"}
    if name == "stylegan_w":
        options |= {"latent": "w", "truncation": 0.7}
    generator = graph.add("LoadGenerator", **options)
    return graph.save(graph.add("PriorInit", generator=generator, samples=2, seed=3), name)


def interrupted(name):
    """The graph of the run that is interrupted."""
    graph = Graph()
    steps = {"steps": 4}
    if name == "adam_basis":
        generator, energy, start = graph.avatars()
        graph.save(graph.add("AdamRefine", generator=generator, energy=energy, start=start), name)
        return graph
    generator, classifier, energy, start = graph.digits(2 if name == "krr" else 1)
    models = {"generator": generator, "energy": energy, "start": start, **steps}
    if name == "langevin":
        return graph.save(graph.add("LangevinRefine", **models), name)
    if name == "krr":
        own = {"auxiliary": classifier, "eta": 50.0, "xi": 50.0}
        return graph.save(graph.add("KRRFlowRefine", **models, **own), name)
    if name == "cma_es":
        return graph.save(graph.add("CMAESRefine", **models, population=4), name)
    other = graph.add("PriorInit", generator=generator, samples=1, seed=4)
    if name == "compose":
        halves = {"foreground": start, "background": other, "scales": "0.6", "places": "centre"}
        models = {"generator": generator, "energy": energy}
        composed = graph.add("ComposeFuse", **models, **halves, **steps, learning_rate=0.05)
        return graph.save([composed[0], 2], name)
    images = graph.add("Decode", generator=generator, latents=other)
    own = {"generator": generator, "images": images, "candidates": 2, **steps}
    return graph.save(graph.add("ImageToLatents", **own), name)


def stopping(step):
    """Makes a host that stops its refinement after so many steps."""

    class Watched(Progress):
        def update(self, done, preview=None):
            if done == step and self.watched:
                self._host.request_interrupt()
            super().update(done, preview)

    def progress(host, total, label=""):
        bar = Watched(host, total, label)
        bar.watched = "Refine" in label or "Compose" in label or label == "Image to Latents"
        return bar

    return progress


def thumbnail(latents, generator):
    """4 x 4 means of the images."""
    with torch.inference_mode(False), torch.no_grad():
        rng = latents.rng(0, "decode")
        images = generator(latents.chart(latents.values, rng), rng)
    return torch.nn.functional.adaptive_avg_pool2d(images, 4).contiguous()


def main(checkout, folder):
    """Writes all samples."""
    version = folder.name
    base = Path(tempfile.mkdtemp())
    models = base / "models" / "latentsteer_generators"
    models.mkdir(parents=True)
    for name in (BIGGAN, STYLEGAN):
        shutil.copy(Path(__file__).parents[1] / "core" / "parity" / name, models / name)
    expected, runs = {}, {}
    (folder / "graphs").mkdir(parents=True, exist_ok=True)

    def keep(name, path, generator):
        shutil.copy(path, folder / f"{name}.safetensors")
        latents = load_latents(path)
        if name in ("avatars_basis", "adam_basis"):
            expected[f"{name}.plain"] = latents.plain().values
        if name != "compose":  # whose samples are pairs of latents
            expected[f"{name}.image"] = thumbnail(latents, generator)

    for name in LATENTS:
        host = StandaloneHost(base, base / name, "cpu")
        runs[name] = saved(name).api
        result = execute(runs[name], host, nodes=NODES)
        keep(name, *host.out.glob("latents/*.safetensors"), result.outputs["1"][0])

    whole = StandaloneHost.progress
    for name in INTERRUPTED:
        host = StandaloneHost(base, base / name, "cpu")
        runs[name] = interrupted(name).api
        own = {"1": runs[name]["1"], "2": {"class_type": "LatentSteer_PriorInit"}}
        own["2"]["inputs"] = {**runs["digits_prior"]["2"]["inputs"], "generator": ["1", 0]}
        own["3"] = runs["digits_prior"]["3"]
        loaded = execute(own, StandaloneHost(base, base / "other", "cpu"), nodes=NODES)
        generator = loaded.outputs["1"][0]
        StandaloneHost.progress = stopping(2)
        try:
            execute(runs[name], host, nodes=NODES)
        except Interrupted:
            (path,) = host.interrupted_files
        else:
            raise SystemExit(f"{name} was not interrupted")
        finally:
            StandaloneHost.progress = whole
        keep(name, path, generator)

    graph = Graph()
    generator, classifier, _, _ = graph.digits()
    few = {"pairs": 64, "epochs": 1, "hidden": 8, "components": 2}
    trained = graph.add("TrainTranslator", generator=generator, auxiliary=classifier, **few)
    graph.add("SaveTranslator", translator=trained, name="translator")
    runs["translator"] = graph.api
    execute(graph.api, StandaloneHost(base, base / "out", "cpu"), nodes=NODES)
    (path,) = (base / "models" / "latentsteer_translators").glob("*.safetensors")
    shutil.copy(path, folder / "translator.safetensors")
    translator = Translator.from_checkpoint(read(path))
    conditions = torch.eye(translator.config.embed_dim)
    with torch.no_grad():
        logits, means = translator.parameters_of(conditions)
        points = translator.mode(conditions) + 0.1
        known = translator(conditions).log_prob(points)
    expected |= {"translator.logits": logits, "translator.means": means}
    expected |= {"translator.points": points, "translator.log_prob": known}

    whole = {name: value.contiguous().clone() for name, value in expected.items()}
    save_file(whole, folder / "expected.safetensors")
    dump(folder / "runs.json", runs)
    dump(folder / "schemas.json", {name: shape(node.schema()) for name, node in NODES.items()})
    for name in GRAPHS[version]:
        both = {
            kind: json.loads(Path(checkout, place, f"{name}.json").read_text(encoding="utf-8"))
            for kind, place in (("api", "workflows/api"), ("canvas", "workflows"))
        }
        packed = gzip.compress(json.dumps(both, separators=(",", ":")).encode(), mtime=0)
        (folder / "graphs" / f"{name}.json.gz").write_bytes(packed)


def shape(schema):
    """What saved graphs rely on: names and types in their order."""
    shown = [widget.id for widget in widgets(schema)]
    sockets = {i.id: i.get_io_type() for i in schema.inputs or () if i.id not in shown}
    outputs = [output.io_type for output in schema.outputs or ()]
    options = {w.id: list(w.options) for w in widgets(schema) if fixed(w)}
    followed = [w.id for w in widgets(schema) if has_control(w) or has_upload(w)]
    names = {"widgets": shown, "followed": followed}
    return {**names, "sockets": sockets, "outputs": outputs, "options": options}


def fixed(widget):
    """Whether a widget offers a list that depends on no folder."""
    return bool(getattr(widget, "options", None)) and widget.id not in ("file", "image")


def dump(path, content):
    """Writes JSON on one line."""
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
