"""One task: teacher, choices on `select`, arms with several seeds, and one look at `judge`."""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import paredown
from benchmarks.training.case import Case, Using
from paredown import distill, measure, targets, verdict
from paredown.graph import total
from paredown.graph.network import Network
from paredown.recipe import Evidence, Train
from paredown.regularize import ShrinkPerturb

__all__ = ["Bench"]

TARGET = targets.OnnxRuntime(threads=1)
CHOOSING = 10_000  # seed of the trainings that choose; the arms have others
CONTROL = "control"


class Bench:
    """A case on its data.

    Args:
        case: what is tried.
        data: folder with the data.
        scratch: folder in which the teacher's outputs are kept meanwhile.
        shorter: share of the epochs, for trying the benchmark out.
        trial: score on `select` and leave `judge` closed.

    """

    def __init__(self, case: Case, data: Path, scratch: Path, *, shorter: float = 1.0, trial: bool = False) -> None:
        self.case = case
        self.shorter = shorter
        self.trial = trial
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # a fresh teacher is the same in every run
            self.task = case.task(data)
        self.evidence = Evidence.of(self.task)
        inputs, _ = next(iter(self.task.data.work.train.batches(2, limit=2)))
        self.inputs = inputs
        self.teachers: list[Network] = []
        original = paredown.capture(self.task.model, inputs)
        self.teachers = [self._taught(original, number) for number in range(case.teachers)]
        teacher = distill.Original() if case.teachers == 1 else distill.Ensemble(tuple(self.teachers))
        self.teacher = distill.Cached(str(scratch), teacher)
        self.lessons = case.distillations(self.teacher, data, self.task)

    def run(self, seeds: int) -> dict[str, Any]:
        """Everything about the case, as plain data."""
        start = time.monotonic()
        regularizer, tried_regularizers = self._choose(self.case.regularizers)
        lesson, tried_lessons = self._choose(self.lessons)
        arms: dict[str, Using] = {
            CONTROL: (),
            "regularized": self.case.regularizers[regularizer],
            "distilled": self.lessons[lesson],
            "both": (*self.case.regularizers[regularizer], *self.lessons[lesson]),
        }
        return {
            **self.compare(arms, seeds),
            "chosen": {"regularized": regularizer, "distilled": lesson},
            "select": {"regularized": tried_regularizers, "distilled": tried_lessons},
            "seconds": time.monotonic() - start,
        }

    def compare(self, arms: Mapping[str, Using], seeds: int) -> dict[str, Any]:
        """Train every arm with several seeds and judge all of them, once; the first arm is the control."""
        start = time.monotonic()
        made = {
            label: [self._fit(self.case.train, self.student(seed), seed, using) for seed in range(seeds)]
            for label, using in arms.items()
        }
        rows = self._judged({"teacher": self.teachers, **made})
        score = self.task.score
        sides = [
            verdict.Arm(label, tuple(verdict.Measured(f"{label} {i}") for i in range(seeds)), tuple(rows[label]))
            for label in arms
        ]
        compared = verdict.compare(sides, score=score, paired=True)
        return {
            "title": self.case.title,
            "score": score.name,
            "unit": score.unit,
            "higher_is_better": score.higher_is_better,
            "macs": {"teacher": total(self.teachers[0]).macs, "student": total(self.student(0)).macs},
            "data": repr(self.task.data),
            "epochs": self.case.train.epochs * self.shorter,
            "seeds": seeds,
            "judge": {label: [float(score.reduce(one)) for one in several] for label, several in rows.items()},
            "gap": {label: self._gap(networks) for label, networks in made.items()},
            "pairs": [{**dataclasses.asdict(pair), "outcome": str(pair.outcome)} for pair in compared.of("score")],
            "scope": compared.scope,
            "seconds": time.monotonic() - start,
            "processor": str(measure.processor()),
        }

    def student(self, seed: int) -> Network:
        """A fresh student; the same for every arm with this seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return paredown.capture(self.case.student().eval(), self.inputs)

    def _fit(self, train: Train, network: Network, seed: int, using: Using) -> Network:
        settings = dataclasses.replace(
            train, seed=seed, using=(*train.using, *using), epochs=max(train.epochs * self.shorter, 1e-3)
        )
        return settings.fit(network, self.evidence, original=self.teachers[0] if self.teachers else network).network

    def _taught(self, original: Network, number: int) -> Network:
        """A teacher; all but the first start from other weights."""
        if self.case.teaching is None:
            return original
        fresh = ShrinkPerturb(shrink=0.0, perturb=1.0)
        return self._fit(self.case.teaching, original, number, (fresh,) if number else ())

    def _choose(self, candidates: Mapping[str, Using]) -> tuple[str, dict[str, float]]:
        """Train once with each, and take the best on `select`."""
        found = {
            name: self.evidence.evaluate(self._fit(self.case.train, self.student(CHOOSING), CHOOSING, using))
            for name, using in candidates.items()
        }
        pick = max if self.task.score.higher_is_better else min
        return pick(found, key=found.__getitem__), found

    def _gap(self, networks: list[Network]) -> float:
        """How much better the networks are on training examples than on `select`: what was learned by heart."""
        work = self.evidence.work
        seen = dataclasses.replace(work, select=work.train.take(min(2000, len(work.train)), 0))
        on_train = Evidence(seen, self.evidence.objective)
        sign = 1.0 if self.task.score.higher_is_better else -1.0
        return sign * statistics.fmean(on_train.evaluate(one) - self.evidence.evaluate(one) for one in networks)

    def _judged(self, networks: Mapping[str, list[Network]]) -> dict[str, list[np.ndarray[Any, Any]]]:
        """Rows of every network's file on `judge`, which is opened here and nowhere else; of a trial on `select`."""
        split = self.task.data.work.select if self.trial else self.task.data.judge.open(lambda _: 1)
        rows: dict[str, list[np.ndarray[Any, Any]]] = {}
        with tempfile.TemporaryDirectory() as folder:
            for label, several in networks.items():
                files = [TARGET.lower(net, Path(folder) / f"{label}-{i}.onnx") for i, net in enumerate(several)]
                rows[label] = [verdict.rows_of(file, split, self.task)[""] for file in files]
        return rows
