"""Reading batches on a thread of their own, while the network computes."""

import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch

__all__ = ["ahead"]

_Item = TypeVar("_Item")

_DEPTH = 2  # items that are made before they are asked for


def ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The same items in the same order, the next two of them made on another thread meanwhile.

    What draws from the global random generators of torch, NumPy or Python for its first item stays on this thread: dropout
    draws from them too, and who comes first would not be the same in every run.
    """
    before = _states()
    end: Any = object()
    if (first := next(items, end)) is end:
        return
    drew = before != _states()
    yield first
    if drew:
        yield from items
        return
    pool = ThreadPoolExecutor(1, thread_name_prefix="paredown-ahead")
    try:
        waiting = deque(pool.submit(next, items, end) for _ in range(_DEPTH))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, items, end))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)


def _states() -> tuple[object, ...]:
    """Where the global generators stand."""
    of_numpy = np.random.get_state(legacy=False)  # noqa: NPY002 (the global generator is what is looked at)
    return (
        torch.get_rng_state().numpy().tobytes(),
        random.getstate(),
        of_numpy["state"]["pos"],
        of_numpy["state"]["key"].tobytes(),
    )
