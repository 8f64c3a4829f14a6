"""The user's example inputs: their names, which of their dimensions vary, and a batch of two."""

import dataclasses
import inspect
import itertools
import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from paredown.errors import CaptureError
from paredown.graph.network import InputSpec
from paredown.graph.structure import Structure, flatten

__all__ = ["Example", "read_example"]

Dynamic = Mapping[str, Mapping[int, str]]
_MOST = 16  # ways to place the batch that are tried for one of its sizes


@dataclasses.dataclass(frozen=True)
class Example:
    """What the user showed, made ready for capturing.

    Attributes:
        specs: one per flat tensor; the batch is the dimension named ``batch``.
        structure: nesting of ``(args, kwargs)``.
        tensors: flat tensors with a batch of exactly two, on the CPU.

    """

    specs: tuple[InputSpec, ...]
    structure: Structure
    tensors: tuple[torch.Tensor, ...]

    def rows(self, *indices: int) -> tuple[torch.Tensor, ...]:
        """A batch made of these of the two examples; inputs without a batch dimension stay."""
        return tuple(spec.rows(tensor, indices) for spec, tensor in zip(self.specs, self.tensors, strict=True))


def read_example(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], dynamic: Dynamic | None
) -> Iterator[Example]:
    """Read the example inputs as the user would pass them to the model.

    Yields:
        The example with the batch in the first dimension of its inputs, or where `dynamic` says, and then with it in
        other dimensions of one and the same size.

    Raises:
        CaptureError: no tensor was given, the model's forward takes other inputs, a value is neither tensor nor
            plain constant, or `dynamic` names an input or a dimension that does not exist.

    """
    _check_signature(model, args, kwargs)
    tensors, structure = flatten((args, dict(kwargs)))
    if dropped := _dropped(structure):
        msg = (
            f"The example inputs of {type(model).__name__} hold {', '.join(dropped)}. "
            "Inputs are tensors and plain constants in tuples, lists, dicts and dataclasses. "
            f"{_in_place_of([*args, *kwargs.values()])}"
        )
        raise CaptureError(msg)
    if not tensors:
        msg = (
            f"{type(model).__name__} was given no example tensor. Capturing follows one example through the model. "
            "Type paredown.capture(model, example) with a batch as the model takes it."
        )
        raise CaptureError(msg)
    names = _names(model, structure)
    _check_sizes(model, tensors, names)
    said = _said(model, tensors, names, dynamic or {})
    for dims in _places(tensors, said):
        specs = tuple(
            InputSpec(name, tensor.dtype, _shape(tensor, dim))
            for name, tensor, dim in zip(names, tensors, dims, strict=True)
        )
        pairs = tuple(_two(tensor, dim) for tensor, dim in zip(tensors, dims, strict=True))
        yield Example(_with_dynamic(model, specs, dynamic or {}), structure, pairs)


def _said(model: nn.Module, tensors: list[torch.Tensor], names: list[str], dynamic: Dynamic) -> dict[int, int]:
    """Inputs, by position, whose batch dimension `dynamic` names."""
    said = {}
    for at, (name, tensor) in enumerate(zip(names, tensors, strict=True)):
        for dim, label in dynamic.get(name, {}).items():
            if label == "batch":
                if not 0 <= dim < tensor.ndim:
                    msg = (
                        f"dynamic={{{name!r}: {{{dim}: 'batch'}}}} was given; {name} of {type(model).__name__} is "
                        f"{list(tensor.shape)}. Name a dimension from 0 to {tensor.ndim - 1}."
                    )
                    raise CaptureError(msg)
                said[at] = dim
    return said


def _places(tensors: list[torch.Tensor], said: Mapping[int, int]) -> Iterator[tuple[int | None, ...]]:
    """Where the batch could be, the most usual first: a dimension for each input, None where it has no batch."""
    pivot = next(iter(said), next(at for at, tensor in enumerate(tensors) if tensor.ndim))
    seen = set()
    for dim in [said[pivot]] if pivot in said else range(tensors[pivot].ndim):
        size = tensors[pivot].shape[dim]
        options = [
            [said[at]] if at in said else [dim] if at == pivot else _like(tensor, size)
            for at, tensor in enumerate(tensors)
        ]
        for dims in itertools.islice(itertools.product(*options), _MOST):
            if dims not in seen:
                seen.add(dims)
                yield dims


def _like(tensor: torch.Tensor, size: int) -> list[int | None]:
    """Dimensions of a size, the first one first and none last; none first where the first is of another size."""
    same = [dim for dim, length in enumerate(tensor.shape) if length == size]
    return [*same, None] if same[:1] == [0] else [None, *same]


def _check_signature(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    signature = inspect.signature(model.forward)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        takes = [p for p in signature.parameters.values() if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]
        needed = [p.name for p in takes if p.default is p.empty]
        listed = ", ".join(f"{name}=…" for name in needed) or ", ".join(f"{p.name}=…" for p in takes)
        msg = (
            f"{type(model).__name__}.forward cannot be called with the example inputs: {error}. "
            f"It takes {signature}. Type paredown.capture(model, {listed})."
        )
        raise CaptureError(msg) from error


def _in_place_of(given: list[Any]) -> str:
    """What to pass instead of what most people have at hand: loaders and arrays."""
    if any(isinstance(value, DataLoader) for value in given):
        return "Pass the inputs of one batch: inputs, _ = next(iter(loader)); paredown.capture(model, inputs)."
    if any(isinstance(value, np.ndarray) for value in given):
        return "Pass tensors: paredown.capture(model, torch.from_numpy(array))."
    return "Pass the tensors in it."


def _dropped(structure: Structure, path: str = "") -> list[str]:
    if structure.kind == "dropped":
        side, _, rest = path.partition(".")
        return [f"{'positional input ' if side == '0' else ''}{rest} of type {structure.reference}"]
    pairs = zip(structure.keys, structure.children, strict=True)
    return [found for key, child in pairs for found in _dropped(child, f"{path}.{key}".removeprefix("."))]


def _names(model: nn.Module, structure: Structure) -> list[str]:
    """One valid, unique name per tensor: the parameter of forward, or the key it sits under."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    names: list[str] = []
    for leaf in structure.leaves():
        side, first, *rest = leaf.split(".")
        if side == "0":
            at = min(int(first), len(parameters) - 1)
            parameter = parameters[at]
            first = (
                f"{parameter.name}_{int(first) - at}" if parameter.kind is parameter.VAR_POSITIONAL else parameter.name
            )
        inner = [key for key in rest if not key.isdigit()]
        name = inner[-1] if inner else "_".join([first, *rest])
        name = re.sub(r"\W", "_", name)
        name = name if not name[:1].isdigit() else f"input_{name}"
        while name in names or keyword.iskeyword(name):
            name += "_"
        names.append(name)
    return names


def _check_sizes(model: nn.Module, tensors: list[torch.Tensor], names: list[str]) -> None:
    if not any(tensor.ndim for tensor in tensors):
        msg = (
            f"The example inputs of {type(model).__name__} ({', '.join(names)}) are scalars. The first dimension of an "
            "input is the batch. Give the model an input with a batch dimension."
        )
        raise CaptureError(msg)
    empty = [f"{n}{list(t.shape)}" for n, t in zip(names, tensors, strict=True) if t.ndim and not t.shape[0]]
    if empty:
        msg = (
            f"The example inputs are empty: {', '.join(empty)}. Capturing needs one example at least. Pass a batch of one "
            "or more."
        )
        raise CaptureError(msg)


def _shape(tensor: torch.Tensor, dim: int | None) -> tuple[int | str, ...]:
    return tuple("batch" if at == dim else size for at, size in enumerate(tensor.shape))


def _two(tensor: torch.Tensor, dim: int | None) -> torch.Tensor:
    """Two examples of an input; a single one is followed by itself, turned around."""
    tensor = tensor.detach().cpu().clone()
    if dim is None:
        return tensor
    if tensor.shape[dim] >= 2:
        return tensor.narrow(dim, 0, 2).clone()
    others = [at for at in range(tensor.ndim) if at != dim]
    return torch.cat([tensor, tensor.flip(others[-1]) if others else tensor], dim)


def _with_dynamic(model: nn.Module, specs: tuple[InputSpec, ...], dynamic: Dynamic) -> tuple[InputSpec, ...]:
    by_name = {spec.name: spec for spec in specs}
    for name, dims in dynamic.items():
        spec = by_name.get(name)
        if spec is None:
            msg = (
                f"dynamic names the input {name!r}; {type(model).__name__} was given {', '.join(by_name)}. "
                f"Type for example dynamic={{{specs[0].name!r}: {{1: 'sequence'}}}}."
            )
            raise CaptureError(msg)
        shape = list(spec.shape)
        for dim, label in dims.items():
            if label == "batch":
                continue
            if not 0 <= dim < len(shape) or shape[dim] == "batch":
                msg = (
                    f"dynamic={{{name!r}: {{{dim}: {label!r}}}}} was given; {name} is {list(spec.shape)}, and its batch "
                    f"varies anyway. Name a dimension from 1 to {len(shape) - 1}."
                )
                raise CaptureError(msg)
            if not label.isidentifier():
                msg = f"dynamic={{{name!r}: {{{dim}: {label!r}}}}} was given; a dimension has a name of its own such as 'sequence'."
                raise CaptureError(msg)
            if shape[dim] in {0, 1}:
                msg = (
                    f"The example has size {shape[dim]} in dimension {dim} of {name}, which is to vary. Sizes 0 and 1 "
                    "behave differently from others (broadcasting). Show an example of 2 or more there."
                )
                raise CaptureError(msg)
            shape[dim] = label
        by_name[name] = dataclasses.replace(spec, shape=tuple(shape))
    return tuple(by_name.values())
