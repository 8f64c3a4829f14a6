"""Trying a task out on one batch, before any work."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from paredown.data import Data
from paredown.errors import DataError, TaskError
from paredown.scores import Score
from paredown.task.copying import detached_copy
from paredown.task.inputs import arguments, tensor_items
from paredown.task.instead import described, of_module
from paredown.task.outputs import Objective, contents

__all__ = ["Tried", "kinds", "trial"]

_PROBED = 8


class Tried(Protocol):
    """What is looked at of a task."""

    @property
    def model(self) -> nn.Module: ...  # noqa: D102 (as `Task` has them)
    @property
    def data(self) -> Data: ...  # noqa: D102
    @property
    def loss(self) -> Callable[[Any, Any], torch.Tensor]: ...  # noqa: D102
    @property
    def score(self) -> Score: ...  # noqa: D102
    @property
    def guards(self) -> Mapping[str, Score]: ...  # noqa: D102

    def outputs(self, raw: Any) -> Any: ...  # noqa: D102


def kinds(task: Tried) -> list[str]:
    """Attributes of the wrong kind."""
    found = []
    model, data, loss, logits = (vars(task)[name] for name in ("model", "data", "loss", "logits"))
    if not isinstance(model, nn.Module):
        remedy = of_module(model, "Type model={model}")
        found.append(f"model is {described(model)}; it has to be a torch.nn.Module. {remedy}")
    if not isinstance(data, Data):
        found.append(f"data is a {type(data).__name__}. Type data=paredown.Data(train, judge=test).")
    if not callable(loss) or isinstance(loss, type):
        hint = f"Type loss={loss.__name__}()." if isinstance(loss, type) else _loss_by_name(loss)
        found.append(f"loss is {loss!r}; it has to be a function (outputs, target) -> scalar. {hint}")
    for name, score in {"score": task.score, **task.guards}.items():
        if not isinstance(score, Score) or isinstance(score, type):
            found.append(
                f"{name} is {score!r}; it has to have rows(outputs, target) and reduce(rows). "
                f"Type score=paredown.scores.accuracy, or give a function (outputs, target) -> [n]."
            )
    if not (logits is None or callable(logits) or isinstance(logits, (str, int))):
        found.append(f"logits={logits!r} has to be a name, a position or a function.")
    return found


def _loss_by_name(given: Any) -> str:
    name = given if isinstance(given, str) and hasattr(nn.functional, given) else "cross_entropy"
    return f"Type loss=torch.nn.functional.{name}."


def trial(task: Tried) -> list[str]:
    """What goes wrong on one batch."""
    try:
        model = detached_copy(task.model).cpu().eval()
    except Exception as error:  # noqa: BLE001 (a user's module may raise anything; it is told, not hidden)
        return [
            f"The model cannot be copied ({type(error).__name__}: {error}); it is copied so that yours stays as is."
        ]
    try:
        inputs, target = next(task.data.work.calibrate.batches(size=_PROBED))
        args, kwargs = arguments(model, inputs)
    except (TaskError, DataError) as error:
        return [str(error)]
    except Exception as error:  # noqa: BLE001 (a user's collation may raise anything; it is told, not hidden)
        return [f"The first batch of calibrate cannot be put together ({type(error).__name__}: {error})."]
    n = len(tensor_items(inputs)[0][1])
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            raw = model(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 (a user's module may raise anything; it is told, not hidden)
        shapes = ", ".join(f"{k}{list(v.shape)} {str(v.dtype)[6:]}" for k, v in tensor_items(inputs))
        takes = f"Give the inputs in the shapes and types that {type(model).__name__}.forward takes, the batch first."
        return [f"The model cannot be run on a batch of {shapes} ({type(error).__name__}: {error}). {takes}"]
    try:
        outputs = task.outputs(raw)
    except TaskError as error:
        return [str(error)]
    found = _range(task, outputs) or _loss(task, outputs, target)
    for name, score in {"score": task.score, **task.guards}.items():
        found += _score(name, score, outputs, target, n)
    return found


def _range(task: Tried, outputs: Any) -> list[str]:
    """Classes beyond the outputs."""
    most = task.data.most_class()
    if most is None or not isinstance(outputs, torch.Tensor) or outputs.ndim != 2 or outputs.shape[1] < 2:
        return []
    split, index, largest = most
    if largest < outputs.shape[1]:
        return []
    classes = outputs.shape[1]
    holds = f"the model's {classes} outputs are classes 0 to {classes - 1}"
    remedy = "Number the classes from 0, or give the model an output for each."
    return [f"{split} has class {largest} at index {index}; {holds}. {remedy}"]


def _loss(task: Tried, outputs: Any, target: Any) -> list[str]:
    """Whether the loss is one finite number that can be trained on."""
    if isinstance(outputs, torch.Tensor):
        outputs = outputs.detach().clone()
        if outputs.is_floating_point():
            outputs.requires_grad_()
    try:
        loss = Objective(task.loss, task.score, lambda raw: raw).loss_of(outputs, target)
    except TaskError as error:
        return [str(error)]
    except Exception as error:  # noqa: BLE001 (a user's loss may raise anything; it is told, not hidden)
        return [
            f"The loss cannot be computed of {_shape(outputs)} and {_shape(target)} ({type(error).__name__}: {error})."
        ]
    found = []
    if not math.isfinite(loss.item()):
        found.append(
            f"The loss on the first batch of calibrate is {loss.item()}. Look at the model's weights and the loss."
        )
    if isinstance(outputs, torch.Tensor) and outputs.requires_grad and not loss.requires_grad:
        found.append("The loss has no gradient with respect to the outputs, so nothing can be trained by it.")
    return found


def _score(name: str, score: Score, outputs: Any, target: Any, n: int) -> list[str]:
    """Whether a score gives a row per example and a finite number."""
    try:
        rows = torch.as_tensor(score.rows(outputs, target))
        if rows.shape[:1] != (n,) or rows.ndim > 2:
            return [f"{name} gave rows of shape {list(rows.shape)} for {n} examples; it has to be [{n}] or [{n}, k]."]
        table = rows.detach().cpu().numpy()
        value = float(score.reduce(table))
    except TaskError as error:
        return [f"{name}: {error}"]
    except Exception as error:  # noqa: BLE001 (a user's score may raise anything; it is told, not hidden)
        return [
            f"{name} cannot be computed of {_shape(outputs)} and {_shape(target)} ({type(error).__name__}: {error})."
        ]
    if score.binary and not set(np.unique(table).tolist()) <= {0.0, 1.0}:
        return [f"{name} says that its rows are 0 or 1 (binary), and they are not. Leave binary out."]
    if math.isinf(value) or not np.isfinite(table).all():
        return [f"{name} is not finite on the first batch of calibrate ({value})."]
    return []


def _shape(thing: Any) -> str:
    return str(list(thing.shape)) if isinstance(thing, torch.Tensor) else contents(thing)
