"""Findings explain surprises: one per file, with a code and a page.

Adding one takes its file ``pd<code>_<word>.py`` here, its page ``docs/findings/pd<code>.md``, and its test. The file is found
by its name, and what it looks at by the type that its ``check`` takes.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, get_type_hints

from paredown.verdict.findings.context import FileContext, RunContext, channels_of
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["FileContext", "Finding", "RunContext", "Severity", "channels_of", "check"]


@functools.cache
def _checks() -> tuple[tuple[Callable[[Any], Finding], type], ...]:
    """Every check, in the order of their codes, and the type of what it looks at."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__, f"{__name__}.") if ".pd" in info.name)
    checks: list[Callable[[Any], Finding]] = [importlib.import_module(name).check for name in names]
    return tuple((check, get_type_hints(check)["context"]) for check in checks)


def check(context: FileContext | RunContext) -> list[Finding]:
    """Every finding about a file or a run, including those that passed or did not apply."""
    return [check(context) for check, looked_at in _checks() if isinstance(context, looked_at)]
