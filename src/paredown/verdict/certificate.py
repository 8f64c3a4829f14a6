"""The certificate: what is claimed of one file, bound to its content.

It lies beside the file as ``<file>.certificate.json``, is plain JSON (no class names, no code), and carries the SHA-256
of its own content, so that a number changed by hand is noticed.
"""

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paredown import targets
from paredown.errors import CertificateError
from paredown.measure.energy import Energy
from paredown.measure.latency import Latency
from paredown.measure.memory import Memory
from paredown.measure.processor import Processor
from paredown.measure.quality import Quality
from paredown.measure.size import Size
from paredown.targets.artifact import digest, files_of
from paredown.trust import write_whole
from paredown.verdict.arrays import pack
from paredown.verdict.typed import typed

if TYPE_CHECKING:
    from paredown.targets import Artifact, Target

__all__ = ["SCHEMA", "Certificate", "Data", "Original", "Probe", "certificate_path", "file_sha256"]

SCHEMA = 1
"""Version of the JSON; a reader takes its own version only."""


@dataclasses.dataclass(frozen=True)
class Original:
    """What the file is compared with."""

    name: str
    sha256: str
    bytes: int


@dataclasses.dataclass(frozen=True)
class Data:
    """On which examples, by which score the quality was measured.

    Attributes:
        split: ``judge`` or ``select``.
        fingerprint: SHA-256 of the examples' content.
        n: examples.
        score, unit, higher_is_better: of the score.
        openings: how often the split had been opened by then; None where it was not counted.
        structure: nesting of the model's results, to put the file's flat outputs back into (JSON); None where there
            is a single tensor.

    """

    split: str
    fingerprint: str
    n: int
    score: str
    unit: str
    higher_is_better: bool
    openings: int | None = None
    structure: Mapping[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Probe:
    """Inputs and the outputs the file gave for them when it was certified.

    Attributes:
        inputs, outputs: in the file's order.
        floor_db: least ratio of signal to difference that another machine must reach.

    """

    inputs: tuple[NDArray[Any], ...]
    outputs: tuple[NDArray[Any], ...]
    floor_db: float


@dataclasses.dataclass(frozen=True)
class Certificate:
    """Everything that is claimed of a file.

    Attributes:
        file: its name when it was certified.
        sha256: of its content.
        created: ISO 8601, UTC.
        target: the target's settings (JSON of `paredown.codec`).
        runtime: name and version.
        processor: what it was measured on.
        size, latency, memory, energy, quality: measurements; None where not made.
        original: what ratios and drops refer to.
        data: where the quality comes from.
        recipe: the steps (JSON).
        plans: what they decided (JSON).
        margins: differences that counted as a tie.
        probe: for checking that the file computes what it did.
        weight_bits: bits that its weights take in 8-bit kernels; a processor whose sums have room for fewer may give
            other answers (see `paredown.targets.Lowering`). None where there are no such.
        versions: of Paredown, Python and what else matters.

    """

    file: str
    sha256: str
    created: str
    target: Any
    runtime: str
    processor: Processor
    size: Size
    latency: Latency | None = None
    memory: Memory | None = None
    energy: Energy | None = None
    quality: Quality | None = None
    original: Original | None = None
    data: Data | None = None
    recipe: Any = None
    plans: tuple[Any, ...] = ()
    margins: Mapping[str, float | None] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    probe: Probe | None = None
    weight_bits: int | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=lambda: MappingProxyType({}))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, with the hash of their own content."""
        body = {"schema": SCHEMA, **{f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}}
        return {**body, "content_sha256": _digest(body)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Certificate":
        """Read what `to_json` wrote.

        Raises:
            CertificateError: another schema, changed content, or missing fields.

        """
        schema = data.get("schema")
        if schema != SCHEMA:
            msg = (
                f"The certificate has schema {schema!r}; this version of Paredown reads schema {SCHEMA}. "
                "Use the version named under `versions` in it."
            )
            raise CertificateError(msg)
        body = {key: value for key, value in data.items() if key != "content_sha256"}
        try:
            _check_content(body, data.get("content_sha256"))
            del body["schema"]
            read: Certificate = typed(cls, body)
        except (ValueError, RecursionError) as error:
            msg = f"The certificate cannot be read ({error}). Take it from where the file was certified."
            raise CertificateError(msg) from error
        return read

    def write(self, file: str | os.PathLike[str], *, target: "Target | None" = None) -> Path:
        """Put the certificate beside its file, atomically; returns its path.

        Args:
            file: the file, the one of several that is opened, or the folder.
            target: the runtime, where the suffix does not tell.

        Raises:
            CertificateError: the file is not the certified one, or the place cannot be written.

        """
        found = file_sha256(file, target)
        if found != self.sha256:
            msg = (
                f"The certificate is for a file with SHA-256 {self.sha256[:12]}..., {os.fspath(file)!r} has "
                f"{found[:12]}.... Certify this file, or write the certificate beside the right one."
            )
            raise CertificateError(msg)
        path = certificate_path(file)
        try:
            write_whole(path, json.dumps(self.to_json(), indent=1) + "\n")
        except OSError as error:
            msg = f"{path} cannot be written: {error}. Give the file a place that can be written."
            raise CertificateError(msg) from error
        return path

    @classmethod
    def read(cls, file: str | os.PathLike[str]) -> "Certificate":
        """The certificate beside a file.

        Raises:
            CertificateError: there is none, or it cannot be read.

        """
        path = certificate_path(file)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            msg = f"There is no certificate for {os.fspath(file)!r} ({path.name} is missing). Save the file with `best.save(path)`."
            raise CertificateError(msg) from error
        except (OSError, ValueError, RecursionError) as error:
            msg = f"{path} cannot be read ({error}). Take it from where the file was certified."
            raise CertificateError(msg) from error
        if not isinstance(data, dict):
            msg = f"{path} holds no certificate. Take it from where the file was certified."
            raise CertificateError(msg)
        return cls.from_json(data)


def certificate_path(file: str | os.PathLike[str]) -> Path:
    """Where the certificate of a file lies.

    >>> certificate_path("models/small.onnx").name
    'small.onnx.certificate.json'

    """
    path = Path(file)
    return path.with_name(f"{path.name}.certificate.json")


def file_sha256(file: "Artifact | str | os.PathLike[str]", target: "Target | None" = None) -> str:
    """SHA-256 (hex) of an artifact: of its only file's content, or of all of its files together.

    Args:
        file: artifact or path.
        target: the runtime, for plain paths whose suffix does not tell.

    Raises:
        CertificateError: it cannot be read.

    """
    given: Any = file
    path = Path(os.fspath(getattr(given, "path", given)))
    runs_on = target or getattr(given, "target", None) or targets.of(path)
    try:
        return digest(path, runs_on.files(path) if runs_on else files_of(path))
    except OSError as error:
        msg = f"{os.fspath(path)!r} cannot be read ({error}). Give the path of the certified file."
        raise CertificateError(msg) from error


def _check_content(body: Mapping[str, Any], promised: Any) -> None:
    if promised != _digest(body):
        msg = (
            "The certificate does not have the content that its own hash promises: it was changed after it was "
            "written. Take it from where the file was certified."
        )
        raise CertificateError(msg)


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(thing: Any) -> Any:
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {f.name: _plain(getattr(thing, f.name)) for f in dataclasses.fields(thing)}
    if isinstance(thing, np.ndarray):
        return pack(thing)
    if isinstance(thing, Mapping):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_plain(item) for item in thing]
    if isinstance(thing, float) and not math.isfinite(thing):
        return str(thing)  # JSON has no infinity; float("inf") reads it back
    return thing
