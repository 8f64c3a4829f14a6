"""The data of the final claim, under seal."""

from collections.abc import Callable

from paredown.data.split import Split
from paredown.errors import DataError

__all__ = ["Sealed"]


class Sealed:
    """Examples that no choice may see.

    There is no length, no index and no loop: the only way in is `open`, which records the opening first. Transforms,
    training and search are never given this object.

    Attributes:
        count: how many examples there are.

    """

    __slots__ = ("_inside", "count")

    def __init__(self, split: Split) -> None:
        def inside() -> Split:  # a closure, so that no walk over attributes arrives at the examples
            return split

        self._inside = inside
        self.count = len(split)

    def __repr__(self) -> str:
        return f"Sealed({self.count} examples)"

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the content; under this name openings are counted, across runs."""
        return self._inside().fingerprint()

    def open(self, register: Callable[[str], int]) -> Split:
        """Break the seal.

        Args:
            register: is given the fingerprint before any example is handed out, writes the opening down where it lasts,
                and returns how often this content has been opened, this time included.

        Raises:
            DataError: the opening was not recorded.

        """
        times = register(self.fingerprint)
        if not isinstance(times, int) or isinstance(times, bool) or times < 1:
            msg = (
                f"judge stays sealed: its opening was not recorded (register returned {times!r}). "
                f"A register writes the fingerprint down and returns how often it was opened, this time included."
            )
            raise DataError(msg)
        return self._inside()
