"""What a user may give as a split, made into one thing: examples by index, and a way to batch them."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    default_collate,
)

from paredown.errors import DataError

__all__ = [
    "Arrays",
    "Examples",
    "Gate",
    "Relabelled",
    "Seeded",
    "Source",
    "adapt",
    "known_targets",
    "rows_of",
    "unused_sampler",
]

_LABELS = ("labels", "label")


class Examples(Protocol):
    """Examples by index."""

    def __len__(self) -> int:
        """How many."""

    def __getitem__(self, index: int, /) -> Any:
        """One example."""


class Source:
    """Examples, their collation and the batch size, out of a Dataset, DataLoader or ``(inputs, targets)``.

    Attributes:
        examples: ``Examples``; `Arrays` where everything is in memory.
        collate: list of examples to a batch of ``(inputs, target)``.
        custom: the user brought a collation of their own, so examples may differ in shape.
        batch_size: the loader's, or None.
        workers: the loader's worker processes.

    """

    def __init__(
        self, examples: Examples, collate: "Collate", *, batch_size: int | None, workers: int, custom: bool
    ) -> None:
        self.examples = examples
        self.collate = collate
        self.batch_size = batch_size
        self.workers = workers
        self.custom = custom

    def over(self, examples: Examples) -> "Source":
        """Other examples that are batched like these."""
        return Source(examples, self.collate, batch_size=self.batch_size, workers=self.workers, custom=self.custom)

    @classmethod
    def of(cls, given: Any, name: str) -> "Source":
        """Read what the user gave.

        Raises:
            DataError: it is none of the forms; the message says which there are.

        """
        plain = Collate(default_collate)
        if isinstance(given, DataLoader):
            custom = given.collate_fn is not default_collate
            collate = Collate(given.collate_fn) if custom else plain
            examples = _examples(given.dataset, name, as_they_are=custom)
            if isinstance(given.sampler, SubsetRandomSampler):  # how many tell training from validation
                examples = rows_of(examples, list(given.sampler.indices))
            return cls(examples, collate, batch_size=given.batch_size, workers=given.num_workers, custom=custom)
        if isinstance(given, tuple) and len(given) == 2 and _holds_arrays(given[0]) and _holds_arrays(given[1]):
            return cls(Arrays(*given, name=name), plain, batch_size=None, workers=0, custom=False)
        if isinstance(given, Mapping) and _holds_arrays(given):
            inputs, target = adapt(dict(given))
            return cls(Arrays(inputs, target, name=name), plain, batch_size=None, workers=0, custom=False)
        return cls(_examples(given, name), plain, batch_size=None, workers=0, custom=False)


def unused_sampler(given: Any) -> str:
    """Name of the sampler of a user's loader that says more than which examples there are, or nothing."""
    if not isinstance(given, DataLoader):
        return ""
    known = SequentialSampler, RandomSampler, SubsetRandomSampler, DistributedSampler
    for sampler in (given.sampler, *([] if type(given.batch_sampler) is BatchSampler else [given.batch_sampler])):
        drawn = isinstance(sampler, RandomSampler) and sampler.replacement
        if sampler is not None and (drawn or not isinstance(sampler, known)):
            return type(sampler).__name__
    return ""


class Collate:
    """Collates examples and brings the batch into the form ``(inputs, target)``."""

    def __init__(self, inner: Callable[[list[Any]], Any]) -> None:
        self.inner = inner

    def __call__(self, examples: list[Any]) -> tuple[Any, Any]:
        """A batch from a list of examples."""
        return adapt(self.inner(examples))


def adapt(batch: Any) -> tuple[Any, Any]:
    """``(inputs, target)`` from a pair, or from a dict with ``labels`` as transformers has them.

    Raises:
        DataError: a batch of another form.

    """
    if isinstance(batch, Mapping):
        key = next((key for key in _LABELS if key in batch), None)
        if key is not None:
            return {name: value for name, value in batch.items() if name != key}, batch[key]
        form = f"a dict with the keys {', '.join(map(str, batch))} and no labels"
    elif isinstance(batch, (tuple, list)):
        if len(batch) == 2:
            return batch[0], batch[1]
        form = f"a {type(batch).__name__} of {len(batch)}"
    else:
        form = f"a {type(batch).__name__}"
    msg = (
        f"An example is {form}; it has to be (inputs, target), where inputs may be a tensor, a tuple or a dict, "
        f"or a dict with 'labels'. Write ((a, b), target) for two inputs."
    )
    raise DataError(msg)


class Arrays:
    """Inputs and targets in memory, batched by one indexing each.

    NumPy's float64 becomes float32 and its narrow integers int64 targets, as models expect; tensors stay as they are.
    """

    def __init__(self, inputs: Any, target: Any, name: str = "data") -> None:
        self.inputs = _tensors(inputs, name)
        self.target = _tensors(target, name, target=True)
        lengths = {len(tensor) for tensor in (*_leaves(self.inputs), *_leaves(self.target))}
        if len(lengths) > 1:
            shown = ", ".join(str(len(t)) for t in (*_leaves(self.inputs), *_leaves(self.target)))
            msg = (
                f"{name}: inputs and targets have different lengths ({shown}). "
                f"The first dimension of each is the examples; give (inputs, targets) of one length."
            )
            raise DataError(msg)
        self._length = lengths.pop()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return _index(self.inputs, index), _index(self.target, index)

    def batch(self, indices: torch.Tensor) -> tuple[Any, Any]:
        """Many examples at once."""
        return _index(self.inputs, indices), _index(self.target, indices)


class Seeded:
    """Examples read under a seed of their own, so that reading one twice gives it twice.

    Random augmentation in a split that is not trained on becomes part of its content.
    """

    def __init__(self, examples: Examples, seed: int) -> None:
        self.examples = examples
        self.seed = seed

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Any:
        seed = (self.seed * 1_000_003 + index) % 2**32
        before = random.getstate(), np.random.get_state(), torch.random.get_rng_state()  # noqa: NPY002
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (users' transforms draw from the global one)
        torch.default_generator.manual_seed(seed)
        try:
            return self.examples[index]
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
            torch.random.set_rng_state(before[2])


class Gate:
    """A window on a dataset that shows some of its examples and gives no way to the others.

    The dataset and the chosen indices live in a closure and in no attribute.
    """

    __slots__ = ("_length", "_read")

    def __init__(self, examples: Examples, indices: Sequence[int]) -> None:
        chosen = tuple(int(i) for i in indices)

        def read(position: int) -> Any:
            return examples[chosen[position]]

        self._read = read
        self._length = len(chosen)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        if not -self._length <= index < self._length:
            msg = f"There are {self._length} examples, no number {index}."
            raise IndexError(msg)
        return self._read(index)


class Relabelled:
    """Examples with other targets."""

    def __init__(self, examples: Examples, targets: torch.Tensor) -> None:
        self.examples = examples
        self.targets = targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return adapt(self.examples[index])[0], self.targets[index]


def known_targets(examples: Any) -> torch.Tensor | None:
    """Targets that can be had without reading examples: arrays, subsets of them, ``dataset.targets`` or ``.labels``."""
    match examples:
        case Arrays():
            return examples.target if isinstance(examples.target, torch.Tensor) else None
        case Relabelled():
            return examples.targets
        case Seeded():
            return known_targets(examples.examples)
        case Subset():
            whole = known_targets(examples.dataset)
            return None if whole is None else whole[torch.as_tensor(list(examples.indices), dtype=torch.long)]
    for attribute in ("targets", "labels"):
        found = getattr(examples, attribute, None)
        if found is None or getattr(examples, "target_transform", None) is not None:
            continue
        try:
            targets = torch.as_tensor(np.asarray(found))
        except (TypeError, ValueError):
            continue
        if targets.ndim >= 1 and len(targets) == len(examples):
            return targets
    return None


def rows_of(examples: Examples, indices: Sequence[int] | np.ndarray[Any, Any]) -> Examples:
    """Those examples and nothing else: copied where they are in memory, behind a `Gate` where they are read."""
    if isinstance(examples, Arrays):
        return Arrays(*examples.batch(torch.as_tensor(np.asarray(indices), dtype=torch.long)))
    return Gate(examples, [int(i) for i in indices])


def _examples(given: Any, name: str, *, as_they_are: bool = False) -> Examples:
    if isinstance(given, IterableDataset):
        msg = (
            f"{name}: an IterableDataset has no length and no index, so nothing can be sampled or compared in pairs. "
            f"Give {name}=list(dataset), or a Dataset with __len__ and __getitem__."
        )
        raise DataError(msg)
    if (
        hasattr(given, "__len__")
        and hasattr(given, "__getitem__")
        and not isinstance(given, (str, Mapping, tuple, type))
    ):
        if isinstance(given, (torch.Tensor, np.ndarray)):
            msg = f"{name}: inputs without targets were given. Type {name}=(inputs, targets)."
            raise DataError(msg)
        return given if as_they_are else _in_memory(given)
    what, typed = _other(given, name)
    msg = f"{name}: {what} was given; a split is a Dataset, a DataLoader, or a pair of tensors or arrays. {typed}."
    raise DataError(msg)


def _other(given: Any, name: str) -> tuple[str, str]:
    """What people have at hand and a split cannot be, in words, and what to type instead."""
    kind = type(given).__name__
    match given:
        case type():
            return f"the class {given.__name__}", f"Type {_typed(name, f'{given.__name__}(...)')}"
        case str() | Path():
            return f"the path {str(given)!r}", f"Read it first, then type {_typed(name, '(inputs, targets)')}"
        case (DataLoader(), *_):
            one = _typed(name, "loader")
            return f"a {kind} of DataLoaders", f"Batches of one loader are (inputs, targets): type {one}"
        case (list() | tuple(), list() | tuple()):
            return "a pair of lists", f"Type {_typed(name, '(torch.tensor(inputs), torch.tensor(targets))')}"
        case Iterator():
            ways = f"Type {_typed(name, 'loader')}, or {_typed(name, 'list(...)')}"
            return f"a {kind}, which is empty after one pass,", ways
    return f"a {kind}", f"Type {_typed(name, '(inputs, targets)')}"


def _typed(name: str, value: str) -> str:
    """A setting as it is typed; a name such as ``distill.Unlabelled(inputs=...)`` says already where it goes."""
    return name.replace("...", value) if "..." in name else f"{name}={value}"


def _in_memory(given: Any) -> Examples:
    """Tensor datasets as `Arrays`, which are batched by one indexing; others as they are."""
    if isinstance(given, TensorDataset) and len(given.tensors) == 2:
        return Arrays(*given.tensors)
    if isinstance(given, Subset):
        whole = _in_memory(given.dataset)
        if isinstance(whole, Arrays):
            return rows_of(whole, list(given.indices))
    return given  # type: ignore[no-any-return]


def _holds_arrays(thing: Any) -> bool:
    if isinstance(thing, (torch.Tensor, np.ndarray)):
        return True
    if isinstance(thing, Mapping):
        return bool(thing) and all(_holds_arrays(value) for value in thing.values())
    return isinstance(thing, (tuple, list)) and bool(thing) and all(_holds_arrays(value) for value in thing)


def _tensors(thing: Any, name: str, *, target: bool = False) -> Any:
    if isinstance(thing, Mapping):
        return {key: _tensors(value, name, target=target) for key, value in thing.items()}
    if isinstance(thing, (tuple, list)):
        return tuple(_tensors(value, name, target=target) for value in thing)
    if isinstance(thing, np.ndarray):
        if thing.dtype.kind not in "biuf":
            msg = f"{name}: an array of {thing.dtype} was given; numbers are needed."
            raise DataError(msg)
        if thing.dtype == np.float64:
            thing = thing.astype(np.float32)
        elif target and thing.dtype.kind in "iu":
            thing = thing.astype(np.int64)
        thing = torch.from_numpy(np.ascontiguousarray(thing))
    if thing.ndim == 0:
        msg = f"{name}: a single number was given where a tensor with one entry per example is needed."
        raise DataError(msg)
    thing = thing.detach().cpu()
    rest = thing.untyped_storage().nbytes() - thing.numel() * thing.element_size()
    return thing.clone() if rest > 0 else thing  # a window on a larger tensor would lead to examples of other splits


def _leaves(thing: Any) -> list[torch.Tensor]:
    if isinstance(thing, torch.Tensor):
        return [thing]
    if isinstance(thing, Mapping):
        thing = thing.values()
    return [leaf for value in thing for leaf in _leaves(value)]


def _index(thing: Any, index: Any) -> Any:
    if isinstance(thing, torch.Tensor):
        return thing[index]
    if isinstance(thing, Mapping):
        return {key: _index(value, index) for key, value in thing.items()}
    return tuple(_index(value, index) for value in thing)
