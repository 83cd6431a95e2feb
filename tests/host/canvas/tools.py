"""What the tests on the canvas need beside a host: node, a browser and playwright-core."""

import os
import shutil
from pathlib import Path

BROWSERS = ("/usr/bin/chromium", "chromium", "google-chrome", "chrome")
MODULES = ("~/.cache/latentsteer-canvas/node_modules", "~/hosts/canvas/node_modules")


def browser_tools() -> dict[str, str | None]:
    """Returns the path of each; None for what is missing."""
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    places = [Path(p).expanduser() for p in (os.environ.get("CANVAS_MODULES"), *MODULES) if p]
    modules = next((str(place) for place in places if (place / "playwright-core").is_dir()), None)
    return {"node": shutil.which("node"), "chromium": browser, "playwright-core": modules}
