"""Run by a host's Python: measures the pack's share of a start, and fails on network access.

imports.py CHECKOUT BASE
"""

import asyncio
import importlib
import json
import socket
import sys
import time
from pathlib import Path


class Asked(OSError):
    """The network was accessed."""


def refuse(*arguments, **named):
    raise Asked(arguments)


def main(checkout, base):
    sys.path.insert(0, checkout)
    sys.argv = ["main.py", "--cpu", "--base-directory", base]
    import comfy.options

    comfy.options.enable_args_parsing()
    importlib.import_module("utils.extra_config")  # before nodes.py hides it by comfy/utils.py
    import execution  # noqa: F401 - what the host has imported before any pack
    import server  # noqa: F401

    import nodes

    asyncio.run(nodes.init_builtin_extra_nodes())
    (pack,) = (Path(base) / "custom_nodes").iterdir()
    known = set(sys.modules)
    loop = asyncio.new_event_loop()
    kept = socket.socket.connect, socket.getaddrinfo, socket.create_connection
    socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
    begun = time.process_time()
    loaded = loop.run_until_complete(nodes.load_custom_node(str(pack), set()))
    share = (time.process_time() - begun) / begun
    socket.socket.connect, socket.getaddrinfo, socket.create_connection = kept
    loop.close()
    mine = {name for name in nodes.NODE_CLASS_MAPPINGS if name.startswith("LatentSteer_")}
    new = sorted({name.partition(".")[0] for name in set(sys.modules) - known if "/" not in name})
    sys.stdout.write(
        json.dumps({"loaded": loaded, "share": share, "nodes": len(mine), "imported": new}) + "\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
