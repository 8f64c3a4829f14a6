"""How many examples one inference of a file takes."""

import abc
import dataclasses

from paredown.errors import InputError

__all__ = ["AnyBatch", "Batches", "Fixed", "UpTo"]


@dataclasses.dataclass(frozen=True)
class Batches(abc.ABC):
    """Numbers of examples that a file can be run with."""

    @property
    @abc.abstractmethod
    def largest(self) -> int | None:
        """The most examples at once; None where there is no limit."""

    @property
    @abc.abstractmethod
    def words(self) -> str:
        """In words, as the end of "its files take ..."."""

    @property
    @abc.abstractmethod
    def tried(self) -> tuple[int, ...]:
        """Numbers that files are checked with, beside that of the network's example."""

    @abc.abstractmethod
    def nearest(self, batch: int) -> int:
        """The number that files take and that is nearest to `batch`; itself where they take it."""


@dataclasses.dataclass(frozen=True)
class AnyBatch(Batches):
    """Any number of examples."""

    @property
    def largest(self) -> None:
        """No limit."""
        return

    @property
    def words(self) -> str:
        """In words."""
        return "any batch"

    @property
    def tried(self) -> tuple[int, ...]:
        """One, and some."""
        return 1, 3

    def nearest(self, batch: int) -> int:
        """Every number is taken."""
        return batch


@dataclasses.dataclass(frozen=True)
class UpTo(Batches):
    """One to `most` examples."""

    most: int

    def __post_init__(self) -> None:
        _check(self, self.most)

    @property
    def largest(self) -> int:
        """The bound."""
        return self.most

    @property
    def words(self) -> str:
        """In words."""
        return f"batches of up to {self.most}"

    @property
    def tried(self) -> tuple[int, ...]:
        """One, some, and the bound."""
        return tuple(sorted({1, min(3, self.most), self.most}))

    def nearest(self, batch: int) -> int:
        """The number itself, or the bound."""
        return min(batch, self.most)


@dataclasses.dataclass(frozen=True)
class Fixed(Batches):
    """Exactly `size` examples, the number a file was made for."""

    size: int

    def __post_init__(self) -> None:
        _check(self, self.size)

    @property
    def largest(self) -> int:
        """The number."""
        return self.size

    @property
    def words(self) -> str:
        """In words."""
        return f"batches of {self.size}"

    @property
    def tried(self) -> tuple[int, ...]:
        """The number."""
        return (self.size,)

    def nearest(self, batch: int) -> int:  # noqa: ARG002 (whatever was asked for)
        """The number."""
        return self.size


def _check(batches: Batches, number: int) -> None:
    if number < 1:
        kind = type(batches).__name__
        msg = f"{kind}({number}) was given; a batch holds one example or more. Type {kind}(1)."
        raise InputError(msg)
