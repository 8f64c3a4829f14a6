"""Inputs for a session: the ones given, or made up from what the file says it takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paredown.errors import InputError

__all__ = ["Feed", "batch_of", "fit", "made_up"]

Feed = list[NDArray[Any]]
_Spec = tuple[str, str, Sequence[int | None]]


def batch_of(specs: Sequence[_Spec]) -> int | None:
    """The batch size a file is fixed to; None where it takes any."""
    for _, _, shape in specs:
        if shape and shape[0] is not None:
            return int(shape[0])
    return None


def made_up(specs: Sequence[_Spec], batch: int, seed: int) -> Feed:
    """Random inputs: standard normal numbers, zeros and ones where whole numbers or truth values are taken.

    Args:
        specs: name, element type and shape (None = any) of each input of the session.
        batch: examples per inference, used where the file leaves the first dimension open.
        seed: equal seeds, equal inputs.

    Raises:
        InputError: a dimension other than the batch is open.

    """
    generator = np.random.default_rng(seed)
    feed = []
    for name, dtype, shape in specs:
        if any(size is None for size in shape[1:]):
            msg = (
                f"Input {name!r} has the shape {list(shape)}: more than the batch dimension is open, so no input can be "
                "made up for it. Pass `inputs=[...]`, one array per input of the file."
            )
            raise InputError(msg)
        sizes = [batch if size is None else int(size) for size in shape]
        kind = np.dtype(dtype)
        if kind.kind == "f":
            feed.append(generator.standard_normal(sizes).astype(kind))
        else:
            feed.append(generator.integers(0, 2, sizes).astype(kind))
    return feed


def fit(arrays: Sequence[NDArray[Any]], specs: Sequence[_Spec], batch: int) -> Feed:
    """Given inputs, repeated or cut to the batch and in the element types of the file.

    Raises:
        InputError: the number of arrays, a shape or an element type is not what the file takes.

    """
    if len(arrays) != len(specs):
        want = ", ".join(f"{name} {dtype}{list(shape)}" for name, dtype, shape in specs)
        msg = f"{len(arrays)} inputs were given; the file takes {len(specs)}: {want}. Pass one array per input."
        raise InputError(msg)
    rows = batch_of(specs) or batch
    feed = []
    for array, (name, dtype, shape) in zip(arrays, specs, strict=True):
        _check(array, name, dtype, shape)
        whole = np.resize(array, (rows, *array.shape[1:])) if array.ndim and array.shape[0] != rows else array
        feed.append(np.ascontiguousarray(whole, dtype=np.dtype(dtype)))
    return feed


def _check(array: NDArray[Any], name: str, dtype: str, shape: Sequence[int | None]) -> None:
    sizes_fit = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape[1:], array.shape[1:], strict=True)
    )
    if not sizes_fit:
        msg = (
            f"Input {name!r} was given with the shape {list(array.shape)}; the file takes {list(shape)} "
            "(None = any). Pass inputs of that shape."
        )
        raise InputError(msg)
    if array.dtype.kind != np.dtype(dtype).kind:
        msg = (
            f"Input {name!r} was given as {array.dtype}; the file takes {dtype}. Convert it with `.astype({dtype!r})`."
        )
        raise InputError(msg)
