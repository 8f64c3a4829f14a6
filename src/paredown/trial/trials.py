"""One trial: from steps to a file and its numbers on `select`, or to a reason why there are none."""

import dataclasses
import hashlib
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from paredown import codec
from paredown.errors import LedgerError, ParedownError
from paredown.graph.cost import total
from paredown.graph.network import Network
from paredown.graph.sparsity import sparsity
from paredown.measure.size import size
from paredown.recipe.order import RecipeStep
from paredown.recipe.train import Train
from paredown.run import entries
from paredown.run.labels import NOTHING, ORIGINAL, label
from paredown.run.ledger import Traceback, TrialRecord
from paredown.run.results import TrialResult
from paredown.run.summary import StepSummary
from paredown.trial.bench import Bench
from paredown.verdict.findings import channels_of

__all__ = ["PAIRS", "Trials", "layout"]

PAIRS = (2, 3)
"""Rounds of processes for a latency with an interval that only guides the search."""

_DONE = {"measured", "failed"}


class Trials:
    """Runs trials; one that the ledger knows already is not run again.

    Args:
        bench: makes networks, files and numbers.
        thorough: there is time to measure the latency of every trial with an interval.

    """

    def __init__(self, bench: Bench, *, thorough: bool = False) -> None:
        self.bench = bench
        self.thorough = thorough
        self.ledger = bench.ledger
        self._original: TrialResult | None = None

    def original(self) -> TrialResult:
        """The captured original, lowered in float32: what everything is compared with.

        Raises:
            LoweringError: the target cannot take it; there is nothing to compare with then.
            MeasureError: its file cannot be run.

        """
        if self._original is None:
            bench = self.bench

            def make() -> TrialResult:
                result = self._result(bench.network, bench.steps.store(bench.network), ())
                return dataclasses.replace(result, ms=bench.quick(bench.artifact(result.file), {})[ORIGINAL])

            record = self._run(ORIGINAL, ORIGINAL, (), make, forgive=False)
            self._original = cast("TrialResult", record.result)
        return self._original

    def run(  # noqa: PLR0913 (one call, everything about it in sight)
        self,
        role: str,
        steps: Sequence[RecipeStep],
        *,
        seconds: float | None = None,
        name: str = "",
        timing: bool = True,
        forgive: bool = True,
    ) -> TrialRecord:
        """Carry a recipe out, lower it, predict `select`, and time the file.

        Args:
            role: ``control``, ``arm`` or ``trial``.
            steps: the recipe.
            seconds: after which trainings have to end; None lets them finish.
            name: label, where the steps do not say it.
            timing: look at the latency, unless a file of the same layout has been measured.
            forgive: a trial may fail, and one that failed before is not tried again; otherwise the error is raised.

        Returns:
            The record, measured or failed with the reason.

        Raises:
            LedgerError: the run directory cannot be used any more.
            Exception: whatever made the trial fail, where that is not forgiven.

        """
        bench = self.bench

        def make() -> TrialResult:
            deadline = None if seconds is None else time.monotonic() + seconds
            outcome = bench.make(steps, deadline)
            result = self._result(outcome.network, bench.steps.store(outcome.network), bench.summaries(outcome, steps))
            new = [
                record
                for record, step in zip(outcome.steps, steps, strict=True)
                if isinstance(step, Train) and not record.cached
            ]
            result = dataclasses.replace(
                result,
                trained=sum(record.seconds for record in new),
                stepping=sum(record.stepping for record in new),
                made=sum(record.made for record in new),
                layout=layout(outcome.network),
            )
            return self._timed(result, result.layout) if timing else result

        return self._run(role, name or self._label(steps), steps, make, forgive=forgive)

    def nothing(self) -> TrialRecord:
        """The do-nothing control: the original's own file once more, to be measured as if it were another."""
        original = self.original()
        identity = codec.fingerprint(NOTHING)
        if self._known(identity) is None:
            quality, guards = self.bench.quality(original.rows, original.rows)
            twin = dataclasses.replace(original, quality=quality, guards=guards)
            self.ledger.start(identity, "control", NOTHING, codec.encode(()))
            self.ledger.finish(identity, twin, 0.0, (twin.file, twin.network, *twin.rows.values()))
        return self._record(identity)

    def _label(self, steps: Sequence[RecipeStep]) -> str:
        """Unique among the trials of this run."""
        identity = codec.encode(tuple(steps))
        taken = {record.label: codec.contemporary(record.recipe) for record in self.ledger.trials()}
        short = label(steps)
        epochs = sum(step.epochs for step in steps if isinstance(step, Train))
        for candidate in (short, f"{short}, {epochs:.3g} ep", *(f"{short} #{n}" for n in range(2, 1000))):
            if candidate not in taken or taken[candidate] == identity:
                return candidate
        return short

    def _run(
        self,
        role: str,
        name: str,
        steps: Sequence[RecipeStep],
        make: Callable[[], TrialResult],
        *,
        forgive: bool = True,
    ) -> TrialRecord:
        recipe = codec.encode(tuple(steps))
        identity = codec.fingerprint(ORIGINAL if role == ORIGINAL else "trial", recipe)
        known = self._known(identity)
        if known is not None and (forgive or known.state == "measured"):
            return known
        self.ledger.start(identity, role, name, recipe)
        self.bench.progress.begin(name)
        start = time.monotonic()
        try:
            result = make()
        except (KeyboardInterrupt, SystemExit):
            self.ledger.fail(identity, "interrupted", time.monotonic() - start, "interrupted")
            raise
        except LedgerError:
            raise
        except Exception as error:
            self._failed(identity, error, time.monotonic() - start)
            if not forgive:
                raise
        else:
            blobs = (result.file, result.network, *result.rows.values())
            self.ledger.finish(identity, result, time.monotonic() - start, blobs)
        finally:
            self.bench.write_down()
        return self._record(identity)

    def _failed(self, identity: str, error: Exception, seconds: float) -> None:
        """Write down why; for errors that nobody raised on purpose, where too."""
        self.ledger.fail(identity, f"{type(error).__name__}: {error}", seconds)
        if not isinstance(error, ParedownError):
            self.ledger.event(Traceback("".join(traceback.format_exception(error))))

    def _known(self, identity: str) -> TrialRecord | None:
        """A trial that is over, and whose files are all as they were written."""
        record = self.ledger.trial(identity)
        if record is None or record.state not in _DONE:
            return None
        if self.bench.has(*record.blobs):
            return record
        self.ledger.forget(identity)
        return None

    def _record(self, identity: str) -> TrialRecord:
        record = self.ledger.trial(identity)
        if record is None:  # pragma: no cover (it was started above)
            msg = (
                f"Trial {identity} vanished from {self.ledger.file}. Start anew in another directory: --out runs/other."
            )
            raise LedgerError(msg)
        return record

    def _result(self, network: Network, stored: str, steps: tuple[StepSummary, ...]) -> TrialResult:
        """Lower a network, predict `select` with the file, and compare it with the original's."""
        bench = self.bench
        name, artifact = bench.lower(network)
        rows = bench.store_rows(bench.predict(artifact, bench.task.data.work.select))
        quality, guards = bench.quality(rows, None if self._original is None else self._original.rows)
        cost = total(network)
        return TrialResult(
            file=name,
            network=stored,
            rows=rows,
            size=size(artifact),
            macs=cost.macs,
            parameters=cost.parameters,
            steps=steps,
            quality=quality,
            guards=guards,
            lowering=artifact.lowering,
            channels=channels_of(network),
            sparsity=sparsity(network),
        )

    def _timed(self, result: TrialResult, shape: str) -> TrialResult:
        """With the latency of a file of this layout, measured now or before."""
        files = {ORIGINAL: self.original(), "candidate": result}
        artifacts = {label: self.bench.artifact(file.file, file.lowering) for label, file in files.items()}
        if self.thorough:
            known = entries.LATENCY.of(shape).read(self.ledger)
            if known is None:
                known = self.bench.latency(artifacts, PAIRS)["candidate"]
                entries.LATENCY.of(shape).write(self.ledger, known)
            ratio = known.ratio.estimate if known.ratio else 1.0
            return dataclasses.replace(result, latency=known, ms=ratio * (files[ORIGINAL].ms or 1.0))
        guess = entries.MILLISECONDS.of(shape).read(self.ledger)
        if guess is None:
            guess = self.relative(self.bench.quick(artifacts.pop(ORIGINAL), artifacts))["candidate"]
            entries.MILLISECONDS.of(shape).write(self.ledger, guess)
        return dataclasses.replace(result, ms=guess)

    def relative(self, quick: Mapping[str, float]) -> dict[str, float]:
        """Quick looks in the milliseconds of the first look at the original, so that all can be compared."""
        first = self.original().ms or quick[ORIGINAL]
        return {name: value / quick[ORIGINAL] * first for name, value in quick.items()}


def layout(network: Network) -> str:
    """Fingerprint of everything a file's speed depends on: operators and shapes, not the values of the weights."""
    digest = hashlib.sha256()
    for node in network.nodes():
        value = node.meta.get("val")
        digest.update(f"{node.op} {node.target} {getattr(value, 'shape', None)}\n".encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
    return digest.hexdigest()
