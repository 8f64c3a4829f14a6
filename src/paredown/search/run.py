"""What a search returns: the best file, the verdict, the frontier, comparisons, reports."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from paredown import codec
from paredown.errors import InputError
from paredown.report.page import html
from paredown.run.candidate import Candidate, missing
from paredown.run.certifying import certificate
from paredown.run.enough import short_of
from paredown.run.ledger import TrialRecord
from paredown.run.reading import Record, read
from paredown.run.summarise import summarise
from paredown.run.summary import RunSummary
from paredown.trust import write_whole
from paredown.verdict import Comparison, Verdict, frontier

if TYPE_CHECKING:
    from paredown.recipe.order import RecipeStep
    from paredown.run.results import TrialResult

__all__ = ["Run"]


class Run:
    """A run directory, finished or not. Nothing is computed here that is not in the ledger.

    Args:
        directory: of the run.

    Raises:
        LedgerError: there is no run.

    """

    def __init__(self, directory: str | Path) -> None:
        self._record = read(directory)

    @property
    def directory(self) -> Path:
        """Where everything lies."""
        return self._record.directory

    @property
    def record(self) -> Record:
        """Everything the ledger knows."""
        return self._record

    @property
    def best(self) -> Candidate:
        """The file to ship: the best effort where the budget is not met.

        Raises:
            LedgerError: the run has not come so far.

        """
        chosen = self._record.chosen
        if chosen is None:
            raise missing(self.directory, "best file")
        return self._candidate(self._record.trial(chosen.best))

    @property
    def verdict(self) -> Verdict:
        """Limit by limit, and what binds.

        Raises:
            LedgerError: the run has not come so far, or has no budget.

        """
        if self._record.verdict is None:
            raise missing(self.directory, "verdict")
        return self._record.verdict

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every file that was measured, the original first."""
        return tuple(self._candidate(trial) for trial in self._record.trials if trial.state == "measured")

    @property
    def frontier(self) -> tuple[Candidate, ...]:
        """Files that no other beats in latency, drop and size; of those that were judged where any were."""
        judged = [candidate for candidate in self.candidates if candidate.judged]
        among = judged or list(self.candidates)
        labels = frontier([candidate.measured for candidate in among])
        return tuple(candidate for candidate in among if candidate.label in labels)

    @property
    def comparison(self) -> Comparison:
        """All head-to-heads.

        Raises:
            LedgerError: the run has not come so far.

        """
        if self._record.comparison is None:
            raise missing(self.directory, "comparison")
        return self._record.comparison

    def compare(self, *sides: "ModuleType | str | Candidate | Sequence[RecipeStep]") -> Comparison:
        """Head-to-heads between families (their arms), recipes or candidates that were compared in this run.

        The p-values stay corrected for all head-to-heads of the run: picking some of them afterwards is no evidence.

        Args:
            sides: modules such as `paredown.prune`, recipes, candidates, or labels; at least two.

        Raises:
            InputError: fewer than two, or something that was not compared in this run.

        """
        if len(sides) < 2:
            msg = f"{len(sides)} side was given; a comparison takes two or more. Type run.compare(prune, quantize)."
            raise InputError(msg)
        labels = [self._side(side).label for side in sides]
        whole = self.comparison
        pairs = tuple(pair for pair in whole.pairs if pair.a in labels and pair.b in labels)
        return Comparison(pairs, whole.scope, whole.margins)

    def _side(self, side: Any) -> TrialRecord:
        compared = {name for pair in self.comparison.pairs for name in (pair.a, pair.b)}
        judged = [trial for trial in self._record.trials if trial.label in compared]
        if isinstance(side, ModuleType):
            key = self._record.arms.get(side.__name__.rpartition(".")[2])
            found = [trial for trial in judged if trial.id == key]
        elif isinstance(side, Candidate):
            found = [trial for trial in judged if trial.label == side.label]
        elif isinstance(side, str):
            found = [trial for trial in judged if side == trial.label or self._record.arms.get(side) == trial.id]
        elif isinstance(side, Iterable):
            recipe = codec.encode(tuple(side))
            found = [
                trial for trial in judged if codec.contemporary(trial.recipe) == recipe and trial.role != "original"
            ]
        else:
            found = []
        if not found:
            name = side.__name__ if isinstance(side, ModuleType) else repr(side)
            there = ", ".join(repr(trial.label) for trial in judged) or "nothing"
            msg = f"{name} was not compared in this run{self._why(side)}; {there} was. Type paredown.compare(task, ...) for others."
            raise InputError(msg)
        return found[0]

    def _why(self, side: Any) -> str:
        """What is known of the arm of a family that was tried and not compared."""
        key = self._record.arms.get(side.__name__.rpartition(".")[2]) if isinstance(side, ModuleType) else None
        why = short_of(self._record.trial(key).result) if key is not None else ""
        return f" ({why})" if why else ""

    def _candidate(self, trial: TrialRecord) -> Candidate:
        result: TrialResult = trial.result
        final = self._record.finals.get(trial.id)
        judged = final is not None and final.quality is not None
        return Candidate(
            label=trial.label,
            measured=final if final is not None and judged else result.measured(trial.label),
            judged=judged,
            target=self._record.settings.target,
            _record=trial,
            _directory=self.directory,
            _certify=self._certify,
        )

    def _certify(self, key: str, file: Path) -> None:
        """Write the certificate of a saved file beside it."""
        certificate(self._record, self._record.trial(key), file).write(file, target=self._record.settings.target)

    def summary(self) -> RunSummary:
        """Everything as plain data: what reports render."""
        return summarise(self._record)

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML report.

        Raises:
            OSError: the path cannot be written.

        """
        page = html(self.summary())
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, page)
        return file

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r}, {self._record.status}, {len(self._record.trials)} trials)"
