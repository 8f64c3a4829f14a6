"""An explained surprise."""

import dataclasses
import enum

__all__ = ["Finding", "Severity"]


class Severity(enum.StrEnum):
    """What a finding asks of the reader."""

    ISSUE = "issue"
    TIP = "tip"
    PASSED = "passed"
    NOT_APPLICABLE = "not applicable"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One check and what it found; there is one even where nothing was wrong or nothing could be checked.

    Attributes:
        code: ``PD101``; never used again for something else.
        title: what is wrong, in a few words.
        severity: ``issue`` (a claim suffers), ``tip`` (something can be gained), ``passed``, ``not applicable``.
        text: what was seen, with its numbers, and what to do.
        candidate: the file it is about; empty for the whole run.

    """

    code: str
    title: str
    severity: Severity
    text: str
    candidate: str = ""

    @property
    def page(self) -> str:
        """Its page in the documentation."""
        return f"docs/findings/{self.code.lower()}.md"

    def __str__(self) -> str:
        about = f" [{self.candidate}]" if self.candidate else ""
        return f"{self.code} {self.severity}{about}: {self.text}"
