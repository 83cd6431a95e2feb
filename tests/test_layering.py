"""Permitted imports, checked in the sources: workflows -> nodes -> core."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOST = ("comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "nodes", "server")
"""ComfyUI's own top-level modules, as absolute imports name them."""

FILES = sorted(
    [ROOT / "__init__.py"]
    + [file for part in ("core", "nodes", "workflows") for file in (ROOT / part).rglob("*.py")]
)
CORE = [file for file in FILES if file.is_relative_to(ROOT / "core")]


def named(file):
    return str(file.relative_to(ROOT))


def imports(file):
    """Yields every imported module: (".core.energy" for own ones, else "torch.nn", the node)."""
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                assert node.level <= len(package) + 1, f"{named(file)} leaves the package"
                up = package[: len(package) + 1 - node.level]
                base = "." + ".".join([*up, *filter(None, [node.module])])
            yield base, node
            # `from .core import energy` may name a module.
            yield from ((f"{base.rstrip('.')}.{alias.name}", node) for alias in node.names)


def own(file):
    return [name for name, _ in imports(file) if name.startswith(".")]


def is_within(name, *parts):
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def test_the_walk_sees_the_imports_that_it_is_to_judge():
    refinement = own(ROOT / "core/refine/refinement.py")
    assert {".core.chunking", ".core.refine.kernel", ".core.refine.kernel.Refiner"} <= set(
        refinement
    )
    assert any(is_within(name, "torch") for name, _ in imports(ROOT / "core/rng.py"))
    assert any(is_within(name, "comfy_api") for name, _ in imports(ROOT / "__init__.py"))
    assert len(CORE) > 30


@pytest.mark.parametrize("file", CORE, ids=named)
def test_core_imports_itself_alone(file):
    outside = [name for name in own(file) if not is_within(name, ".core")]
    assert outside == []


@pytest.mark.parametrize("file", FILES, ids=named)
def test_only_the_host_module_imports_the_host(file):
    found = [(name, node) for name, node in imports(file) if is_within(name, *HOST)]
    if file == ROOT / "nodes" / "host.py":
        return
    if file == ROOT / "__init__.py":
        tree = ast.parse(file.read_text(encoding="utf-8"))
        entry = next(n for n in tree.body if getattr(n, "name", "") == "comfy_entrypoint")
        lines = range(entry.lineno, entry.end_lineno + 1)
        found = [
            (name, node)
            for name, node in found
            if not (is_within(name, "comfy_api") and node.lineno in lines)
        ]
    assert [name for name, _ in found] == []


@pytest.mark.parametrize("file", FILES, ids=named)
def test_nothing_imports_the_package_by_its_name(file):
    # Under ComfyUI the package has another name.
    assert [name for name, _ in imports(file) if is_within(name, "latentsteer")] == []


def dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


BANNED_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "torch.load",
    "torch.save",
    "torch.jit.load",
    "torch.manual_seed",
    "torch.seed",
    "torch.cuda.manual_seed_all",
    "torch.set_rng_state",
    "torch.random.manual_seed",
    "np.random.seed",
    "numpy.random.seed",
    "random.seed",
}
BANNED_MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve")


@pytest.mark.parametrize("file", CORE, ids=named)
def test_core_runs_no_code_of_files_and_keeps_no_global_random_state(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = {dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert calls & BANNED_CALLS == set()
    assert [name for name, _ in imports(file) if is_within(name, *BANNED_MODULES)] == []
    # Draws without an explicit stream are global state too.
    loose = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and dotted(node.func)
        in {"torch.rand", "torch.randn", "torch.randint", "torch.randperm", "torch.bernoulli"}
        and not any(keyword.arg == "generator" for keyword in node.keywords)
    ]
    assert loose == []


GROUND = ("errors", "files", "devices", "images", "rng", "identity", "snapshot")
"""Modules of core, each importing those left of it alone."""
LOW = ("data", "views", "checkpoints", "zoo")
"""Folders, each importing GROUND and those left of it."""
NOUNS = (
    *("spaces", "condition", "chunking", "charts", "auxiliary", "clip", "captioner"),
    *("generator", "terms", "energy", "features", "latents", "latent_files"),
)
"""Modules, each importing GROUND, LOW and those left of it."""
MAY = {
    "generators": ("checkpoints", "zoo"),
    "auxiliaries": ("checkpoints", "zoo"),
    "conditions": (),
    "pairs": ("checkpoints",),
    "energies": ("views", "conditions"),
    "translators": ("checkpoints", "data", "pairs"),
    "refine": (),
    "starts": ("pairs", "translators"),
    "krr": ("refine",),
    "composition": ("refine",),
    "metrics": ("energies",),
}
"""What every other folder may import besides GROUND and NOUNS."""


def rooms():
    """Returns every edge between two rooms of core, with a file that has it."""
    for file in CORE:
        room = file.relative_to(ROOT / "core").with_suffix("").parts[0]
        for name in own(file):
            parts = name.split(".")[2:]
            if name.startswith(".core.") and parts[0] not in (room, "__init__"):
                yield (room, parts[0]), named(file)


def allowed(room, other):
    if room in GROUND:
        return other in GROUND[: GROUND.index(room)]
    if other in GROUND:
        return True
    if room in LOW:
        return other in LOW[: LOW.index(room)]
    if room in NOUNS:
        return other in LOW or other in NOUNS[: NOUNS.index(room)]
    return other in NOUNS or other in MAY[room]


def test_rooms_import_what_the_table_allows():
    found = {}
    for edge, file in rooms():
        if not allowed(*edge):
            found.setdefault(edge, set()).add(file)
    assert found == {}


def test_every_room_stands_in_the_table():
    there = {file.relative_to(ROOT / "core").with_suffix("").parts[0] for file in CORE}
    assert there - {"__init__"} == {*GROUND, *LOW, *NOUNS, *MAY}


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.is_relative_to(ROOT / "nodes")], ids=named
)
def test_nodes_import_core_and_themselves_alone(file):
    outside = [
        name for name in own(file) if not is_within(name, ".core", ".nodes", ".", ".__version__")
    ]
    assert outside == []


def test_the_stand_in_host_imports_no_command():
    files = sorted((ROOT / "nodes" / "standalone").rglob("*.py"))
    found = {
        (named(file), name)
        for file in files
        for name in own(file)
        if is_within(name, ".nodes.cli", ".workflows")
    }
    assert len(files) > 20
    assert found == set()


CATEGORIES = ("load", "condition", "energy", "train", "start", "refine", "latents", "report")
"""Folders of nodes. Shared parts are in nodes/*.py."""


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_of_nodes_imports_no_other(category):
    others = [f".nodes.{other}" for other in CATEGORIES if other != category]
    files = sorted((ROOT / "nodes" / category).glob("*.py"))
    found = {
        (named(file), name) for file in files for name in own(file) if is_within(name, *others)
    }
    assert files
    assert found == set()


def test_every_module_of_core_says_what_it_offers():
    for file in CORE:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        public = [n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
        names = [dotted(t) for n in tree.body if isinstance(n, ast.Assign) for t in n.targets]
        if public:
            assert "__all__" in names, named(file)


def offered(file):
    """The names in `__all__` that a module defines itself, constants left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names, defined = [], set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {dotted(target) for target in targets}
            if "__all__" in {dotted(target) for target in targets}:
                names = [entry.value for entry in node.value.elts]
    return [name for name in names if name in defined and not name.isupper()]


def test_no_public_name_has_two_definitions():
    """The host's names in nodes/standalone/api are its own."""
    found = {}
    api = ROOT / "nodes" / "standalone" / "api"
    for file in FILES:
        if not file.is_relative_to(ROOT / "workflows") and not file.is_relative_to(api):
            for name in offered(file):
                found.setdefault(name, []).append(named(file))
    assert len(found) > 500
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_a_folder_holds_at_most_a_tenth_of_all_lines():
    """Of the files directly in it."""
    lines = {}
    for file in FILES:
        count = len(file.read_text(encoding="utf-8").splitlines())
        lines[file.parent] = lines.get(file.parent, 0) + count
    most = max(lines, key=lambda folder: lines[folder])
    assert lines[most] <= sum(lines.values()) / 10, named(most)


def test_core_has_few_files_beside_its_folders():
    assert len(list((ROOT / "core").glob("[!_]*.py"))) <= 20
