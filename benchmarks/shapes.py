"""What shapes cost in ONNX Runtime at one thread; weights are random, because only shapes decide.

    python -m benchmarks.shapes resnet20     # narrower and shorter ResNet-20s, in 8 bits
    python -m benchmarks.shapes shortcuts    # padded shortcuts as identity convolutions, by size
    python -m benchmarks.shapes channels     # four 3x3 convolutions by their number of channels
    python -m benchmarks.shapes groups       # four grouped 3x3 convolutions
    python -m benchmarks.shapes recurrent    # an LSTM by its number of units

Each takes some minutes on a machine that does nothing else. Ratios are those of interleaved fresh processes, between
files of one question; the result tells the load of the machine.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional

import paredown
from benchmarks import record
from paredown import measure, prune, quantize, targets
from paredown.graph.bypass import blocks, bypass
from paredown.graph.cost import total
from paredown.graph.network import Network
from paredown.recipe import Evidence

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import resnet_cifar

TARGET = targets.OnnxRuntime(threads=1)


def captured(model: nn.Module, *shape: int) -> Network:
    """A network of a model with random weights."""
    return paredown.capture(model.eval(), torch.randn(2, *shape))


def in_8_bits(network: Network, *, groups: bool = False) -> Network:
    """The network in 8 bits, its ranges taken on noise."""
    noise = torch.randn(64, *network.example[0].shape[1:]), torch.arange(64) % 10
    data = paredown.Data(noise, calibrate=noise, select=noise, judge=noise)
    capabilities = TARGET.capabilities.with_int8(grouped=groups)
    objective = paredown.Task(nn.Identity(), data, functional.cross_entropy, paredown.scores.accuracy).objective
    return quantize.Int8().on(network, Evidence(data.work, objective, capabilities))


def entries(found: Mapping[str, measure.Latency]) -> list[dict[str, Any]]:
    """What is kept of latencies of files that were timed in the same rounds."""
    return [
        {
            "label": label,
            "p50": dataclasses.asdict(value.p50),
            "ratio": dataclasses.asdict(value.ratio) if value.ratio else None,
            "pairs": value.pairs,
            "noisy": value.noisy,
            "runtime": value.runtime,
            "processor": value.processor,
        }
        for label, value in found.items()
    ]


def timed(networks: Mapping[str, Network], folder: Path, pairs: tuple[int, int] = (5, 16)) -> list[dict[str, Any]]:
    """Latency of every network's file against the first one's, all in the same rounds."""
    files = {}
    for label, network in networks.items():
        files[label] = TARGET.lower(network, folder / f"{label}.onnx").path
    found = measure.latency(files, target=TARGET, baseline=next(iter(files)), pairs=pairs, time_limit=900.0)
    return [{**entry, "macs": total(networks[entry["label"]]).macs} for entry in entries(found)]


def resnet20(folder: Path) -> list[list[dict[str, Any]]]:
    """Narrower and shorter networks in 8 bits, against the original in float."""
    network = captured(resnet_cifar.ResNet(blocks=3), 3, 32, 32)
    by_name = {block.name: block for block in blocks(network)}

    def without(*names: str) -> Network:
        return bypass(network, [by_name[name] for name in names])

    inner = prune.Where(include=("*.conv1",))
    shapes = {
        "the original": network,
        "every width x 0.75": prune.Channels(keep=0.75).on(network),
        "inner widths x 0.5": prune.Channels(keep=0.5, where=inner).on(network),
        "every width x 0.5": prune.Channels(keep=0.5).on(network),
        "one block of each stage left out": without("layer1.2", "layer2.2", "layer3.2"),
        "two blocks of the first stage and one of each other left out": without(
            "layer1.1", "layer1.2", "layer2.2", "layer3.2"
        ),
    }
    quantized = {f"{label}, 8 bits": in_8_bits(shape) for label, shape in shapes.items()}
    return [timed({"the original, float": network, **quantized}, folder)]


class Shortcut(nn.Module):
    """A convolution, and a block whose shortcut subsamples and pads with zero channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.block = resnet_cifar.Block(channels, 2 * channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, 3, s, s]`` to ``[n, 2 * channels]``."""
        return self.block(functional.relu(self.stem(x))).mean((2, 3))


def shortcuts(folder: Path) -> list[list[dict[str, Any]]]:
    """Copies against identity convolutions; the multiply-adds of the convolution stand in the label."""
    tables = []
    for channels, size in ((16, 32), (32, 32), (32, 64), (64, 64)):
        work = channels * 2 * channels * (size // 2) ** 2
        network = captured(Shortcut(channels), 3, size, size)
        for name, shape in (("float", network), ("8 bits", in_8_bits(network))):
            tables.append(both_ways(shape, folder, f"{channels} channels, {size}x{size}, {work:,} macs, {name}"))
    return tables


def both_ways(network: Network, folder: Path, label: str) -> list[dict[str, Any]]:
    """One network with its shortcuts as they are, and as convolutions."""
    files = {}
    for way, most in (("copies", -1), ("convolution", 1 << 60)):
        with mock.patch("paredown.targets.onnx.shortcuts.MOST_MACS", most):
            files[f"{label}, {way}"] = TARGET.lower(network, folder / f"{label}, {way}.onnx").path
    return entries(measure.latency(files, target=TARGET, baseline=next(iter(files)), time_limit=300.0))


def convolutions(channels: int, groups: int = 1) -> Network:
    """Four 3x3 convolutions with ReLU on 16x16 images of so many channels."""
    layers = [[nn.Conv2d(channels, channels, 3, padding=1, groups=groups), nn.ReLU()] for _ in range(4)]
    return captured(nn.Sequential(*(layer for pair in layers for layer in pair)), channels, 16, 16)


def channels(folder: Path) -> list[list[dict[str, Any]]]:
    """Multiples of 8 and 16 and their neighbours, in float and in 8 bits."""
    networks = {f"{count} channels": convolutions(count) for count in (32, 16, 24, 31, 33, 40, 48)}
    quantized = {f"{label}, 8 bits": in_8_bits(network) for label, network in networks.items()}
    return [timed(networks, folder, (5, 7)), timed(quantized, folder, (5, 7))]


def groups(folder: Path) -> list[list[dict[str, Any]]]:
    """Convolutions in groups of several channels: 8 bits against float."""
    tables = []
    for count, number in ((32, 4), (64, 8), (64, 2), (128, 32)):
        network = convolutions(count, number)
        label = f"{count} channels in {number} groups"
        tables.append(
            timed({f"{label}, float": network, f"{label}, 8 bits": in_8_bits(network, groups=True)}, folder, (5, 7))
        )
    return tables


class Steps(nn.Module):
    """An LSTM over twenty steps."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.steps = nn.LSTM(units, units, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, 20, units]`` to ``[n, 20, units]``."""
        return self.steps(x)[0]


def recurrent(folder: Path) -> list[list[dict[str, Any]]]:
    """An LSTM over twenty steps, by units: weights in 8 bits, ranges found while running, against float."""
    tables = []
    for units in (32, 64, 128, 256, 512):
        network = captured(Steps(units), 20, units)
        rounded = quantize.DynamicInt8().on(network, Evidence.empty(TARGET.capabilities))
        tables.append(timed({f"{units} units, float": network, f"{units} units, 8 bits": rounded}, folder, (5, 7)))
    return tables


QUESTIONS: Mapping[str, Callable[[Path], Iterable[list[dict[str, Any]]]]] = {
    "resnet20": resnet20,
    "shortcuts": shortcuts,
    "channels": channels,
    "groups": groups,
    "recurrent": recurrent,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=QUESTIONS)
    question = parser.parse_args().what
    torch.manual_seed(0)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        tables = list(QUESTIONS[question](Path(folder)))
    title = (QUESTIONS[question].__doc__ or "").rstrip(".")
    print(record.write(f"shapes-{question}", {"title": title, "load_before": load, "shapes": tables}))


if __name__ == "__main__":
    main()
