"""A file that was tried, with the network behind it."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from paredown import codec
from paredown.errors import LedgerError, ParityError
from paredown.run.ledger import Blobs, TrialRecord
from paredown.run.ledger.trouble import explained
from paredown.targets import Artifact, Target
from paredown.targets.artifact import copy
from paredown.verdict import Measured

if TYPE_CHECKING:
    from paredown.graph.network import Network
    from paredown.recipe.order import RecipeStep
    from paredown.run.results import TrialResult

__all__ = ["Candidate"]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One file of a run.

    Attributes:
        label: short name.
        measured: its numbers: final ones (on judge) where it was judged, else those of the search (on select).
        judged: whether `measured` was taken on judge.
        target: what it was lowered for.

    """

    label: str
    measured: Measured
    judged: bool
    target: Target
    _record: TrialRecord = dataclasses.field(repr=False)
    _directory: Path = dataclasses.field(repr=False)
    _certify: Callable[[str, Path], None] = dataclasses.field(repr=False)

    @property
    def steps(self) -> "tuple[RecipeStep, ...]":
        """The recipe."""
        steps: tuple[RecipeStep, ...] = codec.decode(self._record.recipe)
        return steps

    @property
    def artifact(self) -> Artifact:
        """The file in the run directory, its content checked.

        Raises:
            CorruptError: it was changed after it was written.

        """
        result: TrialResult = self._record.result
        path = Blobs(self._directory).open(result.file)
        return Artifact(path, self.target, result.sha256, result.lowering)

    @property
    def network(self) -> "Network":
        """The trainable network the file was lowered from."""
        from paredown.graph.network import Network  # noqa: PLC0415 (torch is heavy, and a page does without)

        result: TrialResult = self._record.result
        return Network.load(Blobs(self._directory).open(result.network))

    def save(self, path: str | Path) -> Path:
        """Write the file, and its certificate beside it.

        The network is lowered once more: that proves file and network to agree, and has to give the very bytes that
        were measured. Where a runtime does not give the same bytes twice, the measured ones are checked against the
        network instead.

        Raises:
            ParityError: file and network do not agree any more; nothing is written.
            CorruptError: a file of the run was changed after it was written.
            LedgerError: the path cannot be written.

        """
        final, artifact = Path(path), self.artifact
        if final.suffix != self.target.suffix:
            final = final.with_name(final.name + self.target.suffix)
        self._prove(artifact)
        with explained(self._directory, final):
            final.parent.mkdir(parents=True, exist_ok=True)
            copy(artifact.path, artifact.files, final)
        self._certify(self._record.id, final)
        return final

    def _prove(self, artifact: Artifact) -> None:
        """See that the measured file is the network's.

        Raises:
            ParityError: it is not.

        """
        if not self.target.reproducible:
            self.target.check(self.network, artifact)
            return
        with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
            again = self.target.lower(self.network, Path(scratch) / f"again{self.target.suffix}")
        if again.sha256 != artifact.sha256:
            msg = (
                f"{self.label!r} was measured as {artifact.sha256[:12]}… and its network is lowered to "
                f"{again.sha256[:12]}… now, so the measurement is not about this file and it is not saved. The "
                f"runtime or exporter has changed since ({self.target.version()} is installed). "
                "Install the versions of the run again, or measure anew in another directory."
            )
            raise ParityError(msg)


def missing(directory: Path, label: str) -> LedgerError:
    """Nothing was made that could be given."""
    return LedgerError(f"{directory} has no {label} yet. Finish the run first: paredown resume {directory}")
