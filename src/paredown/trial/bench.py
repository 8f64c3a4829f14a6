"""Where trials are made: the captured original, its evidence, the target, and the ledger that remembers."""

import contextlib
import io
import math
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paredown.errors import CaptureError, CorruptError, LoweringError
from paredown.graph.capture import capture
from paredown.graph.cost import total
from paredown.graph.network import Network
from paredown.measure.exclusive import exclusive
from paredown.measure.latency import Latency, latency
from paredown.measure.process import feed_file
from paredown.measure.quality import Quality, quality
from paredown.measure.rounds import Settings as RoundSettings
from paredown.measure.rounds import round_of
from paredown.measure.subject import Subject
from paredown.recipe.evidence import Evidence
from paredown.recipe.order import RecipeStep
from paredown.recipe.progress import Progress, Silent
from paredown.recipe.run import Outcome, run
from paredown.recipe.train import Train
from paredown.run import entries
from paredown.run.account import Account, Purpose
from paredown.run.labels import ORIGINAL, step_family, title
from paredown.run.ledger import Ledger, Note
from paredown.run.ledger.trouble import explained
from paredown.run.summary import StepSummary
from paredown.scores import Score
from paredown.targets import Artifact, Lowering, Stopwatch, Target
from paredown.trial.clock import Clock
from paredown.trial.steps import Steps
from paredown.trial.threads import training_threads
from paredown.verdict import rows_of

if TYPE_CHECKING:
    from paredown.data import Split
    from paredown.task import Task

__all__ = ["Bench", "Watched", "captured"]

_PATIENCE = 20  # a process that takes so many times as long as those before it is taken to hang
_PATIENCE_S, _UNKNOWN_S = 60.0, 600.0  # seconds it gets in any case; seconds where nothing has predicted yet

Rows = NDArray[np.floating[Any]]


class Watched:
    """Progress of a whole run: whatever is being done, the measure is the time that is used up."""

    def __init__(self, progress: Progress | None, clock: Clock) -> None:
        self._progress = progress or Silent()
        self._clock = clock
        self.doing = ""

    def begin(self, doing: str) -> None:
        """Say what is being done from now on."""
        self.doing = doing
        self.update("", 0, 1)

    def update(self, text: str, done: float, total: float) -> None:  # noqa: ARG002 (the time is what is shown)
        """Pass a text on, together with the seconds used and the seconds there are."""
        words = f"{self.doing}: {text}" if self.doing and text else self.doing or text
        self._progress.update(words, min(self._clock.used(), self._clock.limit), self._clock.limit)


class Bench:
    """Makes networks, files and numbers, and stores them; decides nothing.

    Args:
        task: checked already.
        target: what files are lowered for.
        ledger: of this run, open for writing.
        clock: of this run.
        seed: of everything that draws random numbers.
        progress: told what is being done.
        network: the captured original; captured now where it is not given.
        account: to go on with; a new one where none is given.

    Attributes:
        took: seconds of the latest ``lower``, ``predict``, ``latency`` and ``quick``.
        account: what the seconds of the run are spent on.
        threads: of trainings; None takes all that this process may use.

    Raises:
        CaptureError: the task's model cannot be captured.

    """

    def __init__(  # noqa: PLR0913 (what a run consists of)
        self,
        task: "Task",
        target: Target,
        ledger: Ledger,
        clock: Clock,
        *,
        seed: int,
        progress: Progress | None = None,
        network: Network | None = None,
        account: Account | None = None,
    ) -> None:
        self.task = task
        self.account = account or Account()
        self.threads: int | None = None
        self.target = target
        self.ledger = ledger
        self.clock = clock
        self.seed = seed
        self.progress = Watched(progress, clock)
        self.steps = Steps(ledger)
        self.network = network or captured(task)
        evidence = Evidence(task.data.work, task.objective, target.capabilities, seed=seed)
        self.evidence = evidence.timed(Stopwatch(target))
        self.macs = max(1, total(self.network).macs)
        first = next(iter(self.evidence.calibration(target.batch, self.network)))
        self.inputs = [tensor.numpy() for tensor in first]
        entries.PROBE.write(
            ledger, ledger.blobs.put(_packed(*(tensor.numpy() for tensor in self.network.example)), ".npz")
        )
        entries.STRUCTURE.write(ledger, self.network.out_structure.to_json())
        self.took: dict[str, float] = {}
        self._slowest = (0, 0.0)  # examples of the largest split predicted so far, and the most seconds that took

    def make(self, steps: Sequence[RecipeStep], deadline: float | None = None) -> Outcome:
        """Carry a recipe out; steps that were carried out before come from the ledger."""
        began = time.monotonic()
        with self.account.spent(Purpose.TRANSFORMS), training_threads(self.threads):
            try:
                outcome = run(
                    self.network,
                    steps,
                    self.evidence,
                    original=self.network,
                    progress=self.progress,
                    cache=self.steps,
                    deadline=deadline,
                )
            except BaseException:
                self.account.move(time.monotonic() - began, Purpose.TRANSFORMS, Purpose.FAILED)
                raise
        self._put_down(outcome, steps)
        return outcome

    def _put_down(self, outcome: Outcome, steps: Sequence[RecipeStep]) -> None:
        """Seconds of trainings, apart from those of the transforms beside them."""
        for record, step in zip(outcome.steps, steps, strict=True):
            if isinstance(step, Train) and not record.cached:
                rest = max(0.0, record.seconds - record.stepping - record.testing)
                self.account.move(record.stepping, Purpose.TRANSFORMS, Purpose.TRAINING)
                self.account.move(record.testing, Purpose.TRANSFORMS, Purpose.RANGE_TESTS)
                self.account.move(rest, Purpose.TRANSFORMS, Purpose.SCORING)

    def write_down(self) -> None:
        """Keep the seconds used, and on what, in the ledger."""
        with self.ledger.together():
            entries.SECONDS_USED.write(self.ledger, self.clock.used())
            entries.SECONDS_BY_PURPOSE.write(self.ledger, self.account.seconds)

    def lower(self, network: Network) -> tuple[str, Artifact]:
        """Lower a network into a blob; its name, and the artifact there.

        Raises:
            LoweringError: the target has no words for the network, or file and network do not agree.
            LedgerError: the run directory is full or cannot be written.

        """
        aside = self.ledger.blobs.aside(self.target.suffix)
        with self._timing("lower", Purpose.LOWERING), explained(self.ledger.directory, aside):
            try:
                made = self.target.lower(network, aside)
            except LoweringError as error:
                if isinstance(error.__cause__, OSError):
                    raise error.__cause__ from None
                raise
        name = self.ledger.blobs.adopt(made.path, made.sha256 + self.target.suffix, made.files)
        return name, self.artifact(name, made.lowering)

    def artifact(self, name: str, lowering: Lowering | None = None) -> Artifact:
        """The file behind a blob's name, its content checked.

        Raises:
            CorruptError: it was changed after it was written.

        """
        path = self.ledger.blobs.open(name)
        return Artifact(path, self.target, name.partition(".")[0], lowering or Lowering())

    def scores(self) -> Mapping[str, Score]:
        """The task's score under the empty name, and the guards by theirs."""
        return {"": self.task.score, **self.task.guards}

    def predict(self, artifact: Artifact, split: "Split", purpose: Purpose = Purpose.PREDICTING) -> dict[str, Rows]:
        """Rows of every score, from the file's outputs in a fresh process.

        Raises:
            MeasureError: the process crashed, or took many times as long as any process before and was killed.

        """
        examples, seconds = self._slowest
        limit = max(_PATIENCE_S, _PATIENCE * seconds * max(1.0, len(split) / examples)) if examples else _UNKNOWN_S
        with self._timing("predict", purpose):
            rows = rows_of(artifact, split, self.task, structure=self.network.out_structure.to_json(), limit_s=limit)
        self._slowest = max(self._slowest, (len(split), self.took["predict"]))
        return rows

    def store_rows(self, rows: Mapping[str, Rows]) -> dict[str, str]:
        """Rows as blobs, by the score's name."""
        return {name: self.ledger.blobs.put(_packed(array), ".npz") for name, array in rows.items()}

    def rows(self, blob: str) -> Rows:
        """Rows out of a blob."""
        with np.load(self.ledger.blobs.open(blob), allow_pickle=False) as stored:
            array: Rows = stored["arr_0"]
            return array

    def quality(
        self, rows: Mapping[str, str], original: Mapping[str, str] | None
    ) -> tuple[Quality, dict[str, Quality]]:
        """Quality by the task's score, and by every guard, in pairs with the original.

        Args:
            rows: blobs by the score's name; see `store_rows`.
            original: the original's; None where these are they, and exactly nothing was lost.

        """
        found = {}
        with self.account.spent(Purpose.DECIDING):
            for name, score in self.scores().items():
                own = self.rows(rows[name])
                before = own if original is None else self.rows(original[name])
                found[name] = quality(own, before, score, seed=self.seed)
        return found.pop(""), found

    def latency(self, files: Mapping[str, Artifact], pairs: tuple[int, int], **settings: Any) -> dict[str, Latency]:
        """Latency of files against the one called ``original``, on the task's own inputs."""

        def tell(text: str, done: int, total: int) -> None:
            self.progress.update(text, done, total)

        with self._timing("latency", Purpose.MEASURING):
            return latency(
                files, baseline=ORIGINAL, pairs=pairs, inputs=self.inputs, seed=self.seed, progress=tell, **settings
            )

    def quick(self, original: Artifact, files: Mapping[str, Artifact], rounds: int = 2) -> dict[str, float]:
        """Milliseconds per inference from a few short processes: good enough to steer, too rough to decide.

        Ratios are taken in pairs with the original, which is in the answer under the name ``original``.
        """
        subjects = [Subject.of(file, label=name) for name, file in {ORIGINAL: original, **files}.items()]
        generator = random.Random(self.seed)  # noqa: S311 (the order of processes)
        with (
            self._timing("quick", Purpose.MEASURING),
            tempfile.TemporaryDirectory(prefix="paredown-") as scratch,
            exclusive(),
        ):
            feed = feed_file(Path(scratch), self.inputs)
            settings = RoundSettings(blocks=6, block_s=0.02, warm_s=0.4, patience_s=0.2, feed=feed, seed=self.seed)
            runs = []
            for done in range(rounds):
                self.progress.update("a quick look at the latency", done, rounds)
                runs.append(round_of(subjects, settings, generator))
        base = statistics.median(run[ORIGINAL].p50 for run in runs)
        ratios = {name: statistics.fmean(run[name].log_ratio(run[ORIGINAL]) for run in runs) for name in files}
        return {ORIGINAL: base, **{name: base * math.exp(ratio) for name, ratio in ratios.items()}}

    @contextlib.contextmanager
    def _timing(self, what: str, purpose: Purpose) -> Iterator[None]:
        start = time.monotonic()
        with self.account.spent(purpose):
            yield
        self.took[what] = time.monotonic() - start

    def summaries(self, outcome: Outcome, steps: Sequence[RecipeStep]) -> tuple[StepSummary, ...]:
        """Steps as they were carried out, for the report."""
        return tuple(
            StepSummary(
                title=title(step),
                family=step_family(step),
                reason=str((record.plan or {}).get("reason", "")) or _reason(record.stopped),
                seconds=record.seconds,
                macs=record.after.macs,
                parameters=record.after.parameters,
                history=record.history,
                cached=record.cached,
                plan=record.plan or {},
            )
            for step, record in zip(steps, outcome.steps, strict=True)
        )

    def has(self, *blobs: str) -> bool:
        """Whether all files are there and hold what their names promise; damage is written into the diary."""
        for name in blobs:
            try:
                self.ledger.blobs.open(name)
            except CorruptError as error:
                self.ledger.event(Note(f"made anew: {error}"))
                return False
        return True


def captured(task: "Task") -> Network:
    """The task's model as a network, from two calibration examples.

    Raises:
        CaptureError: it cannot be captured, or its examples are not in the first dimension of its inputs.

    """
    inputs, _ = next(iter(task.data.work.calibrate.batches(2, limit=2)))
    args, kwargs = task.arguments(inputs)
    network = capture(task.model, *args, **kwargs)
    for spec in network.inputs:
        if spec.batch_dim:
            name = type(task.model).__name__
            msg = (
                f"{name} takes {spec.name} as [{', '.join(map(str, spec.shape))}]; data, scores and measurements of a Task "
                f"have the batch first. Give the task a module that turns it: `def forward(self, {spec.name}): return "
                f"self.model({spec.name}.movedim(0, {spec.batch_dim}))`, and turn outputs back likewise."
            )
            raise CaptureError(msg)
    return network


def _packed(*arrays: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, *arrays)
    return stream.getvalue()


def _reason(stopped: str) -> str:
    return {"deadline": "ended by the time limit", "patience": "ended early: the score no longer rose"}.get(stopped, "")
