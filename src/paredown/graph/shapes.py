"""Shapes of every node, with the batch as a symbol: computed on fake tensors, nothing is run."""

import functools
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from torch import fx
from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

from paredown.errors import InputError
from paredown.graph.network import InputSpec, Network, module_path

__all__ = ["fake_inputs", "propagate", "size_at"]

_BATCH_HINT = 7


def propagate(network: Network) -> Network:
    """Compute ``node.meta["val"]`` of every node anew; to be called after the graph or its parameters were changed.

    Each value is a fake tensor (or a symbolic whole number) whose batch dimension is one and the same symbol
    throughout the network, and every other named dimension another.

    Returns:
        The network itself.

    Raises:
        InputError: an operator refuses the shapes it is given, or fixes the batch to a number.

    """
    mode, inputs, symbols = fake_inputs(network.inputs, network.example)
    free = {name: str(symbol) for name, symbol in symbols.items()}
    values: dict[fx.Node, Any] = {}
    feed = iter(inputs)
    with torch.no_grad(), enable_python_dispatcher(), mode:
        for node in network.graph_module.graph.nodes:
            if node.op == "placeholder":
                values[node] = next(feed)
            elif node.op == "get_attr":
                values[node] = _fake_attribute(network.graph_module, str(node.target), mode)
            elif node.op == "call_function":
                values[node] = _run(node, values)
                _check_symbols(node, symbols, free)
            else:
                continue
            node.meta["val"] = values[node]
    return network


def fake_inputs(
    specs: tuple[InputSpec, ...], example: tuple[torch.Tensor, ...], batch: int = _BATCH_HINT
) -> tuple[FakeTensorMode, list[torch.Tensor], dict[str, torch.SymInt]]:
    """Fake inputs with one symbol per named dimension; ``batch`` is the number its symbol would have if asked.

    Returns:
        The mode the tensors live in, one fake tensor per input, and the symbol of each name.

    """
    environment = ShapeEnv()
    mode = FakeTensorMode(shape_env=environment)
    symbols: dict[str, Any] = {}
    inputs = []
    for spec, tensor in zip(specs, example, strict=True):
        for name, size in zip(spec.shape, tensor.shape, strict=True):
            if isinstance(name, str) and name not in symbols:
                symbols[name] = _symbol(environment, name, batch if name == "batch" else size)
        shape = [symbols[size] if isinstance(size, str) else size for size in spec.shape]
        with mode:
            inputs.append(torch.empty(shape, dtype=spec.dtype))
    return mode, inputs, symbols


def size_at(size: "int | torch.SymInt", network: Network, batch: int = 1) -> int:
    """The number a symbolic size stands for at a batch size; other named dimensions are as in the example."""
    if isinstance(size, int):
        return size
    lengths = {"batch": batch}
    for spec, tensor in zip(network.inputs, network.example, strict=True):
        sizes = zip(spec.shape, tensor.shape, strict=True)
        lengths |= {name: size for name, size in sizes if isinstance(name, str) and name != "batch"}
    return _evaluate(size.node.expr, tuple((_name_of(name), length) for name, length in lengths.items()))


@functools.lru_cache(maxsize=4096)
def _evaluate(expression: sympy.Expr, lengths: tuple[tuple[str, int], ...]) -> int:
    by_name = dict(lengths)
    return int(expression.xreplace({symbol: sympy.Integer(by_name[str(symbol)]) for symbol in expression.free_symbols}))


@functools.cache
def _name_of(name: str) -> str:
    return str(_symbol(ShapeEnv(), name, _BATCH_HINT).node.expr)


def _symbol(environment: ShapeEnv, name: str, hint: int) -> Any:
    source = ConstantSource(name)
    symbol = environment.create_symbol(hint, source=source, dynamic_dim=DimDynamic.DYNAMIC)
    return environment.create_symintnode(symbol, hint=hint, source=source)


def _fake_attribute(graph_module: fx.GraphModule, name: str, mode: FakeTensorMode) -> FakeTensor:
    owner, _, leaf = name.rpartition(".")
    tensor = getattr(graph_module.get_submodule(owner), leaf)
    return mode.from_tensor(tensor, static_shapes=True)


def _run(node: fx.Node, values: dict[fx.Node, Any]) -> Any:
    args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
    target: Any = node.target
    try:
        return target(*args, **kwargs)
    except Exception as error:
        shapes = ", ".join(str(list(v.shape)) if isinstance(v, torch.Tensor) else str(v) for v in _flat(node, values))
        msg = (
            f"{target} (node {node.name}, module '{module_path(node)}') cannot take {shapes}: {str(error).splitlines()[0]}. "
            "Shapes have to fit at any batch size. Undo the last change of the graph, or change all that carry the axis."
        )
        raise InputError(msg) from error


def _flat(node: fx.Node, values: dict[fx.Node, Any]) -> list[Any]:
    return [values[argument] for argument in node.all_input_nodes]


def _check_symbols(node: fx.Node, symbols: dict[str, torch.SymInt], free: dict[str, str]) -> None:
    for name, symbol in symbols.items():
        expression = symbol.node.expr
        if str(expression) != free[name]:
            msg = (
                f"The {name} dimension was fixed to {expression} by {node.target} (node {node.name}, module "
                f"'{module_path(node)}'). Every node has to work at any {name} size. Use the symbolic size there."
            )
            raise InputError(msg)
