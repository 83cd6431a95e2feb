"""LatentSteer: steers any frozen generator with any frozen auxiliary model.

This folder is the Python package `latentsteer` and, under any folder name, a ComfyUI custom node.
"""

import logging
from typing import Any

__version__ = "0.1.0"
WEB_DIRECTORY = "./web"
__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]


async def comfy_entrypoint() -> Any:  # noqa: ANN401 - a ComfyExtension, which only the host knows
    """What ComfyUI calls to get the nodes."""
    try:
        from comfy_api.latest import ComfyExtension  # noqa: TID251

        from .nodes.catalogue import ALL_NODES
    except Exception:
        # The host prints the message alone.
        logging.getLogger("latentsteer").exception("LatentSteer cannot be loaded")
        raise

    class LatentSteer(ComfyExtension):
        async def get_node_list(self) -> list[type]:
            return list(ALL_NODES)

    return LatentSteer()
