"""The task: model, data, loss and score."""

from paredown.task.inputs import arguments
from paredown.task.outputs import Objective
from paredown.task.task import Task

__all__ = ["Objective", "Task", "arguments"]
