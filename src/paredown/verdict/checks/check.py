"""What became of one claim."""

import dataclasses
import enum
from pathlib import Path
from typing import Any

from paredown.measure.processor import processor
from paredown.trust import one_line
from paredown.verdict.certificate import Certificate

__all__ = ["Case", "Check", "Held"]


class Held(enum.StrEnum):
    """What became of one claim."""

    HOLDS = "checked"
    WARNS = "warning"
    FAILS = "failed"
    NOT_CHECKED = "not checked"


@dataclasses.dataclass(frozen=True)
class Check:
    """One claim, and what was seen of it.

    Attributes:
        name: ``hash``, ``size``, ``outputs``, ``sums``, ``latency``, ``ratio``, ``memory``, ``energy``, ``score`` or ``drop``.
        outcome: whether it holds here.
        claimed: what the certificate says.
        found: what is so here; empty where it was not looked at.
        text: what else there is to say; of a claim that was not checked, why.
        needs: what to give so that it can be checked.

    """

    name: str
    outcome: Held
    claimed: str = ""
    found: str = ""
    text: str = ""
    needs: str = ""

    def __str__(self) -> str:
        numbers = f"claimed {self.claimed}" if self.claimed else ""
        numbers += f"{', ' if numbers else ''}found {self.found}" if self.found else ""
        return one_line(" ".join(f"{self.name}: {self.outcome}. {numbers}{'.' if numbers else ''} {self.text}".split()))


@dataclasses.dataclass(frozen=True)
class Case:
    """A certificate, its file, and what there is to check it with.

    Attributes:
        path: the file.
        claimed: what is said of it.
        target: what runs it.
        original: the file that ratio and drop refer to; None where it was not given.
        trust: whoever made the files may run programs here.

    """

    path: Path
    claimed: Certificate
    target: Any
    original: Path | None = None
    trust: bool = False

    @property
    def elsewhere(self) -> str:
        """Why what is measured here says nothing of what was measured there; empty where it does."""
        here, there = processor(), self.claimed.processor
        if (here.model, here.features) != (there.model, there.features):
            return f"It was measured on {there}; this is {here}."
        if self.target.version() != self.claimed.runtime:
            return f"It was measured with {self.claimed.runtime}; this is {self.target.version()}."
        return ""
