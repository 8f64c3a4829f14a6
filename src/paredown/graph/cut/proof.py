"""Proof of a cut: parent and child run side by side, node by node.

The parent runs with zeros in the place of the cut indices after every node, so that each node of the child must equal
the kept part of its parent's. What carries a cut index is replaced by random numbers first (batch norm statistics of a
fresh network are all alike and would hide a wrong slice). Where masking is no equivalent (a layer norm or a mean
over a cut axis), the child's values go on in both, so that everything after is checked again.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from paredown.errors import CutError
from paredown.graph.axes.dims import Dim, size_of
from paredown.graph.axes.groups import Axes
from paredown.graph.cut.indices import Indices
from paredown.graph.network import Network, module_path

__all__ = ["prove"]

_TOLERANCE = {
    torch.float64: 1e-6,
    torch.float32: 2e-3,
    torch.bfloat16: 1e-1,
    torch.float16: 3e-2,
    torch.complex128: 1e-6,
    torch.complex64: 2e-3,
}
"""Largest difference at one node relative to the largest value there."""


def prove(before: Network, after: Network, axes: Axes, indices: Indices) -> None:
    """Check a cut network against its parent.

    Checked: every parameter is the slice it should be; every node has the predicted shape and the values of its masked
    parent (at a batch of two); at a batch of three the outputs keep their shape and the first examples their values.

    Args:
        before: the parent.
        after: the child.
        axes: the analysis of the parent.
        indices: what was kept.

    Raises:
        CutError: a check fails; the message names the node, its operator and the user's module.

    """
    was = before.training, after.training
    before.eval(), after.eval()
    try:
        with torch.no_grad():
            _SideBySide(before, after, axes, indices).run()
            _Batches(before, after, axes).run()
    finally:
        before.train(was[0]), after.train(was[1])


class _SideBySide:
    def __init__(self, before: Network, after: Network, axes: Axes, indices: Indices) -> None:
        self.before, self.after, self.axes = before, after, axes
        inputs = [node for node in before.nodes() if node.op == "placeholder"]
        symbols = {
            size_of(length): actual
            for node, tensor in zip(inputs, before.example, strict=True)
            for length, actual in zip(node.meta["val"].shape, tensor.shape, strict=True)
            if isinstance(length, torch.SymInt)
        }
        self.indices = indices.at(symbols)
        self.generator = torch.Generator().manual_seed(0)
        self.old: dict[str, Any] = {}
        self.new: dict[str, Any] = {}
        self.random: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.exact = _exact(before)

    def run(self) -> None:
        parents = iter(self.before.nodes())
        known = {node.name for node in self.before.nodes()}
        examples = iter(self.before.example)
        uses = {id(node): len(node.users) for network in (self.before, self.after) for node in network.nodes()}
        for node in self.after.nodes():
            if node.op == "output":
                continue
            if node.name not in known:
                self._step(node, self.new, uses)
                continue
            parent = next(parents)
            while parent.name != node.name:  # sizes that the child does not compute any more
                self._step(parent, self.old, uses)
                parent = next(parents)
            match node.op:
                case "placeholder":
                    tensor = next(examples).to(_device(self.before))
                    self.old[node.name], self.new[node.name] = tensor.clone(), tensor.clone()
                case "get_attr":
                    self.old[node.name], self.new[node.name] = self._tensors(str(node.target))
                case "call_function":
                    self._step(node, self.new, uses)
                    self._step(parent, self.old, uses)
                    self._compare(node, parent)

    def _step(self, node: fx.Node, values: dict[str, Any], uses: dict[int, int]) -> None:
        args, kwargs = fx.map_arg((node.args, node.kwargs), lambda source: values[source.name])
        try:
            values[node.name] = node.target(*args, **kwargs)  # type: ignore[operator]
        except RuntimeError as error:
            msg = f"{_place(node)} cannot run after the cut: {error}. Exclude its group and report the operator."
            raise CutError(msg) from error
        for source in node.all_input_nodes:
            uses[id(source)] -= 1
            if not uses[id(source)]:
                del values[source.name]

    def _tensors(self, name: str) -> tuple[Any, Any]:
        old, new = (_attribute(network, name) for network in (self.before, self.after))
        if not isinstance(old, torch.Tensor):
            return old, new
        dims = self.axes.parameters[name]
        if id(old) not in self.random:
            self.random[id(old)] = self._randomised(name, old, new, dims)
        one, two = self.random[id(old)]
        return one.clone(), two.clone()

    def _randomised(
        self, name: str, old: torch.Tensor, new: torch.Tensor, dims: list[Dim]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not torch.equal(self.indices.take(old, dims), new):
            msg = (
                f"Parameter {name!r} was cut to {list(new.shape)}, which is not the part of {list(old.shape)} to keep."
            )
            raise CutError(msg)
        if not any(map(self.indices.touched, dims)):
            return old, new
        if old.dtype.is_floating_point and name not in self.exact:
            one, two = (torch.rand(old.shape, generator=self.generator).to(old) for _ in range(2))
            finite = old.where(old.isfinite(), 0)
            old = old * (0.75 + 0.5 * one) + 0.1 * finite.abs().mean().clamp_min(0.01) * two
        return self._masked(old.clone(), dims), self.indices.take(old, dims)

    def _masked(self, value: torch.Tensor, dims: Sequence[Dim]) -> torch.Tensor:
        """Zero the cut indices, in place where the storage allows it so that views stay views."""
        if not any(map(self.indices.touched, dims)):
            return value
        cut = self.indices.involved(dims)
        shape = [length if axis in cut else 1 for axis, length in enumerate(value.shape)]
        places = torch.arange(_total(shape)).view(shape)
        gone = torch.ones(_total(shape), dtype=torch.bool)
        gone[self.indices.take(places, _only(dims, cut)).flatten()] = False
        mask = gone.view(shape).to(value.device)
        if any(stride == 0 and length > 1 for stride, length in zip(value.stride(), value.shape, strict=True)):
            return value.masked_fill(mask, 0)
        return value.masked_fill_(mask, 0)

    def _compare(self, node: fx.Node, parent: fx.Node) -> None:
        dims = self.axes.nodes[node.name]
        if dims is None:
            return
        old, new = self.old[node.name], self.new[node.name]
        free = node.name in self.axes.loose or any(map(self.indices.touched, self.axes.sensitivity.get(node.name, ())))
        if isinstance(old, torch.Tensor):
            self.old[node.name] = self._check(parent, old, new, dims, free=free)
            return
        if isinstance(old, (tuple, list)):
            self.old[node.name] = [
                self._check(parent, one, two, part, free=free) if isinstance(one, torch.Tensor) else one
                for one, two, part in zip(old, new, dims, strict=True)
            ]

    def _check(
        self, node: fx.Node, old: torch.Tensor, new: torch.Tensor, dims: list[Dim], *, free: bool
    ) -> torch.Tensor:
        old = self._masked(old, dims)
        expected = self.indices.take(old, dims)
        if expected.shape != new.shape:
            msg = f"{_place(node)} gives {list(new.shape)} after the cut; its axes say {list(expected.shape)}."
            raise CutError(msg)
        if free:
            return self._copied(old, new, dims)
        worst = _difference(expected, new)
        if worst > _TOLERANCE.get(new.dtype, 0.0):
            msg = (
                f"{_place(node)} computes other values after the cut than its parent without the cut indices "
                f"(largest difference {worst:.2g} of the largest value). Exclude its group and report the operator."
            )
            raise CutError(msg)
        return old

    def _copied(self, old: torch.Tensor, new: torch.Tensor, dims: list[Dim]) -> torch.Tensor:
        flat = old.flatten().clone()
        places = self.indices.take(torch.arange(old.numel(), device=old.device).view(old.shape), dims)
        flat[places.flatten()] = new.flatten()
        return flat.view(old.shape)


@dataclasses.dataclass(frozen=True)
class _Batches:
    """At another batch size shapes and values of the first examples stay, unless the parent mixes examples itself."""

    before: Network
    after: Network
    axes: Axes

    def run(self) -> None:
        nodes = [node for node in self.before.nodes() if node.op == "placeholder"]
        first, specs = self.before.example, self.before.inputs
        sizes = [t.shape[spec.batch_dim] for spec, t in zip(specs, first, strict=True) if spec.batch_dim is not None]
        if not sizes:
            return
        count = sizes[0]
        more = [spec.rows(tensor, [*range(count), 0]) for spec, tensor in zip(specs, first, strict=True)]
        device = _device(self.before)
        two, three = ([tensor.to(device) for tensor in batch] for batch in (first, more))
        output = next(node for node in self.before.nodes() if node.op == "output")
        small, large = (self._outputs(batch) for batch in (two, three))
        for number, (node, one, other) in enumerate(zip(output.args[0], small, large, strict=True)):  # type: ignore[arg-type]
            if not isinstance(one, torch.Tensor) or not isinstance(node, fx.Node):
                continue
            self._shape(number, node, other, _symbols(nodes, three))
            for dim in range(one.ndim):
                batched = one.shape[dim] == count and other.shape[dim] == count + 1
                if batched and _difference(one, other.narrow(dim, 0, count)) > _TOLERANCE.get(one.dtype, 0.0):
                    self._mixes(number, two, three, dim)

    def _outputs(self, batch: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        try:
            outputs: tuple[torch.Tensor, ...] = self.after.graph_module(*batch)
        except RuntimeError as error:
            msg = f"After the cut the network does not run at a batch of {len(batch[0])}: {error}."
            raise CutError(msg) from error
        return outputs

    def _shape(self, number: int, node: fx.Node, value: torch.Tensor, symbols: dict[Any, int]) -> None:
        indices = Indices({}, {}, symbols)
        expected = [indices.size(dim) for dim in self.axes.nodes[node.name]]
        if list(value.shape) != expected:
            msg = f"Output {number} has the shape {list(value.shape)} after the cut and had {expected} before."
            raise CutError(msg)

    def _mixes(self, number: int, two: list[torch.Tensor], three: list[torch.Tensor], dim: int) -> None:
        one, other = self.before.graph_module(*two)[number], self.before.graph_module(*three)[number]
        if _difference(one, other.narrow(dim, 0, one.shape[dim])) <= _TOLERANCE.get(one.dtype, 0.0) / 100:
            msg = f"Output {number} of one example depends on the other examples after the cut, and did not before."
            raise CutError(msg)


def _symbols(nodes: Sequence[fx.Node], tensors: Sequence[torch.Tensor]) -> dict[Any, int]:
    return {
        size_of(length): actual
        for node, tensor in zip(nodes, tensors, strict=True)
        for length, actual in zip(node.meta["val"].shape, tensor.shape, strict=True)
        if isinstance(length, torch.SymInt)
    }


def _only(dims: Sequence[Dim], cut: Sequence[int]) -> list[Dim]:
    return [dim if axis in cut else Dim(1) for axis, dim in enumerate(dims)]


def _difference(expected: torch.Tensor, actual: torch.Tensor) -> float:
    """Largest difference relative to the largest finite value; NaN and infinities must be in the same places."""
    if not expected.numel():
        return 0.0
    if expected.is_complex():
        expected, actual = torch.view_as_real(expected), torch.view_as_real(actual)
    if not expected.dtype.is_floating_point:
        return float(not torch.equal(expected, actual))
    one, two = expected.detach().double(), actual.detach().double()
    if not torch.equal(one.isfinite(), two.isfinite()):
        return float("inf")
    one, two = one.where(one.isfinite(), 0), two.where(two.isfinite(), 0)
    return float((one - two).abs().max() / one.abs().max().clamp_min(1e-6))


def _exact(network: Network) -> set[str]:
    """Names of the scales and zero points, which random numbers would turn into another format."""
    return {
        str(source.target)
        for node in network.nodes()
        if "fake_quantize" in str(node.target)
        for source in node.all_input_nodes[1:]
        if source.op == "get_attr"
    }


def _attribute(network: Network, name: str) -> Any:
    value: Any = network.graph_module
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _device(network: Network) -> torch.device:
    return next((tensor.device for tensor in network.state_dict().values()), torch.device("cpu"))


def _place(node: fx.Node) -> str:
    path = module_path(node)
    return f"{node.target} (node {node.name}{f' in {path}' if path else ''})"


def _total(shape: Sequence[int]) -> int:
    out = 1
    for length in shape:
        out *= length
    return out
