"""Teachers at work."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from paredown import codec
from paredown.distill.agree import first_run
from paredown.distill.assistant import assist
from paredown.distill.lesson import Lesson, Teaching
from paredown.distill.original import Assistant, Cached, Ensemble, Original, Teacher
from paredown.distill.stored import Stored
from paredown.errors import RecipeError
from paredown.graph.capture import capture
from paredown.graph.network import Network
from paredown.graph.structure import flatten
from paredown.recipe import batch
from paredown.recipe.ingredient import TrainContext
from paredown.recipe.layout import Layout
from paredown.recipe.nearest import nearest
from paredown.recipe.taps import Taps, matching
from paredown.recipe.title import title
from paredown.task import arguments
from paredown.task.copying import detached_copy

__all__ = ["copied", "module_of", "teach"]

_LONGEST = 80  # characters of a teacher in a message
_OWNER = "the teacher, whose paths are given with `to=`"


def teach(teacher: Teacher, context: TrainContext) -> Teaching:
    """Put a copy of a teacher to work, one for all ingredients of a training that name it.

    Raises:
        RecipeError: it is no module.

    """
    if isinstance(teacher, Ensemble):
        return _Several(tuple(teach(member, context) for member in teacher.teachers), teacher.shares)
    if isinstance(teacher, Cached):
        return _stored(teacher, context)
    key = 0 if isinstance(teacher, Original) else id(teacher)
    return context.once(("teacher", key), lambda: _One(module_of(teacher, context), context))


def _stored(teacher: Cached, context: TrainContext) -> Teaching:
    of_data = context.evidence.work.train.fingerprint(), context.device.type, context.precision
    name = codec.fingerprint(*_content(teacher.teacher, context), *of_data)
    return context.once(
        ("stored", teacher.folder, name),
        lambda: Stored(teach(teacher.teacher, context), Path(teacher.folder) / f"{name}.safetensors", context),
    )


def _content(teacher: Teacher, context: TrainContext) -> tuple[str, ...]:
    """What tells a teacher from others, whatever it is called."""
    if isinstance(teacher, Ensemble):
        members = (part for member in teacher.teachers for part in _content(member, context))
        return *members, *map(repr, teacher.shares)
    module = module_of(teacher, context)
    if not isinstance(module, Network):
        msg = (
            f"distill.Cached was given a {type(module).__name__}. What is kept on disk is named by its teacher's content, "
            "which a captured network has. Write `distill.Cached(folder, paredown.capture(model, example))`."
        )
        raise RecipeError(msg)
    return (module.fingerprint(),)


def module_of(teacher: object, context: TrainContext) -> nn.Module:
    """The module that is meant, as it is given.

    Raises:
        RecipeError: it is none.

    """
    if isinstance(teacher, Assistant):
        return assist(teacher, _network(module_of(teacher.begin, context), context), context)
    module = context.original if isinstance(teacher, Original) else teacher
    told = title(teacher)
    given = f"teacher={told if len(told) <= _LONGEST else told[:_LONGEST] + ' …'}"
    if callable(module) and not isinstance(module, (nn.Module, type)):
        module = _made(module, given)
        given += f", which returns {type(module).__name__},"
    if not isinstance(module, nn.Module):
        msg = (
            f"{given} was given. A teacher is `distill.Original()`, a module, a network, or a function without arguments "
            "that returns one; several are a `distill.Ensemble`. "
            "Write `distill.Logits(teacher=distill.Original())`."
        )
        raise RecipeError(msg)
    return module


def _made(function: Callable[[], object], given: str) -> object:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        msg = (
            f"{given} was given, a function that cannot be called without arguments ({error}). "
            "Write one without: `distill.Logits(teacher=lambda: build(34))`."
        )
        raise RecipeError(msg) from error
    except ValueError:  # written in C, without a signature
        pass
    return function()


def copied(module: nn.Module, what: str) -> nn.Module:
    """A copy of a user's network.

    Args:
        module: left as it is.
        what: it is here: ``teacher``.

    Raises:
        RecipeError: it cannot be copied.

    """
    try:
        return detached_copy(module)
    except Exception as error:
        msg = (
            f"The {what}, {title(module)}, cannot be copied ({type(error).__name__}: {str(error).splitlines()[0][:160]}). "
            "It is copied so that yours stays as it is. Take out of it what has no copy, or give a function "
            f"that builds it anew: `{what}=build`."
        )
        raise RecipeError(msg) from error


def _network(module: nn.Module, context: TrainContext) -> Network:
    if isinstance(module, Network):
        return module
    inputs, _ = next(iter(context.evidence.work.calibrate.batches(limit=2)))
    args, kwargs = arguments(module, inputs)
    return capture(module, *args, **kwargs)


class _One(Teaching):
    """One module. The last batch is remembered, so that it runs once per batch however many ask."""

    def __init__(self, module: nn.Module, context: TrainContext) -> None:
        self._who = f"the teacher, {title(module)},"
        self._tried = False
        module = copied(module, "teacher").to(context.device).eval().requires_grad_(False)
        self._context = context
        self._values = _InGraph(module, context) if isinstance(module, Network) else _InModules(module)
        self._last: tuple[Any, Lesson] | None = None

    def tap(self, pattern: str) -> tuple[str, ...]:
        self._last = None
        return self._values.tap(pattern)

    @torch.no_grad()
    def see(self, inputs: Any) -> Lesson:
        if self._last is None or self._last[0] is not inputs:
            self._last = inputs, self.follow(inputs)
        return self._last[1]

    def follow(self, inputs: Any) -> Lesson:
        with self._context.autocast():
            raw, taps = self._run(inputs)
            return Lesson(self._context.evidence.objective.outputs(raw), taps)

    def _run(self, inputs: Any) -> tuple[Any, dict[str, torch.Tensor]]:
        if self._tried:
            return self._values.run(inputs)
        run = functools.partial(self._values.run, inputs)
        found = first_run(run, self._who, inputs, self._context.precision)
        self._tried = True
        return found


class _InGraph:
    """Runs a network; taps are outputs of its graph."""

    def __init__(self, network: Network, context: TrainContext) -> None:
        Layout(network, context.device, context.precision).begin()
        self._network = network
        self._taps = Taps(network, owner=_OWNER)
        self.tap = self._taps.add

    def run(self, inputs: Any) -> tuple[Any, dict[str, torch.Tensor]]:
        flat = self._network.graph_module(*batch.flat(self._network, inputs))
        return self._network.out_structure.build(flat), self._taps.values(flat)


class _InModules:
    """Runs any module; taps are what its submodules return, the first tensor where that is several."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._tapped: set[str] = set()
        self._values: dict[str, torch.Tensor] = {}

    def tap(self, pattern: str) -> tuple[str, ...]:
        paths = matching(pattern, (path for path, _ in self._module.named_modules() if path), _OWNER)
        for path in paths:
            if path not in self._tapped:
                self._tapped.add(path)
                self._module.get_submodule(path).register_forward_hook(self._keep(path))
        return paths

    def _keep(self, path: str) -> Any:
        def keep(_module: nn.Module, _inputs: Any, value: Any) -> None:
            self._values[path] = flatten(value)[0][0].clone()  # an in-place operator behind it may overwrite it

        return keep

    def run(self, inputs: Any) -> tuple[Any, dict[str, torch.Tensor]]:
        self._values = {}
        raw = batch.call(self._module, inputs)
        silent = sorted(self._tapped - set(self._values))
        if silent:
            paths = (path for path, _ in self._module.named_modules() if path and path not in silent)
            msg = (
                f"The module {silent[0]!r} of {_OWNER}, was asked for, and is never called when it is run. Tap one that "
                f"is. The nearest are {nearest(silent[0], paths)}."
            )
            raise RecipeError(msg)
        return raw, self._values


class _Several(Teaching):
    """Teachers whose outputs are averaged."""

    def __init__(self, members: tuple[Teaching, ...], shares: tuple[float, ...]) -> None:
        self._members = members
        self._shares = shares

    def tap(self, pattern: str) -> tuple[str, ...]:
        msg = (
            f"{pattern!r} of a distill.Ensemble was asked for. An ensemble of {len(self._members)} has outputs, and no "
            "one value inside. Name one teacher, for example `teacher=distill.Original()`."
        )
        raise RecipeError(msg)

    def see(self, inputs: Any) -> Lesson:
        return self._mean([member.see(inputs).outputs for member in self._members])

    def follow(self, inputs: Any) -> Lesson:
        return self._mean([member.follow(inputs).outputs for member in self._members])

    def _mean(self, outputs: list[Any]) -> Lesson:
        if not all(isinstance(o, torch.Tensor) and o.shape == outputs[0].shape for o in outputs):
            given = ", ".join(str(list(o.shape)) if isinstance(o, torch.Tensor) else type(o).__name__ for o in outputs)
            msg = (
                f"The teachers of a distill.Ensemble give {given}. To be averaged, each gives one tensor, all of one "
                "shape. Say which result is scored (`Task(..., logits='logits')`), or leave the odd one out."
            )
            raise RecipeError(msg)
        mean = torch.stack([share * o.float() for share, o in zip(self._shares, outputs, strict=True)]).sum(0)
        return Lesson(mean, {})
