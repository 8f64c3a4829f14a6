"""How much of the time given to a run is left, counted across interruptions."""

import time
from collections.abc import Callable

__all__ = ["Clock"]


class Clock:
    """Seconds used of a limit; what earlier processes of the same run used counts.

    Args:
        limit: seconds in all.
        before: seconds that were used before this process began.
        now: a clock that only goes forward.

    """

    def __init__(self, limit: float, before: float = 0.0, now: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._before = before
        self._now = now
        self._start = now()

    def used(self) -> float:
        """Seconds used so far."""
        return self._before + self._now() - self._start

    def restart(self) -> None:
        """Count from now on, with the whole limit ahead."""
        self._before, self._start = 0.0, self._now()

    def left(self, keep: float = 0.0) -> float:
        """Seconds left when `keep` of them are kept back; never below 0."""
        return max(0.0, self.limit - keep - self.used())

    def deadline(self, seconds: float) -> float:
        """The moment, on the clock of `time.monotonic`, that lies so many seconds ahead."""
        return self._now() + seconds
