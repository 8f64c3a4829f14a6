"""Carrying a recipe out."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from paredown import codec
from paredown.errors import InputError, RecipeError
from paredown.graph.cost import Cost, total
from paredown.graph.gradients import refuse_untrainable
from paredown.graph.network import Network
from paredown.recipe import order
from paredown.recipe.evidence import Evidence
from paredown.recipe.loop import Job, Loop
from paredown.recipe.order import RecipeStep
from paredown.recipe.progress import Progress, Silent
from paredown.recipe.title import title
from paredown.recipe.train import Train

__all__ = ["Outcome", "StepCache", "StepRecord", "run"]

_SEARCHING = 1 / 3  # of the time that is left, for a transform that trainings follow


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """One step as it was carried out.

    Attributes:
        title: the step's settings for people.
        step: the settings as JSON (`paredown.codec`); None where they cannot be stored.
        plan: what a transform decided, as JSON; None for trainings.
        seconds: what it took when it was carried out.
        history: rows of a training; see `TrainResult`.
        before: cost of the network it was given.
        after: cost of the network it gave.
        stopped: how a training ended: ``end``, ``patience`` or ``deadline``; for transforms empty, or ``deadline`` where
            their search was cut short.
        lr: highest learning rate of a training; 0 for transforms.
        cached: taken from the cache, not carried out again.
        made: optimizer steps of a training.
        stepping: seconds of these steps alone.
        testing: seconds of its range test.

    """

    title: str
    step: Mapping[str, Any] | None
    plan: Mapping[str, Any] | None
    seconds: float
    history: tuple[Mapping[str, float], ...]
    before: Cost
    after: Cost
    stopped: str = ""
    lr: float = 0.0
    cached: bool = False
    made: int = 0
    stepping: float = 0.0
    testing: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; the inverse of `from_json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StepRecord":
        """Read what `to_json` wrote."""
        costs = {name: Cost(**data[name]) for name in ("before", "after")}
        return cls(**{**data, **costs, "history": tuple(data["history"])})


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a recipe gave: the network, in eval mode on the CPU, and a record per step."""

    network: Network
    steps: tuple[StepRecord, ...]


class StepCache(Protocol):
    """Remembers what steps gave, so that recipes with the same beginning share it."""

    def get(self, key: str) -> tuple[Network, StepRecord] | None:
        """What was kept under a key."""

    def put(self, key: str, network: Network, record: StepRecord) -> None:
        """Keep what a step gave."""


def run(  # noqa: PLR0913 (each is one word of the call)
    network: Network,
    steps: Sequence[RecipeStep],
    evidence: Evidence,
    *,
    original: Network | None = None,
    progress: Progress | None = None,
    cache: StepCache | None = None,
    deadline: float | None = None,
) -> Outcome:
    """Carry out steps, one after the other.

    Args:
        network: left bit-identical.
        steps: transforms and trainings.
        evidence: data, loss and score; `Evidence.empty()` will do where no step needs data.
        original: what `distill.Original()` stands for; `network` where there is none.
        progress: told what is being done.
        cache: where steps that were carried out before are found again. Their settings must then be storable.
        deadline: moment on the clock of `time.monotonic`; trainings share what is left in proportion to their epochs, and
            a transform before them may search for a third of it.

    Raises:
        RecipeError: the steps cannot follow one another, cannot be stored where a cache is given, or train a network
            whose gradients are not those of the model; nothing was done.

    """
    order.check(steps)
    if any(isinstance(step, Train) for step in steps):
        refuse_untrainable(network)
    stored = [_encoded(step, required=cache is not None) for step in steps]
    progress = progress or Silent()
    given, records = network, list[StepRecord]()
    original = original or given
    for position, step in enumerate(steps):
        progress.update(title(step), position, len(steps))
        key = "" if cache is None else _key(step, stored[position], network, original, evidence)
        known = cache.get(key) if cache is not None else None
        if known is not None:
            network, record = known[0], dataclasses.replace(known[1], cached=True)
        else:
            share = _share(steps[position:], deadline)
            before = total(network)
            network, record = _carry_out(step, Job(network, evidence, original, progress, share))
            record = dataclasses.replace(record, step=stored[position], before=before, after=total(network))
            if cache is not None and record.stopped != "deadline":
                cache.put(key, network, record)
        records.append(record)
    progress.update("recipe carried out", len(steps), len(steps))
    return Outcome(network.copy() if network is given else network, tuple(records))


def _carry_out(step: RecipeStep, job: Job) -> tuple[Network, StepRecord]:
    began = time.monotonic()
    nothing = Cost(0, 0, 0)
    plan, trained = None, None
    if isinstance(step, Train):
        trained = Loop(step, job).run()
        after = trained.network
    else:
        plan = step.plan(job.network, job.evidence.within(job.progress, job.deadline))
        after = step.apply(job.network, plan)
    return after, StepRecord(
        title=title(step),
        step=None,
        plan=plan.to_json() if plan else None,
        seconds=time.monotonic() - began,
        history=trained.history if trained else (),
        before=nothing,
        after=nothing,
        stopped=trained.stopped if trained else "" if plan is None or plan.complete else "deadline",
        lr=trained.lr if trained else 0.0,
        made=trained.steps if trained else 0,
        stepping=trained.stepping if trained else 0.0,
        testing=trained.testing if trained else 0.0,
    )


def _share(remaining: Sequence[RecipeStep], deadline: float | None) -> float | None:
    """When the first of the remaining steps has to be done, so that later trainings get their part."""
    epochs = [step.epochs for step in remaining if isinstance(step, Train)]
    if deadline is None or not epochs:
        return deadline
    now = time.monotonic()
    part = epochs[0] / sum(epochs) if isinstance(remaining[0], Train) else _SEARCHING
    return now + (deadline - now) * part


def _encoded(step: RecipeStep, *, required: bool) -> Mapping[str, Any] | None:
    try:
        encoded: Mapping[str, Any] = codec.encode(step)
    except InputError as error:
        if not required:
            return None
        msg = (
            f"{title(step)} cannot be stored with the run: {error} Whatever a run directory holds has to be found "
            "again later. Give a teacher as `distill.Original()` or as a top-level function that returns it, or carry "
            "the recipe out without a run directory: `paredown.apply(task, [...])`."
        )
        raise RecipeError(msg) from error
    return encoded


def _key(
    step: RecipeStep, stored: Mapping[str, Any] | None, network: Network, original: Network, evidence: Evidence
) -> str:
    """Everything that decides what a step gives; the original only teaches, so it decides trainings alone."""
    teacher = original.fingerprint() if isinstance(step, Train) else None
    return codec.fingerprint(network.fingerprint(), stored, evidence.fingerprint(), teacher)
