"""A network as a ``torch.export.ExportedProgram`` of stock operators, made without tracing it again."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn
from torch._export.verifier import TrainingIRVerifier
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram, ModuleCallEntry, ModuleCallSignature
from torch.export.graph_signature import (
    ExportGraphSignature,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
    TensorArgument,
)
from torch.utils import _pytree as pytree
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRanges

from paredown.graph import mode
from paredown.graph.network import Network
from paredown.graph.shapes import propagate
from paredown.graph.stock import STOCK

__all__ = ["exported_program", "fresh_shapes"]


def exported_program(network: Network, tensors: Mapping[str, torch.Tensor]) -> ExportedProgram:
    """The network in eval mode, taking and returning flat tensors.

    Rounding nodes are written out in stock operators, so whoever loads the program needs torch alone.

    Args:
        network: with up-to-date shapes, see `fresh_shapes`; left as it is.
        tensors: every parameter and buffer by name, as they are to be stored; tied names hold the same tensor.

    """
    graph = fx.Graph()
    module = network.graph_module
    lifted = {name: _placeholder(graph, name, tensor, network) for name, tensor in tensors.items()}
    copied: dict[fx.Node, Any] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr":
            copied[node] = lifted[str(node.target)]
        elif node.op == "output":
            outputs = fx.map_arg(node.args[0], copied.__getitem__)
            graph.output(outputs)
        elif (write_out := STOCK.get(node.target)) is not None:
            copied[node] = write_out(graph, node, copied)
        else:
            twin = graph.node_copy(node, copied.__getitem__)
            twin.meta = {"val": node.meta["val"]}
            copied[node] = twin
            mode.write(twin, training=False, settings=node.meta)
    signature = _signature(network, lifted, tensors, [copied[n] for n in _inputs(module.graph)], outputs)
    persistent = {name: tensor for name, tensor in tensors.items() if name in network.state_dict()}
    return ExportedProgram(
        root=nn.Module(),
        graph=graph,
        graph_signature=signature,
        state_dict=persistent,
        range_constraints=_ranges(network),
        module_call_graph=[_call(network, signature, outputs)],
        example_inputs=None,
        constants={name: tensor for name, tensor in tensors.items() if name not in persistent},
        verifiers=[TrainingIRVerifier],
    )


def fresh_shapes(network: Network) -> Network:
    """The network itself where its recorded shapes are those of its tensors, otherwise a copy with shapes propagated."""
    tensors = {
        **dict(network.named_parameters(remove_duplicate=False)),
        **dict(network.named_buffers(remove_duplicate=False)),
    }
    for node in network.nodes():
        if node.op == "output":
            continue
        value = node.meta.get("val")
        if value is None:
            return propagate(network.copy())
        if node.op == "get_attr" and tuple(value.shape) != tuple(tensors[str(node.target)].shape):
            return propagate(network.copy())
    return network


def _inputs(graph: fx.Graph) -> list[fx.Node]:
    return [node for node in graph.nodes if node.op == "placeholder"]


def _fake_mode(network: Network) -> FakeTensorMode:
    found: FakeTensorMode = _inputs(network.graph_module.graph)[0].meta["val"].fake_mode
    return found


def _placeholder(graph: fx.Graph, name: str, tensor: torch.Tensor, network: Network) -> fx.Node:
    kind = "p" if isinstance(tensor, nn.Parameter) else "b"
    node = graph.placeholder(f"{kind}_{name.replace('.', '_')}")
    node.target = node.name
    node.meta["val"] = _fake_mode(network).from_tensor(tensor, static_shapes=True)
    return node


def _signature(
    network: Network,
    lifted: Mapping[str, fx.Node],
    tensors: Mapping[str, torch.Tensor],
    inputs: list[fx.Node],
    outputs: Any,
) -> ExportGraphSignature:
    kept = network.state_dict()
    specs = []
    for name, node in lifted.items():
        is_parameter = isinstance(tensors[name], nn.Parameter)
        kind = InputKind.PARAMETER if is_parameter else InputKind.BUFFER
        specs.append(InputSpec(kind, TensorArgument(node.name), name, None if is_parameter else name in kept))
    specs += [InputSpec(InputKind.USER_INPUT, TensorArgument(node.name), None) for node in inputs]
    results = [OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(node.name), None) for node in outputs]
    return ExportGraphSignature(specs, results)


def _call(network: Network, signature: ExportGraphSignature, outputs: Any) -> ModuleCallEntry:
    names = [spec.name for spec in network.inputs]
    return ModuleCallEntry(
        "",
        ModuleCallSignature(
            inputs=[spec.arg for spec in signature.input_specs if spec.kind is InputKind.USER_INPUT],
            outputs=[spec.arg for spec in signature.output_specs],
            in_spec=pytree.tree_structure((tuple(names), {})),
            out_spec=pytree.tree_structure(tuple(range(len(outputs)))),
            forward_arg_names=names,
        ),
    )


def _ranges(network: Network) -> dict[Any, ValueRanges[Any]]:
    ranges = {}
    for node in _inputs(network.graph_module.graph):
        for size in node.meta["val"].shape:
            if not isinstance(size, int):
                ranges[size.node.expr] = ValueRanges(1, int_oo)
    return ranges
