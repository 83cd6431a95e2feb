"""Run by a host's Python: runs its executor without its server, in its real inference mode.

inprocess.py CHECKOUT BASE GRAPH.json classic|none|novram
"""

import asyncio
import json
import sys
from pathlib import Path


class Listener:
    """Stand-in for the server, with what the executor needs."""

    client_id, last_node_id, last_prompt_id = "test", None, None

    def __init__(self):
        self.events = []
        self.sockets_metadata = {}

    def send_sync(self, event, data, sid=None):
        self.events.append((event, data))

    def queue_updated(self):
        pass


def main(checkout, base, graph, mode):
    sys.path.insert(0, checkout)
    sys.argv = ["main.py", "--cpu", "--base-directory", base]
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.model_management as management
    import execution
    import torch

    import nodes

    if mode == "novram":
        # The host rejects --novram together with --cpu, so this selects its branch on the CPU.
        management.vram_state = management.VRAMState.NO_VRAM
        management.is_device_cpu = lambda device: False
    (pack,) = (Path(base) / "custom_nodes").iterdir()
    assert asyncio.run(nodes.load_custom_node(str(pack), set(nodes.NODE_CLASS_MAPPINGS)))
    ours = next(m for n, m in sys.modules.items() if n.endswith("latent-steer.nodes.host"))
    (refiner_class,) = [c for n, c in nodes.NODE_CLASS_MAPPINGS.items() if "LangevinR" in n]

    # Kept, so that patchers that the host frees between runs are also inspected at the end.
    made = {}
    begin = ours.GradPatcher.__init__

    def held(patcher, model, *rest, **named):
        made[id(model)] = model
        begin(patcher, model, *rest, **named)

    ours.GradPatcher.__init__ = held
    seen = []
    original = refiner_class.execute.__func__

    def watched(cls, **inputs):
        seen.append(torch.is_inference_mode_enabled())
        return original(cls, **inputs)

    refiner_class.execute = classmethod(watched)
    api = json.loads(Path(graph).read_text("utf-8"))
    executor = make_executor(execution, mode)
    refiner = next(n for n, raw in api.items() if raw["class_type"].endswith("LangevinRefine"))
    found = {"runs": []}
    for seed in (0, 1, 0):
        api[refiner]["inputs"]["seed"] = seed
        found["runs"].append(run(execution, executor, api, f"run-{len(found['runs'])}"))
        # The effect of another node's demand for memory, in the inference mode of nodes.
        with torch.inference_mode():
            management.unload_all_models()
            management.soft_empty_cache()
    modules = list(made.values())
    weights = [t for m in modules for t in (*m.parameters(), *m.buffers())]
    found["modules"], found["weights"] = len(modules), len(weights)
    found["inference_weights"] = sum(t.is_inference() for t in weights)
    found["in_inference_mode"] = seen
    found["moved"] = {c.__name__: moved(c, torch) for c in (ours.GradPatcher, ours.ModelPatcher)}
    sys.stdout.write(json.dumps(found) + "\n")


def make_executor(execution, mode):
    kinds = execution.CacheType
    kind = kinds.CLASSIC
    if mode == "none":
        kind = getattr(kinds, "NONE", None) or kinds.DEPENDENCY_AWARE
    try:
        arguments = {"lru": 0, "ram": 0.0, "ram_inactive": 0.0}
        return execution.PromptExecutor(Listener(), cache_type=kind, cache_args=arguments)
    except TypeError:
        return execution.PromptExecutor(Listener(), cache_type=kind)


def run(execution, executor, api, name):
    valid, error, outputs, details = asyncio.run(execution.validate_prompt(name, api, None))
    assert valid, (error, details)
    executor.server.events.clear()
    executor.execute(api, name, {"client_id": "test"}, outputs)
    problems = [data for event, data in executor.server.events if event == "execution_error"]
    assert executor.success, problems
    shown = executor.history_result["outputs"]
    files = [
        i["filename"] for o in shown.values() for i in o.get("images", ()) if i["type"] == "output"
    ]
    (summary,) = [
        part["refine"]
        for output in shown.values()
        for part in output.get("latentsteer", ())
        if "refine" in part
    ]
    executed = [d["node"] for e, d in executor.server.events if e == "executing" and d.get("node")]
    return {"file": files[0], "refine": summary, "executed": executed}


def moved(patcher_class, torch):
    """Whether weights are inference tensors after such a patcher moved them."""
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    patcher = patcher_class(module, torch.device("meta"), torch.device("cpu"))
    with torch.inference_mode():
        patcher.load(torch.device("meta"), full_load=True)
        module.to("meta")
    return [weight.is_inference() for weight in module.parameters()]


if __name__ == "__main__":
    main(*sys.argv[1:])
