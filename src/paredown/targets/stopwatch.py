"""A quick look at how long networks take on a target, in this process: good enough to steer by, never to claim."""

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from paredown.targets.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy.typing as npt

    from paredown.graph.network import Network
    from paredown.targets.target import Session

__all__ = ["Stopwatch"]

_ROUNDS = 7
_WARM_RUNS = 3


@dataclasses.dataclass(frozen=True)
class Stopwatch:
    """Times networks against each other.

    All files are open at once and take turns, so that whatever slows the machine down meets them alike. The least of
    the rounds counts: whatever disturbs a run makes it longer.

    Attributes:
        target: lowers and opens the files.
        block_s: seconds for each file in each of seven rounds.

    """

    target: Target
    block_s: float = 0.004

    def __call__(
        self, networks: "Sequence[Network]", inputs: "Sequence[Sequence[npt.NDArray[Any]]]"
    ) -> tuple[float, ...]:
        """Milliseconds of one inference of each network.

        Args:
            networks: lowered into files that are gone afterwards.
            inputs: flat arrays for each of them.

        Raises:
            LoweringError: the target cannot take one of them.

        """
        with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
            sessions: list[Session] = []
            try:
                for number, network in enumerate(networks):
                    made = self.target.lower(network, Path(scratch) / f"{number}{self.target.suffix}")
                    sessions.append(self.target.open_admitted(made.path))
                return self._timed(sessions, inputs)
            finally:
                for session in sessions:
                    session.close()

    def _timed(
        self, sessions: "Sequence[Session]", inputs: "Sequence[Sequence[npt.NDArray[Any]]]"
    ) -> tuple[float, ...]:
        pairs = list(zip(sessions, inputs, strict=True))
        for session, feeds in pairs:
            for _ in range(_WARM_RUNS):
                session.run(feeds)
        rounds = [[self._block(session, feeds) for session, feeds in pairs] for _ in range(_ROUNDS)]
        return tuple(min(times) for times in zip(*rounds, strict=True))

    def _block(self, session: "Session", feeds: "Sequence[npt.NDArray[Any]]") -> float:
        """Median of the runs that fit into a block, at least one."""
        taken: list[float] = []
        end = time.perf_counter() + self.block_s
        while not taken or time.perf_counter() < end:
            start = time.perf_counter()
            session.run(feeds)
            taken.append(time.perf_counter() - start)
        return 1000 * statistics.median(taken)
