"""Making a certificate out of measurements."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paredown import codec
from paredown.measure.probe import probe
from paredown.measure.processor import processor, versions
from paredown.measure.size import size
from paredown.verdict.certificate import Certificate, Data, Original, Probe, file_sha256
from paredown.verdict.measured import Measured
from paredown.verdict.pair import Margins

if TYPE_CHECKING:
    from paredown.targets import Artifact

__all__ = ["certify"]


def certify(  # noqa: PLR0913 (a certificate has many parts)
    artifact: "Artifact",
    measured: Measured,
    *,
    inputs: Sequence[NDArray[Any]],
    original: "Artifact | Path | str | None" = None,
    data: Data | None = None,
    recipe: Any = None,
    plans: Sequence[Mapping[str, Any]] = (),
    margins: Margins | None = None,
    file: str | Path | None = None,
) -> Certificate:
    """Put together what is claimed of a file; measures only its size and its outputs on the probe inputs.

    Args:
        artifact: the file and its target.
        measured: latency, quality, memory, energy.
        inputs: a few rows per input of the file (two are enough); stored with the outputs.
        original: the file that ratios and drops refer to.
        data: where the quality comes from.
        recipe: steps that encode to JSON.
        plans: what they decided (``Plan.to_json()``).
        margins: what counted as a tie.
        file: name to certify it under, where it will be saved elsewhere.

    Raises:
        InputError: inputs that the file does not take, or steps that cannot be stored.
        MeasureError: the runtime crashed or hung.

    """
    arrays = tuple(np.asarray(array) for array in inputs)
    outputs = tuple(probe(artifact, arrays))
    chosen, floors = margins or Margins(), artifact.target.floors
    floor = floors.quantized if artifact.lowering.quantized else floors.float
    return Certificate(
        file=Path(file or artifact.path).name,
        sha256=file_sha256(artifact),
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        target=codec.encode(artifact.target),
        runtime=measured.latency.runtime if measured.latency else artifact.target.version(),
        processor=processor(),
        size=size(artifact),
        latency=measured.latency,
        memory=measured.memory,
        energy=measured.energy,
        quality=measured.quality,
        original=None if original is None else _original(original),
        data=data,
        recipe=codec.encode(recipe),
        plans=tuple(plans),
        margins={name: getattr(chosen, name) for name in ("latency", "score", "size", "memory")},
        probe=Probe(arrays, outputs, floor.decibels),
        weight_bits=artifact.lowering.weight_bits,
        versions={**versions("torch", "numpy"), **artifact.target.versions()},
    )


def _original(file: Any) -> Original:
    path = Path(getattr(file, "path", file))
    return Original(path.name, file_sha256(file), size(file).bytes)
