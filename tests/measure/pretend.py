"""A target whose files are JSON that says how to behave: take so long, crash, hang, eat memory."""

import dataclasses
import json
import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from paredown.targets import Port, Session, Target


@dataclasses.dataclass(frozen=True)
class Pretend(Target):
    name: ClassVar[str] = "Pretend"
    suffix: ClassVar[str] = ".pretend"
    packages: ClassVar[tuple[str, ...]] = ()

    @property
    def capabilities(self):
        raise NotImplementedError

    def write(self, network, path):
        raise NotImplementedError

    def open(self, path):
        return PretendSession(json.loads(Path(path).read_text()))

    def version(self):
        return "pretend 1.0"


class PretendSession(Session):
    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.inputs = tuple(Port(*port) for port in behaviour.get("inputs", [["x", "float32", [None, 2]]]))
        self.outputs = (Port("y", "float32", (None, 2)),)
        self.memory = np.ones(behaviour.get("bytes", 0), dtype=np.uint8)
        self.calls = 0
        self._act("open")

    def _act(self, moment):
        action = self.behaviour.get(moment)
        if action == "hang":
            print("about to hang", flush=True)
            time.sleep(60)
        elif action == "crash":
            print("about to crash", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        elif action == "exit":
            os._exit(7)
        elif action == "raise":
            msg = "no kernel for this"
            raise RuntimeError(msg)

    def run(self, feeds):
        self.calls += 1
        self._act("run")
        end = time.perf_counter() + self.behaviour.get("ms", 0.2) / 1000
        while time.perf_counter() < end:
            pass
        return [2 * np.asarray(feeds[0])]

    def close(self):
        pass


def pretend_file(path, **behaviour):
    path.write_text(json.dumps(behaviour))
    return path
