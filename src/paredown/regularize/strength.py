"""How much of a regularizer: chosen on `select`, with the over-fitting gap before and after."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe.evidence import Evidence
from paredown.recipe.ingredient import Ingredient, label
from paredown.recipe.title import title
from paredown.recipe.train import Train

__all__ = ["Strength", "Tried", "fit_strength"]

_EXAMPLES = 2048
_CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Tried:
    """One value, trained once per seed.

    Attributes:
        value: of the setting; None for the control, the same training without the ingredient.
        train: scores on training examples, one per seed, in the score's unit.
        select: scores on `select`, one per seed.

    """

    value: float | None
    train: tuple[float, ...]
    select: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Strength:
    """What `fit_strength` found.

    Attributes:
        ingredient: with the best value; None where no value did better on `select` than the control.
        name: of the setting.
        unit: of the scores.
        higher_is_better: direction of the score.
        tried: the control, then the values in the order given.

    """

    ingredient: Ingredient | None
    name: str
    unit: str
    higher_is_better: bool
    tried: tuple[Tried, ...]

    @property
    def chosen(self) -> Tried:
        """The best value, or the control."""
        return max(self.tried, key=lambda one: self._sign * statistics.fmean(one.select))

    @property
    def _sign(self) -> float:
        return 1.0 if self.higher_is_better else -1.0

    def gap(self, one: Tried) -> float:
        """How much better the mean score is on training examples than on `select`: what was learned by heart."""
        return self._sign * (statistics.fmean(one.train) - statistics.fmean(one.select))

    def gain(self, one: Tried) -> tuple[float, float]:
        """How much better than the control on `select`, paired by seed: the mean and half of its 95 % interval.

        The interval is widened for the number of values tried (Bonferroni) and infinite with a single seed. The best of
        several looks better than it is: a claim needs seeds or data of its own.
        """
        from scipy.special import stdtrit  # noqa: PLC0415 (only the interval needs it)

        pairs = zip(one.select, self.tried[0].select, strict=True)
        differences = [self._sign * (mine - plain) for mine, plain in pairs]
        count = len(differences)
        if count < 2:
            return differences[0], math.inf
        tail = (1.0 - _CONFIDENCE) / 2 / max(1, len(self.tried) - 1)
        half = float(stdtrit(count - 1, 1.0 - tail)) * statistics.stdev(differences) / math.sqrt(count)
        return statistics.fmean(differences), half

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [(self.name, "select", "train", "gap", "better than none by")]
        for one in self.tried:
            mean, half = self.gain(one)
            known = "" if one.value is None else f"{mean:+.3g}" + (f" ± {half:.2g}" if math.isfinite(half) else "")
            shown = (f"{statistics.fmean(scores):.4g}" for scores in (one.select, one.train))
            rows.append(("none" if one.value is None else f"{one.value:g}", *shown, f"{self.gap(one):.3g}", known))
        widths = [max(len(row[at]) for row in rows) for at in range(5)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*lines, self._verdict()])

    def _verdict(self) -> str:
        best = self.chosen
        if best.value is None:
            return "No value does better on select than training without it."
        mean, half = self.gain(best)
        gaps = f"the gap goes from {self.gap(self.tried[0]):.3g} to {self.gap(best):.3g} {self.unit}".rstrip()
        certain = "beyond" if mean > half else "within"
        return f"Best: {self.name}={best.value:g}, {certain} the interval of {len(best.select)} seeds; {gaps}."


def fit_strength(  # noqa: PLR0913 (what is tried, on what, and how)
    ingredient: Ingredient,
    name: str,
    values: Sequence[float],
    network: Network,
    evidence: Evidence,
    *,
    train: Train,
    seeds: Sequence[int] = (0, 1, 2),
) -> Strength:
    """Choose the strength of a regularizer on `select` by short trainings, beside a control without it.

    Args:
        ingredient: what is fitted, for example ``regularize.Dropout()``.
        name: of the setting that is tried: ``"probability"``.
        values: to try.
        network: left bit-identical.
        evidence: data, loss and score.
        train: the training, without the ingredient; a few epochs will do.
        seeds: each value is trained once per seed, on the same order of data as the control.

    Returns:
        What was found; ``print`` it for a table with the over-fitting gap of every value.

    Raises:
        RecipeError: there is no such setting, a value is out of range, or nothing is to be tried.

    """
    _check_kinds(ingredient, train)
    settings = [field.name for field in dataclasses.fields(ingredient)]
    if name not in settings:
        msg = f"{label(ingredient)} has no setting {name!r}. It has {', '.join(settings)}."
        raise RecipeError(msg)
    values, seeds = _listed(values), _listed(seeds)
    if not values or not seeds or not all(map(_number, values)):
        msg = (
            f"fit_strength(values={values}, seeds={seeds}) has nothing to try: both are lists of numbers, one or more. "
            f"Write `fit_strength({title(ingredient)}, {name!r}, [0.05, 0.1, 0.2], network, evidence, train=...)`."
        )
        raise RecipeError(msg)
    arms: list[tuple[float | None, Train]] = [(None, train)]
    for value in values:
        candidate = dataclasses.replace(ingredient, **{name: value})
        arms.append((value, dataclasses.replace(train, using=(*train.using, candidate))))
    tried = tuple(_tried(value, arm, network, evidence, seeds) for value, arm in arms)
    score = evidence.objective.score
    found = Strength(None, name, score.unit, score.higher_is_better, tried)
    best = found.chosen.value
    return (
        found
        if best is None
        else dataclasses.replace(found, ingredient=dataclasses.replace(ingredient, **{name: best}))
    )


def _check_kinds(ingredient: object, train: object) -> None:
    if not isinstance(ingredient, Ingredient):
        msg = (
            f"fit_strength was given {title(ingredient)}, which is no ingredient of a training. Write "
            "`fit_strength(regularize.Dropout(), 'probability', [0.05, 0.1, 0.2], network, evidence, train=...)`."
        )
        raise RecipeError(msg)
    if not isinstance(train, Train):
        msg = f"fit_strength(train={title(train)}) was given. It is a training. Write `train=Train(epochs=3)`."
        raise RecipeError(msg)


def _listed(given: Any) -> list[Any]:
    """What is to be tried, of a list or an array; nothing where it is neither."""
    if isinstance(given, (torch.Tensor, np.ndarray)):
        given = given.reshape(-1).tolist()
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str) else []


def _number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _tried(value: float | None, train: Train, network: Network, evidence: Evidence, seeds: Sequence[int]) -> Tried:
    known = evidence.work.train
    seen = dataclasses.replace(evidence.work, select=known.take(min(_EXAMPLES, len(known)), evidence.seed))
    on_train = Evidence(seen, evidence.objective, device=evidence.device)
    trained = [dataclasses.replace(train, seed=seed).fit(network, evidence).network for seed in seeds]
    return Tried(
        value,
        tuple(on_train.evaluate(one) for one in trained),
        tuple(evidence.evaluate(one) for one in trained),
    )
