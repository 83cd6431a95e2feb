"""Run by a host's Python: its own diffusion models and VAEs as LatentSteer's generators.

host_models.py CHECKOUT BASE FAMILY...

Prints, for each family of tiny random models, what the test asserts on, as one line of JSON.
"""

import asyncio
import importlib
import importlib.util
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
ARGUMENTS = sys.argv[1:]  # the host reads its own
import tiny_models  # noqa: E402
from model_families import Family  # noqa: E402
from model_gradients import bare, forwards, gradients, restored  # noqa: E402
from model_noise import bridges, refinement, steered_noise  # noqa: E402
from model_recipes import OTHERS, WORKFLOWS, other, workflow  # noqa: E402
from model_refusals import refused  # noqa: E402
from model_weights import kinds, quantised  # noqa: E402


def main(checkout, base, *families):
    nodes = tiny_models.start(checkout, base)
    path = Path(checkout) / "comfy_extras" / "nodes_custom_sampler.py"
    asyncio.run(nodes.load_custom_node(str(path), module_parent="comfy_extras"))
    importlib.import_module("comfy_extras.nodes_custom_sampler")
    found = {}
    for name in families:
        family = Family(name)
        found[name] = {"forward": forwards(family), **gradients(family), **restored(family)}
        if name in WORKFLOWS:
            found[name]["workflow"] = workflow(family)
        if name in ("SD15", "SD3"):
            found[name]["bare"] = bare(family)
        if name in ("SD15", "Flux"):
            found[name]["steered"] = steered_noise(family)
            found[name]["kinds"] = kinds(name)
        if name == "SD15" and importlib.util.find_spec("comfy.quant_ops"):
            found[name]["quantised"] = quantised(name)
        if name == "SD15":
            found[name]["refused"] = refused(family)
            found[name]["bridges"] = bridges(family)
            found[name]["refinement"] = refinement(family)
            found[name]["others"] = {one: other(family, one) for one in OTHERS}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*ARGUMENTS)
