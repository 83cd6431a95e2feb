"""Client of the host's HTTP API and websocket."""

import asyncio
import contextlib
import copy
import io
import json
import struct
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.nodes.defaults import defaults_of
from latentsteer.workflows.recipes.table import RECIPES
from latentsteer.workflows.recipes.write import canvas_path
from PIL import Image

ENDS = ("execution_success", "execution_error", "execution_interrupted")
RUN_SECONDS = 240


@dataclass
class Run:
    """Record of a run on a host.

    Attributes:
        events: messages, each a type and its data.
        previews: (event type, picture) of each binary message.
        before_interrupt: number of steps done when the host answered POST /interrupt.
        history: the host's history entry.
        images: images that the run wrote, by node.
    """

    prompt_id: str = ""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    previews: list[tuple[int, Image.Image]] = field(default_factory=list)
    before_interrupt: int = 0
    history: dict[str, Any] = field(default_factory=dict)
    images: dict[str, list[Image.Image]] = field(default_factory=dict)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == kind]

    def steps(self, node: str) -> list[int]:
        return [data["value"] for data in self.of("progress") if data["node"] == node]

    @property
    def executed(self) -> set[str]:
        return {str(data["node"]) for data in self.of("executing") if data.get("node")}

    @property
    def cached(self) -> set[str]:
        return {str(node) for data in self.of("execution_cached") for node in data["nodes"]}

    @property
    def outcome(self) -> str:
        return next(name for name, _ in self.events if name in ENDS)


@dataclass
class Refused(Exception):
    """The host rejected a graph."""

    answer: dict[str, Any]


class Client:
    """Talks to one host."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> Any:
        """Response body: JSON where it is JSON, otherwise bytes."""
        return asyncio.run(self._get(path))

    def run(
        self,
        api: dict[str, Any],
        *,
        workflow: object = None,
        stop: Callable[[str, dict[str, Any]], bool] = lambda kind, data: False,
    ) -> Run:
        """Executes a graph; interrupts it when `stop` is true for a message."""
        return asyncio.run(asyncio.wait_for(self._run(api, workflow, stop), RUN_SECONDS))

    async def _get(self, path: str) -> Any:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            assert answer.status == 200, f"{path}: HTTP {answer.status}"
            if answer.content_type == "application/json":
                return await answer.json()
            return await answer.read()

    async def _run(
        self,
        api: dict[str, Any],
        workflow: object,
        stop: Callable[[str, dict[str, Any]], bool],
    ) -> Run:
        run, client = Run(), uuid.uuid4().hex
        body: dict[str, Any] = {"prompt": api, "client_id": client}
        if workflow is not None:
            body["extra_data"] = {"extra_pnginfo": {"workflow": workflow}}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/ws?clientId={client}", max_msg_size=0) as socket,
        ):
            async with session.post(f"{self.url}/prompt", json=body) as answer:
                told = await answer.json()
            if answer.status != 200:
                raise Refused(told)
            run.prompt_id = told["prompt_id"]
            asked = False
            async for message in socket:
                if message.type == aiohttp.WSMsgType.BINARY:
                    run.previews.append(_picture(message.data))
                    continue
                kind, data = _event(message.data)
                run.events.append((kind, data))
                if not asked and stop(kind, data):
                    asked = True
                    async with session.post(f"{self.url}/interrupt", json={}) as answer:
                        assert answer.status == 200
                    run.before_interrupt = data["value"]
                if kind in ENDS and data.get("prompt_id") == run.prompt_id:
                    break
        await self._record(run)
        return run

    async def _record(self, run: Run) -> None:
        end = time.monotonic() + 20
        while run.prompt_id not in (found := await self._get(f"/history/{run.prompt_id}")):
            assert time.monotonic() < end, "no record of the run"
            await asyncio.sleep(0.05)
        run.history = found[run.prompt_id]
        for node, shown in run.history["outputs"].items():
            for entry in shown.get("images", ()):
                query = "&".join(f"{key}={value}" for key, value in entry.items())
                picture = Image.open(io.BytesIO(await self._get(f"/view?{query}")))
                picture.load()
                run.images.setdefault(node, []).append(picture)


def _event(text: str) -> tuple[str, dict[str, Any]]:
    message = json.loads(text)
    return message["type"], message.get("data") or {}


def _picture(message: bytes) -> tuple[int, Image.Image]:
    (kind,) = struct.unpack_from(">I", message)
    picture = Image.open(io.BytesIO(message[8:]))
    picture.load()
    return kind, picture


def templates() -> list[str]:
    """Names of those that a host lists."""
    return sorted(r.template.name for r in RECIPES.values() if r.template is not None)


def embedded() -> list[str]:
    """Workflows that run on shipped models; the others name files of users."""
    return sorted(name for name, recipe in RECIPES.items() if not recipe.files)


def workflow(name: str, *, api: bool = True) -> dict[str, Any]:
    """A shipped graph: with every widget, or as its canvas file has it."""
    recipe = RECIPES[name]
    if api:
        return copy.deepcopy(recipe.api)
    return json.loads(canvas_path(recipe).read_text("utf-8"))


TRAINING = "tr0n_digits_class_trained"
"""The template of the digits with the training of its translator."""


def cheap(name: str = TRAINING, **values: object) -> dict[str, Any]:
    """A shipped graph with smaller widget values, which runs in a second or two."""
    small: dict[str, object] = {"pairs": 500, "epochs": 2, "steps": 8, "preview_every": 2}
    small |= {f"samples_per_{what}": 1 for what in ("class", "prompt", "image")}
    graph = workflow(name)
    if not RECIPES[name].paper:  # plans of a task, which keep some of their candidates
        small = {"steps": 4}
    for node in graph.values():
        if node["inputs"].get("candidates", 1) > 1 and RECIPES[name].paper:
            node["inputs"]["candidates"] = 2
        if node["inputs"].get("generations"):
            node["inputs"] |= {"candidates": 16, "generations": 1}
    if any(node["class_type"].endswith("BasisInit") for node in graph.values()):
        small |= {"keep": 1, "views": 1, "places": "centre", "population": 4}
    return changed(graph, {**small, **values})


def minimal(api: dict[str, Any]) -> dict[str, Any]:
    """A graph without the values of LatentSteer's nodes that are defaults."""
    usual = {schema.node_id: defaults_of(schema) for schema in (n.schema() for n in ALL_NODES)}
    small = copy.deepcopy(api)
    for node in small.values():
        default = usual.get(node["class_type"], {})
        node["inputs"] = {
            name: value
            for name, value in node["inputs"].items()
            if name not in default or default[name] != value
        }
    return small


def changed(api: dict[str, Any], values: dict[str, object]) -> dict[str, Any]:
    """A graph with other values of its widgets; a link or a file of the same name stays."""
    graph = copy.deepcopy(api)
    for node in graph.values():
        given = node["inputs"]
        for name in values.keys() & given.keys():
            file = isinstance(given[name], str) and isinstance(values[name], int)
            if not file and not isinstance(given[name], list):
                given[name] = values[name]
    return graph


def nodes_of(api: dict[str, Any], kind: str) -> list[str]:
    """The ids of the nodes of a type."""
    return [n for n, node in api.items() if node["class_type"].endswith(kind)]


def node_of(api: dict[str, Any], kind: str) -> str:
    """The id of the one node of a type."""
    (found,) = nodes_of(api, kind)
    return found


def downstream(api: dict[str, Any], node: str) -> set[str]:
    """A node and all that depends on it."""
    found = {node}
    for _ in api:
        for other, raw in api.items():
            links = [value for value in raw["inputs"].values() if isinstance(value, list)]
            with contextlib.suppress(StopIteration):
                next(link for link in links if link[0] in found)
                found.add(other)
    return found
