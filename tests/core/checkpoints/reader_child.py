"""Script for a limited process: reads files, whole or mutated, and reports the outcomes.

The job comes as JSON on the standard input; the answer goes as JSON to the standard output.
"""

import copyreg
import importlib.util
import json
import random
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
FORBIDDEN = ("compile", "exec", "import", "os.system", "pickle.find_class", "subprocess.Popen")
"""Audit events that reading a file must never raise."""


def package():
    spec = importlib.util.spec_from_file_location(
        "latentsteer", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["latentsteer"] = module
    spec.loader.exec_module(module)


def status(field):
    """A size of this process in bytes, such as VmSize."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field + ":"))


class Watch:
    """Records the audit events of the interpreter while `path` is read."""

    def __init__(self):
        self.path, self.seen = None, set()
        sys.addaudithook(self)

    def __call__(self, event, arguments):
        if self.path is None:
            return
        if event in FORBIDDEN:
            self.seen.add(f"{event} {arguments[0]!r:.80}")
        elif event == "open" and str(arguments[0]) != self.path:
            self.seen.add(f"open {arguments[0]!r:.80}")


def mutated(content, stream):
    """Returns a copy with one change, as from disks, networks and people."""
    changed = bytearray(content)
    place = stream.randrange(len(changed))
    kind = stream.choices(("bit", "byte", "cut", "gone", "more", "zeros"), (6, 6, 1, 1, 1, 1))[0]
    if kind == "bit":
        changed[place] ^= 1 << stream.randrange(8)
    elif kind == "byte":
        changed[place] = stream.randrange(256)
    elif kind == "cut":
        del changed[place:]
    elif kind == "gone":
        del changed[place]
    elif kind == "more":
        changed.insert(place, stream.randrange(256))
    else:
        end = min(place + 16, len(changed))
        changed[place:end] = bytes(end - place)
    return bytes(changed), f"{kind} at {place}"


def layout(tensors):
    return [[name, list(t.shape), str(t.dtype)] for name, t in sorted(tensors.items())]


class Child:
    def __init__(self, job):
        from latentsteer.core import errors
        from latentsteer.core.checkpoints import architecture as detection
        from latentsteer.core.checkpoints import checkpoint as checkpoints
        from latentsteer.core.generators import dcgan

        self.job, self.watch, self.slowest = job, Watch(), 0.0
        self.error = errors.CheckpointError
        self.readers = {
            "read": lambda path: layout(checkpoints.read(path).tensors),
            "load": lambda path: layout(
                detection.load_detected(
                    checkpoints.read(path), (dcgan.GENERATOR,)
                ).module.state_dict()
            ),
        }

    def outcome(self, path, level):
        self.watch.path = str(path)
        try:
            return self.readers[level](path)
        except self.error as error:
            return f"refused: {error}"
        except BaseException as error:  # noqa: BLE001 - the answer says which
            return f"escaped: {error!r:.300}"
        finally:
            self.watch.path = None

    def timed(self, path, level):
        """Returns the outcome; the longest time is recorded."""
        start = time.process_time()
        found = self.outcome(path, level)
        self.slowest = max(self.slowest, time.process_time() - start)
        return found

    def files(self, key):
        return {path: self.timed(Path(path), "read") for path in self.job.get(key, ())}

    def fuzz(self, name, level):
        path = Path(name)
        content = path.read_bytes()
        whole = self.outcome(path, level)
        assert isinstance(whole, list), whole
        assert whole
        stream = random.Random(f"{self.job['seed']} {path.name}")
        counts = {"same": 0, "refused": 0}
        faults = []
        for _ in range(self.job["count"]):
            changed, how = mutated(content, stream)
            path.write_bytes(changed)
            found = self.timed(path, level)
            if found == whole:
                counts["same"] += 1
            elif isinstance(found, str) and found.startswith("refused"):
                counts["refused"] += 1
            else:
                faults.append(f"{self.difference(whole, found)} by {how}")
        return {"counts": counts, "faults": faults}

    @staticmethod
    def difference(whole, found):
        if isinstance(found, str) or isinstance(whole, str):
            return str(found)
        gone = [row for row in whole if row not in found]
        come = [row for row in found if row not in whole]
        kinds = [sorted(row[1:] for row in rows) for rows in (gone, come)]
        what = "renamed" if kinds[0] == kinds[1] else "changed"
        return f"{what}: {gone[:3]} became {come[:3]}"


def main():
    package()
    job = json.load(sys.stdin)
    # A file may name the canary as a module, and by the number of an extension.
    sys.path.insert(0, job["modules"])
    copyreg.add_extension("canary_module", "touch", 1)
    child = Child(job)
    child.outcome(Path(job["warm"]), "read")
    limit = status("VmSize") + job["memory"]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"]))
    before = status("VmHWM")
    answer = {"found": child.files("files"), "grown by files": status("VmHWM") - before}
    answer["bombs"] = child.files("bombs")
    answer["fuzzed"] = [child.fuzz(*file) for file in job.get("fuzzed", ())]
    answer["slowest"] = child.slowest
    answer["grown"] = status("VmHWM") - before
    answer["seen"] = sorted(child.watch.seen)
    answer["modules"] = [name for name in sys.modules if "canary_module" in name]
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
