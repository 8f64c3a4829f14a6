"""One recipe through the whole way: network, file, measurement, certificate."""

import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paredown.codec import encode
from paredown.graph.network import Network
from paredown.recipe import order
from paredown.recipe.engine import pick_device
from paredown.recipe.fastest import Trial
from paredown.recipe.order import RecipeStep
from paredown.recipe.progress import Progress
from paredown.recipe.train import Train
from paredown.run.candidate import Candidate
from paredown.run.labels import FAMILIES
from paredown.run.settings import Settings
from paredown.run.summary import RunSummary
from paredown.search import entries
from paredown.search.compress import Session, end, pace_of, session, space_of
from paredown.search.given import Given
from paredown.search.run import Run
from paredown.targets import Artifact, Target
from paredown.trial.threads import fastest_threads
from paredown.verdict import Measured

if TYPE_CHECKING:
    from paredown.task import Task

__all__ = ["Applied", "apply"]

_TIMING = 2.0  # seconds of training steps, to choose the number of threads
_MEASURING = 180.0  # seconds for measuring; the steps take what they take


class Applied:
    """What a recipe gave.

    Attributes:
        run: the run, with the original beside it.

    """

    def __init__(self, run: Run, scratch: str | None = None) -> None:
        self.run = run
        if scratch is not None:  # where no directory was given it lives as long as this object
            weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)

    @property
    def candidate(self) -> Candidate:
        """The file."""
        return self.run.best

    @property
    def network(self) -> Network:
        """The trainable network."""
        return self.candidate.network

    @property
    def artifact(self) -> Artifact:
        """The file in the run directory."""
        return self.candidate.artifact

    @property
    def measurement(self) -> Measured:
        """Latency, quality on judge, size, memory, energy."""
        return self.candidate.measured

    def save(self, path: str | Path) -> Path:
        """Write the file and its certificate; see `Candidate.save`."""
        return self.candidate.save(path)

    def summary(self) -> RunSummary:
        """Everything as plain data."""
        return self.run.summary()

    def report(self, path: str | Path) -> Path:
        """Write the HTML report."""
        return self.run.report(path)

    def __repr__(self) -> str:
        return f"Applied({self.candidate.label!r})"


def apply(  # noqa: PLR0913 (one call, everything about it in sight)
    task: "Task",
    steps: RecipeStep | Sequence[RecipeStep],
    *,
    target: Target | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Applied:
    """Carry out one recipe, lower it, measure the file against the original's, and judge both.

    Args:
        task: model, data, loss, score.
        steps: transforms and trainings, in this order; or a single one.
        target: runtime; `targets.default()`, ONNX Runtime with one thread, where not given.
        out: run directory; a temporary one, kept as long as the result, by default.
        seed: of everything random but the trainings, which have their own.
        progress: told what is being done.

    Raises:
        RecipeError: the steps cannot follow one another, or cannot be stored; nothing was started.
        TrainingError: the loss became NaN or infinite.
        LoweringError: the target has no words for the network, or file and network do not agree.
        MeasureError: the runtime crashed or hung; its process was killed.

    """
    chosen = Given("apply", task, target).check()
    recipe = order.recipe(steps)
    order.check(recipe)
    task.check()
    encoded = encode(recipe)
    settings = Settings("apply", None, chosen, _MEASURING, seed, FAMILIES, recipes={"recipe": encoded})
    scratch = tempfile.mkdtemp(prefix="paredown-") if out is None else None
    directory = Path(scratch or out or ".")
    with contextlib.ExitStack() as failing:
        if scratch is not None:
            failing.callback(shutil.rmtree, scratch, ignore_errors=True)
        _carry_out(task, settings, directory, recipe, progress)
        failing.pop_all()
    return Applied(Run(directory), scratch)


def _carry_out(
    task: "Task", settings: Settings, directory: str | Path, recipe: tuple[RecipeStep, ...], progress: "Progress | None"
) -> None:
    with session(task, settings, directory, progress) as held:
        original = held.trials.original()
        held.bench.threads = _threads(held, recipe)
        held.trials.run("trial", recipe, forgive=False)
        held.bench.clock.restart()
        end(held, pace_of(held, space_of(held), original))


def _threads(held: Session, recipe: Sequence[RecipeStep]) -> int | None:
    """With how many threads a training such as the recipe's first is faster; None where there is nothing to choose."""
    first = next((step for step in recipe if isinstance(step, Train)), None)
    if first is None or first.devices > 1 or pick_device(first.device).type != "cpu":
        return None
    plain = Train(batch_size=first.batch_size, precision=first.precision, device="cpu", seed=first.seed)
    trial = Trial(held.bench.network, held.bench.evidence, within=_TIMING)
    return entries.THREADS.once(held.ledger, lambda: fastest_threads(lambda: trial.seconds(plain))[0] or 0) or None
