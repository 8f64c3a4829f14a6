"""What a run was asked to do, kept so that it can be resumed and told."""

import dataclasses
import time
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from paredown import codec
from paredown.budget import Budget
from paredown.errors import CorruptError, InputError
from paredown.measure.processor import processor, versions
from paredown.run.ledger import Ledger, Setting
from paredown.run.ledger.schema import SETTINGS
from paredown.targets import Target

if TYPE_CHECKING:
    from paredown.task import Task

__all__ = ["About", "Settings", "begin", "known_settings", "reference", "stored"]

_PACKAGES = ("torch", "numpy", "optuna", "lightning-fabric")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides a run; a directory belongs to one of these.

    Attributes:
        command: ``compress``, ``compare`` or ``apply``.
        budget: None where nothing is limited.
        target: what files are lowered for.
        seconds: time limit.
        seed: of everything random.
        families: names of the families that may be used.
        recipes: encoded recipes by label, for ``compare`` and ``apply``.
        seeds: trainings per recipe.
        reference: ``module:name`` of the task, where it has one.

    """

    command: str
    budget: Budget | None
    target: Target
    seconds: float
    seed: int
    families: tuple[str, ...]
    recipes: Mapping[str, Any] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    seeds: int = 1
    reference: str = ""


@dataclasses.dataclass(frozen=True)
class About:
    """What a report has to know about the circumstances; nothing here decides anything."""

    run: str
    title: str
    created: str
    score_name: str
    score_unit: str
    score_higher_is_better: bool
    runtime: str
    processor: str
    data: Mapping[str, int]
    work: str
    select: str
    judge: str
    versions: Mapping[str, str]
    findings: tuple[str, ...] = ()


_SETTINGS = Setting("settings", Settings)
_ABOUT = Setting("about", About)


def known_settings(ledger: Ledger) -> Settings | None:
    """Settings of the run in a directory, None where it holds none yet."""
    return _SETTINGS.read(ledger)


def begin(ledger: Ledger, settings: Settings, task: "Task") -> None:
    """Write the settings into a fresh ledger, or check that an old one belongs to the same run.

    Raises:
        InputError: the directory holds a run with other settings, or of other data.

    """
    about = _about(settings, task)
    known = _SETTINGS.read(ledger)
    if known is None:
        with ledger.together():
            _ABOUT.write(ledger, about)
            _SETTINGS.write(ledger, settings)
        return
    different = [
        field.name
        for field in dataclasses.fields(Settings)
        if field.name not in {"reference", "seconds"}
        and _told(getattr(known, field.name)) != _told(getattr(settings, field.name))
    ]
    before = _ABOUT.read(ledger) or about
    if (before.work, before.judge) != (about.work, about.judge):
        different.append("data")
    if different:
        msg = (
            f"{ledger.directory} holds a run with other settings ({', '.join(different)} differ). One directory belongs "
            f"to one run. Type the same settings to go on with it, or choose another directory: out='runs/other'."
        )
        raise InputError(msg)
    if settings.seconds != known.seconds:
        _SETTINGS.write(ledger, settings)


def _told(setting: Any) -> codec.JSON:
    """A setting to be compared; recipes are encoded already, perhaps by another version."""
    if isinstance(setting, Mapping):
        return {name: codec.contemporary(recipe) for name, recipe in setting.items()}
    return codec.encode(setting)


def stored(ledger: Ledger) -> tuple[Settings, About]:
    """Settings and circumstances of the run in a directory.

    Raises:
        InputError: the run was ended before it had begun.
        CorruptError: something else is stored in their place.

    """
    settings, about = _SETTINGS.read(ledger), _ABOUT.read(ledger)
    if settings is None or about is None:
        msg = (
            f"{ledger.directory} holds a run that was ended before it had begun. Nothing is lost: "
            "start it again with the command that made it."
        )
        raise InputError(msg)
    target: object = settings.target
    if not isinstance(target, Target):
        msg = f"{ledger.file} holds a {type(target).__name__} where the target belongs. Restore it from a copy, or start anew."
        raise CorruptError(msg)
    return settings, about


def reference(ledger: Ledger) -> str:
    """``module:name`` of the run's task, empty where it has none; read without building the settings.

    What is of the user's own in the settings can only be built once the module of the task is imported.
    """
    settings = ledger.encoded(SETTINGS, _SETTINGS.name)
    found = settings.get("reference") if isinstance(settings, dict) else None
    return found if isinstance(found, str) else ""


def _about(settings: Settings, task: "Task") -> About:
    work = task.data.work
    return About(
        run=uuid.uuid4().hex,
        title=task.name or type(task.model).__name__,
        created=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        score_name=task.score.name,
        score_unit=task.score.unit,
        score_higher_is_better=task.score.higher_is_better,
        runtime=settings.target.version(),
        processor=str(processor()),
        data={
            "train": len(work.train),
            "calibrate": len(work.calibrate),
            "select": len(work.select),
            "judge": task.data.judge.count,
        },
        work=work.fingerprint(),
        select=work.select.fingerprint(),
        judge=task.data.judge.fingerprint,
        versions={**versions(*_PACKAGES), **settings.target.versions()},
        findings=tuple(task.data.findings),
    )
