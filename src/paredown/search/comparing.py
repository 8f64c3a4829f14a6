"""Head-to-heads of families or recipes: the same machinery, arms only."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from paredown.budget import Budget, duration
from paredown.codec import encode
from paredown.errors import InputError
from paredown.recipe import order
from paredown.recipe.order import RecipeStep
from paredown.recipe.picks import Picks
from paredown.recipe.progress import Progress
from paredown.recipe.train import Train
from paredown.recipe.transform import Transform
from paredown.run import entries as run
from paredown.run.labels import FAMILIES, label
from paredown.run.settings import Settings
from paredown.search import entries
from paredown.search.arms import ArmPlan, arms
from paredown.search.compress import Session, end, family_names, informed, pace_of, session, space_of
from paredown.search.given import Given
from paredown.search.plan import Pace, reserve
from paredown.search.probing import Prober
from paredown.search.rates import Rates
from paredown.search.run import Run
from paredown.search.space import Space
from paredown.search.training import Training
from paredown.targets import Target

if TYPE_CHECKING:
    from paredown.task import Task

__all__ = ["compare"]

# A margin, not a measurement: trainings that are planned alike took 50 to 102 s (2026-11-27-cifar10-compare.json), since a
# few steps of the original say little of evaluations and of other networks, and what they take too long is missing when
# files are measured. It is not learned from the first trainings, as in `compress`: the later ones would get other times.
_MARGIN = 1.3
_GENERAL = Budget(latency="50%")  # what arms aim at where no budget is given

Side = ModuleType | str | Iterable[Any] | Mapping[str, Sequence[RecipeStep]]


def compare(  # noqa: PLR0913 (one call, everything about it in sight)
    task: "Task",
    *sides: Side,
    target: Target | None = None,
    time: str = "30 min",
    out: str | Path | None = None,
    seeds: int = 1,
    seed: int = 0,
    budget: Budget | None = None,
    progress: Progress | None = None,
) -> Run:
    """Try families or recipes side by side, and say which wins, ties, or cannot be told apart.

    Families are tried in their own honest form (see `paredown.search.arms`), all with the same time for training;
    recipes exactly as given.

    Args:
        task: model, data, loss, score.
        sides: modules such as `paredown.prune`, recipes, recipes by label, or lists of these; all five families where
            none is given.
        target: runtime; `targets.default()`, ONNX Runtime with one thread, where not given.
        time: for everything; recipes take what they take.
        out: run directory; a new one below ``runs`` by default.
        seeds: trainings per side. With three or more the verdict is about recipes, with fewer about these files.
        seed: the first one.
        budget: what the families aim at; half of the original's latency by default.
        progress: told what is being done.

    Raises:
        InputError: fewer than two sides, or something that is neither family nor recipe; nothing was started.
        RecipeError: steps that cannot follow one another.

    """
    chosen = Given("compare", task, target).check_with(budget, optional=True)
    families, recipes = _sorted(sides or FAMILIES)
    if len(families) + len(recipes) < 2:
        msg = "A comparison takes two or more sides. Type paredown.compare(task, paredown.prune, paredown.quantize)."
        raise InputError(msg)
    if seeds < 1:
        msg = f"seeds={seeds} was given; it is 1 or more. Type seeds=3 for a verdict about recipes."
        raise InputError(msg)
    for recipe in recipes.values():
        order.check(recipe)
    task.check()
    encoded = {name: encode(recipe) for name, recipe in recipes.items()}
    settings = Settings("compare", budget, chosen, duration(time), seed, families, recipes=encoded, seeds=seeds)
    with session(task, settings, out, progress) as held:
        if not held.finished:
            _carry_out(held, recipes)
    return Run(held.ledger.directory)


def _sorted(sides: Iterable[Any]) -> tuple[tuple[str, ...], dict[str, tuple[RecipeStep, ...]]]:
    """Family names, and recipes by label; lists of sides are taken apart."""
    families: list[Any] = []
    recipes: dict[str, tuple[RecipeStep, ...]] = {}
    for side in sides:
        if isinstance(side, (ModuleType, str)):
            families.append(side)
        elif isinstance(side, Mapping):
            recipes |= {name: tuple(recipe) for name, recipe in side.items()}
        elif isinstance(side, (Transform, Train)):
            _take((side,), families, recipes)
        elif not isinstance(side, Iterable):
            msg = f"{side!r} is neither a family nor a recipe. Type paredown.compare(task, prune, [prune.Channels()])."
            raise InputError(msg)
        else:
            _take(tuple(side), families, recipes)
    return (family_names(families) if families else ()), recipes


def _take(given: tuple[Any, ...], families: list[Any], recipes: dict[str, tuple[RecipeStep, ...]]) -> None:
    """Add a recipe, or a list of sides."""
    if all(isinstance(item, (Transform, Train)) for item in given):
        name = label(given)
        recipes[name if name not in recipes else f"{name} #{len(recipes) + 1}"] = given
        return
    more, others = _sorted(given)
    families += more
    recipes |= others


def _carry_out(held: Session, recipes: Mapping[str, tuple[RecipeStep, ...]]) -> None:
    """Every side with every seed, then the end."""
    original = held.trials.original()
    held.trials.nothing()
    space = space_of(held)
    pace = pace_of(held, space, original)
    space = informed(space, held, pace)
    prober = Prober(held.trials, space, held.settings.budget or _GENERAL, original)
    plans = [plan for plan in arms(space, prober) if plan.name in held.settings.families]
    trained = max(1, sum(plan.picks.trains for plan in plans)) * held.settings.seeds
    files = len(plans) * held.settings.seeds + 2
    Rates(held.bench, pace).look()
    seconds = entries.SECONDS_PER_ARM.once(held.ledger, lambda: _each(held, pace, files, trained))
    sides = {plan.label: ("arm", space.recipe(_trained(held, plan, pace, space, seconds))) for plan in plans}
    named = {plan.label: plan.name for plan in plans}
    sides |= {name: ("arm", recipe) for name, recipe in recipes.items()}
    groups: dict[str, str] = {}
    for name, (role, recipe) in sides.items():
        for shift in range(held.settings.seeds):
            own = f"{name}, seed {held.settings.seed + shift}" if held.settings.seeds > 1 else name
            record = held.trials.run(role, _seeded(recipe, shift), name=own, timing=False)
            groups[record.id] = name
            if name in named and shift == 0:
                known = run.ARMS.read(held.ledger) or {}
                run.ARMS.write(held.ledger, {**known, named[name]: record.id})
    if held.settings.seeds > 1:
        run.GROUPS.write(held.ledger, groups)
    end(held, pace, most=len(groups) + 1, least=len(groups) + 1)


def _each(held: Session, pace: Pace, files: int, trained: int) -> float:
    """Seconds for every training, so that time is left to measure all files often enough for an answer."""
    left = held.bench.clock.left()
    training = left - reserve(left, pace, files, held.bench.task.data.judge.count) - trained * pace.overhead
    return max(0.0, training) / trained / _MARGIN


def _trained(held: Session, plan: ArmPlan, pace: Pace, space: Space, seconds: float) -> Picks:
    """The arm with the epochs that so many seconds make; the search for its learning rate is part of them."""
    picks = plan.picks
    if not picks.trains:
        return picks

    def planned() -> Training:
        return Rates(held.bench, pace).plan(picks, space.before(picks), seconds)

    training = entries.TRAINING.of(plan.name).once(held.ledger, planned)
    return picks.trained(training.epochs, training.rate)


def _seeded(recipe: tuple[RecipeStep, ...], shift: int) -> tuple[RecipeStep, ...]:
    """The recipe with every training's seed moved on."""
    return tuple(
        dataclasses.replace(step, seed=step.seed + 1000 * shift) if isinstance(step, Train) else step for step in recipe
    )
