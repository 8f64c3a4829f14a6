"""Trained networks of other people for speech, detection, pictures and machines, cut as they are.

    python -m benchmarks.pruned_checkpoints DATA [--only silero ultralight] [--out runs]     # some minutes on one core

``DATA`` holds ``silero-vad``, ``ultralight-face``, ``mlperf-tiny``, ``cifar10-jpeg`` and ``imagenet-sample-1k``. No
network gets a line of its own: every one is captured, cut to the same share of its multiply-accumulates, and recovers
on what it said itself before the cut, for the data here have no labels that fit (but for the CIFAR-10 pictures). What is scored on data that
neither cut nor recovery saw is therefore mostly agreement with the uncut network, which has 100 % by definition. The
detector of speech is scored step by step, every step from the states that the uncut network had.
"""

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import paredown
from benchmarks import record
from benchmarks.checkpoints import anomaly, person, pictures, resnet8, silero, ultralight, wakeword
from paredown import distill, prune, targets
from paredown.graph import analyse
from paredown.recipe import AdamW, Train

TARGET = targets.OnnxRuntime(threads=1)
SHARE = 0.5
CUT = prune.Channels(
    importance=prune.L2(over=prune.Mean(prune.ByMean())), allocation=prune.Global(macs=SHARE)
)  # what needs a gradient sees none: the uncut network is its own target


@dataclasses.dataclass(frozen=True)
class Case:
    """A network and what it is cut on.

    Attributes:
        title: for people.
        task: makes the task from the data folder.
        recovery: the training after the cut.

    """

    title: str
    task: Callable[[Path], paredown.Task]
    recovery: Train


def joined(outputs: tuple[Tensor, ...]) -> Tensor:
    """All results of a network side by side, along the last dimension."""
    return torch.cat(outputs, -1)


def same_decision(outputs: Tensor, target: Tensor) -> Tensor:
    """Speech or none, as before, ``[n]`` in per cent: the probability is the first of all results."""
    return 100.0 * ((outputs[:, 0] > 0.5) == (target[:, 0] > 0.5))


def same_face(outputs: Tensor, target: Tensor) -> Tensor:
    """A face or none, as before, ``[n]`` in per cent: the best of 4,420 boxes is surer than 0.7, or none is."""
    return 100.0 * ((outputs[..., 1].amax(1) > 0.7) == (target[..., 1].amax(1) > 0.7))


def same_class(outputs: Tensor, target: Tensor) -> Tensor:
    """The most likely class is the one it was, ``[n]`` in per cent."""
    return 100.0 * (outputs.argmax(1) == target.argmax(1))


def decibels_off(outputs: Tensor, target: Tensor) -> Tensor:
    """Mean distance between two spectra, ``[n]``, in decibels."""
    return (outputs - target).abs().mean(1)


def _imitates(  # noqa: PLR0913 (all that a case says)
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


def _silero(data: Path) -> paredown.Task:
    model = silero.load(data)
    read, _ = silero.stream(model, silero.audio(data)[0])
    score = paredown.scores.of(same_decision, name="same decision", unit="%")
    return _imitates(model, read, score, name="Silero VAD", several=True)


def _ultralight(data: Path) -> paredown.Task:
    score = paredown.scores.of(same_face, name="same decision", unit="%")
    return _imitates(ultralight.load(data), ultralight.photos(data), score, name="Ultra-Light Face", several=True)


def _resnet8(data: Path) -> paredown.Task:
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


def _person(data: Path) -> paredown.Task:
    score = paredown.scores.of(same_class, name="same class", unit="%")
    return _imitates(person.load(data), person.photos(data), score, name="Person")


def _wakeword(data: Path) -> paredown.Task:
    score = paredown.scores.of(same_class, name="same class", unit="%")
    windows = wakeword.windows(data)[0]  # come class by class
    mixed = windows[torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))]
    return _imitates(wakeword.load(data), mixed, score, name="Wake word", held=0.6)


def _anomaly(data: Path) -> paredown.Task:
    score = paredown.scores.of(decibels_off, name="distance", unit="dB", higher_is_better=False)
    return _imitates(anomaly.load(data), anomaly.spectra(data), score, name="Anomaly")


def _train(epochs: float, lr: float = 1e-3, *, teacher: bool = False) -> Train:
    return Train(epochs=epochs, optimizer=AdamW(lr=lr), using=(distill.Logits(),) if teacher else (), early=None)


CASES: Mapping[str, Case] = {
    "silero": Case("Speech detector, Silero VAD (a recurrent cell)", _silero, _train(40)),
    "ultralight": Case("Face detector, Ultra-Light-Fast RFB-320", _ultralight, _train(5)),
    "resnet8": Case("Pictures, MLPerf Tiny ResNet-8", _resnet8, _train(5, teacher=True)),
    "person": Case("Person or none, MLPerf Tiny MobileNet 0.25", _person, _train(10)),
    "wakeword": Case("Wake word, MLPerf Tiny streaming DS-CNN", _wakeword, _train(40)),
    "anomaly": Case("Machine sounds, MLPerf Tiny autoencoder", _anomaly, _train(40)),
}


def measured(case: Case, data: Path, out: Path) -> dict[str, Any]:
    """Cut with and without recovery, timed and judged beside the original."""
    task = case.task(data)
    inputs, _ = next(iter(task.data.work.calibrate.batches(2, limit=2)))
    arguments, named = task.arguments(inputs)
    axes = analyse(paredown.capture(task.model, *arguments, **named))
    recipes = {"cut": (CUT,), "cut, recovered": (CUT, case.recovery)}
    run = paredown.compare(task, recipes, target=TARGET, time="4 min", out=out)
    return {
        "title": case.title,
        "run": run.summary().to_json(),
        "groups": len(axes.free),
        "frozen": sorted({str(group.frozen_by) for group in axes.groups if group.frozen_by}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(CASES), default=sorted(CASES))
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    for name in options.only:
        found = measured(CASES[name], options.data, options.out / f"pruned-{name}")
        print(record.write(f"pruned-{name}", {"pruned_checkpoint": found, "share": SHARE}), flush=True)


if __name__ == "__main__":
    main()
