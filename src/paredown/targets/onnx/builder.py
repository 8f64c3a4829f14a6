"""Builds an ONNX graph node by node."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from torch import fx

__all__ = ["IR_VERSION", "MICROSOFT", "OPSET", "Builder", "Untranslatable"]

OPSET = 20
IR_VERSION = 10
MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""


class Untranslatable(Exception):  # noqa: N818 (a signal between two translators, never seen by users)
    """The direct rules do not cover a node; torch's exporter is asked instead."""


class Builder:
    """Collects nodes and initialisers; rules call `emit` and `constant`.

    Attributes:
        names: the ONNX value that each graph node computes; a list for nodes with several results.

    """

    def __init__(self, graph_module: fx.GraphModule) -> None:
        self.graph_module = graph_module
        self.names: dict[fx.Node, str | list[str]] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._taken: set[str] = set()

    def fresh(self, stem: str) -> str:
        """A value name not used so far."""
        name, count = stem, 0
        while name in self._taken:
            count += 1
            name = f"{stem}_{count}"
        self._taken.add(name)
        return name

    def value(self, thing: object) -> str:
        """The ONNX name of an argument: a node's value, or a number as a constant."""
        if isinstance(thing, fx.Node):
            if thing.op == "get_attr" and thing not in self.names:
                self.names[thing] = self._attribute(str(thing.target))
            name = self.names.get(thing)
            if isinstance(name, str):
                return name
        raise Untranslatable(str(thing))

    def _attribute(self, target: str) -> str:
        if target not in self.initializers:
            self._taken.add(target)
            self.initializers[target] = onnx.numpy_helper.from_array(self.tensor(target).numpy(), target)
        return target

    def tensor(self, target: str) -> torch.Tensor:
        """A parameter or buffer by name, as a contiguous tensor."""
        owner, _, leaf = target.rpartition(".")
        tensor = getattr(self.graph_module.get_submodule(owner), leaf)
        if not isinstance(tensor, torch.Tensor) or tensor.dtype == torch.bfloat16:
            raise Untranslatable(target)
        return tensor.detach().cpu().contiguous()

    def constant(self, values: Any, dtype: Any = np.int64, stem: str = "constant") -> str:
        """A small constant as an initialiser."""
        name = self.fresh(stem)
        self.initializers[name] = onnx.numpy_helper.from_array(np.asarray(values, dtype=dtype), name)
        return name

    def emit(
        self,
        operator: str,
        inputs: Sequence[str],
        node: fx.Node,
        *,
        outputs: int = 1,
        part: str = "",
        **attributes: Any,
    ) -> str:
        """Add an ONNX node that belongs to a graph node; returns its first result's name.

        Args:
            operator: of the default domain, unless a `domain` is among the attributes.
            inputs: value names.
            node: what the ONNX node and its results are named after.
            outputs: number of results.
            part: appended to the name of an intermediate step.
            **attributes: of the ONNX operator.

        """
        names = [self.fresh(f"{node.name}{part}") for _ in range(outputs)]
        self.nodes.append(onnx.helper.make_node(operator, list(inputs), names, name=names[0], **attributes))
        self.names[node] = names[0] if outputs == 1 else names
        return names[0]
