"""How the command line ends: one clean message and an exit code that a script can read."""

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer

__all__ = ["BAD_INPUT", "FAILED", "INTERRUPTED", "NOT_MET", "OK", "Interrupted", "guarded"]

OK, FAILED, BAD_INPUT, NOT_MET, INTERRUPTED = 0, 1, 2, 3, 130

_OPTIONS = ("latency", "size", "memory", "energy", "drop", "score", "time")


class Interrupted(Exception):  # noqa: N818 (no error: somebody pressed Ctrl-C)
    """Ctrl-C while a run worked in a directory, from which it can be resumed."""

    def __init__(self, directory: Path) -> None:
        super().__init__(str(directory))
        self.directory = directory


def guarded(app: "typer.Typer", arguments: list[str]) -> int:
    """Run a command; every error becomes one message on stderr and an exit code.

    With ``--traceback`` or ``PAREDOWN_TRACEBACK=1`` errors are raised instead.
    """
    show = "--traceback" in arguments or os.environ.get("PAREDOWN_TRACEBACK", "") not in ("", "0")
    arguments = [word for word in arguments if word != "--traceback"]
    try:
        return _run(app, arguments)
    except (KeyboardInterrupt, Interrupted) as ended:
        _say("interrupted", _resume_hint(ended))
        return INTERRUPTED
    except Exception as error:
        if show:
            raise
        return _fail(error)


def _run(app: "typer.Typer", arguments: list[str]) -> int:
    import typer  # noqa: PLC0415 (tells which click it brings)

    wrong_usage: type[Any] = typer.BadParameter.__bases__[0]
    try:
        code = app(args=arguments, prog_name="paredown", standalone_mode=False)
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except wrong_usage as error:
        error.show()
        return BAD_INPUT
    if code == INTERRUPTED:  # typer has caught Ctrl-C and made a number of it
        raise KeyboardInterrupt
    return code if isinstance(code, int) else OK


def _resume_hint(ended: BaseException) -> str:
    if not isinstance(ended, Interrupted):
        return "nothing was left behind."
    if not ended.directory.exists():
        return "nothing was started."
    return f"nothing is lost. Go on with: paredown resume {ended.directory}"


def _fail(error: Exception) -> int:
    from paredown.errors import BudgetError, InputError, ParedownError  # noqa: PLC0415

    if isinstance(error, ParedownError):
        _say("error", _as_options(str(error)) if isinstance(error, BudgetError) else str(error))
        return BAD_INPUT if isinstance(error, InputError) else FAILED
    if isinstance(error, OSError) and error.filename is not None:
        _say("error", f"{error.filename}: {error.strerror}.")
        return FAILED
    _say("unexpected error", f"{type(error).__name__}: {error}")
    print("Set PAREDOWN_TRACEBACK=1 to see where it came from.", file=sys.stderr)  # noqa: T201 (the command line speaks)
    return FAILED


def _as_options(message: str) -> str:
    """Python's ``latency="50%"`` as the option that is typed here; limits of guards have no option of their own."""
    message = re.sub(r"Budget\(([^)]*)\)", lambda found: found[1].replace(", ", " "), message)
    lines = [
        line if line.startswith("guards[") else re.sub(rf"\b({'|'.join(_OPTIONS)})=(?=['\"])", r"--\1 ", line)
        for line in message.splitlines()
    ]
    return "\n".join(lines)


def _say(kind: str, message: str) -> None:
    from paredown.trust import printable  # noqa: PLC0415

    print(f"paredown: {kind}: {printable(message)}", file=sys.stderr)  # noqa: T201 (the command line speaks)
