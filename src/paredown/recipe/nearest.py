"""What a mistyped name may have meant."""

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(name: str, known: Iterable[str], count: int = 5) -> str:
    """The known names most like `name`, for the end of an error message."""
    names = list(dict.fromkeys(known))
    close = difflib.get_close_matches(name, names, count, cutoff=0.3) or names[:count]
    return ", ".join(repr(word) for word in close)
