"""Submits a graph to a running ComfyUI, follows its progress, and downloads its pictures."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import json
import re
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ...core.files import creating
from ..standalone.errors import RunInterrupted, ServerError
from ..standalone.executor import RunResult
from ..standalone.graph_node import called

if TYPE_CHECKING:
    import aiohttp

__all__ = ["submit"]

_CONNECT_SECONDS, _POLL_SECONDS, _HISTORY_TRIES = 10.0, 0.5, 50
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def submit(
    api: Mapping[str, Any],
    url: str,
    out: Path,
    *,
    workflow: Mapping[str, Any] | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_event: Callable[[str, dict[str, Any]], None] | None = None,
) -> RunResult:
    """Runs a graph on a ComfyUI server.

    Args:
        api: graph in API format.
        url: address of the server, such as http://127.0.0.1:8188.
        out: download folder of the output pictures; previews go to its subfolder `temp`.
        workflow: canvas format of the graph, for the PNG files.
        stop: polled regularly; if true, the run is interrupted on the server.
        on_event: called with the server's messages, and ("preview", {"count"}) for its previews.

    Returns:
        As for a local run, without `outputs`; `ui` is the server's history.

    Raises:
        ServerError: the server is unreachable, refuses the graph, or fails.
        RunInterrupted: a stop was requested, here or on the server.
    """
    try:
        import aiohttp
    except ModuleNotFoundError as error:
        raise ServerError("--server needs aiohttp: pip install aiohttp") from error
    if not re.match(r"https?://", url):
        url = f"http://{url}"
    run = _Run(api, url.rstrip("/"), out, workflow, stop, on_event or (lambda event, data: None))
    try:
        return asyncio.run(run.go())
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise ServerError(
            f"no ComfyUI answers at {url} ({str(error) or type(error).__name__}); start it "
            "(python main.py), or give its address: --server http://HOST:PORT"
        ) from error


class _Run:
    """A run of one graph on one server."""

    def __init__(
        self,
        api: Mapping[str, Any],
        url: str,
        out: Path,
        workflow: Mapping[str, Any] | None,
        stop: Callable[[], bool],
        on_event: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self.api, self.url, self.out, self.workflow = api, url, out, workflow
        self.stop, self.on_event = stop, on_event
        self.result = RunResult("", copy.deepcopy(dict(api)))
        self.previews = 0
        self._running: tuple[str, float] | None = None

    async def go(self) -> RunResult:
        import aiohttp

        begin, client = time.perf_counter(), uuid.uuid4().hex
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.ws_connect(
                f"{self.url}/ws?clientId={client}", max_msg_size=0
            ) as socket:
                self.result.prompt_id = await self._post(session, client)
                with _Bar() as bar:
                    await self._follow(session, socket, bar)
            history = await self._history(session)
            self.result.ui = history.get("outputs", {})
            await self._download(session)
        self.result.total = time.perf_counter() - begin
        return self.result

    async def _post(self, session: aiohttp.ClientSession, client: str) -> str:
        body: dict[str, Any] = {"prompt": self.api, "client_id": client}
        if self.workflow is not None:
            body["extra_data"] = {"extra_pnginfo": {"workflow": self.workflow}}
        async with session.post(f"{self.url}/prompt", json=body) as response:
            text = await response.text()
            answer = _object(text)
        if "prompt_id" not in answer:
            reasons = _refusal(answer, self.api) or f"HTTP {response.status}: {text[:200]}"
            raise ServerError(f"the ComfyUI at {self.url} refused the graph: {reasons}")
        if answer.get("node_errors"):
            self.result.prompt_id = str(answer["prompt_id"])
            await self._interrupt(session)
            raise ServerError(
                f"the ComfyUI at {self.url} would run only part of the graph, so it was "
                f"stopped: {_refusal(answer, self.api)}"
            )
        return str(answer["prompt_id"])

    async def _follow(
        self,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse[bool],
        bar: _Bar,
    ) -> None:
        import aiohttp

        while True:
            if self.stop():
                await self._interrupt(session)
                raise RunInterrupted(f"interrupted the run on {self.url}")
            try:
                message = await socket.receive(timeout=_POLL_SECONDS)
            except asyncio.TimeoutError:
                continue
            if message.type == aiohttp.WSMsgType.TEXT:
                event = _object(message.data)
                if self._done(str(event.get("type")), event.get("data") or {}, bar):
                    return
            elif message.type == aiohttp.WSMsgType.BINARY:
                self.previews += 1
                self.on_event("preview", {"count": self.previews})
            else:
                raise ServerError(
                    f"the ComfyUI at {self.url} closed the connection; the run "
                    f"{self.result.prompt_id} may have failed with it: see its console"
                )

    def _done(self, kind: str, data: dict[str, Any], bar: _Bar) -> bool:
        """Handles a message; returns whether it ends the run."""
        if data.get("prompt_id", self.result.prompt_id) != self.result.prompt_id:
            return False
        self.on_event(kind, data)
        if kind == "progress":
            bar.show(self._name(data.get("node")), int(data["value"]), int(data["max"]))
        elif kind == "executing":
            self._time(data.get("node"))
            return data.get("node") is None and "prompt_id" in data
        elif kind == "execution_interrupted":
            raise RunInterrupted(f"the run was interrupted on {self.url}")
        elif kind == "execution_error":
            raise ServerError(
                f"{self._name(data.get('node_id'))} failed on {self.url}: "
                f"{str(data.get('exception_message')).strip()} ({data.get('exception_type')})"
            )
        return kind == "execution_success"

    def _name(self, node_id: object) -> str:
        raw = self.api.get(str(node_id))
        return f"node {node_id}" if raw is None else called(str(node_id), raw)

    def _time(self, node_id: object) -> None:
        now = time.perf_counter()
        if self._running is not None:
            before, start = self._running
            self.result.seconds[before] = self.result.seconds.get(before, 0.0) + now - start
        self._running = None if node_id is None else (str(node_id), now)

    async def _interrupt(self, session: aiohttp.ClientSession) -> None:
        run = self.result.prompt_id
        await session.post(f"{self.url}/queue", json={"delete": [run]})
        await session.post(f"{self.url}/interrupt", json={"prompt_id": run})

    async def _history(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        """Returns the server's record of the run, written shortly after its last message."""
        for _ in range(_HISTORY_TRIES):
            async with session.get(f"{self.url}/history/{self.result.prompt_id}") as response:
                history = _object(await response.text())
            if self.result.prompt_id in history:
                return history[self.result.prompt_id]
            await asyncio.sleep(0.1)
        raise ServerError(
            f"the ComfyUI at {self.url} has no record of the run {self.result.prompt_id}"
        )

    async def _download(self, session: aiohttp.ClientSession) -> None:
        entries = [
            entry
            for shown in self.result.ui.values()
            for entry in shown.get("images") or ()
            if isinstance(entry, dict) and "filename" in entry
        ]
        for entry in entries:
            query = {key: str(entry.get(key, "")) for key in ("filename", "subfolder", "type")}
            async with session.get(f"{self.url}/view", params=query) as response:
                content = await response.read()
                if response.status != 200:
                    raise ServerError(
                        f"the ComfyUI at {self.url} did not send {query['filename']!r}: "
                        f"HTTP {response.status}"
                    )
            self.result.files.append(_keep(self.out, query, content))


class _Bar:
    """Progress bar of the running node, on stderr."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._tqdm = tqdm
        self._bar: tqdm[Any] | None = None
        self._of = ("", 0)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, name: str, value: int, total: int) -> None:
        """Shows that a node has finished `value` of `total` steps."""
        if self._bar is None or self._of != (name, total):
            self.__exit__()
            self._of = (name, total)
            self._bar = self._tqdm(total=total, desc=name, file=sys.stderr, leave=False)
        self._bar.update(value - self._bar.n)


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _refusal(answer: Mapping[str, Any], api: Mapping[str, Any]) -> str:
    """Formats the server's reasons, one per line."""
    reasons = [
        f"{called(node_id, api.get(node_id, {}))}: {error.get('message')}: {error.get('details')}"
        for node_id, node in (answer.get("node_errors") or {}).items()
        for error in node.get("errors", ())
    ]
    error = answer.get("error")
    if isinstance(error, dict) and not reasons:
        reasons = [f"{error.get('message')} {error.get('details') or ''}".strip()]
    elif isinstance(error, str):
        reasons.append(error)
    return "\n".join(reasons)


def _keep(out: Path, entry: Mapping[str, str], content: bytes) -> Path:
    """Writes a downloaded file under its own name, or a numbered one if that exists."""
    parts = [*PurePosixPath(entry["subfolder"].replace("\\", "/")).parts, entry["filename"]]
    clean = [_FORBIDDEN.sub("_", part).strip(". ") or "_" for part in parts]
    folder = out / "temp" if entry["type"] == "temp" else out
    wanted = folder.joinpath(*clean)
    for number in itertools.count(1):
        path = (
            wanted if number == 1 else wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        )
        with contextlib.suppress(FileExistsError):
            with creating(path) as temporary:
                temporary.write_bytes(content)
            return path
    raise AssertionError("numbers do not end")
