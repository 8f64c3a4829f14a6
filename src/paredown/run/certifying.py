"""The certificate of a file out of a run."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paredown import codec
from paredown.errors import CertificateError
from paredown.run import entries
from paredown.run.ledger import Blobs, Ledger, TrialRecord
from paredown.run.reading import Record
from paredown.targets import Artifact, Target
from paredown.verdict import Certificate, certify
from paredown.verdict.certificate import Data, file_sha256

if TYPE_CHECKING:
    from paredown.run.results import TrialResult

__all__ = ["certificate", "has_certificate"]


def certificate(record: Record, trial: TrialRecord, file: Path) -> Certificate:
    """Everything the run claims of a file.

    Args:
        record: the run.
        trial: the file's.
        file: where it was saved.

    Raises:
        MeasureError: the file does not run any more.

    """
    blobs, about = Blobs(record.directory), record.about
    result: TrialResult = trial.result
    final = record.finals.get(trial.id)
    judged = final is not None and final.quality is not None
    with Ledger(record.directory, writable=False) as ledger:
        probe, structure = entries.PROBE.needed(ledger), entries.STRUCTURE.read(ledger)
    with np.load(blobs.open(probe), allow_pickle=False) as stored:
        inputs = [stored[name] for name in stored.files]
    original = record.original
    return certify(
        _artifact(blobs, record, result),
        final if final is not None and judged else result.measured(trial.label),
        inputs=inputs,
        original=_artifact(blobs, record, original) if original else None,
        data=Data(
            split="judge" if judged else "select",
            fingerprint=about.judge if judged else about.select,
            n=about.data["judge" if judged else "select"],
            score=about.score_name,
            unit=about.score_unit,
            higher_is_better=about.score_higher_is_better,
            openings=record.openings if judged else None,
            structure=structure,
        ),
        recipe=codec.Encoded(codec.contemporary(trial.recipe)),
        plans=[step.plan for step in result.steps if step.plan],
        margins=record.comparison.margins if record.comparison else None,
        file=file,
    )


def has_certificate(file: Path, sha256: str, target: Target) -> bool:
    """Whether a file lies there with its certificate, and both are about the very bytes that were measured."""
    try:
        return sha256 == file_sha256(file, target) == Certificate.read(file).sha256
    except CertificateError:
        return False


def _artifact(blobs: Blobs, record: Record, result: "TrialResult") -> Artifact:
    return Artifact(blobs.open(result.file), record.settings.target, result.sha256, result.lowering)
