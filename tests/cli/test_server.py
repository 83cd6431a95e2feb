"""The client of a running ComfyUI, against a small fake one."""

import asyncio
import contextlib
import json
import queue
import socket
import threading

import pytest
from aiohttp import web
from latentsteer.nodes.cli.server import submit
from latentsteer.nodes.standalone.errors import RunInterrupted, ServerError

PNG = b"\x89PNG not really"
IMAGE = {"filename": "toy_00001_.png", "subfolder": "", "type": "output"}
OUTPUTS = {
    "4": {"images": [IMAGE, {"filename": "p.png", "subfolder": "a/b", "type": "temp"}]},
    "5": {"text": ["seen"], "latentsteer": [{"energy": 1.0}]},
}


class FakeComfy:
    """Answers as ComfyUI does: `script` are the messages after a prompt."""

    def __init__(self, script, *, refuse=None, outputs=OUTPUTS, node_errors=None):
        self.script, self.refuse, self.outputs = script, refuse, outputs
        self.node_errors = node_errors or {}
        self.posted, self.asked_history = [], 0
        self.socket = None

    def app(self):
        app = web.Application()
        app.add_routes(
            [
                web.get("/ws", self.ws),
                web.post("/prompt", self.prompt),
                web.post("/queue", self.take),
                web.post("/interrupt", self.take),
                web.get("/history/{id}", self.history),
                web.get("/view", self.view),
            ]
        )
        return app

    async def ws(self, request):
        self.socket = web.WebSocketResponse()
        self.client = request.query["clientId"]
        await self.socket.prepare(request)
        await self.socket.send_json({"type": "status", "data": {"sid": self.client}})
        async for _ in self.socket:
            pass
        return self.socket

    async def prompt(self, request):
        body = await request.json()
        self.posted.append(("/prompt", body))
        if self.refuse is not None:
            return web.json_response(self.refuse, status=400)
        for message in self.script:
            if message == "close":
                await self.socket.close()
            elif isinstance(message, bytes):
                await self.socket.send_bytes(message)
            else:
                kind, data = message
                await self.socket.send_json({"type": kind, "data": {"prompt_id": "p1", **data}})
        answer = {"prompt_id": "p1", "number": 1, "node_errors": self.node_errors}
        return web.json_response(answer)

    async def take(self, request):
        self.posted.append((request.path, await request.json()))
        return web.Response()

    async def history(self, request):
        self.asked_history += 1
        if self.asked_history == 1:
            return web.json_response({})
        return web.json_response({request.match_info["id"]: {"outputs": self.outputs}})

    async def view(self, request):
        if request.query["filename"] == "gone.png":
            return web.Response(status=404)
        return web.Response(body=PNG + request.query["type"].encode())


@contextlib.contextmanager
def serving(fake):
    """The address of the fake, which runs in a separate thread."""
    ready, done = queue.Queue(), {}

    async def main():
        runner = web.AppRunner(fake.app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        done["event"], done["loop"] = asyncio.Event(), asyncio.get_running_loop()
        ready.put(site._server.sockets[0].getsockname()[1])
        await done["event"].wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        yield f"http://127.0.0.1:{ready.get(timeout=10)}"
    finally:
        done["loop"].call_soon_threadsafe(done["event"].set)
        thread.join(10)


GOOD = [
    ("execution_start", {}),
    ("executing", {"node": "9", "prompt_id": "of another"}),
    ("executing", {"node": "3"}),
    b"\x00\x00\x00\x01preview",
    ("progress", {"node": "3", "value": 1, "max": 2}),
    ("progress", {"node": "3", "value": 2, "max": 2}),
    ("executing", {"node": "4"}),
    ("executing", {"node": None}),
]


def test_a_run(api, tmp_path):
    fake, events = FakeComfy(GOOD), []
    (tmp_path / "toy_00001_.png").write_bytes(b"mine")
    with serving(fake) as url:
        result = submit(
            api,
            url + "/",
            tmp_path,
            workflow={"nodes": []},
            on_event=lambda e, d: events.append((e, d)),
        )
    path, body = fake.posted[0]
    assert path == "/prompt"
    assert body["prompt"] == api
    assert body["client_id"] == fake.client
    assert body["extra_data"] == {"extra_pnginfo": {"workflow": {"nodes": []}}}
    assert result.prompt_id == "p1"
    assert result.ui == OUTPUTS
    assert set(result.seconds) == {"3", "4"}
    assert ("preview", {"count": 1}) in events
    assert "of another" not in json.dumps(events)
    assert [p.relative_to(tmp_path).as_posix() for p in result.files] == [
        "toy_00001_-2.png",
        "temp/a/b/p.png",
    ]
    assert result.files[0].read_bytes() == PNG + b"output"
    assert (tmp_path / "toy_00001_.png").read_bytes() == b"mine"


def test_execution_success_ends_the_run_too(api, tmp_path):
    with serving(FakeComfy([("execution_success", {})], outputs={})) as url:
        assert submit(api, url, tmp_path).files == []


def test_names_from_the_server_cannot_leave_the_folder(api, tmp_path):
    evil = {"filename": "..\\..\\x:y.png", "subfolder": "../..", "type": "output"}
    with serving(FakeComfy([("execution_success", {})], outputs={"4": {"images": [evil]}})) as url:
        result = submit(api, url, tmp_path / "out")
    assert result.files[0].resolve().is_relative_to((tmp_path / "out").resolve())


def failure(fake, api, tmp_path, **more):
    with serving(fake) as url, pytest.raises(ServerError) as caught:
        submit(api, url, tmp_path, **more)
    return str(caught.value)


NODE_ERRORS = {
    "1": {
        "class_type": "ToyMake",
        "errors": [{"type": "x", "message": "Value not in list", "details": "chunk: 'f'"}],
    }
}


def test_a_refusal_names_the_nodes(api, tmp_path):
    error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed"}
    fake = FakeComfy([], refuse={"error": error, "node_errors": NODE_ERRORS})
    message = failure(fake, api, tmp_path)
    assert "refused the graph: node 1 (ToyMake, 'First'): Value not in list: chunk" in message


def test_a_refusal_without_nodes(api, tmp_path):
    error = {"message": "Cannot execute because node X does not exist.", "details": "Node ID '#1'"}
    message = failure(FakeComfy([], refuse={"error": error}), api, tmp_path)
    assert message.endswith("node X does not exist. Node ID '#1'")


def test_a_part_of_a_graph_is_not_run(api, tmp_path):
    fake = FakeComfy([], node_errors=NODE_ERRORS)
    assert "would run only part" in failure(fake, api, tmp_path)
    assert ("/queue", {"delete": ["p1"]}) in fake.posted


def test_a_failing_node(api, tmp_path):
    data = {
        "node_id": "3",
        "node_type": "ToyDecode",
        "exception_message": "out of memory\n",
        "exception_type": "torch.OutOfMemoryError",
    }
    message = failure(FakeComfy([("execution_error", data)]), api, tmp_path)
    assert message.startswith("node 3 (ToyDecode) failed on http://127.0.0.1:")
    assert message.endswith(": out of memory (torch.OutOfMemoryError)")


def test_a_lost_connection(api, tmp_path):
    assert "closed the connection" in failure(FakeComfy(["close"]), api, tmp_path)


def test_a_missing_picture(api, tmp_path):
    gone = {"4": {"images": [{**IMAGE, "filename": "gone.png"}]}}
    message = failure(FakeComfy([("execution_success", {})], outputs=gone), api, tmp_path)
    assert "did not send 'gone.png': HTTP 404" in message


def test_an_interrupt_there(api, tmp_path):
    fake = FakeComfy([("execution_interrupted", {"node_id": "3"})])
    with serving(fake) as url, pytest.raises(RunInterrupted, match="was interrupted on"):
        submit(api, url, tmp_path)


def test_an_interrupt_here_stops_the_server(api, tmp_path):
    fake = FakeComfy([("execution_start", {})])
    with serving(fake) as url, pytest.raises(RunInterrupted, match="interrupted the run on"):
        submit(api, url, tmp_path, stop=lambda: bool(fake.posted))
    assert ("/interrupt", {"prompt_id": "p1"}) in fake.posted
    assert ("/queue", {"delete": ["p1"]}) in fake.posted


def test_an_unreachable_server(api, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ServerError) as caught:
        submit(api, address, tmp_path)
    assert f"no ComfyUI answers at http://{address}" in str(caught.value)
    assert "--server http://HOST:PORT" in str(caught.value)


def test_something_else_that_answers(api, tmp_path):
    class Other:
        def app(self):
            return web.Application()

    with serving(Other()) as url, pytest.raises(ServerError, match="no ComfyUI answers"):
        submit(api, url, tmp_path)
