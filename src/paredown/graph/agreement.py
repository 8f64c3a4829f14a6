"""Prove that a captured network computes what the user's model computes."""

from typing import Any

import torch
from torch import nn

from paredown.errors import CaptureError
from paredown.graph.examples import Example
from paredown.graph.network import Network
from paredown.graph.structure import flatten

__all__ = ["independent", "prove_capture", "refuse_state"]


def prove_capture(model: nn.Module, network: Network, example: Example, *, loose: bool) -> None:
    """Compare model and network on a batch of one and of three, and each example with itself in another batch.

    Args:
        model: the user's model (a copy), in eval mode.
        network: what was captured, in eval mode.
        example: two examples, of which the batches are made.
        loose: the model computes partly in a narrower type than the network (autocast).

    Raises:
        CaptureError: an output differs, or the answer for one example depends on the others.

    """
    tolerance = 3e-2 if loose else 1e-4
    one = _run(model, network, example, example.rows(0), tolerance)
    three = _run(model, network, example, example.rows(1, 0, 1), tolerance)
    if _draws(model, example):
        return
    for index, (alone, together) in enumerate(zip(one, three, strict=True)):
        for dim in _batch_dims(alone, together):
            far = _distance(alone.select(dim, 0), together.select(dim, 1))
            if far > 10 * tolerance:
                msg = (
                    f"{type(model).__name__} gives one example another answer in another batch (output {index} differs "
                    f"by {far:.2g} of its size). Scores, intervals and the exported file need independent examples. "
                    "Look for batch statistics in eval mode (track_running_stats=False) or a reduction over the batch "
                    f"({_placed(example)}); where it is in another dimension, type dynamic={{name: {{1: 'batch'}}}}."
                )
                raise CaptureError(msg)


def independent(model: nn.Module, example: Example) -> bool:
    """Whether a model runs on one and on three examples, and gives an example the same answer in both batches.

    Args:
        model: a copy of the user's model, in eval mode.
        example: says which dimensions hold the examples.

    """
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            one = _call(model, example, example.rows(0))
            torch.manual_seed(0)
            three = _call(model, example, example.rows(1, 0, 1))
    except Exception:  # noqa: BLE001 (other dimensions are tried; the usual one is reported where none is right)
        return False
    pairs = [
        (alone.select(dim, 0), together.select(dim, 1))
        for alone, together in zip(one, three, strict=True)
        for dim in _batch_dims(alone, together)
    ]
    return bool(pairs) and all(_distance(*pair) <= 1e-3 for pair in pairs)


def refuse_state(model: nn.Module, example: Example, updated: tuple[str, ...]) -> None:
    """Raise where what a model remembers changes its next answer.

    Args:
        model: a copy of the user's model in eval mode; used up.
        example: what it is run on, twice.
        updated: names of what changes while it runs.

    Raises:
        CaptureError: the second answer is another one; the message names what is updated.

    """
    if not updated:
        return
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        answers = []
        for _ in range(2):
            torch.manual_seed(0)
            answers.append(_call(model, example, example.rows(0, 1)))
    if any(_distance(one, two) > 1e-6 for one, two in zip(*answers, strict=True)):
        names = ", ".join(repr(name) for name in updated)
        msg = (
            f"{type(model).__name__} updates {names} in forward, in eval mode too, and the next answer depends on it. A "
            "network answers from its inputs alone. Take it as an input and return its new value (one step at a time), "
            "or update it only while training: `if self.training:`."
        )
        raise CaptureError(msg)


def _batch_dims(alone: torch.Tensor, together: torch.Tensor) -> list[int]:
    """Dimensions of an output that hold one example in one batch and three in the other."""
    if alone.ndim != together.ndim:
        return []
    return [dim for dim in range(alone.ndim) if (alone.shape[dim], together.shape[dim]) == (1, 3)]


def _placed(example: Example) -> str:
    dims = [f"dimension {spec.batch_dim} of {spec.name}" for spec in example.specs if spec.batch_dim is not None]
    return ", ".join(dims)


def _run(
    model: nn.Module, network: Network, example: Example, batch: tuple[torch.Tensor, ...], tolerance: float
) -> list[torch.Tensor]:
    size = next(
        tensor.shape[spec.batch_dim]
        for tensor, spec in zip(batch, example.specs, strict=True)
        if spec.batch_dim is not None
    )
    expected, got = _both(model, network, example, batch, size)
    for index, (want, have) in enumerate(zip(expected, got, strict=True)):
        if want.shape != have.shape:
            msg = (
                f"The captured {type(model).__name__} gives output {index} the shape {list(have.shape)} at batch size "
                f"{size}; the model gives {list(want.shape)}. The graph must follow the batch. Look for sizes that are "
                "computed from the batch with Python numbers, and take them from x.shape."
            )
            raise CaptureError(msg)
        far = _distance(want, have)
        if far > tolerance:
            msg = (
                f"The captured {type(model).__name__} differs from the model by {far:.2g} of its size in output {index} "
                f"at batch size {size}. The graph must compute the same. Look for state that changes from call to "
                "call, or for Python values that depend on the batch, and remove them."
            )
            raise CaptureError(msg)
    return expected


def _both(
    model: nn.Module, network: Network, example: Example, batch: tuple[torch.Tensor, ...], size: int
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            expected = _call(model, example, batch)
        except Exception as error:
            msg = (
                f"{type(model).__name__} runs on the example but not on a batch of {size}: {str(error).splitlines()[0]}. "
                f"A network has to work at any batch size ({_placed(example)}), one included. Look for sizes written as "
                "numbers and for batch statistics in eval mode (track_running_stats=False); where the batch is in another "
                "dimension, type dynamic={name: {1: 'batch'}}."
            )
            raise CaptureError(msg) from error
        torch.manual_seed(0)
        got = list(network.graph_module(*(tensor.clone() for tensor in batch)))
    return expected, got


def _call(model: nn.Module, example: Example, batch: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    args, kwargs = example.structure.build([tensor.clone() for tensor in batch])
    result: Any = model(*args, **kwargs)
    return flatten(result)[0]


def _draws(model: nn.Module, example: Example) -> bool:
    """Whether the model's answer is random even in eval mode."""
    answers = []
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for seed in (1, 2):
            torch.manual_seed(seed)
            answers.append(_call(model, example, example.rows(0)))
    return any(not torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(*answers, strict=True))


def _distance(want: torch.Tensor, have: torch.Tensor) -> float:
    """Largest difference relative to the largest number; infinite values and NaN must be at the same places."""
    if want.dtype == torch.bool or not (want.is_floating_point() or want.is_complex()):
        return float((want != have).any())
    if want.is_complex():
        want, have = torch.view_as_real(want.detach().resolve_conj()), torch.view_as_real(have.detach().resolve_conj())
    want, have = want.detach().double(), have.detach().double()
    finite = want.isfinite()
    if not torch.equal(finite, have.isfinite()) or not torch.equal(
        want[~finite].nan_to_num(), have[~finite].nan_to_num()
    ):
        return float("inf")
    if not finite.any():
        return 0.0
    scale = want[finite].abs().max().clamp_min(1e-6)
    return float((want[finite] - have[finite]).abs().max() / scale)
