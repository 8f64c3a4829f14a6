"""How long this process stood in the run queue while somebody else had the processor."""

import os
import resource
from pathlib import Path

__all__ = ["Waits"]


class Waits:
    """Run-queue wait of all threads of this process, from ``/proc/self/task/*/schedstat``.

    Where the kernel does not tell, an involuntary context switch counts as a wait of the whole sample. Files are kept
    open and read at their start, so that a reading costs a few microseconds.
    """

    def __init__(self, tasks: Path = Path("/proc/self/task")) -> None:
        self._tasks = tasks
        self._files: dict[str, int] = {}
        self.rescan()
        self.exact = any(self._times(file)[0] > 0 for file in self._files.values())

    def rescan(self) -> None:
        """Take notice of threads that were started or ended since."""
        try:
            alive = {entry.name for entry in self._tasks.iterdir()}
        except OSError:
            alive = set()
        for name in set(self._files) - alive:
            os.close(self._files.pop(name))
        for name in alive - set(self._files):
            try:
                self._files[name] = os.open(self._tasks / name / "schedstat", os.O_RDONLY)
            except OSError:
                continue  # the thread has ended in between, or the kernel keeps no such statistics

    @staticmethod
    def _times(file: int) -> tuple[int, int]:
        try:
            running, waiting, _ = os.pread(file, 128, 0).split()
        except (OSError, ValueError):
            return 0, 0  # the thread has ended
        return int(running), int(waiting)

    def read(self) -> int:
        """Nanoseconds waited so far, all threads together; involuntary switches where the kernel does not tell."""
        if self.exact:
            return sum(self._times(file)[1] for file in self._files.values())
        return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw

    def share(self, before: int, after: int, wall_ns: int) -> float:
        """Part of `wall_ns` that was spent waiting between two readings."""
        if self.exact:
            return max(after - before, 0) / max(wall_ns, 1)
        return float(after > before)

    def close(self) -> None:
        """Give the files back."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()
