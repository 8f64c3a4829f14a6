"""How long work tells how far it has come."""

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Whoever shows progress; the command line brings one."""

    def update(self, text: str, done: float, total: float) -> None:
        """Say what is being done and how much of it is done.

        Args:
            text: one line for people, for example ``training, loss 0.31``.
            done: units finished, from 0 to `total`.
            total: units in all.

        """


class Silent:
    """Shows nothing."""

    def update(self, text: str, done: float, total: float) -> None:
        """Do nothing."""
