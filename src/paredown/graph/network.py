"""The captured, trainable graph."""

import copy
import dataclasses
import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import fx, nn

from paredown.errors import InputError
from paredown.graph import mode, placement
from paredown.graph.sparsity import is_sparse
from paredown.graph.structure import Structure, flatten

__all__ = ["InputSpec", "Network", "module_path"]


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """One flat input: its name, element type and shape; a named entry is a dimension that may vary."""

    name: str
    dtype: torch.dtype
    shape: tuple[int | str, ...]

    @property
    def batch_dim(self) -> int | None:
        """The dimension that holds the examples; None where the input has none."""
        return self.shape.index("batch") if "batch" in self.shape else None

    def rows(self, tensor: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
        """Some examples of a tensor for this input, in the order given; the tensor itself without a batch dimension."""
        dim = self.batch_dim
        return tensor if dim is None else tensor.index_select(dim, torch.tensor(indices, device=tensor.device))


class Network(nn.Module):
    """A user's model as a graph that can be called, trained, cut, quantized, stored and lowered.

    The parameters and buffers carry the names they have in the user's model. ``network.graph_module`` is a
    ``torch.fx.GraphModule`` over flat tensors (placeholders in, one tuple out); its parameters *are* this module's
    parameters. Calling the network takes and returns the user's own nesting.

    Attributes:
        graph_module: the graph, with pre-decomposition ATen operators.
        inputs: one `InputSpec` per placeholder, in order.
        in_structure: nesting of ``(args, kwargs)``.
        out_structure: nesting of the result.
        example: flat example inputs (batch of two), on the CPU.
        lost: what capturing in eval mode dropped (stochastic depth, dropout inside attention, auxiliary heads).

    """

    def __init__(  # noqa: PLR0913, PLR0917 (what a network is; capture and load are the two callers)
        self,
        graph_module: fx.GraphModule,
        inputs: tuple[InputSpec, ...],
        in_structure: Structure,
        out_structure: Structure,
        example: tuple[torch.Tensor, ...],
        lost: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.__dict__["graph_module"] = graph_module
        self._adopt(graph_module)
        self.inputs = inputs
        self.in_structure = in_structure
        self.out_structure = out_structure
        self.__dict__["example"] = example
        self.lost = lost
        self.training = False
        mode.set_mode(graph_module, training=False)

    graph_module: fx.GraphModule
    example: tuple[torch.Tensor, ...]

    def _adopt(self, graph_module: fx.GraphModule) -> None:
        # The very dictionaries are shared: whatever moves, replaces or names a parameter does so for both.
        self._parameters = graph_module._parameters
        self._buffers = graph_module._buffers
        self._modules = graph_module._modules
        self._non_persistent_buffers_set = graph_module._non_persistent_buffers_set

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the graph on the user's inputs.

        Raises:
            InputError: the inputs are not nested as the example was.

        """
        tensors, structure = flatten((args, kwargs))
        if len(tensors) != len(self.inputs) or structure != self.in_structure:
            tensors = self.arrange(*args, **kwargs)
        if self.training:
            mode.count_batches(self.graph_module)
        return self.out_structure.build(self.graph_module(*tensors))

    def arrange(self, *args: Any, **kwargs: Any) -> list[torch.Tensor]:
        """Flat tensors in the order of `inputs`, whatever way the caller nests them.

        Positional, keyword and dict forms of the same named inputs are accepted.

        Raises:
            InputError: a named input is missing, or there are too many.

        """
        tensors, structure = flatten((args, kwargs))
        if len(tensors) == len(self.inputs):
            by_name = dict(zip([leaf.rpartition(".")[2] for leaf in structure.leaves()], tensors, strict=True))
            names = [spec.name for spec in self.inputs]
            self._refuse_other_constants(structure)
            return [by_name[name] for name in names] if set(by_name) == set(names) else tensors
        want = ", ".join(f"{spec.name}{list(spec.shape)}" for spec in self.inputs)
        msg = f"The network was called with {len(tensors)} tensors; it takes {len(self.inputs)}: {want}."
        raise InputError(msg)

    def _refuse_other_constants(self, structure: Structure) -> None:
        """A plain value among the inputs was written into the graph when it was captured."""
        captured = self.in_structure.constants()
        for path, value in structure.constants().items():
            if path in captured and captured[path] != value:
                name = path.rpartition(".")[2]
                msg = (
                    f"The network was called with {name}={value}; it was captured with {name}={captured[path]}, which is now "
                    f"part of the graph. Leave {name} out, or capture it again with {name}={value}."
                )
                raise InputError(msg)

    def train(self, mode_: bool = True) -> "Network":  # noqa: FBT001, FBT002 (the signature of torch)
        """Switch every operator that carries a mode (batch norm, dropout, attention dropout)."""
        mode.set_mode(self.graph_module, training=mode_)
        self.training = mode_
        for module in self.modules():
            module.training = mode_
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> "Network":  # noqa: FBT001, FBT002 (the signature of torch)
        """Move or convert parameters and buffers, and with them what the graph itself makes (masks, positions)."""
        old = placement.home(self)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        new = placement.home(self)
        if new != old:
            placement.follow(self.graph_module, new[0], old[1], new[1])
        return self

    def copy(self) -> "Network":
        """An independent copy: no storage is shared, tied parameters stay tied."""
        twin = Network(
            copy.deepcopy(self.graph_module),
            self.inputs,
            self.in_structure,
            self.out_structure,
            self.example,
            self.lost,
        )
        return twin.train(self.training)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Network":
        return self.copy()

    def nodes(self) -> Iterator[fx.Node]:
        """Nodes of the graph in order of execution."""
        return iter(self.graph_module.graph.nodes)

    def recompile(self) -> "Network":
        """Check the graph and make its code anew after nodes were changed; returns the network itself."""
        self.graph_module.graph.lint()
        self.graph_module.recompile()
        self._adopt(self.graph_module)
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network as a ``.pt2`` archive: `load` restores it exactly, ``torch.export.load`` loads it alone.

        Raises:
            InputError: the graph holds something that has no stored form.

        """
        from paredown.graph import storage  # noqa: PLC0415 (storage makes networks)

        storage.save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "Network":
        """Read a network that `save` wrote.

        Raises:
            CorruptError: the file is no stored network, or not the one that was written.

        """
        from paredown.graph import storage  # noqa: PLC0415

        return storage.load(path)

    def write_back(self, model: nn.Module) -> nn.Module:
        """A copy of the user's model with this network's weights and sizes, proven by running both.

        Args:
            model: what the network was captured from; left bit-identical.

        Raises:
            InputError: the user's class has no place for what is in the network; the message says why.

        """
        from paredown.graph import writeback  # noqa: PLC0415

        return writeback.write_back(self, model)

    def fingerprint(self) -> str:
        """SHA-256 (hex) of graph, parameters and buffers: equal networks, equal fingerprint, in every process."""
        digest = hashlib.sha256()
        for node in self.graph_module.graph.nodes:
            digest.update(f"{node.op} {node.name} {node.target} {node.args} {node.kwargs}\n".encode())
            digest.update(b"sparse\n" if is_sparse(node) else b"")
        tensors = [*self.named_parameters(remove_duplicate=False), *self.named_buffers(remove_duplicate=False)]
        first: dict[int, str] = {}
        for name, tensor in sorted(tensors, key=lambda pair: pair[0]):
            tied = first.setdefault(id(tensor), name)
            digest.update(f"{name} {tied} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            if tied == name:
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def module_path(node: fx.Node) -> str:
    """Dotted path of the user's module that made a node, as in ``model.named_modules()``; empty at the root."""
    return str(node.meta.get("paredown_path", ""))
