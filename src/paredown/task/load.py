"""Finding the task that ``module:name`` points at."""

import difflib
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

from paredown.errors import TaskError

__all__ = ["find", "takes_arguments"]


def find(reference: str, kind: type) -> Any:
    """Import the module and look the name up; `kind` is what is looked for, for hints.

    Raises:
        TaskError: no such module or name.

    """
    module, name = _parts(reference)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        thing: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(f"{error.name}.")):
            msg = f"{reference!r}: importing {module} failed, because there is no module {error.name!r}. Install it."
            raise TaskError(msg) from error
        near = difflib.get_close_matches(module, _modules(), n=3, cutoff=0.5)
        hint = (
            f" Did you mean {' or '.join(near)}?"
            if near
            else f" It is looked for in {here} and among what is installed."
        )
        msg = f"{reference!r}: there is no module {module!r}.{hint}"
        raise TaskError(msg) from error
    found = thing
    for part in name.split("."):
        if not hasattr(found, part):
            offered = [key for key, value in vars(thing).items() if _may_be(kind, key, value, module)]
            near = difflib.get_close_matches(part, offered, n=3, cutoff=0.4) or sorted(offered)[:5]
            hint = f"Did you mean {' or '.join(f'{module}:{key}' for key in near)}?" if near else "It holds no task."
            msg = f"{reference!r}: module {module!r} has no {name!r}. {hint}"
            raise TaskError(msg)
        found = getattr(found, part)
    return found


def _modules() -> list[str]:
    """Modules that may have been meant: files and packages of the current directory, and what is imported."""
    here = Path.cwd()
    files = [path.stem for path in here.glob("*.py")]
    packages = [path.parent.name for path in here.glob("*/__init__.py")]
    return [*files, *packages, *(name for name in sys.modules if "." not in name and not name.startswith("_"))]


def _may_be(kind: type, key: str, value: Any, module: str) -> bool:
    if isinstance(value, kind):
        return True
    own = inspect.isfunction(value) and value.__module__ == module and not key.startswith("_")
    return own and not takes_arguments(value)


def takes_arguments(function: Any) -> bool:
    """Whether a function cannot be called without arguments."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.default is p.empty and p.kind not in {p.VAR_KEYWORD, p.VAR_POSITIONAL} for p in parameters)


def _parts(reference: str) -> tuple[str, str]:
    module, _, name = reference.partition(":")
    if not module or not name or module.endswith(".py") or reference.endswith(".py"):
        path = module.removesuffix(".py").replace("/", ".").strip(".")
        msg = f"{reference!r} does not point at a task. Type module:name, for example {path or 'app'}:{name or 'task'}."
        raise TaskError(msg)
    return module, name
