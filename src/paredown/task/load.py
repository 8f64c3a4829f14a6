"""Finding the task that ``module:name`` points at."""

import ast
import difflib
import functools
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from paredown.errors import TaskError
from paredown.task.instead import model_file

__all__ = ["find", "makes_tasks", "origin", "takes_arguments"]

_OFFERED = 5
_TIMED = (".onnx", ".pt2")


def origin(reference: str) -> str:
    """The file or folder from which `find` would import, for people; nothing is imported here.

    Raises:
        TaskError: it is no ``module:name``, or names a module of Python itself.

    """
    module, _ = _parts(reference)
    here = _here()
    top = module.partition(".")[0]
    spec = None if top in sys.modules else importlib.util.find_spec(top)
    file = getattr(sys.modules[top], "__file__", None) if top in sys.modules else spec and spec.origin
    return str(file or here)


def makes_tasks(thing: Any) -> bool:
    """Whether something is a function that may be called for a task: not Python's own, wherever it was found."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    home = str(getattr(thing, "__module__", None) or "builtins")
    return callable(thing) and not isinstance(thing, type) and home.partition(".")[0] not in sys.stdlib_module_names


def find(reference: str, kind: type) -> Any:
    """Import the module and look the name up; `kind` is what is looked for, for hints.

    Raises:
        TaskError: no such module or name.

    """
    module, name = _parts(reference)
    here = _here()
    try:
        thing: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(f"{error.name}.")):
            msg = f"{reference!r}: importing {module} failed, because there is no module {error.name!r}. Install it."
            raise TaskError(msg) from error
        msg = f"{reference!r}: there is no module {module!r}. {_elsewhere(module, name, here)}"
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


def _elsewhere(module: str, name: str, here: str) -> str:
    """Where the module may be instead: in a folder below, or under a name like it."""
    file = f"{module.replace('.', '/')}.py"
    below = [path.relative_to(here) for depth in ("*", "*/*") for path in Path(here).glob(f"{depth}/{file}")]
    if below:
        place = below[0]
        return f"There is {place}. Type {'.'.join(place.with_suffix('').parts)}:{name}."
    near = difflib.get_close_matches(module, _modules(), n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"It is looked for in {here} and among what is installed. Type the command where {file} lies."


def _here() -> str:
    """The current directory, which is put on the import path."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return here


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
    words = all(part.isidentifier() for part in (*module.split("."), *name.split(".")))
    if words and not module.endswith(".py") and not reference.endswith(".py"):
        _refuse_pythons(module, reference)
        return module, name
    if holds := model_file(reference):
        timed = f" To time it as it is, type paredown bench {reference}." if reference.endswith(_TIMED) else ""
        msg = (
            f"{reference!r} is a model's file, and a task is model, data, loss and score in Python. {holds} Write "
            f"`task = paredown.Task(model, paredown.Data(train, judge=test), loss, score)` into app.py and type app:task."
            f"{timed}"
        )
        raise TaskError(msg)
    msg = f"{reference!r} does not point at a task. {_typed(module, name)}"
    raise TaskError(msg)


def _refuse_pythons(module: str, reference: str) -> None:
    if module.partition(".")[0] in sys.stdlib_module_names:
        msg = (
            f"{reference!r}: {module} belongs to Python and holds no task. Type module:name of a module of your own, with "
            "a name of its own."
        )
        raise TaskError(msg)


def _typed(module: str, name: str) -> str:
    """What to type for a file, or for a module without a name in it."""
    path = Path(module if module.endswith(".py") else f"{module.replace('.', '/') or 'app'}.py")
    offered = _defined(path)
    chosen = name or next((known for known in ("task", *offered) if known in offered), "task")
    parts = [part for part in path.with_suffix("").parts if part != "."]
    example = f"{'.'.join(parts)}:{chosen}"
    if path.is_absolute() or ".." in parts:
        return f"Type module:name where the file lies: cd {path.parent} and {path.stem}:{chosen}."
    holds = f" {path} has {', '.join(offered)}." if offered and not name else ""
    return f"Type module:name, for example {example}.{holds}"


def _defined(path: Path) -> list[str]:
    """Names in a file that may be tasks: functions without arguments, and what calls make. The file is not run."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    names: list[str] = []
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name, args=args) if len(args.args) == len(args.defaults):
                names.append(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call()):
                names.append(name)
    return [name for name in names if not name.startswith("_")][:_OFFERED]
