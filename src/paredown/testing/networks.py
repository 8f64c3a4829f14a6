"""Hypothesis strategies of random small networks and random cuts.

A network is drawn as a list of steps, so that a failing one shrinks to the step that fails. Every network takes
``[batch, 3, 8, 8]`` and returns ``[batch, 4]``.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor, nn

from paredown.graph.axes import Axes
from paredown.graph.capture import capture
from paredown.graph.network import Network
from paredown.testing.blocks import with_statistics

__all__ = ["EXACT", "STEPS", "RandomNetwork", "cuts", "models", "networks"]

SHAPE = (3, 8, 8)
"""Of one example."""


class _Function(nn.Module):
    """A module around a function of a tensor and of named modules."""

    def __init__(self, function: Callable[..., Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(modules)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Run the function."""
        out: Tensor = self.function(x, **self.parts)
        return out


def _conv(inside: int, width: int) -> tuple[nn.Module, int]:
    body = nn.Sequential(nn.Conv2d(inside, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
    return body, width


def _strided(inside: int, width: int) -> tuple[nn.Module, int]:
    return nn.Sequential(nn.Conv2d(inside, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.Hardswish()), width


def _depthwise(inside: int, width: int) -> tuple[nn.Module, int]:
    depthwise = nn.Conv2d(inside, inside, 3, padding=1, groups=inside)
    return nn.Sequential(depthwise, nn.BatchNorm2d(inside), nn.ReLU6(), nn.Conv2d(inside, width, 1)), width


def _grouped(inside: int, width: int) -> tuple[nn.Module, int]:
    return nn.Sequential(
        nn.Conv2d(inside, width, 1), nn.ReLU(), nn.Conv2d(width, 2 * width, 3, 1, 1, groups=2)
    ), 2 * width


def _residual(inside: int, width: int) -> tuple[nn.Module, int]:
    body = nn.Sequential(_conv(inside, width)[0], nn.Conv2d(width, inside, 1), nn.BatchNorm2d(inside))
    return _Function(lambda x, body: F.relu(x + body(x)), body=body), inside


def _padded(inside: int, width: int) -> tuple[nn.Module, int]:
    more = width + inside % 2
    body = nn.Sequential(nn.Conv2d(inside, inside + more, 3, 2, 1), nn.BatchNorm2d(inside + more))

    def run(x: Tensor, body: nn.Module) -> Tensor:
        return F.relu(F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more // 2, more - more // 2)) + body(x))

    return _Function(run, body=body), inside + more


def _concat(inside: int, width: int) -> tuple[nn.Module, int]:
    return _Function(lambda x, body: torch.cat([x, body(x)], 1), body=_conv(inside, width)[0]), inside + width


def _squeeze(inside: int, width: int) -> tuple[nn.Module, int]:
    gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inside, width, 1), nn.ReLU(), nn.Conv2d(width, inside, 1))
    return _Function(lambda x, gate: x * torch.sigmoid(gate(x)), gate=gate), inside


def _shuffle(inside: int, width: int) -> tuple[nn.Module, int]:  # noqa: ARG001
    def run(x: Tensor) -> Tensor:
        batch, channels, height, length = x.shape
        return x.view(batch, 2, channels // 2, height, length).transpose(1, 2).reshape(batch, channels, height, length)

    return _Function(run), inside


def _split(inside: int, width: int) -> tuple[nn.Module, int]:
    half = inside // 2

    def run(x: Tensor, body: nn.Module) -> Tensor:
        left, right = x.chunk(2, dim=1)
        return torch.cat([body(left), right], 1)

    return _Function(run, body=_conv(half, width)[0]), inside - half + width


def _attention(inside: int, width: int) -> tuple[nn.Module, int]:
    heads = 2

    def run(x: Tensor, norm: nn.Module, qkv: nn.Module, project: nn.Module) -> Any:
        batch, channels, height, length = x.shape
        y = norm(x.flatten(2).transpose(1, 2))
        q, k, v = qkv(y).reshape(batch, height * length, 3, heads, width).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return x + project(y).transpose(1, 2).reshape(batch, channels, height, length)

    parts = {
        "norm": nn.LayerNorm(inside),
        "qkv": nn.Linear(inside, 3 * heads * width),
        "project": nn.Linear(heads * width, inside),
    }
    return _Function(run, **parts), inside


def _recurrent(inside: int, width: int) -> tuple[nn.Module, int]:
    """Reads columns one after the other, by a GRU where it is narrow and an LSTM where it is not."""

    def run(x: Tensor, cell: nn.Module) -> Tensor:
        height = x.shape[2]
        return cell(x.sum(2).transpose(1, 2))[0].transpose(1, 2).unsqueeze(2).expand(-1, -1, height, -1)  # type: ignore[no-any-return]

    cell = (nn.GRU if width == 2 else nn.LSTM)(inside, width, batch_first=True)
    return _Function(run, cell=cell), width


def _normed(inside: int, width: int) -> tuple[nn.Module, int]:
    return nn.Sequential(nn.Conv2d(inside, 2 * width, 1), nn.GroupNorm(2, 2 * width), nn.SiLU()), 2 * width


STEPS: Mapping[str, Callable[[int, int], tuple[nn.Module, int]]] = {
    "conv": _conv,
    "strided": _strided,
    "depthwise": _depthwise,
    "grouped": _grouped,
    "residual": _residual,
    "padded": _padded,
    "concat": _concat,
    "squeeze": _squeeze,
    "shuffle": _shuffle,
    "split": _split,
    "attention": _attention,
    "normed": _normed,
    "recurrent": _recurrent,
}
"""Name to ``step(channels in, width) -> (module, channels out)``."""

EXACT = tuple(name for name in STEPS if name not in {"attention", "normed"})
"""Steps for which a cut index that carries nothing can go without any change (no norm over channels)."""


@dataclasses.dataclass(frozen=True)
class RandomNetwork:
    """What was drawn; prints as what builds it again.

    Attributes:
        steps: ``(name, width)`` in order.
        head: ``mean`` or ``flatten``.
        seed: of the weights.

    """

    steps: tuple[tuple[str, int], ...]
    head: str = "mean"
    seed: int = 0

    def model(self) -> nn.Module:
        """The model in eval mode, with random weights and batch norm statistics."""
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self.seed)
            layers: list[nn.Module] = [nn.Conv2d(3, 6, 3, padding=1)]
            channels, side = 6, SHAPE[1]
            for name, width in self.steps:
                if name in {"shuffle", "split"} and channels % 2:
                    continue
                layer, channels = STEPS[name](channels, width)
                layers.append(layer)
                side = (side + 1) // 2 if name in {"strided", "padded"} else side
            if self.head == "flatten":
                layers += [nn.Flatten(), nn.Linear(channels * side * side, 4)]
            else:
                layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 4)]
            return with_statistics(nn.Sequential(*layers), self.seed)

    def network(self) -> Network:
        """The captured model."""
        generator = torch.Generator().manual_seed(self.seed)
        return capture(self.model(), torch.randn(2, *SHAPE, generator=generator))


def models(
    steps: Sequence[str] = tuple(STEPS), most: int = 4, always: Sequence[str] = ()
) -> st.SearchStrategy[RandomNetwork]:
    """Random networks made of some kinds of steps.

    Args:
        steps: names out of `STEPS` to draw from.
        most: so many are drawn at most.
        always: kinds that every network has beside them.

    """
    width = st.sampled_from([2, 4, 6])
    some = st.lists(st.tuples(st.sampled_from(list(steps)), width), min_size=0 if always else 1, max_size=most)
    fixed = st.tuples(*(st.tuples(st.just(name), width) for name in always))
    drawn = st.tuples(some, fixed).flatmap(lambda parts: st.permutations([*parts[0], *parts[1]])).map(tuple)
    return st.builds(RandomNetwork, drawn, st.sampled_from(["mean", "flatten"]), st.integers(0, 3))


def networks(steps: Sequence[str] = tuple(STEPS), most: int = 4) -> st.SearchStrategy[Network]:
    """Random captured networks."""
    return models(steps, most).map(RandomNetwork.network)


@st.composite
def cuts(draw: st.DrawFn, axes: Axes) -> dict[str, Any]:
    """Random kept indices for some of the free groups of a network, as matrices where that is allowed."""
    kept: dict[str, Any] = {}
    for group in draw(st.lists(st.sampled_from(axes.free), unique=True)) if axes.free else []:
        count = draw(st.integers(1, group.size))
        rows = [
            sorted(draw(st.permutations(range(group.size)))[:count])
            for _ in range(group.outer if group.outer and draw(st.booleans()) else 1)
        ]
        kept[group.name] = rows if len(rows) > 1 else rows[0]
    return kept
