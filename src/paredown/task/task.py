"""What is to be made smaller, on which data, and how good it has to stay."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from paredown import scores
from paredown.data import Data
from paredown.errors import DataError, TaskError
from paredown.scores import Score
from paredown.task.inputs import arguments
from paredown.task.instead import described
from paredown.task.load import find, makes_tasks, takes_arguments
from paredown.task.outputs import Logits, Objective
from paredown.task.trial import kinds, trial

__all__ = ["Task"]


@dataclasses.dataclass(frozen=True)
class Task:
    """A trained model, its data, its loss and its score.

    Attributes:
        model: any ``nn.Module``; it is never changed.
        data: the splits.
        loss: ``loss(outputs, target)``, a scalar tensor, for example ``torch.nn.functional.cross_entropy``.
        score: one of `paredown.scores`, or a function ``(outputs, target) -> [n]`` (higher is better).
        logits: which of the model's results are the outputs, where it returns more than one tensor: a name (attribute
            or key), a position, or a function. Results with an attribute or key ``logits`` need nothing said.
        name: for people.
        guards: further scores by name; a budget may limit their drops.
        reference: ``module:name`` it was loaded from, so that other processes can load it too; empty otherwise.

    Example:
        >>> data = Data((torch.randn(80, 4), torch.arange(80) % 2), judge=(torch.randn(40, 4), torch.arange(40) % 2))
        >>> task = Task(nn.Linear(4, 2), data, nn.functional.cross_entropy, scores.accuracy)
        >>> task.check()

    """

    model: nn.Module
    data: Data
    loss: Callable[[Any, Any], torch.Tensor]
    score: Score
    logits: Logits = None
    name: str = ""
    guards: Mapping[str, Score] = dataclasses.field(default_factory=dict)
    reference: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "score", _scored(self.score))
        object.__setattr__(self, "guards", {name: _scored(score) for name, score in self.guards.items()})

    @property
    def objective(self) -> Objective:
        """The part that work may see: without the model, and without any way to the data."""
        return Objective(self.loss, self.score, self.logits, self.guards)

    def outputs(self, raw: Any) -> Any:
        """What loss and score are given, out of what a model returned; see `Objective.outputs`."""
        return self.objective.outputs(raw)

    def loss_of(self, raw: Any, target: Any) -> torch.Tensor:
        """The scalar loss of what a model returned."""
        return self.objective.loss_of(raw, target)

    def arguments(self, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """``(args, kwargs)`` to call the model on the inputs of a batch; see `arguments`."""
        return arguments(self.model, inputs)

    def check(self) -> None:
        """Find everything that can be wrong before any work, all at once.

        The data are looked through, and a copy of the model is run on one batch: outputs, loss, score and guards must
        fit together. The model is left bit-identical.

        Raises:
            DataError: something is wrong with the data (and whatever else is wrong).
            TaskError: model, loss and score do not fit together.

        """
        found = kinds(self)
        if found:
            raise TaskError("\n".join(found))
        of_data = self.data.problems()
        of_model = [] if any("empty" in problem for problem in of_data) else trial(self)
        if of_data:
            raise DataError("\n".join(of_data + of_model))
        if of_model:
            raise TaskError("\n".join(of_model))

    @staticmethod
    def load(reference: str) -> "Task":
        """The task that ``module:name`` points at: a `Task`, or a function without arguments that returns one.

        The current directory is put on the import path, as ``uvicorn`` does.

        Raises:
            TaskError: no such module or name (close ones are listed), or it is no task.

        """
        given: object = reference
        if not isinstance(given, str):
            msg = f"Task.load was given {described(given)}; it takes the words module:name. Type Task.load('app:task')."
            raise TaskError(msg)
        thing = find(reference, Task)
        if not isinstance(thing, Task) and makes_tasks(thing):
            try:
                thing = thing()
            except TypeError as error:
                if takes_arguments(thing):
                    msg = f"{reference!r} is a function that needs arguments ({error}). Give them defaults."
                    raise TaskError(msg) from error
                raise
        if not isinstance(thing, Task):
            msg = (
                f"{reference!r} is a {type(thing).__name__}. It has to be a paredown.Task, or a function without "
                f"arguments that returns one."
            )
            raise TaskError(msg)
        return dataclasses.replace(thing, name=thing.name or reference, reference=reference)


def _scored(score: Any) -> Any:
    """Plain functions as scores; whatever else is wrong is told by `Task.check`."""
    if isinstance(score, Score) or not callable(score) or isinstance(score, type):
        return score
    return scores.of(score)
