"""The networks, their data, and what is tried on each."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

import paredown
from benchmarks import networks
from benchmarks.checkpoints import silero, tasks
from paredown import quantize, targets
from paredown.recipe import Transform

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import cifar10_resnet20

__all__ = ["CALIBRATION", "CASES", "CHOSEN", "OURS", "TARGET", "Case", "Steps", "streamed"]

TARGET = targets.OnnxRuntime(threads=1)
CALIBRATION = 512
CHOSEN = "Int8, chosen on select"

Steps = Mapping[str, Transform]


@dataclasses.dataclass(frozen=True)
class Case:
    """A trained network with its data.

    Attributes:
        title: for people.
        task: makes it from the data directory.
        more: steps of ours beside those that every network gets, by label.
        told: what its score means, where that needs saying.
        rows: rows of the task's score from the data directory and a file, where a file cannot be scored example by
            example because each step reads what the last one wrote.

    """

    title: str
    task: Callable[[Path], paredown.Task]
    more: Steps = dataclasses.field(default_factory=dict)
    told: str = ""
    rows: Callable[[Path, Path], Tensor] | None = None


def streamed(data: Path, file: Path) -> Tensor:
    """Silero on the second half of its minute, every step from the states that the file itself wrote, ``[steps, 1]``."""
    samples = silero.audio(data)[0]
    later = samples[len(samples) // 2 :]
    _, before = silero.stream(silero.load(data), later)
    with TARGET.open(file) as session:
        after = silero.stream(lambda *parts: map(torch.from_numpy, session.run([p.numpy() for p in parts])), later)[1]
    return tasks.same_decision(after, before)[:, None]


def _resnet(depth: int) -> Callable[[Path], paredown.Task]:
    def task(data: Path) -> paredown.Task:
        model = {20: networks.resnet20, 56: networks.resnet56}[depth]()
        model.load_state_dict(load_file(data / f"cifar10-resnet/resnet{depth}-jpeg.safetensors"))
        images, labels = cifar10_resnet20.read(data / "cifar10-jpeg/train.parquet")
        test = cifar10_resnet20.read(data / "cifar10-jpeg/test.parquet")
        splits = paredown.Data(
            train=(images, labels), calibrate=(images[:CALIBRATION], labels[:CALIBRATION]), judge=test, batch_size=128
        )
        return paredown.Task(
            model.eval(), data=splits, loss=F.cross_entropy, score=paredown.scores.accuracy, name=f"ResNet-{depth}"
        )

    return task


_NARROW = {
    "4-bit weights, nearest": quantize.Int8(weight_bits=4, weights=quantize.Mse()),
    "4-bit weights, AdaRound": quantize.Int8(weight_bits=4, weights=quantize.Mse(), refine=quantize.AdaRound()),
    "4-bit weights, BRECQ": quantize.Int8(weight_bits=4, weights=quantize.Mse(), refine=quantize.BRECQ()),
}
_DYNAMIC = {"DynamicInt8": quantize.DynamicInt8()}
_ITSELF = "The score is agreement with the float network: there are too few labels here, or none that fit."

CASES: Mapping[str, Case] = {
    "resnet20": Case("ResNet-20, CIFAR-10", _resnet(20), _NARROW),
    "resnet56": Case("ResNet-56, CIFAR-10", _resnet(56), _NARROW),
    "squeezenet": Case("SqueezeNet, one photo of each of 1,000 classes", tasks.classes),
    "resnet8": Case("MLPerf Tiny ResNet-8, CIFAR-10", tasks.images),
    "person": Case("MLPerf Tiny MobileNet 0.25, person or none", tasks.persons, told=_ITSELF),
    "wakeword": Case("MLPerf Tiny DS-CNN, wake word", tasks.wake_word, told=_ITSELF),
    "anomaly": Case(
        "MLPerf Tiny autoencoder, machine sounds",
        partial(tasks.machines, step=5),
        _DYNAMIC,
        "The score is the distance to the spectra that the float file makes; spectra of speech, no two of which overlap.",
    ),
    "silero": Case(
        "Silero VAD",
        tasks.speech,
        told=f"{_ITSELF} Each file streams half a minute, every step from the states that it wrote itself.",
        rows=streamed,
    ),
    "ultralight": Case(
        "Ultra-Light-Fast face detector",
        tasks.faces,
        told=f"{_ITSELF} Agreement is a surest face in the same place, or none.",
    ),
}
OURS: Steps = {"Int8, min-max": quantize.Int8(), CHOSEN: quantize.Calibrate()}
