"""A task small enough for contract checks: which quarter of a small picture is bright, learned in a second."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from paredown import scores
from paredown.data import Data
from paredown.graph.capabilities import Capabilities, Int8Kernels
from paredown.graph.capture import capture
from paredown.graph.cost import total
from paredown.graph.network import Network
from paredown.recipe import Evidence
from paredown.task import Task

__all__ = ["Bench", "Quarters", "small_bench"]


class Quarters(nn.Module):
    """Convolutions with batch norm, a residual block that can be left out, dropout and a linear head.

    Takes ``[batch, 1, 6, 6]``, gives ``[batch, 4]``.
    """

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(width * 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the four quarters."""
        x = self.stem(x)
        x = F.relu(self.block(x) + x)
        return self.head(self.dropout(F.avg_pool2d(x, 3).flatten(1)))  # type: ignore[no-any-return]


def counted(networks: Sequence[Network], inputs: Sequence[Sequence[Any]]) -> tuple[float, ...]:  # noqa: ARG001
    """A stopwatch that counts: a microsecond for a thousand multiply-accumulates, whatever the inputs."""
    return tuple(total(network).macs / 1e6 for network in networks)


@dataclasses.dataclass(frozen=True)
class Bench:
    """What a technique is checked on.

    Attributes:
        model: the user's model.
        network: the network captured from it.
        task: model, data, loss and score.
        capabilities: of a target that runs everything in 8 bits, and stores weights in 4 and 8.

    """

    model: nn.Module
    network: Network
    task: Task
    capabilities: Capabilities

    def evidence(self) -> Evidence:
        """Evidence that has not computed anything yet; its stopwatch counts, so that plans are repeatable."""
        return Evidence.of(self.task, self.capabilities).timed(counted)

    def inputs(self, size: int) -> list[Tensor]:
        """Flat inputs of so many examples."""
        flat = next(self.evidence().calibration(size, self.network))
        return [tensor[:size] for tensor in flat]


def small_bench() -> Bench:
    """The task of this file with a network whose weights and statistics are random but always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Quarters()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.2)
                nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
                nn.init.normal_(module.running_mean, std=0.2)  # type: ignore[arg-type]
        data = Data(
            _pictures(96, 0), calibrate=_pictures(32, 1), select=_pictures(48, 2), judge=_pictures(16, 3), batch_size=16
        )
        task = Task(model, data, F.cross_entropy, scores.accuracy)
        return Bench(model, capture(model, torch.randn(2, 1, 6, 6)), task, _CAPABILITIES)


_CAPABILITIES = Capabilities(
    "the bench",
    int8=Int8Kernels(frozenset({"aten.conv2d.default", "aten.linear.default", "aten.add.Tensor", "aten.relu.default"})),
    formats=frozenset({"float32", "int8", "uint8"}),
    dynamic_operators=frozenset({"aten.linear.default"}),
    stored_formats=frozenset({"float16", "bfloat16"}),
    weight_operators=frozenset({"aten.linear.default", "aten.embedding.default"}),
    weight_formats=frozenset({"int4", "uint4", "int8", "uint8"}),
    weight_groups=frozenset({16, 32}),
)


def _pictures(count: int, seed: int) -> tuple[Tensor, Tensor]:
    draw = np.random.default_rng(seed)
    quarters = draw.integers(0, 4, count)
    pictures = draw.normal(0, 1, (count, 1, 6, 6)).astype("float32")
    for picture, quarter in zip(pictures, quarters, strict=True):
        picture[0, 3 * (quarter // 2) :, 3 * (quarter % 2) :][:3, :3] += 1.5
    return torch.from_numpy(pictures), torch.from_numpy(quarters)
