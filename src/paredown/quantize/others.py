"""What to type where a target lacks what a step needs: the runtimes that have it."""

from collections.abc import Callable

from paredown import targets
from paredown.graph.capabilities import Capabilities

__all__ = ["others"]


def others(able: Callable[[Capabilities], object]) -> str:
    """The end of a message: which runtimes have what is missing, and how to use one.

    Args:
        able: whether a runtime has it.

    """
    names = [f"`targets.{kind.__name__}()`" for kind in targets.having(able)]
    if not names:
        return "No runtime has that today (`paredown targets` lists them). Leave the step out."
    return (
        f"{' and '.join(names)} can: use {'it' if len(names) == 1 else 'one of them'} as the target, or pass "
        f"`Evidence(..., capabilities={names[0].strip('`')}.capabilities)`."
    )
