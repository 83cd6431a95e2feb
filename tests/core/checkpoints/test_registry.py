"""Registries of architectures import a family when it is first needed."""

import json
from pathlib import Path

import pytest
from latentsteer.core.auxiliaries import AUXILIARIES
from latentsteer.core.checkpoints.registry import Registry
from latentsteer.core.generators import ARCHITECTURES, DISCRIMINATORS, PARTS

from ... import forks

ROOT = Path(__file__).parents[3]
CHILD = """
import json, sys
sys.path.insert(0, sys.argv[1])
import importlib.util
spec = importlib.util.spec_from_file_location("latentsteer", sys.argv[1] + "/__init__.py",
    submodule_search_locations=[sys.argv[1]])
sys.modules["latentsteer"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["latentsteer"])
import latentsteer.nodes.catalogue
listed = [name for name in sys.modules if name.startswith("latentsteer.core.")]
from latentsteer.core.generators import ARCHITECTURES
first = next(iter(ARCHITECTURES)).id
assert [name for name in sys.modules if ".generators.stylegan.networks" in name] == []
assert ARCHITECTURES[-1].id == ARCHITECTURES.ids[-1] != first == ARCHITECTURES.ids[0]
print(json.dumps([listed, [name for name in sys.modules if name.startswith("latentsteer.core.")]]))
"""


@pytest.mark.parametrize(
    "registry",
    [ARCHITECTURES, DISCRIMINATORS, PARTS, AUXILIARIES],
    ids=["G", "D", "parts", "f"],
)
def test_a_registry_is_the_sequence_of_its_architectures(registry):
    assert [architecture.id for architecture in registry] == list(registry.ids)
    assert len(registry) == len(registry.ids)
    assert registry[0] in registry
    assert registry[-2:] == tuple(registry)[-2:]


def test_an_entry_under_another_id_is_refused():
    wrong = Registry("latentsteer.core.generators", {"digit": "digits:GENERATOR"})
    with pytest.raises(ValueError, match="has the id 'digits-generator', but is registered as"):
        list(wrong)


def test_listing_the_nodes_imports_no_network_and_no_reader_of_foreign_files(tmp_path):
    """What a host does when it starts; a model imports the architectures up to its own."""
    script = tmp_path / "child.py"
    script.write_text(CHILD, "utf-8")
    found = forks.ran(forks.PLAIN, script, ROOT)
    assert found.returncode == 0, found.stderr
    listed, after = json.loads(found.stdout.splitlines()[-1])

    def heavy(names):
        parts = (".networks", ".pickles", ".foreign", "generators.stylegan.stylegan", ".blip")
        return [name for name in names if any(part in name for part in parts)]

    assert len(listed) > 50
    assert heavy(listed) == []
    assert heavy(after) != []
