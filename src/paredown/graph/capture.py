"""From a user's model to a `Network`."""

import copy
from typing import Any

import torch
from torch import fx, nn

from paredown.errors import CaptureError
from paredown.graph.network import InputSpec, Network
from paredown.graph.structure import Structure, flatten

__all__ = ["capture"]


class _Flat(nn.Module):
    """Calls the user's model with flat tensors and returns a flat tuple."""

    def __init__(self, model: nn.Module, in_structure: Structure) -> None:
        super().__init__()
        self.model = model
        self.in_structure = in_structure

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        args, kwargs = self.in_structure.build(tensors)
        return tuple(flatten(self.model(*args, **kwargs))[0])


def capture(model: nn.Module, *args: Any, **kwargs: Any) -> Network:
    """Capture a model as a trainable graph with a symbolic batch (first) dimension.

    Args:
        model: any ``nn.Module``; it is left bit-identical.
        *args: example inputs as the model takes them; the first dimension of each tensor is the batch.
        **kwargs: keyword inputs as the model takes them.

    Raises:
        CaptureError: the model cannot be exported; the message names file, line and operator.

    """
    tensors, in_structure = flatten((args, kwargs))
    names = [leaf.split(".")[-1] if leaf.startswith("1.") else f"input_{i}" for i, leaf in enumerate(in_structure.leaves())]
    example = tuple(t.detach().cpu()[:2] if t.shape[0] >= 2 else torch.cat([t.detach().cpu()] * 2) for t in tensors)
    wrapper = _Flat(copy.deepcopy(model).cpu().eval(), in_structure)
    with torch.no_grad():
        rebuilt_args, rebuilt_kwargs = in_structure.build(example)
        _, out_structure = flatten(wrapper.model(*rebuilt_args, **rebuilt_kwargs))
    dynamic = (tuple({0: torch.export.Dim.DYNAMIC} for _ in example),)
    try:
        program = torch.export.export(wrapper, example, dynamic_shapes=dynamic)
    except Exception as error:
        msg = f"{type(model).__name__} cannot be captured: {error}"
        raise CaptureError(msg) from error
    graph_module = _reroot(program.module(check_guards=False))
    inputs = tuple(
        InputSpec(name, t.dtype, ("batch", *t.shape[1:])) for name, t in zip(names, example, strict=True)
    )
    return Network(graph_module, inputs, in_structure, out_structure, example)


def _reroot(exported: fx.GraphModule) -> fx.GraphModule:
    """Drop the wrapper's ``model.`` prefix and pytree code, so that names are the user's."""
    graph = exported.graph
    graph.set_codegen(fx.graph.CodeGen())
    for node in list(graph.nodes):
        if node.op == "get_attr":
            node.target = str(node.target).removeprefix("model.")
        elif node.op == "call_module" and str(node.target) == "_guards_fn":
            graph.erase_node(node)
        stack = node.meta.get("nn_module_stack") or {}
        path = next(reversed(stack.values()))[0] if stack else ""
        path = str(path).removeprefix("L['self'].").removeprefix("model").removeprefix(".")
        node.meta["paredown_path"] = path
    root = exported.get_submodule("model") if hasattr(exported, "model") else nn.Module()
    return fx.GraphModule(root, graph)


