"""A split: examples that can be batched, sampled and fingerprinted."""

import hashlib
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from paredown.data.sampling import Indices, stratified
from paredown.data.source import Arrays, Examples, Gate, Seeded, Source, adapt, known_targets, rows_of
from paredown.errors import DataError

__all__ = ["Split"]

_HASHED = 4096


class Split:
    """Examples of one purpose.

    Transforms of the user's dataset stay where they are: an example is read when it is needed. In every split but
    ``train`` reading is seeded per example, so that two passes see the same data.

    Args:
        given: a Dataset, a DataLoader (its dataset, collation, batch size and workers are kept), ``(inputs, targets)``
            as tensors or arrays, a dict of arrays with ``labels``, or a split.
        name: for messages.
        batch_size: examples per batch; the loader's where one was given.
        seed: read examples under a seed each; None reads them as the dataset gives them.

    Raises:
        DataError: none of these forms.

    """

    def __init__(self, given: Any, *, name: str = "data", batch_size: int = 64, seed: int | None = None) -> None:
        source: Source
        if isinstance(given, Split):
            source = given._source
        elif isinstance(given, Source):
            source = given
        else:
            source = Source.of(given, name)
            source.batch_size = source.batch_size or batch_size
        if seed is not None and not isinstance(source.examples, (Arrays, Seeded)):
            source = source.over(Seeded(source.examples, seed))
        self._source: Source = source
        self.name = name
        self._targets: torch.Tensor | None = None
        self._asked = False
        self._fingerprint = ""

    @property
    def _examples(self) -> Examples:
        return self._source.examples

    @property
    def collate(self) -> Callable[[list[Any]], tuple[Any, Any]]:
        """A list of examples to a batch ``(inputs, target)``."""
        return self._source.collate

    @property
    def custom(self) -> bool:
        """The user brought a collation, so examples may differ in shape."""
        return self._source.custom

    @property
    def batch_size(self) -> int:
        """Examples per batch."""
        return self._source.batch_size or 1

    def __len__(self) -> int:
        return len(self._examples)

    def __repr__(self) -> str:
        return f"Split({self.name!r}, {len(self)} examples)"

    @property
    def dataset(self) -> "Dataset[Any]":
        """The examples as torch's loaders want them; give them `collate` too."""
        return _View(self._examples)

    @property
    def workers(self) -> int:
        """Worker processes for loading: those of the user's loader, none where the examples cannot be sent to one."""
        sealed = isinstance(self._examples, Gate) or isinstance(getattr(self._examples, "examples", None), Gate)
        return 0 if sealed and multiprocessing.get_start_method() != "fork" else self._source.workers

    @property
    def read_here(self) -> bool:
        """Whether examples are read one by one in this process: not in memory as a whole, not under seeds, not by workers."""
        return not isinstance(self._examples, (Arrays, Seeded)) and not self.workers

    def order(self, shuffle_seed: int | None = None) -> Indices:
        """Indices of the examples in the order in which `batches` gives them for this seed."""
        if shuffle_seed is None:
            return np.arange(len(self))
        return np.random.default_rng(shuffle_seed).permutation(len(self))

    def batches(
        self, size: int | None = None, shuffle_seed: int | None = None, limit: int | None = None
    ) -> Iterator[tuple[Any, Any]]:
        """Batches of ``(inputs, target)`` as CPU tensors.

        Args:
            size: examples per batch; the last one may be smaller.
            shuffle_seed: an order of its own for every seed; None keeps the order.
            limit: at most so many examples.

        """
        return self.ordered(self.order(shuffle_seed)[:limit], size or self.batch_size)

    def ordered(self, order: Indices, size: int) -> Iterator[tuple[Any, Any]]:
        """Batches of the examples with these indices, in their order; the last one may be smaller."""
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        if isinstance(self._examples, Arrays):
            for part in parts:
                yield self._examples.batch(torch.from_numpy(part))
        elif self.workers and len(parts) > 1:
            loader: DataLoader[Any] = DataLoader(
                self.dataset,
                batch_sampler=[part.tolist() for part in parts],
                collate_fn=self.collate,
                num_workers=self.workers,
            )
            yield from loader
        else:
            for part in parts:
                yield self.collate([self._examples[int(i)] for i in part])

    def targets(self) -> torch.Tensor | None:
        """All targets ``[n, ...]``, or None where they are nested or differ in shape.

        Taken from the dataset's own list (``targets``, ``labels``) where there is one; else every example is read,
        once.
        """
        if not self._asked:
            found = known_targets(self._examples)
            self._targets = self._read_targets() if found is None else found
            self._asked = True
        return self._targets

    def _read_targets(self) -> torch.Tensor | None:
        if isinstance(self._examples, Arrays):
            return None
        found = []
        for index in range(len(self)):
            target = adapt(self._examples[index])[1]
            if not isinstance(target, (bool, int, float, torch.Tensor, np.ndarray, np.generic)):
                return None
            found.append(torch.as_tensor(target))
        if not found or any(target.shape != found[0].shape for target in found):
            return None
        return torch.stack(found)

    def cheap_targets(self) -> torch.Tensor | None:
        """Targets that can be had without reading examples, else None."""
        return self._targets if self._asked else known_targets(self._examples)

    def take(self, n: int, seed: int) -> "Split":
        """`n` examples, drawn so that every class keeps its share; all of them, shuffled, where there are fewer."""
        targets = self.targets()
        return self.rows(stratified(targets, len(self), min(n, len(self)), seed))

    def rows(self, indices: Sequence[int] | np.ndarray[Any, Any], name: str | None = None) -> "Split":
        """The split of these examples, in this order, with no way to the others."""
        split = self.over(rows_of(self._examples, indices), name)
        known = self.cheap_targets()
        if known is not None and not isinstance(split._examples, Arrays):
            split._targets, split._asked = known[torch.as_tensor(np.asarray(indices), dtype=torch.long)], True
        return split

    def over(self, examples: Examples, name: str | None = None) -> "Split":
        """A split of other examples that is batched like this one."""
        return Split(self._source.over(examples), name=name or self.name)

    def example(self, index: int) -> tuple[Any, Any]:
        """One example as ``(inputs, target)``, read the same way every time."""
        examples = self._examples
        if not isinstance(examples, (Arrays, Seeded)):
            examples = Seeded(examples, 0)
        return adapt(examples[index])

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the content; cached.

        Up to 4096 examples are hashed as a whole; of more, their number and a fixed random choice of 4096, so that
        the work stays bounded. Augmented examples are read under fixed seeds.
        """
        if not self._fingerprint:
            digest = hashlib.sha256(f"{len(self)}\n".encode())
            chosen = np.arange(len(self))
            if len(self) > _HASHED:
                chosen = np.sort(np.random.default_rng(0).choice(len(self), _HASHED, replace=False))
            for index in chosen:
                digest.update(content(self.example(int(index))))
            self._fingerprint = digest.hexdigest()
        return self._fingerprint


class _View(Dataset[Any]):
    """Examples as a torch Dataset."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Any:
        return self.examples[index]


def content(thing: Any) -> bytes:
    """SHA-256 of tensors, arrays, numbers and text in any nesting.

    Raises:
        DataError: something else is among them, such as an image without ``ToTensor``.

    """
    digest = hashlib.sha256()
    _feed(digest, thing)
    return digest.digest()


def _feed(digest: Any, thing: Any) -> None:
    match thing:
        case torch.Tensor():
            digest.update(f"{thing.dtype}{tuple(thing.shape)}".encode())
            digest.update(thing.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        case np.ndarray() | np.generic():
            array = np.ascontiguousarray(thing)
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
        case None | bool() | int() | float() | str():
            digest.update(repr(thing).encode())
        case dict():
            for key in sorted(thing, key=str):
                digest.update(str(key).encode())
                _feed(digest, thing[key])
        case tuple() | list():
            digest.update(f"({len(thing)}".encode())
            for item in thing:
                _feed(digest, item)
        case _:
            msg = (
                f"An example holds a {type(thing).__name__}; tensors, arrays and numbers are needed. "
                f"Convert it in the dataset's transform (images: torchvision.transforms.ToTensor())."
            )
            raise DataError(msg)
