"""The data of a task: three splits for work, and one under seal for the final claim."""

import dataclasses
from typing import Any

import numpy as np
import torch

from paredown.codec import fingerprint
from paredown.data.inspect import leaks, problems
from paredown.data.sampling import class_labels, divided
from paredown.data.sampling import stratified as drawn
from paredown.data.sealed import Sealed
from paredown.data.source import Arrays, Relabelled, Seeded, unused_sampler
from paredown.data.split import Split
from paredown.errors import DataError

__all__ = ["Data", "WorkData"]

_CALIBRATE = 512
_HELD_OUT = 0.2
_CHEAP = 20_000  # examples that may be read for their targets in order to stratify


@dataclasses.dataclass(frozen=True)
class WorkData:
    """What transforms, training and search may see. There is no way from here to `judge`.

    Attributes:
        train: for training; random augmentation stays random.
        calibrate: for statistics and gradients; the same examples in every pass.
        select: for every choice.

    """

    train: Split
    calibrate: Split
    select: Split

    @property
    def batch_size(self) -> int:
        """Examples per batch of the training split."""
        return self.train.batch_size

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the content of all three splits."""
        return fingerprint(*(split.fingerprint() for split in (self.train, self.calibrate, self.select)))


class Data:
    """Splits by purpose.

    Each is a Dataset, a DataLoader, a pair ``(inputs, targets)`` of tensors or arrays, or a dict of arrays with
    ``labels``. Inputs may be a tensor, a tuple or a dict.

    Args:
        train: for training.
        calibrate: for statistics and gradients; by default 512 examples of `train`, every class in proportion.
        select: for choices between candidates; by default half of `judge`, every class in proportion, because the
            original has memorised its training data and a `select` taken from there would favour whatever was not
            retrained.
        judge: for the final claim, opened once; by default carved from `select`, or both from `train` where nothing
            else is given. Findings tell of every carving.
        seed: decides every draw.
        batch_size: where no DataLoader says otherwise.

    Attributes:
        work: `WorkData`, the part that techniques, training and search are given.
        judge: `Sealed`.
        findings: sentences about what was assumed.
        seed: as given.

    Raises:
        DataError: the form of a split cannot be used; all splits at once.

    Example:
        >>> import torch
        >>> x, y = torch.randn(200, 4), torch.arange(200) % 2
        >>> data = Data((x, y), judge=(x + 1, y))
        >>> len(data.work.select), data.judge
        (100, Sealed(100 examples))

    """

    def __init__(  # noqa: PLR0913 (the four purposes are the signature)
        self,
        train: Any,
        *others: Any,
        calibrate: Any = None,
        select: Any = None,
        judge: Any = None,
        seed: int = 0,
        batch_size: int = 64,
    ) -> None:
        if others:
            calibrate, select, judge = _all_four(others, (calibrate, select, judge))
        if batch_size < 1:
            msg = f"Data(batch_size={batch_size}) was given. It is 1 or more. Leave it out for 64."
            raise DataError(msg)
        given = {"train": train, "calibrate": calibrate, "select": select, "judge": judge}
        splits = _read(given, seed, batch_size)
        self.seed = seed
        self._notes = [
            f"the {sampler} of {name}'s loader is not used: a pass sees every example once, in a seeded order. For other "
            "shares of classes, weigh the loss, or repeat examples in the dataset."
            for name, value in given.items()
            if (sampler := unused_sampler(value))
        ]
        train_, select_, judge_ = self._carve(splits)
        self._derived = "calibrate" not in splits
        calibrate_ = _sample(train_, seed) if self._derived else splits["calibrate"]
        self.work = WorkData(_hidden(train_), _hidden(calibrate_), _hidden(select_))
        self.judge = Sealed(judge_)
        self._problems: list[str] | None = None

    @property
    def findings(self) -> tuple[str, ...]:
        """What was assumed, and after `check` what was noticed."""
        return tuple(self._notes)

    def __repr__(self) -> str:
        work = self.work
        return (
            f"Data(train={len(work.train)}, calibrate={len(work.calibrate)}, select={len(work.select)}, {self.judge})"
        )

    def _carve(self, splits: dict[str, Split]) -> tuple[Split, Split, Split]:
        """Train, select and judge, with what is missing carved out of what is there."""
        train, select, judge = splits["train"], splits.get("select"), splits.get("judge")
        if select is not None and judge is not None:
            return train, select, judge
        if judge is not None:
            mine, theirs = self._divide(judge, 0.5)
            self._notes.append(
                f"half of judge became select, carved from the held-out data: {len(mine)} of {len(judge)} examples; "
                f"{len(theirs)} remain for the final claim."
            )
            return train, judge.rows(mine, "select"), judge.rows(theirs, "judge")
        if select is not None:
            mine, theirs = self._divide(select, 0.5)
            self._notes.append(
                f"judge was carved from select: {len(theirs)} of {len(select)} examples are kept for the final claim. If "
                f"the original was chosen on these data, its score there is flattered; give judge=... of its own."
            )
            return train, select.rows(mine, "select"), select.rows(theirs, "judge")
        held, rest = self._divide(train, _HELD_OUT)
        out = _still(train.rows(held, "held out"), self.seed)
        mine, theirs = self._divide(out, 0.5)
        self._notes.append(
            f"train gave {len(mine)} of its {len(train)} examples to select and {len(theirs)} to judge. If the original "
            f"was trained on them it has memorised them: its score is flattered and every drop looks larger than it "
            f"is. Give held-out data: Data(train, judge=...)."
        )
        return train.rows(rest), out.rows(mine, "select"), out.rows(theirs, "judge")

    def _divide(self, split: Split, share: float) -> tuple[Any, Any]:
        if len(split) < 2:
            msg = f"{split.name} has {len(split)} examples and has to be divided in two. Give at least two."
            raise DataError(msg)
        targets = split.cheap_targets()
        if targets is None and len(split) <= _CHEAP:
            targets = split.targets()
        return divided(targets, len(split), share, self.seed)

    def check(self) -> None:
        """Look through all splits.

        Splits in memory as a whole, of others a fixed random choice of 1024 examples: empty or one-class splits, NaN
        and infinity, shapes and element types that differ between splits, classes that training never sees. Examples
        of `judge` that also occur elsewhere become a finding.

        Raises:
            DataError: everything that is wrong, each with split and index.

        """
        found = self.problems()
        if found:
            raise DataError("\n".join(found))

    def problems(self) -> list[str]:
        """Everything wrong, as sentences; empty where all is well. Computed once."""
        if self._problems is None:
            splits = {"train": self.work.train, "calibrate": self.work.calibrate}
            splits |= {"select": self.work.select, "judge": self.judge._inside()}
            self._problems = problems(splits)
            if not self._problems:
                self._notes += leaks(self.judge._inside(), {"train": self.work.train, "select": self.work.select})
                self._notes += self._strangers(splits)
        return list(self._problems)

    def most_class(self) -> tuple[str, int, int] | None:
        """Split, index and number of the largest class where targets are classes, for comparing with the outputs."""
        found = []
        for name, split in (("train", self.work.train), ("select", self.work.select), ("judge", self.judge._inside())):
            labels = class_labels(split.cheap_targets())
            if labels is not None and len(labels):
                found.append((int(labels.max()), name, int(labels.argmax())))
        if not found:
            return None
        largest, name, index = max(found, key=lambda item: item[0])
        return name, index, largest

    def _strangers(self, splits: dict[str, Split]) -> list[str]:
        labels = {name: class_labels(split.cheap_targets()) for name, split in splits.items()}
        known = labels.pop("train")
        if known is None:
            return []
        notes = []
        for name, values in labels.items():
            strange = sorted(set(values.tolist()) - set(known.tolist())) if values is not None else []
            if strange:
                notes.append(f"{name} has classes that train has not: {', '.join(map(str, strange[:5]))}.")
        return notes

    def subsample(
        self, fraction: float | None = None, *, per_class: int | None = None, stratified: bool = True, seed: int = 0
    ) -> "Data":
        """The same task with less training data; `select` and `judge` are untouched.

        Args:
            fraction: share of `train`.
            per_class: or so many examples of every class.
            stratified: a share has every class in proportion; False draws without looking at classes.
            seed: decides the draw. A calibration split that came from `train` is drawn anew from what is left.

        Raises:
            DataError: both or neither, out of range, or targets that are no classes.

        """
        train = self.work.train
        if (fraction is None) == (per_class is None):
            msg = f"subsample(fraction={fraction}, per_class={per_class}): give one of the two: subsample(0.1)."
            raise DataError(msg)
        if fraction is not None:
            if not 0 < fraction <= 1:
                msg = f"subsample(fraction={fraction}): a share lies above 0 and up to 1. Type subsample(0.1)."
                raise DataError(msg)
            targets = train.targets() if stratified else None
            chosen = drawn(targets, len(train), max(1, round(fraction * len(train))), seed)
            return self._with(train.rows(chosen))
        labels = class_labels(train.targets())
        if labels is None or per_class is None or per_class < 1:
            why = "targets are no classes" if labels is None else "it is 1 or more"
            msg = f"subsample(per_class={per_class}): {why}. Type subsample(0.1) for a share of the examples."
            raise DataError(msg)
        generator = np.random.default_rng(seed)
        parts = []
        for label in np.unique(labels.numpy()).tolist():
            members = np.flatnonzero(labels.numpy() == label)
            if len(members) < per_class:
                msg = f"subsample(per_class={per_class}): class {label} of train has only {len(members)} examples."
                raise DataError(msg)
            parts.append(generator.permutation(members)[:per_class])
        return self._with(train.rows(generator.permutation(np.concatenate(parts))))

    def corrupt_labels(self, share: float, seed: int = 0) -> "Data":
        """The same task with wrong training labels; `select` and `judge` are untouched.

        Args:
            share: of the training examples gets another class, every other class equally likely.
            seed: decides which. A calibration split that came from `train` is drawn anew and has wrong labels too.

        Raises:
            DataError: a share out of range, or targets that are no classes.

        """
        train = self.work.train
        labels = class_labels(train.targets())
        if not 0 <= share <= 1 or labels is None:
            why = "targets are no classes" if labels is None else "a share lies between 0 and 1"
            msg = f"corrupt_labels({share}): {why}. Type corrupt_labels(0.2)."
            raise DataError(msg)
        generator = np.random.default_rng(seed)
        names = np.unique(labels.numpy())
        wrong = generator.permutation(len(labels))[: round(share * len(labels))]
        step = generator.integers(1, len(names), size=len(wrong)) if len(names) > 1 else np.zeros(len(wrong), np.int64)
        position = np.searchsorted(names, labels.numpy()[wrong])
        changed = labels.clone()
        changed[torch.from_numpy(wrong)] = torch.from_numpy(names[(position + step) % len(names)])
        source = train._examples
        if isinstance(source, Arrays):
            changed = changed.reshape(source.target.shape).to(source.target.dtype)
            return self._with(train.over(Arrays(source.inputs, changed)))
        return self._with(train.over(Relabelled(source, changed)))

    def _with(self, train: Split) -> "Data":
        twin = Data.__new__(Data)
        twin.seed, twin._notes, twin._derived = self.seed, list(self._notes), self._derived
        calibrate = _hidden(_sample(train, self.seed)) if self._derived else self.work.calibrate
        twin.work = WorkData(train, calibrate, self.work.select)
        twin.judge, twin._problems = self.judge, None
        return twin


def _all_four(others: tuple[Any, ...], named: tuple[Any, ...]) -> tuple[Any, ...]:
    """Splits given by position: all of them, or only train, for a test split taken for calibrate would go unnoticed."""
    if len(others) == 3 and all(split is None for split in named):
        return others
    msg = (
        f"Data was given {1 + len(others)} splits by position. Either all four stand there (train, calibrate, select, "
        "judge), or only train, and the others have their names. Type paredown.Data(train, judge=test)."
    )
    raise DataError(msg)


def _read(given: dict[str, Any], seed: int, batch_size: int) -> dict[str, Split]:
    """Splits of what was given; everything but train is read under seeds."""
    splits: dict[str, Split] = {}
    found = []
    if given["train"] is None:
        found.append("train is missing. Type Data(train, judge=test).")
    for name, value in given.items():
        if value is None:
            continue
        try:
            still = None if name == "train" else seed
            splits[name] = Split(value, name=name, batch_size=batch_size, seed=still)
        except DataError as error:
            found.append(str(error))
    if found:
        raise DataError("\n".join(found))
    return splits


def _sample(train: Split, seed: int) -> Split:
    """Examples of train for calibration, the same in every pass."""
    n = min(_CALIBRATE, len(train))
    targets = train.cheap_targets()
    if targets is None and len(train) <= _CHEAP:
        targets = train.targets()
    return _still(train.rows(drawn(targets, len(train), n, seed), "calibrate"), seed)


def _still(split: Split, seed: int) -> Split:
    """The same examples, read under seeds."""
    if isinstance(split._examples, (Arrays, Seeded)):
        return split
    still = split.over(Seeded(split._examples, seed))
    still._targets, still._asked = split._targets, split._asked
    return still


def _hidden(split: Split) -> Split:
    """A split whose examples do not lead to the rest of the dataset that they are a subset of."""
    source = split._examples
    inner = source.examples if isinstance(source, Seeded) else source
    return split.rows(np.arange(len(split))) if isinstance(inner, torch.utils.data.Subset) else split
