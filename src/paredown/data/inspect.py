"""Looking through splits for everything that would go wrong hours later."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from paredown.data.sampling import class_labels
from paredown.data.source import Arrays, adapt
from paredown.data.split import Split
from paredown.errors import DataError

__all__ = ["leaks", "problems"]

_LOOKED_AT = 1024  # examples of a split that has to be read one by one
_COMPARED = 20_000  # examples in memory that are compared between splits
_SHOWN = 3
_MOST_CLASSES = 10_000


def problems(splits: Mapping[str, Split]) -> list[str]:
    """Everything wrong within and between splits, each with split and index.

    Splits in memory are looked through as a whole; of others, a fixed random choice of 1024 examples is read.

    Args:
        splits: by name; the first is what the others are compared with.

    """
    found: list[str] = []
    reference: tuple[str, dict[str, str], dict[str, str]] | None = None
    for name, split in splits.items():
        if len(split) == 0:
            found.append(f"{name} is empty. Give it at least two examples: Data({name}=(inputs, targets)).")
            continue
        try:
            shapes, types = _form(split)
        except DataError as error:
            found.append(f"{name}: {error}")
            continue
        except Exception as error:  # noqa: BLE001 (a user's dataset may raise anything; it is told, not hidden)
            found.append(f"{name}: example 0 cannot be read ({type(error).__name__}: {error}).")
            continue
        if reference is None:
            reference = name, shapes, types
        else:
            found += _differences(name, shapes, types, reference, custom=split.custom)
        found += _values(name, split, shapes)
        found += _classes(name, split)
    return found


def leaks(judge: Split, splits: Mapping[str, Split]) -> list[str]:
    """Findings about examples of `judge` whose inputs also occur in other splits."""
    held = _inputs(judge)
    found = []
    for name, split in splits.items():
        shared = len(held & _inputs(split))
        if shared:
            found.append(
                f"{shared} of {len(held)} different examples of judge that were looked at are also in {name}: the score "
                f"there is no evidence for new data. Remove them from one of the two."
            )
    return found


def _form(split: Split) -> tuple[dict[str, str], dict[str, str]]:
    """Shape and element type of every tensor of the first example."""
    example = split.example(0)
    shapes, types = {}, {}
    for name, leaf in _leaves(example):
        shapes[name] = str(list(leaf.shape))
        types[name] = _kind(leaf)
    return shapes, types


def _kind(leaf: torch.Tensor) -> str:
    return str(leaf.dtype).removeprefix("torch.")


def _differences(
    name: str,
    shapes: dict[str, str],
    types: dict[str, str],
    reference: tuple[str, dict[str, str], dict[str, str]],
    *,
    custom: bool,
) -> list[str]:
    first, want_shapes, want_types = reference
    if set(shapes) != set(want_shapes):
        return [
            f"{name} has {', '.join(shapes)} where {first} has {', '.join(want_shapes)}. Give every split the same inputs."
        ]
    found = []
    for leaf, shape in shapes.items():
        if shape != want_shapes[leaf] and not custom:
            found.append(
                f"{name}: {leaf} has shape {shape} (index 0) where {first} has {want_shapes[leaf]}. Give every split the "
                f"same transform."
            )
        if types[leaf] != want_types[leaf]:
            found.append(
                f"{name}: {leaf} is {types[leaf]} (index 0) where {first} has {want_types[leaf]}. Convert one of them: "
                f"tensor.to(torch.{want_types[leaf]})."
            )
    return found


def _values(name: str, split: Split, shapes: dict[str, str]) -> list[str]:
    """NaN and infinity anywhere, and examples of differing shape."""
    bad: dict[tuple[str, str], list[int]] = {}
    if isinstance(split._examples, Arrays):
        for leaf, values in _leaves((split._examples.inputs, split._examples.target)):
            if not values.is_floating_point():
                continue
            for what, wrong in (("NaN", values.isnan()), ("infinity", values.isinf())):
                indices = wrong.reshape(len(values), -1).any(dim=1).nonzero()[:, 0].tolist()
                if indices:
                    bad[what, leaf] = indices
    else:
        for index in _chosen(split, _LOOKED_AT):
            _look_at(split, int(index), shapes, bad)
    return [f"{name}: {what} in {leaf} at {_places(indices)}.{_remedy(what)}" for (what, leaf), indices in bad.items()]


def _remedy(what: str) -> str:
    if what in {"NaN", "infinity"}:
        return " Leave these examples out, or fill the values in."
    if what.startswith("shape "):
        return " Bring the examples to one shape, or give a DataLoader with a collate_fn that does."
    return ""


def _look_at(split: Split, index: int, shapes: dict[str, str], bad: dict[tuple[str, str], list[int]]) -> None:
    try:
        leaves = list(_leaves(split.example(index)))
    except Exception as error:  # noqa: BLE001 (a user's dataset may raise anything; it is told, not hidden)
        bad.setdefault((f"{type(error).__name__}: {error}", "reading"), []).append(index)
        return
    for leaf, value in leaves:
        if value.is_floating_point() and bool(value.isnan().any()):
            bad.setdefault(("NaN", leaf), []).append(index)
        elif value.is_floating_point() and bool(value.isinf().any()):
            bad.setdefault(("infinity", leaf), []).append(index)
        if not split.custom and shapes.get(leaf) != str(list(value.shape)):
            what = f"shape {list(value.shape)} where index 0 has {shapes.get(leaf, 'nothing')}"
            bad.setdefault((what, leaf), []).append(index)


def _classes(name: str, split: Split) -> list[str]:
    """Only one class, or negative classes, where targets are classes."""
    targets = split.cheap_targets()
    if targets is None:
        try:
            read = [adapt(split.example(int(i)))[1] for i in _chosen(split, _LOOKED_AT)]
            targets = torch.stack([torch.as_tensor(target) for target in read])
        except Exception:  # noqa: BLE001 (nested or ragged targets are no classes; reading was judged in _values)
            return []
    labels = class_labels(targets)
    if labels is None or not len(labels):
        return []
    found = []
    negative = (labels < 0).nonzero()[:, 0].tolist()
    if negative:
        found.append(f"{name}: a negative class at {_places(negative)}. Classes are numbered from 0.")
    if len(labels) > 1 and bool((labels == labels[0]).all()):
        found.append(
            f"{name} has only one class ({int(labels[0])}) in {len(labels)} examples, so no score can tell good from "
            f"bad. Give it examples of every class, or targets as floats where they are no classes."
        )
    if int(labels.max()) > _MOST_CLASSES:
        largest = int(labels.argmax())
        found.append(
            f"{name}: class {int(labels.max())} at index {largest}. Give real numbers as floats: targets.float()."
        )
    return found


def _chosen(split: Split, most: int) -> np.ndarray[Any, Any]:
    if len(split) <= most:
        return np.arange(len(split))
    return np.sort(np.random.default_rng(0).choice(len(split), most, replace=False))


def _places(indices: list[int]) -> str:
    shown = ", ".join(map(str, indices[:_SHOWN]))
    more = f" and {len(indices) - _SHOWN} more" if len(indices) > _SHOWN else ""
    return f"{'index' if len(indices) == 1 else 'indices'} {shown}{more}"


def _leaves(example: tuple[Any, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    yield from _named(example[0], "inputs")
    yield from _named(example[1], "target")


def _named(thing: Any, path: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(thing, Mapping):
        for key, value in thing.items():
            yield from _named(value, f"{path}[{key!r}]")
    elif isinstance(thing, (tuple, list)):
        for i, value in enumerate(thing):
            yield from _named(value, f"{path}[{i}]")
    elif isinstance(thing, torch.Tensor):
        yield path, thing.detach()
    elif isinstance(thing, (bool, int, float, np.ndarray, np.generic)):
        yield path, torch.as_tensor(thing)
    else:
        msg = (
            f"{path} of an example is a {type(thing).__name__}; tensors, arrays and numbers are needed. "
            f"Convert it in the dataset's transform (images: torchvision.transforms.ToTensor())."
        )
        raise DataError(msg)


def _inputs(split: Split) -> set[bytes]:
    """Hashes of the inputs of the examples that are looked at; those that cannot be read are left to `problems`."""
    in_memory = isinstance(split._examples, Arrays)
    found = set()
    for index in _chosen(split, _COMPARED if in_memory else _LOOKED_AT):
        digest = hashlib.blake2b(digest_size=16)
        for name, leaf in _named(split.example(int(index))[0], ""):
            digest.update(f"{name}{leaf.dtype}{tuple(leaf.shape)}".encode())
            digest.update(leaf.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        found.add(digest.digest())
    return found
