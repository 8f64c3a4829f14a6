"""Measuring again what a certificate claims."""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paredown import codec
from paredown.errors import CertificateError, LoweringError, TrustError
from paredown.targets import Target
from paredown.trust import one_line
from paredown.verdict.certificate import Certificate
from paredown.verdict.checks.check import Case, Check, Held
from paredown.verdict.checks.contents import hash_of, size_of
from paredown.verdict.checks.outputs import outputs_of, sums_of
from paredown.verdict.checks.resources import energy_of, memory_of
from paredown.verdict.checks.score import score_of
from paredown.verdict.checks.timing import Effort, timing_of

if TYPE_CHECKING:
    from paredown.task import Task

__all__ = ["Check", "Held", "Verified", "verify"]


@dataclasses.dataclass(frozen=True)
class Verified:
    """A certificate held against its file.

    Attributes:
        file: the file.
        checks: one per claim.
        certificate: what was claimed.

    """

    file: Path
    checks: tuple[Check, ...]
    certificate: Certificate

    @property
    def holds(self) -> bool:
        """No claim failed."""
        return all(check.outcome is not Held.FAILS for check in self.checks)

    @property
    def complete(self) -> bool:
        """Every claim was checked, and held."""
        return all(check.outcome is Held.HOLDS for check in self.checks)

    @property
    def headline(self) -> str:
        """One sentence: how many claims hold, which fail, and what the others need."""
        claims = [check for check in self.checks if check.name != "sums"]
        held = sum(check.outcome is Held.HOLDS for check in claims)
        warned = any(check.outcome is Held.WARNS for check in self.checks)
        count = f"{held} of {len(claims)} claims{', with a warning' if warned else ''}"
        failed = [check.name for check in self.checks if check.outcome is Held.FAILS]
        said = f"does not hold: {_and(failed)} failed; it holds for {count}" if failed else f"holds for {count}"
        return one_line("; ".join([f"The certificate of {self.file.name} {said}", *self._open()])) + "."

    def _open(self) -> list[str]:
        """What was not checked, by what it needs."""
        unchecked = [check for check in self.checks if check.outcome is Held.NOT_CHECKED]
        needs = dict.fromkeys(check.needs for check in unchecked if check.needs)
        told = []
        for need in needs:
            names = [check.name for check in unchecked if check.needs == need]
            told.append(f"{_the(names)} need{'s' if len(names) == 1 else ''} {need}")
        names = [check.name for check in unchecked if not check.needs]
        return told + ([f"{_the(names)} cannot be checked here"] if names else [])

    def __str__(self) -> str:
        return "\n".join([self.headline, *(f"  {check}" for check in self.checks)])


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _the(names: list[str]) -> str:
    return f"the {_and(names)}"


def verify(  # noqa: PLR0913 (one call, everything about it in sight)
    file: str | os.PathLike[str],
    *,
    task: "Task | None" = None,
    original: str | os.PathLike[str] | None = None,
    target: "Target | None" = None,
    pairs: tuple[int, int] = (5, 9),
    time_limit: float = 120.0,
    trust: bool = False,
) -> Verified:
    """Compute again all that a certificate says of a file and that can be computed here.

    Hash, size and outputs can be checked anywhere; latency and memory where processor and runtime are the certified ones;
    score with the task, ratio with the original's file, and drop with both. A certificate says what its writer likes and
    is not signed: what was not checked is a word that somebody gave.

    Where the file's weights take 8 bits and sums of 8-bit products may overflow on this processor, that is a warning: the
    stored outputs may agree to their floor and others not.

    Args:
        file: the certified file; the certificate lies beside it.
        task: to score the file again on the same examples.
        original: the original's file, for what is said in comparison with it.
        target: the runtime, for targets that are not Paredown's own.
        pairs: least and most number of rounds of the latency.
        time_limit: seconds after which no further round is started.
        trust: whoever made the files may run programs here; without it a compiled package is not opened.

    Raises:
        CertificateError: no certificate, or one that cannot be read.

    """
    path = Path(file)
    claimed = Certificate.read(path)
    runs_on = target or _target(claimed)
    case = Case(path, claimed, runs_on, None if original is None else Path(original), trust)
    contents = [hash_of(case), size_of(case)]
    if contents[0].outcome is Held.FAILS:
        return Verified(path, (*contents, *_unchecked(claimed, "It is another file.")), claimed)
    if held_back := _held_back(case):
        return Verified(path, (*contents, *held_back), claimed)
    outputs = outputs_of(case)
    checks = [*contents, outputs, *sums_of(case, outputs)]
    if outputs.outcome is Held.FAILS:
        rest = _unchecked(claimed, "The file does not compute what it did.")[1:]
        return Verified(path, (*checks, *rest), claimed)
    checks += timing_of(case, Effort(pairs, time_limit))
    checks += [*memory_of(case), *energy_of(case), *score_of(case, task)]
    return Verified(path, tuple(checks), claimed)


def _held_back(case: Case) -> list[Check]:
    """What follows where the file must not be opened; empty where it may."""
    try:
        for file in (case.path, case.original):
            if file is not None:
                case.target.admit(file, trust=case.trust)
    except (TrustError, LoweringError) as error:
        if case.trust or not _is_program(case):
            checks = _unchecked(case.claimed, "The file was not opened.")
            return [dataclasses.replace(checks[0], outcome=Held.FAILS, text=str(error)), *checks[1:]]
        return _unchecked(case.claimed, str(error), "--trust")
    return []


def _is_program(case: Case) -> bool:
    """Whether the user's word is all that is missing."""
    try:
        case.target.admit(case.path, trust=True)
    except (TrustError, LoweringError):
        return False
    return True


def _unchecked(claimed: Certificate, why: str, needs: str = "") -> list[Check]:
    """Every claim about what the file does, none of them looked at; the outputs are the first."""
    parts = {"latency": True, "memory": claimed.memory is not None, "score": True}
    names = ["outputs", *(name for name, there in parts.items() if there)]
    first = Check(names[0], Held.NOT_CHECKED, text=why, needs=needs)
    return [first, *(Check(name, Held.NOT_CHECKED, text="See outputs.", needs=needs) for name in names[1:])]


def _target(claimed: Certificate) -> Any:
    """The certified target; only Paredown's own are built from what a file says."""
    told = codec.contemporary(claimed.target)
    kind = str(told.get("type", "")) if isinstance(told, dict) else ""
    if not kind.startswith("targets."):
        msg = f"The certificate names the target {kind!r}, which is not Paredown's own. Pass it: `target=...`."
        raise CertificateError(msg)
    found = codec.decode(told)
    if not isinstance(found, Target):
        msg = f"The certificate names {kind!r} as its target, which is none. Pass the right one: `target=...`."
        raise CertificateError(msg)
    return found
