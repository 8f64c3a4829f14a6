"""A target that is unlike ONNX Runtime wherever runtimes differ, and runs networks all the same."""

import dataclasses
import os
import tempfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import fx

from paredown.errors import CorruptError, LoweringError
from paredown.graph.capabilities import Capabilities, Int8Kernels
from paredown.graph.fakequantize import FakeQuantize, effective, fake_quantized, spread, tensor_of
from paredown.graph.formats import INT8
from paredown.graph.movement import moves
from paredown.graph.network import Network, module_path
from paredown.targets import Batches, Fixed, Lowering, Port, Session, Target, parity

if TYPE_CHECKING:
    import numpy as np

__all__ = ["EdgeTarget"]

_LINEAR = "aten.linear.default"
_LAYERS = ("aten.conv1d.default", "aten.conv2d.default", _LINEAR)


@dataclasses.dataclass(frozen=True)
class EdgeTarget(Target):
    """A pretended device: two files, a batch that is fixed when a file is made, symmetric rounding, rounded outputs.

    ``small.edge`` holds the graph and ``small.weights`` the weights, those of 8-bit layers in 8 bits. Both are run by
    torch, so that whole searches work on it.
    """

    name: ClassVar[str] = "Edge"
    suffix: ClassVar[str] = ".edge"
    companions: ClassVar[tuple[str, ...]] = (".weights",)
    packages: ClassVar[tuple[str, ...]] = ("torch", "safetensors")
    threads_scope: ClassVar[Literal["session", "process"]] = "process"

    @property
    def capabilities(self) -> Capabilities:
        """Layers, additions and pooling in signed 8 bits around 0."""
        others = ("aten.add.Tensor", "aten.add_.Tensor", "aten.mean.dim", "aten.adaptive_avg_pool2d.default")
        kernels = Int8Kernels(
            operators=frozenset({*_LAYERS, *others}),
            activation=INT8,
            symmetric=True,
            output_rounded=True,
            concat_shares_scale=False,
            io=INT8,
        )
        return Capabilities(self.name, int8=kernels, channel_multiple=4, formats=frozenset({"float32", "int8"}))

    @property
    def reproducible(self) -> bool:
        """Archives tell when they were made."""
        return False

    @property
    def batches(self) -> Batches:
        """What `batch` says, and nothing else."""
        return Fixed(self.batch)

    def write(self, network: Network, path: Path) -> Lowering:
        """Store graph and weights; refuses rounding that the kernels do not do."""
        stored = network.copy().cpu().eval()
        for entry in fake_quantized(stored):
            _check(stored, entry)
        lowering = _lowering(stored)
        save_file(_taken(stored), path.with_suffix(".weights"), {"batch": str(self.batch)})
        with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
            stored.save(Path(scratch) / "graph.pt2")
            path.write_bytes(zlib.compress((Path(scratch) / "graph.pt2").read_bytes()))
        with self.open(path) as session:
            parity.check(network, session, self.floors.float, self.name, self.batches)
        return lowering

    def open(self, path: str | os.PathLike[str]) -> Session:
        """Put graph and weights together again."""
        path = Path(path)
        missing = [file for file in self.files(path) if not file.is_file()]
        if missing:
            msg = f"{path} was given to {self.name}; there is no file {missing[0].name}. Lower the network to it first."
            raise LoweringError(msg)
        try:
            return _EdgeSession(path, self.threads)
        except (CorruptError, SafetensorError, zlib.error) as error:
            msg = f"{path} cannot be opened by {self.name} ({error}). Lower the network to it again."
            raise LoweringError(msg) from error

    def version(self) -> str:
        """Torch's own."""
        return f"edge, torch {torch.__version__}"


def _check(network: Network, entry: FakeQuantize) -> None:
    zero = tensor_of(network.graph_module, entry.zero_point)
    limits = (INT8.quant_min, INT8.quant_max)
    inside = limits[0] <= entry.quant_min and entry.quant_max <= limits[1]
    whole = entry.value.op == "get_attr" or (entry.quant_min, entry.quant_max) == limits
    if not inside or not whole or bool(zero.round().any()):
        msg = (
            f"The value of node {entry.value.name!r} is rounded to {entry.quant_min} .. {entry.quant_max} around "
            f"{float(zero.flatten()[0]):g}; the kernels of {EdgeTarget.name} take -128 .. 127 around 0. "
            "Quantize it with quantize.Int8()."
        )
        raise LoweringError(msg)


def _taken(network: Network) -> dict[str, torch.Tensor]:
    """Take the weights out of a network, those of 8-bit layers as they are stored."""
    module = network.graph_module
    steps = {}
    for entry in fake_quantized(network):
        if entry.value.op == "get_attr":
            scale, zero = (tensor_of(module, name) for name in (entry.scale, entry.zero_point))
            scale, _ = effective(scale, zero, entry.quant_min, entry.quant_max)
            weight = tensor_of(module, str(entry.value.target)).detach()
            ratio = (weight / spread(scale, weight, entry.axis)).round()
            steps[str(entry.value.target)] = ratio.clamp(entry.quant_min, entry.quant_max).to(torch.int8)
    every = {name: tensor.detach() for name, tensor in (*module.named_parameters(), *module.named_buffers())}
    taken = {name: steps.get(name, tensor).clone().contiguous() for name, tensor in every.items()}
    for tensor in every.values():
        tensor.zero_()
    return taken


def _lowering(network: Network) -> Lowering:
    """Which layers compute in 8 bits, and which do not although they get 8-bit values."""
    counts: Counter[str] = Counter()
    unfused = []
    for node in network.nodes():
        if node.op != "call_function" or FakeQuantize.of(node) is not None:
            counts["quantize"] += FakeQuantize.of(node) is not None
            continue
        name = str(node.target)
        read = [argument for argument in node.args[:2] if isinstance(argument, fx.Node)]
        rounded = name in _LAYERS and all(FakeQuantize.of(_origin(argument)) is not None for argument in read)
        counts[f"{'int8' if rounded else 'float'}.{name}"] += 1
        if rounded and name == _LINEAR and not _is_rounded(node):
            unfused.append(
                f"{name} {node.name!r} in {module_path(node)!r} gets 8-bit values but its result is not rounded"
            )
    made = dict(sorted((+counts).items()))
    quantized = sum(count for name, count in made.items() if name.startswith("int8."))
    floats = {name: count for name, count in made.items() if name.startswith("float.") and quantized}
    return Lowering(made, quantized, tuple(unfused), floats=floats, conversions=counts["quantize"])


def _origin(value: fx.Node) -> fx.Node:
    """What a value was before it was moved."""
    while moves(value) and value.all_input_nodes:
        value = value.all_input_nodes[0]
    return value


def _is_rounded(node: fx.Node) -> bool:
    """Whether a layer's result is rounded, by itself or after the activation behind it."""
    return all(
        FakeQuantize.of(user) is not None or all(FakeQuantize.of(later) is not None for later in user.users)
        for user in node.users
    )


class _EdgeSession(Session):
    def __init__(self, path: Path, threads: int) -> None:
        with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
            graph = Path(scratch) / "graph.pt2"
            graph.write_bytes(zlib.decompress(path.read_bytes()))
            self._network = Network.load(graph)
        module = self._network.graph_module
        places = dict((*module.named_parameters(), *module.named_buffers()))
        with safe_open(path.with_suffix(".weights"), framework="pt") as stored:
            self._batch = int(stored.metadata()["batch"])
            with torch.no_grad():
                for name, place in places.items():
                    place.copy_(stored.get_tensor(name).to(place.dtype))
        for entry in fake_quantized(self._network):
            if entry.value.op == "get_attr":
                self._scale(entry)
        self.inputs = tuple(self._port(spec.name, str(spec.dtype), spec.shape) for spec in self._network.inputs)
        values = [node.meta["val"] for node in self._results()]
        self.outputs = tuple(self._port(f"output_{i}", str(v.dtype), v.shape) for i, v in enumerate(values))
        self._before = torch.get_num_threads()
        torch.set_num_threads(threads)

    def _scale(self, entry: FakeQuantize) -> None:
        """Turn the stored numbers of a weight into weights."""
        module = self._network.graph_module
        weight = tensor_of(module, str(entry.value.target))
        scale, _ = effective(
            tensor_of(module, entry.scale), tensor_of(module, entry.zero_point), entry.quant_min, entry.quant_max
        )
        with torch.no_grad():
            weight.mul_(spread(scale, weight, entry.axis))

    def _results(self) -> list[fx.Node]:
        output = next(node for node in self._network.nodes() if node.op == "output")
        return list(output.all_input_nodes)

    def _port(self, name: str, dtype: str, shape: Sequence[Any]) -> Port:
        sizes = tuple(size if isinstance(size, int) else self._batch for size in shape)
        return Port(name, dtype.removeprefix("torch."), sizes)

    def run(self, feeds: Sequence["np.ndarray[Any, Any]"]) -> list["np.ndarray[Any, Any]"]:
        for feed, port in zip(feeds, self.inputs, strict=True):
            if feed.shape != port.shape:
                msg = f"{port.name} has the shape {list(port.shape)} in this file; {list(feed.shape)} was given."
                raise ValueError(msg)
        with torch.no_grad():
            results = self._network.graph_module(*(torch.from_numpy(feed) for feed in feeds))
        return [result.numpy() for result in results]

    def close(self) -> None:
        torch.set_num_threads(self._before)
