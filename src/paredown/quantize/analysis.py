"""Where an 8-bit network differs from the float one and from its file, node by node, and why."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from paredown.errors import RecipeError
from paredown.graph.fakequantize import FakeQuantize, effective, fake_quantize, fake_quantized, tensor_of
from paredown.graph.inference import inference_form
from paredown.graph.network import Network, module_path
from paredown.quantize.activation import split_gates

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Analysis", "Inner", "NodeError", "analyse"]

Inner = Callable[[Sequence[NDArray[Any]]], Mapping[str, NDArray[Any]]]
"""Rounded values inside of a file by the name of the rounding node, given flat inputs (`Target.inner`)."""

_LARGE_DB = 20.0
_FILE_DB = 30.0
_TAIL = 0.999
_OUTLIERS = 4.0
_CLIPPED = 0.01
_SPREAD = 16.0
_FROM_BEFORE_DB = 6.0
_MOST_DB = 200.0
_SAMPLED = 1 << 16


@dataclasses.dataclass(frozen=True)
class NodeError:
    """How far a rounded value is off.

    Attributes:
        node: name of the node whose value is rounded.
        layer: the user's module path, empty at the root.
        snr_db: signal-to-noise of the rounded network's value against the float network's: all errors up to here.
        cosine: between both.
        own_db: signal-to-noise of the rounding at this place alone.
        weight_db: of the rounded weight of the layer that computes the value; None where no layer does.
        file_db: signal-to-noise of the file's value against the rounded network's; None where it cannot be read.
        clipped: share of the values outside of the range.
        tail: the largest magnitude over the one that 99.9 % of the values keep below.
        spread: the largest channel's magnitude over the median channel's; 1 without channels.
        reason: what stands out.

    """

    node: str
    layer: str
    snr_db: float
    cosine: float
    own_db: float
    weight_db: float | None
    file_db: float | None
    clipped: float
    tail: float
    spread: float
    reason: str


@dataclasses.dataclass(frozen=True)
class Analysis:
    """What `analyse` found.

    Attributes:
        nodes: every rounded value, in the order of the graph.
        examples: that were run.
        first: the first node whose value has less than 20 dB; empty where none has.
        first_in_file: the first node where file and rounded network differ by more than 30 dB below the value; empty
            where none does.

    """

    nodes: tuple[NodeError, ...]
    examples: int
    first: str = ""
    first_in_file: str = ""

    def worst(self, count: int = 5) -> tuple[NodeError, ...]:
        """The nodes with the least signal-to-noise, the worst first."""
        return tuple(sorted(self.nodes, key=lambda node: node.snr_db)[:count])

    def __str__(self) -> str:
        lines = [f"{'node':<32} {'dB':>6} {'own':>6} {'file':>6}  why"]
        for node in self.nodes:
            file = f"{node.file_db:6.1f}" if node.file_db is not None else "     -"
            lines.append(f"{(node.layer or node.node):<32} {node.snr_db:6.1f} {node.own_db:6.1f} {file}  {node.reason}")
        return "\n".join(lines)


def analyse(
    rounded: Network,
    evidence: "Evidence",
    *,
    original: Network | None = None,
    inner: Inner | None = None,
    examples: int = 64,
) -> Analysis:
    """Run the same examples through float network, rounded network and file, and compare at every rounded value.

    Args:
        rounded: a network with fake-quantize nodes; left bit-identical.
        evidence: its calibration split is run.
        original: the float network that was rounded. None takes the rounded network itself without its rounding: what
            rounding does to these very weights, also after training or cutting.
        inner: reads the file: ``target.inner(path)``.
        examples: at most so many.

    Raises:
        RecipeError: the network is not quantized, has other nodes than the original, or there is no data.

    """
    entries = [entry for entry in fake_quantized(rounded) if entry.value.op != "get_attr"]
    if not entries:
        msg = (
            "analyse() was given a network in which no value is rounded, so there is nothing to compare. "
            "Give it a quantized one: `quantize.Int8().on(network, evidence)`."
        )
        raise RecipeError(msg)
    exact = _exact(rounded, original, entries)
    quiet = rounded.copy().eval().cpu()
    sums = [_Sums(entry, quiet) for entry in entries]
    count = 0
    for inputs in evidence.calibration(examples, rounded):
        flat = [tensor.cpu() for tensor in inputs]
        count += len(flat[0])
        values = _values(exact, {entry.value.name for entry in entries}, flat)
        names = {name for entry in entries for name in (entry.value.name, entry.node.name)}
        with_noise = _values(quiet, names, flat)
        stored = inner([tensor.numpy() for tensor in flat]) if inner else {}
        for entry, row in zip(entries, sums, strict=True):
            row.add(
                values[entry.value.name], with_noise[entry.value.name], with_noise[entry.node.name],
                stored.get(entry.node.name),
            )  # fmt: skip
    weights = _weights(quiet)
    nodes = tuple(row.result(weights) for row in sums)
    return Analysis(
        nodes,
        count,
        next((node.node for node in nodes if node.snr_db < _LARGE_DB), ""),
        next((node.node for node in nodes if node.file_db is not None and node.file_db < _FILE_DB), ""),
    )


def _exact(rounded: Network, original: Network | None, entries: Sequence[FakeQuantize]) -> Network:
    """The network to compare with, its nodes named as in the rounded one."""
    if original is None:
        twin = rounded.copy().eval().cpu()
        for entry in fake_quantized(twin):
            entry.node.replace_all_uses_with(entry.value)
            twin.graph_module.graph.erase_node(entry.node)
        return twin.recompile()
    twin, _ = inference_form(original.copy().eval().cpu())
    missing = {entry.value.name for entry in entries} - {node.name for node in twin.nodes()}
    if missing:
        split_gates(twin)
        missing -= {node.name for node in twin.nodes()}
    if missing:
        msg = (
            f"analyse(original=...) was given a network without the node {min(missing)!r} of the rounded one. Give the "
            "network that was rounded, or leave it out to see what rounding does to the rounded network's own weights."
        )
        raise RecipeError(msg)
    return twin


class _Values(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, wanted: set[str]) -> None:
        super().__init__(module)
        self.wanted, self.found = wanted, dict[str, torch.Tensor]()

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n.name in self.wanted:
            self.found[n.name] = value
        return value


def _values(network: Network, wanted: set[str], inputs: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    interpreter = _Values(network.graph_module, wanted)
    with torch.no_grad():
        interpreter.run(*inputs)
    return interpreter.found


def _weights(network: Network) -> dict[str, float]:
    """Signal-to-noise of every rounded weight, by the node that reads it."""
    found: dict[str, float] = {}
    for entry in fake_quantized(network):
        if entry.value.op == "get_attr":
            module = network.graph_module
            value = tensor_of(module, str(entry.value.target)).detach()
            scale, zero = tensor_of(module, entry.scale), tensor_of(module, entry.zero_point)
            near = fake_quantize(value, scale, zero, entry.axis, entry.quant_min, entry.quant_max).detach()
            noise = float((value - near).double().square().sum())
            found |= dict.fromkeys(
                (user.name for user in entry.node.users), _db(float(value.double().square().sum()), noise)
            )
    return found


class _Sums:
    """Adds up, batch by batch, what the errors of one value are computed from."""

    def __init__(self, entry: FakeQuantize, network: Network) -> None:
        module = network.graph_module
        scale, zero = (tensor_of(module, name) for name in (entry.scale, entry.zero_point))
        scale, zero = effective(scale, zero, entry.quant_min, entry.quant_max)
        self.entry = entry
        self.low = float(((entry.quant_min - 0.5 - zero) * scale).min())
        self.high = float(((entry.quant_max + 0.5 - zero) * scale).max())
        self.exact = self.near = self.both = self.noise = 0.0
        self.before = self.own = self.file = 0.0
        self.read, self.outside, self.numbers, self.tail = False, 0, 0, 1.0
        self.channels: torch.Tensor | None = None

    def add(self, exact: torch.Tensor, before: torch.Tensor, near: torch.Tensor, stored: NDArray[Any] | None) -> None:
        """One batch: the float value, the rounded network's before and after rounding, and the file's."""
        a, b, c = (tensor.detach().double() for tensor in (exact, before, near))
        self.exact += float(a.square().sum())
        self.near += float(c.square().sum())
        self.both += float((a * c).sum())
        self.noise += float((a - c).square().sum())
        self.before += float(b.square().sum())
        self.own += float((b - c).square().sum())
        self.outside += int(((b < self.low) | (b > self.high)).sum())
        self.numbers += b.numel()
        if stored is not None:
            self.read = True
            self.file += float((c - torch.from_numpy(np.asarray(stored, dtype=np.float64))).square().sum())
        sizes = a.abs()
        flat = sizes.flatten()
        sample = flat[:: max(1, flat.numel() // _SAMPLED)]
        common = float(torch.quantile(sample, _TAIL))
        self.tail = max(self.tail, float(flat.max()) / common if common > 0 else 1.0)
        if sizes.dim() > 2:
            peaks = sizes.amax([dim for dim in range(sizes.dim()) if dim != 1])
            self.channels = peaks if self.channels is None else torch.maximum(self.channels, peaks)

    def result(self, weights: Mapping[str, float]) -> NodeError:
        """The errors, with a reason."""
        node = self.entry.value
        spread = 1.0
        if self.channels is not None and float(self.channels.median()) > 0:
            spread = float(self.channels.max() / self.channels.median())
        layer: fx.Node | None = node
        while layer is not None and layer.name not in weights:
            layer = layer.all_input_nodes[0] if layer.all_input_nodes and len(layer.all_input_nodes) == 1 else None
        found = NodeError(
            node.name,
            module_path(node),
            _db(self.exact, self.noise),
            self.both / math.sqrt(self.exact * self.near) if self.exact * self.near > 0 else 1.0,
            _db(self.before, self.own),
            weights[layer.name] if layer is not None else None,
            _db(self.near, self.file) if self.read else None,
            self.outside / self.numbers,
            self.tail,
            spread,
            "",
        )
        return dataclasses.replace(found, reason=_reason(found))


def _reason(node: NodeError) -> str:
    """What stands out most; an error that came from before is no fault of this place."""
    weight = math.inf if node.weight_db is None else node.weight_db
    before = node.own_db - node.snr_db > _FROM_BEFORE_DB and weight > node.snr_db + _FROM_BEFORE_DB / 2
    file = node.file_db if node.file_db is not None else math.inf
    reasons = (
        (file < _FILE_DB, f"the file computes something else here ({file:.0f} dB)"),
        (before, "the error comes from before"),
        (node.clipped > _CLIPPED, f"{node.clipped:.1%} of the values lie outside of the range"),
        (node.tail > _OUTLIERS, f"outliers: the largest value is {node.tail:.0f} times what 99.9 % keep below"),
        (
            node.spread > _SPREAD,
            f"the largest channel is {node.spread:.0f} times the median one, and all have one scale",
        ),
        (weight < node.own_db, f"its rounded weights ({weight:.0f} dB)"),
    )
    return next((text for holds, text in reasons if holds), "the steps of the range")


def _db(signal: float, noise: float) -> float:
    """Ratio of two sums of squares; equal values have 200 dB."""
    if noise <= 0 or signal <= 0:
        return _MOST_DB if noise <= 0 else -_MOST_DB
    return min(_MOST_DB, 10 * math.log10(signal / noise))
