"""Permitted imports, checked in the sources: workflows -> nodes -> core."""

import ast
from dataclasses import dataclass
from functools import cache
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


@dataclass(frozen=True)
class Source:
    """What the tests compare of a file, read in one walk."""

    imports: tuple[tuple[str, int], ...]
    """Every imported module (".core.energy" for own ones, else "torch.nn") and its line."""
    calls: tuple[tuple[str, tuple[str | None, ...], int], ...]
    """Every called name, the keywords that it gets and its line."""
    defined: tuple[str, ...]
    """The classes and functions at the top of the module."""
    assigned: tuple[str, ...]
    """The names that are assigned at the top of the module."""
    offered: tuple[str, ...] | None
    """The names in `__all__`."""
    lines: int


@cache
def source(file):
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    imports, calls = [], []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports += [(name, node.lineno) for name in imported(node, file)]
        elif isinstance(node, ast.Call):
            keywords = tuple(keyword.arg for keyword in node.keywords)
            calls.append((dotted(node.func), keywords, node.lineno))
    defined, assigned, offered = [], [], None
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            defined.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            assigned += map(dotted, targets)
            if "__all__" in map(dotted, targets):
                offered = tuple(entry.value for entry in node.value.elts)
    parts = map(tuple, (imports, calls, defined, assigned))
    return Source(*parts, offered, len(text.splitlines()))


def imported(node, file):
    """Yields the modules that an import names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    package = file.relative_to(ROOT).parent.parts
    base = node.module or ""
    if node.level:
        assert node.level <= len(package) + 1, f"{named(file)} leaves the package"
        up = package[: len(package) + 1 - node.level]
        base = "." + ".".join([*up, *filter(None, [node.module])])
    yield base
    # `from .core import energy` may name a module.
    yield from (f"{base.rstrip('.')}.{alias.name}" for alias in node.names)


def dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def imports(file):
    return [name for name, _ in source(file).imports]


def own(file):
    return [name for name in imports(file) if name.startswith(".")]


def by_file(files, found):
    """Returns what `found` finds in each file, files without anything left out."""
    return {named(file): names for file in files if (names := found(file))}


def is_within(name, *parts):
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def test_the_walk_sees_the_imports_that_it_is_to_judge():
    refinement = own(ROOT / "core/refine/refinement.py")
    assert {".core.chunking", ".core.refine.kernel", ".core.refine.kernel.Refiner"} <= set(
        refinement
    )
    assert any(is_within(name, "torch") for name in imports(ROOT / "core/rng.py"))
    assert any(is_within(name, "comfy_api") for name in imports(ROOT / "__init__.py"))
    assert len(CORE) > 30


def test_core_imports_itself_alone():
    def outside(file):
        return [name for name in own(file) if not is_within(name, ".core")]

    assert by_file(CORE, outside) == {}


def test_only_the_host_module_imports_the_host():
    init = ROOT / "__init__.py"
    tree = ast.parse(init.read_text(encoding="utf-8"))
    entry = next(n for n in tree.body if getattr(n, "name", "") == "comfy_entrypoint")
    lines = range(entry.lineno, entry.end_lineno + 1)

    def hosts(file):
        return [
            name
            for name, line in source(file).imports
            if is_within(name, *HOST)
            and not (file == init and is_within(name, "comfy_api") and line in lines)
        ]

    found = by_file(FILES, hosts)
    assert found.pop("nodes/host.py")
    assert [name for name in found if not name.startswith("nodes/host_")] == []


def test_nothing_imports_the_package_by_its_name():
    # Under ComfyUI the package has another name.
    def by_name(file):
        return [name for name in imports(file) if is_within(name, "latentsteer")]

    assert by_file(FILES, by_name) == {}


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


DRAWS = {"torch.rand", "torch.randn", "torch.randint", "torch.randperm", "torch.bernoulli"}


def test_core_runs_no_code_of_files_and_keeps_no_global_random_state():
    def banned(file):
        calls = {name for name, _, _ in source(file).calls} & BANNED_CALLS
        modules = {name for name in imports(file) if is_within(name, *BANNED_MODULES)}
        # Draws without an explicit stream are global state too.
        loose = {
            f"{name} in line {line}"
            for name, keywords, line in source(file).calls
            if name in DRAWS and "generator" not in keywords
        }
        return calls | modules | loose

    assert by_file(CORE, banned) == {}


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
    "generators": ("checkpoints", "zoo", "conditions", "diffusion"),
    "auxiliaries": ("checkpoints", "zoo"),
    "conditions": ("checkpoints",),
    "pairs": ("checkpoints",),
    "energies": ("views", "conditions"),
    "translators": ("checkpoints", "data", "pairs"),
    "diffusion": ("checkpoints", "pairs", "translators", "zoo"),
    "d2c": (
        *("checkpoints", "conditions", "data", "diffusion", "generators", "pairs"),
        *("translators", "zoo"),
    ),
    "refine": (),
    "starts": ("pairs", "translators"),
    "krr": ("refine",),
    "composition": ("refine",),
    "metrics": ("checkpoints", "energies"),
    "tasks": (
        "d2c",
        "diffusion",
        "energies",
        "conditions",
        "pairs",
        "translators",
        "starts",
        "refine",
    ),
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


def test_nodes_import_core_and_themselves_alone():
    allowed = (".core", ".nodes", ".", ".__version__")

    def outside(file):
        return [name for name in own(file) if not is_within(name, *allowed)]

    nodes = [file for file in FILES if file.is_relative_to(ROOT / "nodes")]
    assert by_file(nodes, outside) == {}


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


CATEGORIES = sorted(
    {file.parent.name for file in (ROOT / "nodes").glob("*/__init__.py")} - {"cli", "standalone"}
)
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
    silent = [file for file in CORE if source(file).defined and source(file).offered is None]
    assert list(map(named, silent)) == []


def offered(file):
    """The names in `__all__` that a module defines itself, constants left out."""
    defined = {*source(file).defined, *source(file).assigned}
    return [n for n in source(file).offered or () if n in defined and not n.isupper()]


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
        lines[file.parent] = lines.get(file.parent, 0) + source(file).lines
    most = max(lines, key=lambda folder: lines[folder])
    assert lines[most] <= sum(lines.values()) / 10, named(most)


def test_core_has_few_files_beside_its_folders():
    assert len(list((ROOT / "core").glob("[!_]*.py"))) <= 20
