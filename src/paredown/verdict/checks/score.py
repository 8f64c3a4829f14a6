"""How good it is: the score on the certified examples, and what was lost against the original."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from paredown.data.openings import Openings
from paredown.errors import DataError, InputError, LoweringError, MeasureError
from paredown.measure.interval import Interval
from paredown.measure.quality import Quality, quality
from paredown.verdict.certificate import Data, file_sha256
from paredown.verdict.checks.check import Case, Check, Held
from paredown.verdict.rows import rows_of

if TYPE_CHECKING:
    from paredown.data import Split
    from paredown.task import Task

__all__ = ["score_of"]

_SAME = 0.1
"""Part of its own uncertainty by which a score may differ on the certified processor and runtime; the whole elsewhere."""

_TASK = "--task module:name"


def score_of(case: Case, task: "Task | None") -> list[Check]:
    """Whether the file has the certified score on the certified examples, and loses what it is certified to lose.

    Opening ``judge`` for it is counted, as every opening is.
    """
    was, data = case.claimed.quality, case.claimed.data
    if was is None or data is None:
        outcome, text = Held.NOT_CHECKED, "The certificate claims none."
        if (was is None) is not (data is None):
            outcome, text = (
                Held.FAILS,
                "It says a score or its examples, and not the other: the certificate was changed.",
            )
        return [Check("score", outcome, text=text)]
    told = [Check("score", Held.NOT_CHECKED, _claim(was.score, data))]
    told += [Check("drop", Held.NOT_CHECKED, _drop(was.drop, data))] if _compared(case) else []
    if was.n != data.n:
        text = f"It was made of {was.n} examples and is said of {data.n}: the certificate was changed."
        return [dataclasses.replace(told[0], outcome=Held.FAILS, text=text), *told[1:]]
    if task is None:
        return [dataclasses.replace(check, text="No task was given.", needs=_TASK) for check in told]
    split = _opened(case, task, data)
    if isinstance(split, str):
        return [dataclasses.replace(check, text=split) for check in told]
    try:
        return _scored(case, (was, data), task, split, told)
    except (MeasureError, InputError, LoweringError) as error:
        return [dataclasses.replace(told[0], outcome=Held.FAILS, text=str(error)), *told[1:]]


def _scored(case: Case, claim: tuple[Quality, Data], task: "Task", split: "Split", told: list[Check]) -> list[Check]:
    was, data = claim
    rows = _rows(case, case.path, task, split)
    if len(told) == 1 or (problem := _no_original(case)):
        now = quality(rows, rows, task.score)
        rest = [dataclasses.replace(check, text=problem, needs="--original") for check in told[1:]]
    else:
        now = quality(rows, _rows(case, case.original or case.path, task, split), task.score)
        rest = [_against(case, told[1], was.drop, now.drop, data)]
    return [_against(case, told[0], was.score, now.score, data), *rest]


def _rows(case: Case, file: Path, task: "Task", split: "Split") -> "object":
    structure = case.claimed.data.structure if case.claimed.data else None
    return rows_of(file, split, task, structure=structure, target=case.target, trust=case.trust)[""]


def _against(case: Case, told: Check, was: Interval, now: Interval, data: Data) -> Check:
    """The very file on the very examples: what may differ is single roundings, never the claim's own interval."""
    half = (now.high - now.low) / 2
    slack = (1.0 if case.elsewhere else _SAME) * half + 1e-9
    held = (
        abs(was.estimate - now.estimate) <= slack
        and abs(was.low - now.low) <= half
        and abs(was.high - now.high) <= half
    )
    found = f"{now.estimate:.4g} {data.unit} [{now.low:.4g}, {now.high:.4g}]"
    return dataclasses.replace(told, outcome=Held.HOLDS if held else Held.FAILS, found=found)


def _opened(case: Case, task: "Task", data: Data) -> "Split | str":
    """The certified examples; in words why they are not to be had."""
    if data.split == "judge":
        if task.data.judge.fingerprint != data.fingerprint:
            return "The task's judge holds other examples than the certified ones."
        opening = f"verify {case.claimed.sha256}"
        try:
            return task.data.judge.open(Openings().registering(opening, case.path.resolve().parent))
        except DataError as error:
            return str(error)
    split = task.data.work.select
    if split.fingerprint() != data.fingerprint:
        return "The task's select holds other examples than the certified ones."
    return split


def _compared(case: Case) -> bool:
    """Whether there is an original other than the file itself."""
    original = case.claimed.original
    return original is not None and original.sha256 != case.claimed.sha256


def _no_original(case: Case) -> str:
    certified = case.claimed.original
    if case.original is None:
        return "No original was given."
    if certified is not None and file_sha256(case.original, case.target) != certified.sha256:
        return f"{str(case.original)!r} is not the original that was certified against."
    return ""


def _claim(value: Interval, data: Data) -> str:
    where = f"{data.score} {value.estimate:.4g} {data.unit} [{value.low:.4g}, {value.high:.4g}]"
    return f"{where} on the {data.n} examples of {data.split}"


def _drop(value: Interval, data: Data) -> str:
    return f"{value.estimate:.4g} {data.unit} lost [{value.low:.4g}, {value.high:.4g}]"
