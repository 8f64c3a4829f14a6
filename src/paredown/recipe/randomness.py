"""Random numbers that belong to one piece of work and leave no trace outside of it."""

import contextlib
import hashlib
import random
from collections.abc import Iterator

import numpy as np
import torch

__all__ = ["derive", "isolated"]


def derive(seed: int, *words: object) -> int:
    """A seed of its own for a named purpose: equal words, equal seed, in every process."""
    text = " ".join(str(word) for word in (seed, *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


@contextlib.contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed torch, NumPy and ``random`` inside the block; afterwards their states are what they were before.

    Dropout and the users' own transforms draw from these global generators, so seeding them is what makes a training
    repeatable, and restoring them is what keeps the training from being felt elsewhere.
    """
    of_numpy = np.random.get_state()  # noqa: NPY002 (the global generator is what has to be kept)
    of_python = random.getstate()
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(of_numpy)  # noqa: NPY002
            random.setstate(of_python)
