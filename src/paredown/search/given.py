"""What the verbs were given, looked at before anything starts; every message ends with what to type."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import nn

from paredown import targets
from paredown.budget import Budget
from paredown.errors import InputError
from paredown.targets import Target
from paredown.targets.given import checked
from paredown.task import Task

__all__ = ["Given"]

_BUDGET = 'paredown.Budget(latency="50%", drop="0.5 pt")'


@dataclasses.dataclass(frozen=True)
class Given:
    """Task and target of a verb, and its budget where it takes one.

    Attributes:
        verb: as it is typed.
        task: of any kind, as given.
        target: of any kind, as given; None stands for the default.

    """

    verb: str
    task: Any
    target: Any

    def check(self) -> Target:
        """The target.

        Raises:
            InputError: the task is none, or the target; both at once.

        """
        return self._checked([*self._of_task(), *self._of_target()])

    def check_with(self, budget: Any, *, optional: bool = False) -> Target:
        """The same, of a verb that takes a budget.

        Raises:
            InputError: task, budget or target are none; all at once.

        """
        of_budget = [] if optional and budget is None else _of_budget(budget)
        return self._checked([*self._of_task(), *of_budget, *self._of_target()])

    def _checked(self, found: list[str]) -> Target:
        if found:
            raise InputError("\n".join(found))
        return targets.default() if self.target is None else checked(self.target)

    def _of_target(self) -> list[str]:
        try:
            if self.target is not None:
                checked(self.target)
        except InputError as error:
            return [str(error)]
        return []

    def _of_task(self) -> list[str]:
        given, call = self.task, f"paredown.{self.verb}"
        if isinstance(given, Task):
            return []
        if isinstance(given, str):
            typed = f"{call}(paredown.Task.load({given if ':' in given else 'app:task'!r}), ...)"
            return [f"task={given!r} is a string; a task is an object, which `module:name` finds. Type {typed}."]
        if isinstance(given, nn.Module):
            typed = "paredown.Task(model, paredown.Data(train, judge=test), loss, paredown.scores.accuracy)"
            return [f"task is a {type(given).__name__}, a model without its data, loss and score. Type {typed}."]
        if callable(given):
            name = getattr(given, "__name__", "task")
            what = "the class" if isinstance(given, type) else "the function"
            return [f"task is {what} {name}; it has to be a paredown.Task. Call it: {call}({name}(), ...)."]
        return [
            f"task is a {type(given).__name__}; it has to be a paredown.Task. Type paredown.Task(model, data, ...)."
        ]


def _of_budget(given: Any) -> list[str]:
    if isinstance(given, Budget):
        return []
    if given is None:
        return [f"No budget was given, and without a limit there is nothing to search for. Type budget={_BUDGET}."]
    if isinstance(given, type):
        return [f"budget={given.__name__} is the class, without a limit. Type {_BUDGET}."]
    if isinstance(given, Mapping):
        limits = ", ".join(f"{key}={value!r}" for key, value in given.items())
        return [f"budget is a {type(given).__name__}; it has to be a paredown.Budget. Type paredown.Budget({limits})."]
    if isinstance(given, str):
        return [f'budget={given!r} does not say of what. Type paredown.Budget(latency="{given}"), or size, or drop.']
    return [f"budget={given!r} is a {type(given).__name__}; it has to be a paredown.Budget. Type {_BUDGET}."]
