"""Graphs of LatentSteer's nodes on the embedded digits, run by the standalone host."""

import shutil
from types import SimpleNamespace

import pytest
from latentsteer.core.checkpoints.checkpoint import read, write
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.host import autograd
from latentsteer.nodes.load.auxiliary import LoadAuxModel
from latentsteer.nodes.standalone.api.schema import io
from latentsteer.nodes.standalone.errors import NodeError, WorkflowError
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.host import StandaloneHost, TerminalProgress
from latentsteer.nodes.standalone.registry import load_nodes
from latentsteer.nodes.standalone.values import default_of, widgets

GENERATOR = "digits (embedded)"
CLASSIFIER = "digits classifier (embedded)"
JUDGE = "digits judge (embedded)"
OTHER, TRANSLATOR = "other.safetensors", "tiny.safetensors"
TINY = {"pairs": 256, "epochs": 1, "hidden": 32, "components": 3, "learning_rate": 0.01}


class Keep(io.ComfyNode):
    """An output node for any value, so that its input is computed."""

    @classmethod
    def define_schema(cls):
        inputs = [io.AnyType.Input("value")]
        return io.Schema(node_id="Keep", inputs=inputs, outputs=[], is_output_node=True)

    @classmethod
    def execute(cls, value):
        return io.NodeOutput()


NODES = {**load_nodes(), "Keep": Keep}


class Graph:
    """Builder of an API graph; widgets that are not given get their defaults.

    But `chunk` is fast: fixed chunks compute eight samples where most tests have one or two.
    """

    def __init__(self, chunk="fast"):
        self.api, self.chunk = {}, chunk

    def add(self, kind, /, **inputs):
        """Adds a node; returns a link to its first output."""
        known = kind if kind in NODES else f"LatentSteer_{kind}"
        defaults = {w.id: default_of(w) for w in widgets(NODES[known].schema())}
        defaults |= {"chunk": self.chunk} if "chunk" in defaults else {}
        number = str(len(self.api) + 1)
        self.api[number] = {"class_type": known, "inputs": {**defaults, **inputs}}
        return [number, 0]

    def models(self, generator=GENERATOR, classifier=CLASSIFIER):
        return SimpleNamespace(
            generator=self.add("LoadGenerator", file=generator),
            classifier=self.add("LoadAuxModel", file=classifier),
        )

    def steered(self, classes="3, 5", each=1):
        """Both models, a condition and the classifier's energy."""
        made = self.models()
        made.condition = self.add(
            "ClassCondition", auxiliary=made.classifier, classes=classes, samples_per_class=each
        )
        made.energy = self.add(
            "EnergyClassifier", auxiliary=made.classifier, condition=made.condition
        )
        return made

    def from_prior(self, made, **inputs):
        return self.add("PriorInit", generator=made.generator, condition=made.condition, **inputs)

    def from_translator(self, made, **inputs):
        translator = self.add("LoadTranslator", file=TRANSLATOR)
        models = {"translator": translator, "generator": made.generator}
        return self.add("TranslatorInit", condition=made.condition, **models, **inputs)

    def refined(self, made, start, kind="LangevinRefine", **inputs):
        inputs = {"steps": 3, **inputs}
        return self.add(kind, generator=made.generator, start=start, energy=made.energy, **inputs)

    def complete(self):
        """Returns the graph, with every node computed."""
        links = [v for n in self.api.values() for v in n["inputs"].values() if type(v) is list]
        taken = {link[0] for link in links}
        loose = [n for n, raw in self.api.items() if n not in taken and _gives(raw)]
        keep = {f"keep {n}": {"class_type": "Keep", "inputs": {"value": [n, 0]}} for n in loose}
        return {**self.api, **keep}


def _gives(raw):
    schema = NODES[raw["class_type"]].schema()
    return bool(schema.outputs) and not schema.is_output_node


class Ran:
    """A finished run, which maps links to the values of outputs."""

    def __init__(self, result):
        self.result = result

    def __getitem__(self, link):
        return self.result.outputs[link[0]][link[1]]

    def trace(self, refiner):
        """A refiner's second output."""
        return self.result.outputs[refiner[0]][1]

    def ui(self, link):
        return self.result.ui[link[0]]


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A base folder with a second generator, and a translator of the embedded one."""
    folder = tmp_path_factory.mktemp("base")
    models = folder / "models"
    own = read(catalogue.embedded(GENERATOR))
    name = "generator.image.weight"
    tensors = {**own.tensors, name: own.tensors[name] * 1.01}
    write(models / "latentsteer_generators" / OTHER, tensors, own.config)
    graph = Graph()
    made = graph.models()
    trained = graph.add(
        "TrainTranslator", generator=made.generator, auxiliary=made.classifier, **TINY
    )
    graph.add("SaveTranslator", translator=trained, name=TRANSLATOR.removesuffix(".safetensors"))
    execute(graph.api, StandaloneHost(folder, folder / "out", "cpu"), nodes=NODES)
    shutil.rmtree(folder / "out", ignore_errors=True)
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def new_host(base, out):
    """Makes hosts on the shared models, each as if a new program had started."""
    return lambda folder=base: StandaloneHost(folder, out, "cpu")


@pytest.fixture
def run(new_host):
    """Runs every node of a graph; returns its values by link."""

    def go(graph, host=None, **options):
        host = host or new_host()
        return Ran(execute(graph.complete(), host, nodes=NODES, **options))

    return go


@pytest.fixture
def new_graph(request):
    """Makes graphs; those of tests of equal bits have fixed chunks, of which bits are promised."""
    usual = "fixed" if request.node.get_closest_marker("bits") else "fast"
    return lambda chunk=usual: Graph(chunk)


@pytest.fixture
def graph(new_graph):
    return new_graph()


@pytest.fixture
def tiny():
    """Settings of a translator that trains quickly."""
    return dict(TINY)


@pytest.fixture
def at_step(monkeypatch):
    """Calls a function once, when a loop with this label has reached a step."""

    def plan(label, step, action):
        left = [action]

        class Watched(TerminalProgress):
            def update(self, done, preview=None):
                if self.label == label and done == step and left:
                    left.pop()(self._host)
                super().update(done, preview)

        def progress(host, total, label=""):
            bar = Watched(host, total, label)
            bar.label = label
            return bar

        monkeypatch.setattr(StandaloneHost, "progress", progress)

    return plan


@pytest.fixture
def fault(run):
    """Returns the message of a node that fails with an error of the library."""

    def go(graph, error):
        with pytest.raises(NodeError) as caught:
            run(graph)
        assert type(caught.value.__cause__) is error
        return str(caught.value)

    return go


@pytest.fixture
def refusal(run):
    """Returns the message for a graph that is refused before anything runs."""

    def go(graph):
        seen = []
        with pytest.raises(WorkflowError) as caught:
            run(graph, on_event=lambda event, data: seen.append(event))
        assert seen == []
        return str(caught.value)

    return go


@pytest.fixture
def own_base(tmp_path, new_host, run):
    """A base folder of the test; returns its folder of models and a function to run on it."""
    folder = tmp_path / "base"
    models = folder / "models"
    for kind in ("generators", "aux", "translators"):
        (models / f"latentsteer_{kind}").mkdir(parents=True)
    return models, lambda graph: run(graph, new_host(folder))


@pytest.fixture
def swapped(monkeypatch):
    """Makes Load Aux Model return another model for the judge's file."""

    def go(model):
        loaded = LoadAuxModel.execute

        def opened(cls, file, **options):
            if file != JUDGE:
                return loaded(file, **options)
            with autograd():
                return io.NodeOutput(model)

        monkeypatch.setattr(LoadAuxModel, "execute", classmethod(opened))

    return go


@pytest.fixture
def toy(swapped):
    """Makes Load Aux Model return a toy CLIP for the judge's file."""
    swapped(toy_clip())
