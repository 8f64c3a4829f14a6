"""How far a training is, by steps and by the clock."""

import statistics
import time
from collections import deque

__all__ = ["Pace"]


class Pace:
    """Share of a training that is done, and whether there is time for more.

    With a deadline the training is done by whichever is further, steps or time, so that a schedule ends where the time
    does (Li et al. 2020, *Budgeted Training*, arXiv:1905.04753).

    Args:
        steps: optimizer steps planned.
        deadline: moment on the clock of `time.monotonic`, or None.

    """

    def __init__(self, steps: int, deadline: float | None) -> None:
        self.steps = steps
        self._deadline = deadline
        self._began = self._last = time.monotonic()
        self._recent: deque[float] = deque(maxlen=9)
        self._stepping = 0.0
        self._reserve = 0.0
        self._turn = (0, 0.0)  # since this step, at this share of the schedule, what is left of it leads to `steps`

    def tick(self) -> None:
        """One step has ended."""
        now = time.monotonic()
        self._recent.append(now - self._last)
        self._stepping += now - self._last
        self._last = now

    def resume(self) -> None:
        """What happened since the last step was not stepping (an evaluation, say)."""
        self._last = time.monotonic()

    def reserve(self, seconds: float) -> None:
        """Keep so much time for what has to follow the last step."""
        self._reserve = max(self._reserve, seconds)

    def seconds_per_step(self) -> float:
        """Median of the recent steps; 0 before the first."""
        return statistics.median(self._recent) if self._recent else 0.0

    def stepping(self) -> float:
        """Seconds inside of steps, what happened between them left out."""
        return self._stepping

    def seconds(self) -> float:
        """Since the training began."""
        return time.monotonic() - self._began

    def wind_down(self, step: int, steps: int) -> None:
        """End the training `steps` steps after `step`, and run through the rest of its schedule on the way."""
        self._turn = (step, self.done(step))
        self.steps = step + steps

    @property
    def winding_down(self) -> bool:
        """Whether the end was brought forward."""
        return self._turn != (0, 0.0)

    def done(self, step: float) -> float:
        """Share of the training that is behind after `step` steps, from 0 to 1."""
        at, share = self._turn
        by_steps = share + (1.0 - share) * (step - at) / max(1, self.steps - at)
        if self._deadline is None:
            return min(1.0, by_steps)
        available = self._deadline - self._reserve - self._began
        by_time = self.seconds() / available if available > 0 else 1.0
        return min(1.0, max(by_steps, by_time))

    def over(self) -> bool:
        """Whether one more step, and what has to follow, would end after the deadline."""
        if self._deadline is None:
            return False
        return time.monotonic() + self.seconds_per_step() + self._reserve >= self._deadline
