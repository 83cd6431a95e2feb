"""Entry point of `latentsteer`, independent of the package's location and folder name.

Run `python -m latentsteer.nodes.cli` if the package is installed, or
`python custom_nodes/ANY/nodes/cli` from a ComfyUI, where the folder can have any name and is not
on the path.
"""

import sys
from pathlib import Path


def _imported_by_path() -> str:
    """Imports the package from the folder above; returns its name for relative imports."""
    from importlib.util import module_from_spec, spec_from_file_location

    # Python put this folder first on the path, and its modules have names like `images`.
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != here]
    top = here.parents[1]
    spec = spec_from_file_location(
        "latentsteer", top / "__init__.py", submodule_search_locations=[str(top)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["latentsteer"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["latentsteer"])
    return "latentsteer.nodes.cli"


if __name__ == "__main__":
    from importlib import import_module

    sys.exit(import_module(".main", __package__ or _imported_by_path()).main())
