"""The parent's side of a measuring process."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import IO, Any, Self

from paredown import codec
from paredown.errors import InputError, MeasureError
from paredown.measure import leftovers
from paredown.measure.subject import Subject
from paredown.targets import elsewhere

__all__ = ["Worker", "environment"]

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_TAIL_LINES = 12


def environment(threads: int) -> dict[str, str]:
    """This process's environment with every thread pool pinned to `threads`."""
    own = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    return {**own, **dict.fromkeys(_THREAD_VARIABLES, str(threads)), "PYTHONUNBUFFERED": "1"}


class Worker:
    """A fresh process that holds one file on one runtime; a context manager that ends the process.

    Args:
        subject: the file and its target.
        limit_s: seconds of work after which the process is killed.
        cpus: processors it may use (Linux); None for all.

    """

    def __init__(self, subject: Subject, *, limit_s: float = 60.0, cpus: tuple[int, ...] | None = None) -> None:
        self.subject = subject
        self._left = limit_s
        self._limit = limit_s
        self._cpus = cpus
        self._python = elsewhere.away(subject.target.python)
        self._token = leftovers.new_token()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
        start = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 (our own module, in our own interpreter or the target's)
            [self._python or sys.executable, "-P", "-m", "paredown.measure.worker", self._token, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**environment(subject.target.threads), **(elsewhere.search_path() if self._python else {})},
            start_new_session=True,  # Ctrl-C reaches the parent, which then ends its workers in good order
        )
        self._note = leftovers.remember(self._process.pid, self._token)
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="worker replies", daemon=True)
        self._reader.start()
        try:
            self.prepared = self._prepare()
        except BaseException:
            self.close()
            raise
        self.start_s = time.monotonic() - start

    @property
    def pid(self) -> int:
        """Id of the measuring process."""
        return self._process.pid

    def _prepare(self) -> dict[str, Any]:
        target = codec.encode(self.subject.target)
        modules = sorted(codec.users_modules(target))
        if "__main__" in modules:
            msg = (
                f"{self.subject}: the target {type(self.subject.target).__name__} is defined in the script that runs, where "
                "no measuring process can find it. Put it into a module of its own and import it from there."
            )
            raise InputError(msg)
        return self.ask(
            {
                "do": "prepare",
                "target": target,
                "modules": modules,
                "import_path": elsewhere.own_path() if self._python else sys.path,
                "cpus": self._cpus,
            }
        )

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is not None:
            for line in stream:
                self._lines.put(line)
            stream.close()
        self._lines.put(b"")

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its answer.

        Raises:
            InputError: the request does not fit the file (inputs of another shape, for example).
            MeasureError: the process crashed, the runtime raised, or the limit is up; the process has ended.

        """
        begin = time.monotonic()
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                self._process.stdin.flush()
        except BrokenPipeError:
            raise self._crash(str(request["do"])) from None
        try:
            line = self._lines.get(timeout=max(self._left, 0.001))
        except Empty:
            raise self._hang(str(request["do"])) from None
        self._left -= time.monotonic() - begin
        if not line:
            raise self._crash(str(request["do"]))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise self._refusal(str(request["do"]), answer)
        return answer

    def _hang(self, action: str) -> MeasureError:
        self._kill()
        return MeasureError(
            f"The measuring process of {self.subject} was still busy ({action}) after {self._limit:g} s and was killed. "
            f"{self._tail()}Give it more time with `limit_s=`, or measure with fewer examples per batch."
        )

    def _crash(self, action: str) -> MeasureError:
        code = self._process.wait()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return MeasureError(
            f"The measuring process of {self.subject} {how} ({action}). {self._tail()}"
            f"{_advice(code)}Nothing else was lost; lower the network again or choose another target for it."
        )

    def _refusal(self, action: str, answer: Mapping[str, Any]) -> InputError | MeasureError:
        if answer["input_error"]:
            text = str(answer["error"]).partition(": ")[2]
            return InputError(f"{self.subject}: {text}")
        return MeasureError(
            f"The runtime refused {self.subject} ({action}): {answer['error']}. {self._tail()}"
            "Check that the file was made for this target and is complete."
        )

    def _tail(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()[-_TAIL_LINES:]
        return "Its last words:\n  " + "\n  ".join(lines) + "\n" if lines else "It left no message. "

    def _kill(self) -> None:
        leftovers.kill_group(self._process.pid)
        self._process.wait()

    def close(self) -> None:
        """End the process: ask first (by closing the pipe), then kill."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                self._kill()  # it is gone already; only its record is left
        try:
            self._process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self._kill()
        self._reader.join(timeout=2.0)
        self._errors.close()
        leftovers.forget(self._note)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _advice(code: int) -> str:
    if code == -signal.SIGKILL:
        return "SIGKILL from outside usually means that memory ran out. "
    if code == -signal.SIGILL:
        return "The file or runtime uses instructions that this processor does not have. "
    return ""


def feed_file(directory: Path, inputs: object) -> str | None:
    """Store inputs where a worker can load them; None where the worker is to make them up.

    Raises:
        InputError: they are no sequence with one array for each input of the files.

    """
    if inputs is None:
        return None
    import numpy as np  # noqa: PLC0415

    if not isinstance(inputs, (list, tuple)):
        instead = "[array]" if hasattr(inputs, "shape") else "[batch.numpy()], the inputs of one batch"
        what = f"inputs is a {type(inputs).__name__}; it holds one array for each input of the file"
        msg = f"{what}. Type inputs={instead}."
        raise InputError(msg)
    arrays = [np.asarray(array) for array in inputs]
    strange = [type(given).__name__ for given, array in zip(inputs, arrays, strict=True) if array.dtype == object]
    if strange:
        msg = f"inputs holds a {strange[0]}; it holds one array for each input of the file. Type inputs=[array]."
        raise InputError(msg)
    path = directory / "feed.npz"
    np.savez(path, *arrays)
    return str(path)
