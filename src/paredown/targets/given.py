"""What was given as a target; where it is none, what to type."""

import difflib
from typing import TYPE_CHECKING

from paredown.errors import InputError

if TYPE_CHECKING:
    from paredown.graph.network import Network
    from paredown.targets.target import Target

__all__ = ["checked", "lowered"]


def checked(given: object) -> "Target":
    """The target itself.

    Raises:
        InputError: a name, a class, or anything else that is no runtime with its settings.

    """
    from paredown import targets  # noqa: PLC0415 (the room lists its runtimes; this file is one of it)

    if isinstance(given, targets.Target):
        return given
    kinds = {kind.__name__: kind for kind in targets.runtimes()}
    if isinstance(given, type):
        what = f"{given.__name__} is the class, not a runtime with its settings"
        near = [given.__name__] if given in kinds.values() else []
    elif isinstance(given, str):
        what = f"{given!r} is a string, and strings name runtimes on the command line only"
        forms = {name.lower(): name for name in kinds}
        near = [forms[form] for form in difflib.get_close_matches(_plain(given), forms, n=1, cutoff=0.5)]
    else:
        what, near = f"{given!r} is a {type(given).__name__}, not a runtime with its settings", []
    typed = " or ".join(f"target=paredown.targets.{name}()" for name in near or kinds)
    msg = f"target={what}. Type {typed}."
    raise InputError(msg)


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "").replace(" ", "")


def lowered(given: object) -> "Network":
    """The network that is to be lowered.

    Raises:
        InputError: it is something else, a model that was not captured for example.

    """
    from paredown.graph.network import Network  # noqa: PLC0415 (targets import without torch)

    if isinstance(given, Network):
        return given
    what = f"lower was given a {type(given).__name__}; a target lowers a captured network"
    msg = f"{what}. Type lower(paredown.capture(model, example), path)."
    raise InputError(msg)
