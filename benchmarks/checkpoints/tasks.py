"""What the networks of this folder are scored on.

For most of them the data here have no labels that fit, so the target is what the network itself says, on inputs of its own
kind: its score is agreement with itself, 100 % by definition, and whatever is made of it is measured against that.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import paredown
from benchmarks.checkpoints import anomaly, person, pictures, resnet8, silero, squeezenet, ultralight, wakeword

__all__ = [
    "classes",
    "decibels_off",
    "faces",
    "images",
    "imitates",
    "joined",
    "machines",
    "persons",
    "same_class",
    "same_decision",
    "same_face",
    "speech",
    "wake_word",
]


def joined(outputs: tuple[Tensor, ...]) -> Tensor:
    """All results of a network side by side, along the last dimension."""
    return torch.cat(outputs, -1)


def same_decision(outputs: Tensor, target: Tensor) -> Tensor:
    """Speech or none, as before, ``[n]`` of 0 and 1: the probability is the first of all results."""
    return 1.0 * ((outputs[:, 0] > 0.5) == (target[:, 0] > 0.5))


def same_face(outputs: Tensor, target: Tensor) -> Tensor:
    """A face where it was, or none as before, ``[n]`` of 0 and 1.

    The best of 4,420 boxes is surer than 0.7, and overlaps the one that was the best by half of their union; or none is
    that sure. Both are ``[n, 4420, 6]``: chances of none and of a face, then corners.
    """
    (surer, box), (was_surer, was) = _best(outputs), _best(target)
    return 1.0 * torch.where(was_surer, surer & (_overlap(box, was) > 0.5), ~surer)


def _best(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Whether there is a face, ``[n]``, and the corners of the surest box, ``[n, 4]``."""
    chance, place = outputs[..., 1].max(1)
    return chance > 0.7, outputs[torch.arange(len(outputs)), place, 2:]


def _overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes ``[n, 4]`` (left, top, right, bottom), ``[n]``."""
    near, far = torch.maximum(one[:, :2], other[:, :2]), torch.minimum(one[:, 2:], other[:, 2:])
    shared = (far - near).clamp_min(0).prod(1)
    areas = sum((box[:, 2:] - box[:, :2]).prod(1) for box in (one, other))
    return shared / (areas - shared)


def same_class(outputs: Tensor, target: Tensor) -> Tensor:
    """The most likely class is the one it was, ``[n]`` of 0 and 1."""
    return 1.0 * (outputs.argmax(1) == target.argmax(1))


def decibels_off(outputs: Tensor, target: Tensor) -> Tensor:
    """Mean distance between two spectra, ``[n]``, in decibels."""
    return (outputs - target).abs().mean(1)


def imitates(  # noqa: PLR0913 (all that a case says)
    model: nn.Module,
    inputs: Tensor | tuple[Tensor, ...],
    score: paredown.scores.Score,
    *,
    name: str,
    several: bool = False,
    held: float = 0.5,
) -> paredown.Task:
    """A task whose targets are what the network itself says; the last part of the inputs is held out."""
    parts = inputs if isinstance(inputs, tuple) else (inputs,)
    with torch.no_grad():
        answers = [model(*(part[start : start + 50] for part in parts)) for start in range(0, len(parts[0]), 50)]
    target = torch.cat([joined(answer) if several else answer for answer in answers])
    first = round(len(target) * (1 - held))

    def split(rows: slice) -> tuple[Any, Tensor]:
        chosen = tuple(part[rows] for part in parts)
        return (chosen if isinstance(inputs, tuple) else chosen[0]), target[rows]

    data = paredown.Data(split(slice(first)), judge=split(slice(first, None)), batch_size=32)
    return paredown.Task(model, data, loss=F.mse_loss, score=score, logits=joined if several else None, name=name)


def speech(data: Path) -> paredown.Task:
    """Silero, every step from the states that the network itself had."""
    model = silero.load(data)
    read, _ = silero.stream(model, silero.audio(data)[0])
    score = paredown.scores.of(same_decision, name="same decision", unit="%", binary=True)
    return imitates(model, read, score, name="Silero VAD", several=True)


def faces(data: Path) -> paredown.Task:
    """The face detector on photos."""
    score = paredown.scores.of(same_face, name="same decision", unit="%", binary=True)
    return imitates(ultralight.load(data), ultralight.photos(data), score, name="Ultra-Light Face", several=True)


def images(data: Path) -> paredown.Task:
    """ResNet-8 on labelled CIFAR-10 pictures."""
    train, test = (
        _labelled(data / f"cifar10-jpeg/{name}.parquet", limit) for name, limit in (("train", 20_000), ("test", None))
    )
    splits = paredown.Data(train, judge=test, batch_size=64)
    score = paredown.scores.accuracy
    return paredown.Task(resnet8.load(data), splits, loss=F.cross_entropy, score=score, name="ResNet-8")


def _labelled(path: Path, limit: int | None) -> tuple[Tensor, Tensor]:
    import pyarrow.parquet  # noqa: PLC0415 (as in the examples)

    labels = pyarrow.parquet.read_table(path, columns=["label"])["label"].to_numpy()[:limit]
    return pictures.squares(path, 32, limit=limit), torch.from_numpy(labels.copy()).long()


def persons(data: Path) -> paredown.Task:
    """Person or none on photos."""
    score = paredown.scores.of(same_class, name="same class", unit="%", binary=True)
    return imitates(person.load(data), person.photos(data), score, name="Person")


def wake_word(data: Path) -> paredown.Task:
    """The wake word on 45 windows, in a seeded order."""
    score = paredown.scores.of(same_class, name="same class", unit="%", binary=True)
    windows = wakeword.windows(data)[0]  # come class by class
    mixed = windows[torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))]
    return imitates(wakeword.load(data), mixed, score, name="Wake word", held=0.6)


def machines(data: Path, step: int = 1) -> paredown.Task:
    """The autoencoder on spectra of speech, of every `step` frames five; with a step of five no two overlap."""
    score = paredown.scores.of(decibels_off, name="distance", unit="dB", higher_is_better=False)
    return imitates(anomaly.load(data), anomaly.spectra(data)[::step], score, name="Anomaly")


def classes(data: Path) -> paredown.Task:
    """SqueezeNet on labelled photos of 1,000 classes, one of each; half of them are for calibration."""
    photos, labels = squeezenet.photos(data)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    first, last = order[: len(order) // 2], order[len(order) // 2 :]
    splits = paredown.Data((photos[first], labels[first]), judge=(photos[last], labels[last]), batch_size=32)
    score = paredown.scores.accuracy
    return paredown.Task(squeezenet.load(data), splits, loss=F.cross_entropy, score=score, name="SqueezeNet")
