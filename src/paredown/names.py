"""Names under which things are stored: a closed table of Paredown's own, and what a user has imported himself.

A file of somebody else must not choose what runs here. So a stored name is never taken apart into a module to import
and an attribute to get. There are two kinds:

- ``prune.Channels``, ``targets.OnnxRuntime``, ``run.Settings``: a type of Paredown's own. It is public in its room, or
  listed in `_INNER`. The name stays when the file moves; a class that is renamed, or goes to another room, leaves its old
  name in `_FORMER`.
- ``my_module:MyTechnique``: a dataclass, an enumeration or a function of the user's own. It is found only in a module
  that is imported already, and nothing is imported for it.

Version 0.1 wrote ``paredown.prune.channels:Channels`` for ``prune.Channels``; that is read as well.
"""

import dataclasses
import enum
import functools
import importlib
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from paredown.errors import InputError

__all__ = ["contemporary", "function", "is_own", "name_of", "name_of_function", "room", "type_of"]

_ROOMS = (
    "architecture",
    "budget",
    "distill",
    "graph",
    "measure",
    "prune",
    "quantize",
    "recipe",
    "regularize",
    "scores",
    "targets",
    "verdict",
)
"""Where every public dataclass and enumeration can be stored, under ``room.Name``."""

_INNER = MappingProxyType(
    {
        "graph.FloatFormat": "paredown.graph.formats",
        "graph.Int8Kernels": "paredown.graph.capabilities",
        "graph.IntFormat": "paredown.graph.formats",
        "graph.PerChannel": "paredown.graph.formats",
        "graph.PerGroup": "paredown.graph.formats",
        "graph.PerTensor": "paredown.graph.formats",
        "recipe.StepRecord": "paredown.recipe.run",
        "run.About": "paredown.run.settings",
        "run.Chosen": "paredown.run.chosen",
        "run.Ended": "paredown.run.ledger.diary",
        "run.Filtered": "paredown.run.ledger.diary",
        "run.Note": "paredown.run.ledger.diary",
        "run.RoundedSummary": "paredown.run.summary",
        "run.RoundingSummary": "paredown.run.summary",
        "run.Settings": "paredown.run.settings",
        "run.Shape": "paredown.run.results",
        "run.Skipped": "paredown.run.ledger.diary",
        "run.StepSummary": "paredown.run.summary",
        "run.Traceback": "paredown.run.ledger.diary",
        "run.TrialResult": "paredown.run.results",
        "run.Unmade": "paredown.run.ledger.diary",
        "search.Allocation": "paredown.search.plan",
        "search.Curve": "paredown.search.training",
        "search.Pace": "paredown.search.plan",
        "search.Training": "paredown.search.training",
        "testing.EdgeTarget": "paredown.testing.edge_target",
        "testing.MockTarget": "paredown.testing.mock_target",
        "verdict.Finding": "paredown.verdict.findings",
        "verdict.Severity": "paredown.verdict.findings.finding",
    }
)
"""Stored types that are not public in a room, and the module that holds them now."""

_FORMER = MappingProxyType(
    {
        "search.About": "run.About",
        "search.Chosen": "run.Chosen",
        "search.Settings": "run.Settings",
        "search.Shape": "run.Shape",
        "search.TrialResult": "run.TrialResult",
        "verdict.RoundedSummary": "run.RoundedSummary",
        "verdict.RoundingSummary": "run.RoundingSummary",
        "verdict.StepSummary": "run.StepSummary",
    }
)
"""Names that were stored once, and what they are called now: a class that is renamed, or moves to another room, leaves
its old name here."""


def is_own(name: str) -> bool:
    """Whether a stored name is meant to be one of Paredown's own.

    >>> is_own("prune.Channels"), is_own("my_module:MyTechnique")
    (True, False)

    """
    return ":" not in name


def room(name: str) -> str:
    """The room of Paredown that a stored name belongs to; the last part of the module for users' own.

    >>> room("prune.Channels"), room("my.module:MyTechnique")
    ('prune', 'module')

    """
    module = name.partition(":")[0]
    return name.partition(".")[0] if is_own(name) else module.rpartition(".")[2]


def contemporary(name: str) -> str:
    """A stored name as it is written now; names of users' own things are left as they are.

    >>> contemporary("paredown.prune.channels:Channels"), contemporary("my_module:MyTechnique")
    ('prune.Channels', 'my_module:MyTechnique')

    """
    module, colon, kind = name.partition(":")
    if colon and module.startswith("paredown."):
        name = f"{module.split('.')[1]}.{kind}"
    return _FORMER.get(name, name)


def name_of(cls: type) -> str:
    """The name a type is stored under.

    Raises:
        InputError: it has none: it is not at the top level of a module, or an inner type of Paredown.

    """
    if not _of_paredown(cls.__module__):
        name = _reference(cls)
        _users_type(name)
        return name
    for name in _candidates(cls):
        if _own(name) is cls:
            return name
    msg = (
        f"{cls.__module__}.{cls.__qualname__} has no stored name. Public types of a room have one; give an inner type that "
        "is stored a line in `_INNER` of paredown/names.py."
    )
    raise InputError(msg)


def type_of(name: str) -> type:
    """The dataclass or enumeration that a stored name means.

    Raises:
        InputError: no such name, or a user's own whose module is not imported.

    """
    name = contemporary(name)
    if not is_own(name):
        return _users_type(name)
    found = _own(name)
    if found is None:
        msg = (
            f"{name!r} is stored, and no type of Paredown that may be stored has this name. Read it with the version "
            "that wrote it; leave it alone if you do not know where it comes from."
        )
        raise InputError(msg)
    return found


def function(name: str) -> types.FunctionType:
    """The function of the user's own that a stored name means.

    Raises:
        InputError: no such function in a module of the user's that is imported.

    """
    found = None if _of_paredown(name) else _imported(name)
    if not isinstance(found, types.FunctionType) or not _lives(found, name) or not _of_user(name):
        msg = (
            f"{name!r} cannot be a stored function: it is none that a module of your own defines. Functions of Python and "
            "of installed packages are never taken from a stored file. Define one with `def` at the top level of a module "
            "of your own, which may call it."
        )
        raise InputError(msg)
    return found


def name_of_function(thing: types.FunctionType) -> str:
    """The name a function of the user's own is stored under.

    Raises:
        InputError: it could not be found again.

    """
    name = _reference(thing)
    function(name)
    return name


def _candidates(cls: type) -> Iterator[str]:
    yield f"{cls.__module__.split('.')[1]}.{cls.__qualname__}" if "." in cls.__module__ else cls.__qualname__
    yield from (name for name in _INNER if name.endswith(f".{cls.__qualname__}"))
    yield from (f"{room}.{cls.__qualname__}" for room in _ROOMS)


@functools.cache
def _own(name: str) -> type | None:
    """What a name of the table means; nothing but Paredown's own modules is imported, and none that is not listed."""
    room, _, kind = name.partition(".")
    if name in _INNER:
        found: Any = vars(importlib.import_module(_INNER[name]))[kind]
    elif room in _ROOMS:
        module = importlib.import_module(f"paredown.{room}")
        found = getattr(module, kind) if kind in module.__all__ else None
    else:
        return None
    return found if _storable(found) else None


def _storable(thing: Any) -> bool:
    return isinstance(thing, type) and (dataclasses.is_dataclass(thing) or issubclass(thing, enum.Enum))


def _users_type(name: str) -> type:
    found = _imported(name)
    if not isinstance(found, type) or not _storable(found) or not _lives(found, name):
        what = "is neither a dataclass nor an enumeration that this module defines"
    elif not (_is_technique(found) or _of_user(name)):
        what = "belongs to Python or to an installed package, and is no technique"
    else:
        return found
    msg = (
        f"{name!r} cannot be a stored type: it {what}. A stored file may name types of Paredown, and dataclasses of your "
        "own in modules that are imported. Leave the file alone if you do not know where it comes from."
    )
    raise InputError(msg)


def _is_technique(cls: type) -> bool:
    """Whether it is built on a contract of Paredown."""
    return any(_of_paredown(base.__module__) for base in cls.__mro__[1:])


def _imported(name: str) -> Any:
    """What an imported module holds under a name, without asking the module: None where there is no such thing.

    Raises:
        InputError: the module is not imported.

    """
    module, _, path = name.partition(":")
    loaded = sys.modules.get(module)
    if loaded is None:
        msg = (
            f"{name!r} is stored, and {module!r} is not imported. What is your own is found only in modules that are "
            f"imported already, so that no file chooses what runs here. Import {module} first, or the task that does; "
            "leave the file alone if you do not know where it comes from."
        )
        raise InputError(msg)
    found: Any = loaded
    for part in path.split("."):
        found = vars(found).get(part) if isinstance(found, (ModuleType, type)) else None
    return found


def _lives(thing: Any, name: str) -> bool:
    """Whether it was defined where it was found, and not only imported there."""
    return f"{thing.__module__}:{thing.__qualname__}" == name


def _of_paredown(module: str) -> bool:
    return module.startswith("paredown.")


def _of_user(name: str) -> bool:
    """Whether a module is neither Python's nor an installed package's."""
    module = name.partition(":")[0]
    if _of_paredown(module) or module.partition(".")[0] in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules[module], "__file__", None)
    return file is None or not any(Path(file).resolve().is_relative_to(place) for place in _installed())


@functools.cache
def _installed() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    return tuple(Path(paths[name]).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def _reference(thing: Any) -> str:
    name, module = thing.__qualname__, thing.__module__
    if "<" in name:
        msg = (
            f"{thing!r} has no importable name, so it cannot be stored with the run. "
            "Only functions and classes at the top level of a module can be found again. "
            "Define it with `def name(...)` at the top level of a module."
        )
        raise InputError(msg)
    return f"{module}:{name}"
