"""Runs of graphs: order, inference mode, values between nodes, failures and stops."""

import json
import signal

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.nodes.standalone.api.node import HiddenHolder
from latentsteer.nodes.standalone.api.schema import io, ui
from latentsteer.nodes.standalone.errors import NodeError, RunInterrupted, WorkflowError
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.host import StandaloneHost, current, use
from latentsteer.nodes.standalone.images import save
from PIL import Image


@pytest.fixture
def loop():
    """A graph whose last node interrupts itself in its second step."""
    make = {"seed": 7, "size": 4, "chunk": "fixed", "scale": 1.0}
    return {
        "1": {"class_type": "ToyMake", "inputs": make},
        "2": {"class_type": "ToyDecode", "inputs": {"toy": ["1", 0], "weight": 0.5}},
        "3": {
            "class_type": "ToyLoop",
            "inputs": {"image": ["2", 0], "stop_at": 2, "presses": 1},
        },
    }


def test_a_run(api, nodes, host):
    events = []
    result = execute(api, host, nodes=nodes, on_event=lambda e, d: events.append((e, d)))
    state = result.ui["5"]["latentsteer"][0]
    assert state["id"] == "5"
    assert state["inference"]
    assert state["made_in_inference"]
    assert state["run_id"] == [result.prompt_id, "5"]
    assert list(result.seconds) == [d["node_id"] for e, d in events if e == "done"]
    assert sum(result.seconds.values()) <= result.total
    assert [path.name for path in result.files] == ["toy_00001_.png", "toy_00002_.png"]
    first, second = result.outputs["1"][0], result.outputs["2"][0]
    weight = result.outputs["2"][1]
    torch.testing.assert_close(result.outputs["3"][0], weight * first + (1 - weight) * second)
    assert not torch.is_inference_mode_enabled()
    assert host.run_id()[1] == ""


def test_each_node_runs_once(api, nodes, host):
    events = []
    execute(api, host, nodes=nodes, on_event=lambda e, d: events.append((e, d["node_id"])))
    assert sorted(n for e, n in events if e == "start") == sorted(api)


def test_nothing_runs_when_anything_is_wrong(api, nodes, host):
    api["5"]["inputs"] = {}
    events = []
    with pytest.raises(WorkflowError):
        execute(api, host, nodes=nodes, on_event=lambda e, d: events.append(e))
    assert not events
    assert not host.out.exists()


def test_pictures_carry_the_graph_and_are_never_overwritten(api, nodes, host):
    api["4"]["inputs"]["filename_prefix"] = "sub/toy"
    execute(api, host, nodes=nodes, extra_pnginfo={"workflow": {"nodes": []}})
    folder = host.out / "sub"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = execute(api, host, nodes=nodes)
    assert {path: path.read_bytes() for path in before} == before
    assert [path.name for path in result.files] == ["toy_00003_.png", "toy_00004_.png"]
    assert result.ui["4"]["images"][0] == {
        "filename": "toy_00003_.png",
        "subfolder": "sub",
        "type": "output",
    }
    with Image.open(folder / "toy_00001_.png") as picture:
        assert json.loads(picture.text["prompt"]) == api
        assert json.loads(picture.text["workflow"]) == {"nodes": []}
        assert (picture.size, picture.mode) == ((4, 4), "RGB")


@pytest.mark.parametrize("prefix", ["../escape", "/escape", "a/../../escape"])
def test_pictures_stay_in_their_folder(api, nodes, host, prefix):
    api["4"]["inputs"]["filename_prefix"] = prefix
    with pytest.raises(WorkflowError, match="leads out of"):
        execute(api, host, nodes=nodes)
    assert not list(host.base.glob("escape*"))


def test_prefixes_with_signs_that_windows_refuses(tmp_path):
    assert save(torch.zeros(1, 2, 2, 3), tmp_path, "a:b", {})[0].name == "a_b_00001_.png"


@pytest.mark.parametrize("shape", [(2, 2, 3), (1, 2, 2, 1), (1, 3, 2, 2)])
def test_only_images_are_saved(tmp_path, shape):
    with pytest.raises(ValueError, match="shape"):
        save(torch.zeros(shape), tmp_path, "a", {})


def test_load_image(nodes, host):
    (host.base / "input").mkdir()
    picture = Image.new("RGBA", (3, 2), (255, 0, 51, 0))
    picture.save(host.base / "input" / "cat.png")
    picture.convert("RGB").save(host.base / "input" / "dog.png")
    for name in ("cat.png", "dog.png"):
        api = {
            "1": {"class_type": "LoadImage", "inputs": {"image": name}},
            "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        }
        result = execute(api, host, nodes=nodes)
        image, mask = result.outputs["1"]
        torch.testing.assert_close(image, torch.tensor([1.0, 0, 0.2]).expand(1, 2, 3, 3))
        expected = torch.ones(1, 2, 3) if name == "cat.png" else torch.zeros(1, 64, 64)
        torch.testing.assert_close(mask, expected)
        assert result.ui["2"]["images"][0]["type"] == "temp"
        assert not result.files


def test_preview_image_outside_a_graph(host):
    with use(host):
        shown = ui.PreviewImage(torch.zeros(1, 2, 2, 3)).as_dict()
    assert (host.out / "temp" / shown["images"][0]["filename"]).is_file()


@pytest.mark.parametrize(
    ("how", "cause"),
    [("library", InvalidInput), ("bug", RuntimeError), ("dict", TypeError), ("count", TypeError)],
)
def test_failures_name_the_node(nodes, host, how, cause):
    api = {"7": {"class_type": "ToyFail", "inputs": {"how": how}, "_meta": {"title": "Mine"}}}
    with pytest.raises(NodeError, match=r"node 7 \(ToyFail, 'Mine'\): ") as caught:
        execute(api, host, nodes=nodes)
    assert caught.value.node_id == "7"
    assert isinstance(caught.value.__cause__, cause)


def test_a_stop_between_steps(loop, nodes, host, capsys):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RunInterrupted, match="interrupted in node 3") as caught:  # noqa: SIM117
        with host.catching_sigint():
            execute(loop, host, nodes=nodes)
    assert [path.name for path in caught.value.files] == ["partial.txt"]
    assert "Ctrl-C again aborts at once" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before
    assert not host.interrupt_requested()


def test_the_second_ctrl_c_aborts(loop, nodes, host):
    loop["3"]["inputs"]["presses"] = 2
    with pytest.raises(KeyboardInterrupt), host.catching_sigint():
        execute(loop, host, nodes=nodes)


def test_a_stop_between_nodes(loop, nodes, host):
    host.request_interrupt()
    with pytest.raises(RunInterrupted):
        execute(loop, host, nodes=nodes)


def test_previews_only_when_asked(loop, nodes, host):
    loop["3"]["inputs"]["stop_at"] = 0
    execute(loop, host, nodes=nodes)
    assert not (host.out / "previews").exists()
    host.configure(host.base, host.out, "cpu", write_previews=True)
    execute(loop, host, nodes=nodes)
    names = sorted(path.name for path in (host.out / "previews").iterdir())
    assert names == ["3_000001.png", "3_000002.png"]


def test_folders_and_device(host, tmp_path):
    folder = host.model_folder("latentsteer_generators")[0]
    assert host.list_files("latentsteer_generators", [".safetensors"]) == []
    (folder / "sub").mkdir(parents=True)
    for name in ("b.SafeTensors", "sub/a.safetensors", "c.txt"):
        (folder / name).write_bytes(b"")
    names = host.list_files("latentsteer_generators", [".safetensors"])
    assert names == ["b.SafeTensors", "sub/a.safetensors"]
    assert host.device() == torch.device("cpu")
    assert host.input_directory() == tmp_path.resolve() / "input"
    with pytest.raises(ValueError, match="known: latentsteer_generators"):
        host.model_folder("vae")
    with pytest.raises(WorkflowError, match="--base"):
        StandaloneHost(tmp_path / "nowhere")


def test_a_device_that_is_not_there(host, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    host.configure(host.base, host.out, "cuda")
    with pytest.raises(WorkflowError, match="'cuda' is not available; this machine"):
        host.device()


def test_modules_come_to_the_device_as_ordinary_tensors(host):
    module = torch.nn.Linear(2, 1)
    with torch.inference_mode(), host.on_device([module]):
        pass
    assert not any(weight.is_inference() for weight in module.parameters())


def test_the_current_host(host):
    assert current() is not host
    with host.executing("run", "4"):
        assert current() is host
        assert host.run_id() == ("run", "4")
    assert current() is not host


def test_hidden_values_are_those_asked_for(nodes, host, api):
    seen = {}

    class ToyHidden(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            return io.Schema(node_id="ToyHidden", is_output_node=True)

        @classmethod
        def execute(cls):
            seen["hidden"] = cls.hidden
            return io.NodeOutput()

    graph = {"1": {"class_type": "ToyHidden", "inputs": {}}}
    execute(graph, host, nodes={"ToyHidden": ToyHidden})
    assert seen["hidden"] == HiddenHolder(prompt=graph)
