"""Which step can follow which."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, permutations
from types import ModuleType

from paredown.errors import RecipeError
from paredown.recipe.ingredient import Ingredient
from paredown.recipe.parts import misgiven
from paredown.recipe.title import title
from paredown.recipe.train import Train
from paredown.recipe.transform import Transform

__all__ = ["Recipe", "RecipeStep", "allowed", "check", "recipe"]

RecipeStep = Transform | Train
Recipe = tuple[RecipeStep, ...]

_TRIED = 7
_OFFERED = 3


def recipe(steps: object) -> Recipe:
    """Steps as they may be given: several in a sequence, or a single one.

    Raises:
        RecipeError: something else.

    """
    if isinstance(steps, (Transform, Train)):
        return (steps,)
    if isinstance(steps, str) or not isinstance(steps, Iterable):
        raise RecipeError(_no_step(steps))
    return tuple(steps)


def _objection(steps: Sequence[RecipeStep]) -> tuple[int, str] | None:
    """The first step that cannot stand where it stands, and why."""
    state: frozenset[str] = frozenset()
    for position, step in enumerate(steps):
        if isinstance(step, Transform):
            reason = step.check(state)
            if reason is not None:
                return position, reason
            state = step.after(state)
    return None


def allowed(steps: Sequence[RecipeStep]) -> bool:
    """Whether the steps can follow one another in this order."""
    return _objection(steps) is None


def check(steps: Sequence[RecipeStep]) -> None:
    """Refuse steps that cannot follow one another, before any work.

    Raises:
        RecipeError: something is no step, or holds a class or a name in place of a technique, or the order is impossible; the message ends with the order that would do.

    """
    things: Sequence[object] = steps
    for step in things:
        if not isinstance(step, (Transform, Train)):
            raise RecipeError(_no_step(step))
    if inside := [text for step in things for text in misgiven(step)]:
        raise RecipeError("\n".join(inside))
    found = _objection(steps)
    if found is None:
        return
    position, reason = found
    msg = f"Step {position + 1}, {title(steps[position])}, cannot stand there: {reason.rstrip('.')}. {_advice(steps)}"
    raise RecipeError(msg)


def _no_step(thing: object) -> str:
    """What was given, what steps are, and what to type instead."""
    what, instead = title(thing), "[paredown.prune.Channels(keep=0.5), paredown.Train(epochs=3)]"
    if isinstance(thing, type):
        what, instead = f"{thing.__name__} (the class)", f"{thing.__name__}()"
    elif isinstance(thing, ModuleType):
        what = f"the module {thing.__name__}"
        instead = ", or ".join(f"{thing.__name__}.{name}()" for name in _steps_in(thing)[:_OFFERED]) or instead
    elif isinstance(thing, str):
        what = f"the string {thing!r}"
        instead += "; strings name steps on the command line only"
    elif isinstance(thing, Ingredient):
        instead = f"paredown.Train(using=[{what}])"
    return (
        f"A recipe was given {what}, which is no step. Steps are transforms such as `prune.Channels(keep=0.5)` and "
        f"`Train(...)`; ingredients such as `distill.Logits()` go into `Train(using=[...])`. Type {instead}."
    )


def _steps_in(module: ModuleType) -> list[str]:
    public = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    return [name for name, kind in public.items() if isinstance(kind, type) and issubclass(kind, Transform)]


def _advice(steps: Sequence[RecipeStep]) -> str:
    if len(steps) <= _TRIED:
        better = min(
            (order for order in _orders(len(steps)) if allowed([steps[i] for i in order])), key=_moves, default=None
        )
        if better is not None:
            return f"This order would do: [{', '.join(title(steps[i]) for i in better)}]."
    for count in range(len(steps) - 1, 0, -1):
        for kept in combinations(steps, count):
            if allowed(kept):
                return f"No order of these steps would do. Without the others, this would: [{', '.join(map(title, kept))}]."
    return "No part of this recipe can be carried out. Leave the step out."


def _orders(count: int) -> Iterator[tuple[int, ...]]:
    return permutations(range(count))


def _moves(order: tuple[int, ...]) -> int:
    """Pairs that stand the other way round than they were given."""
    return sum(a > b for a, b in combinations(order, 2))
