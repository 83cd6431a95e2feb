"""Scripts that run as forks of a server that has PyTorch loaded.

A fresh Python imports PyTorch for seconds, a fork starts in milliseconds. All workers of a run
share the server, which imports when the first script is requested. A script sees what it sees as
`python SCRIPT ...`: its arguments, environment, working folder, streams and a process of its own.
What is decided when an interpreter or PyTorch starts (kernels, the number of threads: 1) is the
server's, except for the encodings of PYTHONIOENCODING.

As a script this module is the server: `python forks.py FOLDER`, until its standard input ends.
"""

import contextlib
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

SERVED = sys.platform == "linux"
"""Elsewhere a script has a fresh Python: a fork of a process with PyTorch is not safe there."""
PLAIN, TRAINING = "plain", "training"
"""Servers: of PyTorch alone, and of what trainings import, too."""
ADDRESS = "LATENTSTEER_FORKS"
"""Environment variable: the folder of the servers' sockets, for the workers of pytest-xdist."""
_running: list[tuple[subprocess.Popen, str]] = []


# In the tests


def start():
    """Starts the server unless this run has one."""
    if SERVED and ADDRESS not in os.environ:
        folder = tempfile.mkdtemp(prefix="latentsteer-forks-")
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, folder]
        pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        server = subprocess.Popen(command, env=environment, **pipe)
        assert server.stdout.readline() == b"listens\n"
        _running.append((server, folder))
        os.environ[ADDRESS] = folder


def stop():
    """Ends the server that this process has started, if any, with all its forks."""
    while _running:
        _running.pop()[0].communicate()
        os.environ.pop(ADDRESS, None)


class Script:
    """A script that has been started: `result` waits for it."""

    def __init__(self, server, script, *arguments, text="", stdout=None, **more):
        """Starts a script.

        `text` is its standard input, `more` may hold `env` and `cwd`. Its output is in its result,
        unless `stdout` is a file's number.
        """
        self.command = [str(script), *map(str, arguments)]
        self.streams = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115 - by result
        self.streams[0].write(text.encode())
        self.streams[0].seek(0)
        files = [stream.fileno() for stream in self.streams]
        if stdout is not None:
            files[1] = stdout
        if SERVED:
            start()
            request = {"env": dict(os.environ), "cwd": os.getcwd(), **more}
            message = json.dumps(request | {"argv": self.command}, default=str).encode() + b"\n"
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(str(Path(os.environ[ADDRESS], server)))
            socket.send_fds(self.socket, [message[:1]], files)
            self.socket.sendall(message[1:])
        else:
            streams = dict(zip(("stdin", "stdout", "stderr"), files, strict=True))
            self.process = subprocess.Popen([sys.executable, *self.command], **streams, **more)

    def result(self, timeout=300, encoding="utf-8"):
        """Returns the script's CompletedProcess; one that takes longer is killed.

        Without an encoding its output is bytes.
        """
        try:
            code = self._code(timeout)
        except TimeoutError:
            code = f"none in {timeout} seconds"
        texts = []
        for stream in self.streams:
            stream.seek(0)
            content = stream.read()
            texts.append(content.decode(encoding) if encoding else content)
            stream.close()
        return subprocess.CompletedProcess(self.command, code, *texts[1:])

    def _code(self, timeout):
        if not SERVED:
            try:
                return self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise TimeoutError from None
        with self.socket:  # that it is closed kills the script
            self.socket.settimeout(timeout)
            return int(self.socket.recv(16) or b"-1")


def ran(server, script, *arguments, timeout=300, encoding="utf-8", **more):
    """Runs a script as a fork of a server; returns its CompletedProcess."""
    return Script(server, script, *arguments, **more).result(timeout, encoding)


# In the server


def _listening(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def _wait(*files):
    return select.select(files, [], [])[0]


def _request(connection):
    """Returns the streams and the request that a connection begins with."""
    message, files, _, _ = socket.recv_fds(connection, 1, 3)
    while not message.endswith(b"\n"):
        if not (more := connection.recv(1 << 16)):
            raise EOFError
        message += more
    return files, json.loads(message)


def _encode(encoding, errors):
    """Sets the encodings of the streams as an interpreter does when it starts."""
    if encoding:
        sys.stdin.reconfigure(encoding=encoding, errors=errors or "strict")
        sys.stdout.reconfigure(encoding=encoding, errors=errors or "strict")
        sys.stderr.reconfigure(encoding=encoding, errors="backslashreplace")


def _run(files, request):
    """Runs a script in a fork and ends it."""
    code = 1
    try:
        os.setsid()
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        _encode(*os.environ.get("PYTHONIOENCODING", "").partition(":")[::2])
        sys.argv = request["argv"]
        sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if code and not isinstance(ended.code, int):
            sys.stderr.write(f"{ended.code}\n")
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _kill(pid):
    """Kills a fork and what it has started."""
    for kill in (os.killpg, os.kill):  # it may have no group yet
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def _end(connections, pid):
    """Answers with the exit code of a fork that has ended."""
    _, status = os.waitpid(pid, 0)
    with connections.pop(pid) as connection, contextlib.suppress(OSError):
        connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _accept(listener, connections, ended):
    """Starts the script that a connection requests."""
    connection, _ = listener.accept()
    files, request = _request(connection)
    if not (pid := os.fork()):
        # Not a handler in the fork: a signal would write into the server's pipe.
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (listener, connection, *ended, *connections.values()):
            one.close()
        _run(files, request)
    for file in files:
        os.close(file)
    connections[pid] = connection


def _serve(listener):
    """Starts scripts until the standard input ends; a lost connection kills its script."""
    connections, ended = {}, socket.socketpair()
    for one in ended:
        one.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ended[1].fileno())
    while True:
        ready = _wait(listener, sys.stdin, ended[0], *connections.values())
        if sys.stdin in ready:
            break
        if ended[0] in ready:
            ended[0].recv(1 << 10)
        for pid, connection in list(connections.items()):
            if connection in ready:
                _kill(pid)
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                _end(connections, pid)
        if listener in ready:
            _accept(listener, connections, ended)
    signal.set_wakeup_fd(-1)
    for pid in list(connections):
        _kill(pid)
        _end(connections, pid)


def _import_what_trainings_do():
    import torch

    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports a thousand modules


def main(folder):
    del sys.path[0]  # a script has its own folder there
    listeners = [_listening(Path(folder, name)) for name in (PLAIN, TRAINING)]
    sys.stdout.write("listens\n")
    sys.stdout.flush()
    if sys.stdin in _wait(sys.stdin, *listeners):
        shutil.rmtree(folder)
        return
    import torch

    torch.set_num_threads(1)
    second = os.fork()
    listener = listeners[not second]
    listeners[bool(second)].close()
    if not second and sys.stdin in _wait(sys.stdin, listener):
        os._exit(0)
    if not second:
        _import_what_trainings_do()
    gc.freeze()
    _serve(listener)
    if second:
        os.waitpid(second, 0)
        shutil.rmtree(folder)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
