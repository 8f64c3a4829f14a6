"""A teacher's outputs for the training data, on disk."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from paredown.distill.lesson import Lesson, Teaching
from paredown.errors import CorruptError, RecipeError
from paredown.graph.structure import flatten
from paredown.recipe import batch
from paredown.recipe.ingredient import TrainContext
from paredown.trust import write_whole

__all__ = ["Stored"]

_PATIENCE = 8  # batches in which no example is known, after which none is looked up any more


class Stored(Teaching):
    """A teacher whose outputs for known examples are read from a file; see `Cached`.

    The file is written when the first batch is known as a whole. Two processes may write it: their files are the same,
    and each is put in place complete.
    """

    def __init__(self, teaching: Teaching, path: Path, context: TrainContext) -> None:
        self._teaching = teaching
        self._path = path
        self._device = context.device
        self._train = context.evidence.work.train
        self._rows = {name: row for row, name in enumerate(self._names())}
        self._outputs: torch.Tensor | None = None
        self._unknown = 0
        self._last: tuple[Any, Lesson] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"distill.Cached cannot keep anything in {str(path.parent)!r} ({error}). Name a folder that can be written."
            raise RecipeError(msg) from error

    def tap(self, pattern: str) -> tuple[str, ...]:
        """See `Teaching.tap`; there is nothing to tap.

        Raises:
            RecipeError: always.

        """
        msg = (
            f"{pattern!r} of a distill.Cached teacher was asked for, and only its outputs are kept. Name the teacher "
            "itself: `teacher=distill.Original()`."
        )
        raise RecipeError(msg)

    def follow(self, inputs: Any) -> Lesson:  # noqa: ARG002 (the signature of the contract)
        """See `Teaching.follow`; what is on disk has no gradients.

        Raises:
            RecipeError: always.

        """
        msg = (
            "A distill.Cached teacher was asked how its answers change with its inputs, and only the answers are kept. "
            "Name the teacher itself: `teacher=distill.Original()`."
        )
        raise RecipeError(msg)

    def see(self, inputs: Any) -> Lesson:
        """See `Teaching.see`.

        Raises:
            CorruptError: the file is not the one that was written.

        """
        if self._last is None or self._last[0] is not inputs:
            self._last = inputs, self._see(inputs)
        return self._last[1]

    def _see(self, inputs: Any) -> Lesson:
        rows = self._known(inputs)
        if rows is None:
            return Lesson(self._teaching.see(inputs).outputs, {})
        if self._outputs is None:
            self._outputs = self._read() if self._path.exists() else self._write()
        return Lesson(self._outputs[rows].to(self._device), {})

    def _known(self, inputs: Any) -> list[int] | None:
        """Rows of these examples; None where one of them is another than those of the training data."""
        if self._unknown >= _PATIENCE:
            return None
        rows = [self._rows.get(name) for name in _contents(inputs)]
        found = [row for row in rows if row is not None]
        self._unknown = 0 if found else self._unknown + 1
        return found if len(found) == len(rows) else None

    def _names(self) -> list[bytes]:
        return [name for inputs, _ in self._train.batches() for name in _contents(inputs)]

    def _write(self) -> torch.Tensor:
        found = [
            self._teaching.see(batch.to(self._device, inputs)).outputs.float().cpu()
            for inputs, _ in self._train.batches()
        ]
        outputs = torch.cat(found).contiguous()
        write_whole(self._path, save({"outputs": outputs}))
        return outputs

    def _read(self) -> torch.Tensor:
        try:
            outputs = load_file(self._path)["outputs"]
        except (SafetensorError, KeyError) as error:
            msg = (
                f"{str(self._path)!r} does not hold what distill.Cached wrote ({error!r}). Delete it: it is made anew."
            )
            raise CorruptError(msg) from error
        if len(outputs) != len(self._train):
            msg = (
                f"{str(self._path)!r} holds {len(outputs)} outputs, and there are {len(self._train)} training examples. "
                "Delete it: it is made anew."
            )
            raise CorruptError(msg)
        return outputs


def _contents(inputs: Any) -> list[bytes]:
    """The content of each example, hashed."""
    rows = [
        tensor.detach().cpu().flatten(1) if tensor.ndim > 1 else tensor.detach().cpu()[:, None]
        for tensor in flatten(inputs)[0]
    ]
    data = [row.contiguous().view(torch.uint8).numpy() for row in rows]
    return [
        hashlib.blake2b(b"".join(part[index].tobytes() for part in data), digest_size=16).digest()
        for index in range(len(data[0]))
    ]
