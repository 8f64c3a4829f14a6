"""Distillation on inputs that nobody has labelled."""

import dataclasses
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from paredown.data import Split
from paredown.distill.agree import check_outputs, found_axis
from paredown.distill.lesson import Teaching
from paredown.distill.logits import apart
from paredown.distill.original import Original, Teacher
from paredown.distill.teaching import teach
from paredown.errors import RecipeError
from paredown.graph.structure import flatten
from paredown.recipe import batch
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.randomness import derive
from paredown.recipe.settings import above_zero, at_least_zero, whole

__all__ = ["Unlabelled"]


@dataclasses.dataclass(frozen=True)
class Unlabelled(Ingredient):
    """Match the teacher on inputs from elsewhere: the same kind without labels, or another kind altogether.

    Every step draws a second batch, runs student and teacher on it, and adds ``weight * T² KL(teacher || student)`` of
    the outputs divided by the temperature T, averaged over examples and places; squares where outputs have no classes.
    With many unlabelled examples and few labels this is where most of the gain is (Chen et al. 2020, arXiv:2006.10029,
    section 2). With ``task=0.0`` no label counts: data-free distillation on out-of-domain inputs, which has to come close
    in kind to do much (Asano & Saeed 2023, arXiv:2112.00725). Batch norms of the student see these inputs too. A step
    costs a second forward and backward pass. Augmentations of the training do not reach these inputs; a dataset may
    have its own.

    Attributes:
        inputs: a tensor or array of inputs, a list or dataset of them, or what a split of `Data` may be (targets are not
            looked at), or a function that returns any of these. A run directory can only hold functions at the top level of a module.
        teacher: see `Teacher`.
        temperature: above 0.
        weight: of the teacher's part, 0 or more.
        task: share of the task's own loss that stays, 0 or more.
        batch_size: inputs per step, 1 or more; None takes as many as the training's batch has.
        axis: the dimension of the outputs that holds the classes; None finds it from the targets of the task.

    """

    taught: ClassVar[bool] = True
    elsewhere: ClassVar[bool] = True
    inputs: Any
    teacher: Teacher = dataclasses.field(default_factory=Original)
    temperature: float = 4.0
    weight: float = 1.0
    task: float = 1.0
    batch_size: int | None = None
    axis: int | None = None

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        at_least_zero(self, "weight", "task")
        instead = "Leave it out for as many as the training's batch has."
        if self.batch_size is not None:
            whole(self, "batch_size", instead=instead)

    def start(self, context: TrainContext) -> Hook:
        """Read the inputs and try teacher and student on two of them.

        Raises:
            DataError: the inputs are none of the forms.
            RecipeError: they are none that this network takes, or outputs of teacher and student differ in shape.

        """
        split = _split(self.inputs)
        probe = context.probe()
        _check_inputs(next(split.batches(2, limit=2))[0], probe.inputs)
        teaching = teach(self.teacher, context)
        check_outputs(probe.outputs, teaching.see(probe.inputs).outputs, "distill.Unlabelled")
        axis = found_axis(probe, self.axis, "distill.Unlabelled")
        return _UnlabelledHook(self, split, teaching, axis, context)


def _split(given: Any) -> Split:
    if isinstance(given, Callable) and not hasattr(given, "__getitem__"):  # type: ignore[arg-type]
        given = given()
    if isinstance(given, (torch.Tensor, np.ndarray)):
        given = given, torch.zeros(len(given))
    examples = given.dataset if isinstance(given, DataLoader) and given.collate_fn is default_collate else given
    split = Split(_Answered(examples) if _unanswered(examples) else given, name="distill.Unlabelled(inputs=...)")
    if not len(split):
        msg = "distill.Unlabelled(inputs=...) holds no example. Give it some, or leave it out of `using`."
        raise RecipeError(msg)
    return split


def _unanswered(examples: Any) -> bool:
    """Whether these are examples without targets: tensors, or each a tuple of one."""
    if not isinstance(examples, (list, Dataset)) or isinstance(examples, IterableDataset) or not len(examples):  # type: ignore[arg-type]
        return False
    first = examples[0]
    return isinstance(first, (torch.Tensor, np.ndarray)) or (isinstance(first, (tuple, list)) and len(first) == 1)


class _Answered(Dataset[tuple[Any, int]]):
    """Examples without targets as examples with a target that is not looked at."""

    def __init__(self, examples: Any) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        example = self._examples[index]
        return (example[0] if isinstance(example, (tuple, list)) else example), 0


def _check_inputs(mine: Any, known: Any) -> None:
    """Refuse inputs of other shapes or types than the task's."""
    kinds = [[(str(t.dtype), list(t.shape[1:])) for t in flatten(inputs)[0]] for inputs in (mine, known)]
    if kinds[0] != kinds[1]:
        told = [", ".join(f"{dtype} {shape}" for dtype, shape in kind) for kind in kinds]
        msg = (
            f"An example of distill.Unlabelled(inputs=...) is {told[0]}, and one of the task's training data {told[1]}. "
            "The network takes both: bring them into the same shape, number type and scale."
        )
        raise RecipeError(msg)


class _UnlabelledHook(Hook):
    def __init__(
        self, settings: Unlabelled, split: Split, teaching: Teaching, axis: int | None, context: TrainContext
    ) -> None:
        self._settings = settings
        self._teaching = teaching
        self._axis = axis
        self._context = context
        self._split = split
        self._drawn = self._batches(context.seed)
        self._last: tuple[int, Any] = (-1, None)
        self._size = settings.batch_size

    def loss_weight(self) -> float:
        return self._settings.task

    def term(self, step: Step) -> torch.Tensor:
        if self._last[0] != step.number:  # a second pass of the same step sees the same inputs
            self._size = self._size or batch.length(step.inputs)
            self._last = step.number, next(self._drawn)
        inputs = self._last[1]
        student, teacher = step.forward(inputs).float(), self._teaching.see(inputs).outputs.float()
        return self._settings.weight * apart(student, teacher, self._settings.temperature, self._axis)

    def _batches(self, seed: int) -> Iterator[Any]:
        """Full batches in a new order every time around, without end."""
        around = 0
        while True:
            size = min(self._size or 1, len(self._split))
            found = self._split.batches(size, shuffle_seed=derive(seed, "unlabelled", around))
            for inputs, _ in islice(found, len(self._split) // size):
                yield batch.to(self._context.device, inputs)
            around += 1
