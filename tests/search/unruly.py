"""Runtimes that misbehave. Every measuring process imports this module, so nothing heavy is imported here."""

import dataclasses
import os
import time

from paredown import targets

HANG = 600.0


@dataclasses.dataclass(frozen=True)
class Crashing(targets.OnnxRuntime):
    """A runtime that dies when it opens a file."""

    def open(self, path):
        if os.environ.get("PAREDOWN_TEST_CRASH") == "yes":
            os._exit(7)
        return super().open(path)


@dataclasses.dataclass(frozen=True)
class Hanging(targets.OnnxRuntime):
    """A runtime that never answers."""

    def open(self, path):
        if os.environ.get("PAREDOWN_TEST_HANG") == "yes":
            time.sleep(HANG)
        return super().open(path)
