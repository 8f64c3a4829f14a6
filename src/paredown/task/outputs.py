"""What of a model's results is scored, and the loss of it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from paredown.errors import TaskError
from paredown.scores import Score

__all__ = ["Logits", "Objective", "contents"]

_KEYS = ("logits", "out")  # what transformers and torchvision's dense models call them

Logits = str | int | Callable[[Any], Any] | None


@dataclasses.dataclass(frozen=True)
class Objective:
    """Loss, score and choice of outputs: all that work may know of a task beside its `WorkData`.

    Attributes:
        loss: ``loss(outputs, target)``, a scalar tensor.
        score: rows per example and their reduction.
        logits: which of the model's results are the outputs; see `Task`.
        guards: further scores by name.

    """

    loss: Callable[[Any, Any], torch.Tensor]
    score: Score
    logits: Logits = None
    guards: Mapping[str, Score] = dataclasses.field(default_factory=dict)

    def outputs(self, raw: Any) -> Any:
        """What loss and score are given, out of what a model returned; arrays of a runtime become tensors.

        Raises:
            TaskError: the results hold several things and `logits` does not say which.

        """
        if callable(self.logits):
            return _tensors(self.logits(_tensors(raw)))
        if self.logits is None:
            return _tensors(_only(raw))
        try:
            return _tensors(_named(raw, self.logits))
        except (KeyError, IndexError, AttributeError, TypeError) as error:
            msg = f"logits={self.logits!r} is not in what the model returned: {contents(raw)}."
            raise TaskError(msg) from error

    def loss_of(self, raw: Any, target: Any) -> torch.Tensor:
        """The scalar loss of what a model returned.

        Raises:
            TaskError: the loss is no scalar tensor.

        """
        loss = self.loss(self.outputs(raw), target)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            got = f"shape {list(loss.shape)}" if isinstance(loss, torch.Tensor) else f"a {type(loss).__name__}"
            msg = f"The loss returned {got}; it has to be one number, as a tensor. Average it: loss.mean()."
            raise TaskError(msg)
        return loss.reshape(())


def _only(raw: Any) -> Any:
    """The one thing in the results, or what is called logits."""
    if isinstance(raw, (torch.Tensor, np.ndarray)):
        return raw
    for key in _KEYS:
        if isinstance(raw, Mapping) and key in raw:
            return raw[key]
        if not isinstance(raw, Mapping) and isinstance(getattr(raw, key, None), (torch.Tensor, np.ndarray)):
            return getattr(raw, key)
    inside = list(raw.values()) if isinstance(raw, Mapping) else list(raw) if isinstance(raw, (tuple, list)) else []
    if len(inside) == 1:
        return _only(inside[0])
    msg = f"The model returned {contents(raw)}. Say which of it is scored: Task(logits=...), a name, position or function."
    raise TaskError(msg)


def _named(raw: Any, key: str | int) -> Any:
    if isinstance(key, int):
        return (list(raw.values()) if isinstance(raw, Mapping) else raw)[key]
    return raw[key] if isinstance(raw, Mapping) else getattr(raw, key)


def _tensors(thing: Any) -> Any:
    """The same nesting with arrays as tensors."""
    if isinstance(thing, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(thing))
    if type(thing) is dict:
        return {key: _tensors(value) for key, value in thing.items()}
    if type(thing) in {tuple, list}:
        return type(thing)(_tensors(value) for value in thing)
    return thing


def contents(raw: Any) -> str:
    """What is in the results, for messages."""
    if isinstance(raw, Mapping):
        return f"a {type(raw).__name__} with the keys {', '.join(map(str, raw))}"
    if isinstance(raw, (tuple, list)):
        return f"a {type(raw).__name__} of {len(raw)}"
    if dataclasses.is_dataclass(raw):
        return f"a {type(raw).__name__} with the fields {', '.join(field.name for field in dataclasses.fields(raw))}"
    return f"a {type(raw).__name__}"
