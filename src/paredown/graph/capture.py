"""From a user's model to a `Network`."""

import contextlib
import copy
import inspect
import io
import itertools
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from paredown.errors import CaptureError
from paredown.graph import mode, probe, shapes
from paredown.graph.agreement import independent, prove_capture, refuse_state
from paredown.graph.diagnosis import explain, explain_forward, explain_rows
from paredown.graph.examples import Example, read_example
from paredown.graph.gradients import compare_gradients
from paredown.graph.network import Network
from paredown.graph.normalise import normalise
from paredown.graph.parametrized import fold_parametrizations
from paredown.graph.sparsity import mark_sparse
from paredown.graph.structure import Structure, flatten
from paredown.graph.unready import refuse_unready
from paredown.task.copying import detached_copy
from paredown.task.instead import described, of_module

__all__ = ["capture"]

_PREFIX = "model"


class _Flat(nn.Module):
    """Calls the user's model with flat tensors and returns a flat tuple."""

    def __init__(self, model: nn.Module, structure: Structure) -> None:
        super().__init__()
        self.model = model
        self.structure = structure

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        args, kwargs = self.structure.build(tensors)
        return tuple(flatten(self.model(*args, **kwargs))[0])


def capture(
    model: nn.Module,
    *args: Any,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    parametrized: bool = False,
    **kwargs: Any,
) -> Network:
    """Capture a model as a trainable graph with a symbolic batch dimension.

    The model is run and exported in eval mode on the CPU, as a copy: the model itself stays bit-identical. The network
    is then proven to agree with it at two batch sizes. What only happens while training and has no place in the graph
    is listed in ``network.lost``.

    Args:
        model: any ``nn.Module``.
        *args: example inputs as the model takes them, or in one tuple as ``torch.export.export`` takes them. The batch is
            their first dimension; where the model does not treat the examples along it alike, or does not run, another
            one is found by running it at two batch sizes.
        dynamic: further dimensions that vary, by input name, for example ``{"input_ids": {1: "sequence"}}``; and the
            batch, where it is to be said rather than found: ``{"state": {1: "batch"}}``.
        parametrized: keep parametrizations (``torch.nn.utils.parametrizations``, spectral and weight norms, masks) in
            the graph and train what they compute from; otherwise each weight is a plain parameter with the value it has.
        **kwargs: keyword inputs as the model takes them.

    Raises:
        CaptureError: the model does not run on the example, cannot be exported, or computes something else once
            captured; the message names file, line and operator, and what to do.

    """
    _check_module(model)
    with _eagerly(model):
        return _captured(model, args, kwargs, dynamic, parametrized=parametrized)


def _eagerly(model: nn.Module) -> contextlib.AbstractContextManager[Any]:
    """Run what ``torch.compile`` wrapped as it was written; a graph is made of that."""
    if any(type(module).__name__ == "OptimizedModule" for module in model.modules()):
        eager: contextlib.AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
        return eager
    return contextlib.nullcontext()


def _captured(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic: Mapping[str, Mapping[int, str]] | None,
    *,
    parametrized: bool,
) -> Network:
    args, kwargs = _as_called(model, args, kwargs)
    examples = read_example(model, args, kwargs, dynamic)
    usual = next(examples)
    twin = _copy(model)
    example = next((one for one in itertools.chain([usual], examples) if independent(twin, one)), usual)
    out_structure = _try(model, twin, example, args, kwargs)
    plain = _copy(model)
    folded = () if parametrized else fold_parametrizations(plain)
    difference = probe.observe(_copy(plain), *example.structure.build(_clones(example)))
    refuse_state(_copy(plain), example, difference.updated)
    exported = _export(model, _copy(plain), example)
    graph_module, left_out = normalise(exported, tuple(spec.name for spec in example.specs), _PREFIX)
    _restore_requires_grad(plain, graph_module)
    mode.remember(graph_module.graph, difference)
    lost = (
        *(str(weight) for weight in folded if not weight.sparse),
        *_lost(plain, graph_module, difference),
        *_still(plain, difference),
        *left_out,
        *_dropped_outputs(out_structure),
    )
    network = Network(graph_module, example.specs, example.structure, out_structure, example.tensors, lost)
    prove_capture(twin, network, example, loose=bool(left_out))
    if not left_out:
        network.lost += compare_gradients(_copy(plain), network, example)
    mark_sparse(network, [weight.name for weight in folded if weight.sparse])
    return shapes.propagate(network)


def _check_module(model: object) -> None:
    if isinstance(model, nn.Module):
        refuse_unready(model)
        return
    remedy = of_module(model, "Type capture({model}, example)")
    msg = f"{described(model)} was given to capture; a graph is made of an nn.Module. {remedy}"
    raise CaptureError(msg[0].upper() + msg[1:])


def _as_called(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Inputs as the model is called. Those of ``torch.export`` come as a tuple (and a dict): ``capture(model, (x,))``.

    They are taken apart where the model cannot be called with the tuple itself, and can be with what is in it.
    """
    spread = _of_export(args, kwargs)
    if spread is None or not _binds(model, *spread) or (_binds(model, args, kwargs) and _runs(model, args)):
        return args, kwargs
    return spread


def _of_export(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    match args:
        case ((tuple() | list()) as inner,) | ((tuple() | list()) as inner, None) if not kwargs:
            return tuple(inner), {}
        case ((tuple() | list()) as inner, dict() as named) if not kwargs:
            return tuple(inner), named
    return None


def _binds(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    try:
        inspect.signature(model.forward).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _runs(model: nn.Module, args: tuple[Any, ...]) -> bool:
    twin = _copy(model)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            twin(*copy.deepcopy(args))
    except Exception:  # noqa: BLE001 (a user's module may raise anything; the other way is tried then, and tells its error)
        return False
    return True


def _copy(model: nn.Module) -> nn.Module:
    try:
        twin = detached_copy(model).cpu()
    except Exception as error:
        msg = (
            f"{type(model).__name__} cannot be copied ({error}). Capturing works on a copy, so that the model stays as it "
            "is. Keep in it only what copy.deepcopy(model) can copy: no open files, no locks, no generators."
        )
        raise CaptureError(msg) from error
    return twin.train().eval()  # `train` drops what models keep from one pass in eval mode to the next


def _clones(example: Example) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in example.tensors]


def _try(
    model: nn.Module, twin: nn.Module, example: Example, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Structure:
    """Run the model once on two examples of those the user gave, and learn how its outputs are nested."""
    two, named = example.structure.build(_clones(example))
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            tensors, structure = flatten(twin(*two, **named))
    except Exception as error:
        whole = _whole(model, args, kwargs)
        raise (explain_forward(model, error) if whole is None else explain_rows(model, error, example)) from error
    if not tensors:
        msg = (
            f"{type(model).__name__} returns no tensor for the example inputs. A network is compared by its outputs. "
            "Return a tensor, or tuples, dicts or dataclasses of tensors."
        )
        raise CaptureError(msg)
    return structure


def _whole(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> nn.Module | None:
    """The model, where it runs on all examples that the user gave."""
    twin = _copy(model)
    tensors, structure = flatten((args, dict(kwargs)))
    given, named = structure.build([tensor.detach().cpu().clone() for tensor in tensors])
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            twin(*given, **named)
    except Exception:  # noqa: BLE001 (the error on two examples is told)
        return None
    return twin


def _export(model: nn.Module, twin: nn.Module, example: Example) -> torch.fx.GraphModule:
    for parameter in twin.parameters():  # frozen parameters send attention down a fused way that cannot be trained
        parameter.requires_grad_(parameter.is_floating_point())
    wrapper = _Flat(twin, example.structure)
    dims = tuple(
        {dim: torch.export.Dim.DYNAMIC for dim, size in enumerate(spec.shape) if isinstance(size, str)} or None
        for spec in example.specs
    )
    try:
        with torch.enable_grad(), torch.random.fork_rng(devices=[]), warnings.catch_warnings(), _quiet_failure():
            warnings.filterwarnings("ignore", message="The tensor attributes? .* assigned during export")
            program = torch.export.export(wrapper, tuple(_clones(example)), dynamic_shapes=(dims,))
    except Exception as error:
        raise explain(model, _Flat(_copy(model), example.structure), example, error) from error
    return program.module(check_guards=False)


@contextlib.contextmanager
def _quiet_failure() -> Iterator[None]:
    """Drop what torch prints and logs about an export that fails (the graph so far); the error says it in words."""
    said, logger = io.StringIO(), logging.getLogger("torch.fx.experimental.symbolic_shapes")
    logger.addFilter(_not_about_a_place)
    try:
        with contextlib.redirect_stderr(said):
            yield
    finally:
        logger.removeFilter(_not_about_a_place)
    sys.stderr.write(said.getvalue())


def _not_about_a_place(record: logging.LogRecord) -> bool:
    return "Unable to find user code" not in record.getMessage()


def _restore_requires_grad(model: nn.Module, graph_module: torch.fx.GraphModule) -> None:
    frozen = {name: parameter.requires_grad for name, parameter in model.named_parameters(remove_duplicate=False)}
    for name, parameter in graph_module.named_parameters(remove_duplicate=False):
        parameter.requires_grad_(frozen.get(name, parameter.requires_grad))


def _lost(model: nn.Module, graph_module: torch.fx.GraphModule, difference: probe.Difference) -> list[str]:
    kept = {
        (str(node.meta.get("paredown_path", "")), name)
        for node in graph_module.graph.nodes
        if node.target in mode.MODES and (name := node.target._schema.name.removeprefix("aten::").removesuffix("_"))
    }
    lost = [loss.text for loss in difference.lost if (loss.path, loss.operator) not in kept]
    for path, module in model.named_modules():
        if (
            isinstance(module, nn.modules.batchnorm._BatchNorm)
            and module.momentum is None
            and module.track_running_stats
        ):
            lost.append(
                f"running statistics of '{path}': momentum=None (a cumulative average) stands still in the graph"
            )
    return lost


def _still(model: nn.Module, difference: probe.Difference) -> list[str]:
    """Buffers that forward updates and no answer depends on."""
    buffers = dict(model.named_buffers(remove_duplicate=False))
    updated = [name for name in difference.updated if name in buffers]
    return [f"'{name}': updated in forward; in the network it stands still" for name in updated]


def _dropped_outputs(structure: Structure, prefix: str = "") -> list[str]:
    if structure.kind == "dropped":
        return [f"output {prefix or '0'} ({structure.reference}): holds other things than tensors, and is None"]
    join = f"{prefix}." if prefix else ""
    return [
        text
        for key, child in zip(structure.keys, structure.children, strict=True)
        for text in _dropped_outputs(child, f"{join}{key}")
    ]
