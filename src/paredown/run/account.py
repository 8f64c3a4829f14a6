"""What the seconds of a run were spent on."""

import contextlib
import enum
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

__all__ = ["Account", "Purpose"]

_NOTHING: Mapping[str, float] = MappingProxyType({})


class Purpose(enum.StrEnum):
    """One thing that a run spends time on."""

    CAPTURE = "capture"
    PACE = "timing steps"
    RANGE_TESTS = "range tests"
    TRAINING = "training"
    SCORING = "scoring in training"
    TRANSFORMS = "cutting and rounding"
    FAILED = "failed trials"
    LOWERING = "lowering"
    PREDICTING = "predicting"
    MEASURING = "measuring"
    JUDGING = "judging"
    DECIDING = "deciding"


class Account:
    """Seconds by purpose. Every second counts once: what is spent inside of another purpose is not that one's.

    Args:
        known: what earlier processes of the same run spent.
        now: a clock that only goes forward.

    """

    def __init__(self, known: Mapping[str, float] = _NOTHING, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = dict(known)
        self._now = now
        self._open: list[Purpose] = []
        self._since = now()

    @property
    def seconds(self) -> dict[str, float]:
        """Spent until now, by purpose."""
        self._settle()
        return dict(self._seconds)

    @contextlib.contextmanager
    def spent(self, purpose: Purpose) -> Iterator[None]:
        """Whatever the block takes is spent on a purpose, but for blocks inside of it that have their own."""
        self._settle()
        self._open.append(purpose)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()

    def move(self, seconds: float, source: Purpose, to: Purpose) -> None:
        """Some of what was put down for one purpose was spent on another."""
        self._settle()
        self._add(source, -seconds)
        self._add(to, seconds)

    def include(self, known: Mapping[str, float]) -> None:
        """Add what earlier processes of the same run spent."""
        for name, seconds in known.items():
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def _settle(self) -> None:
        now = self._now()
        if self._open:
            self._add(self._open[-1], now - self._since)
        self._since = now

    def _add(self, purpose: Purpose, seconds: float) -> None:
        self._seconds[purpose.value] = self._seconds.get(purpose.value, 0.0) + seconds
