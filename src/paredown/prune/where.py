"""Which groups a technique may touch, by the paths of the user's modules."""

import dataclasses
import difflib
import fnmatch

from paredown.errors import FrozenError, RecipeError
from paredown.graph.axes import Axes, Group

__all__ = ["Where"]


@dataclasses.dataclass(frozen=True)
class Where:
    """Groups chosen by module path.

    A pattern is a module path (``layer1`` means everything inside), a glob (``*.attn.qkv``), or the name of a group.
    It meets a group when it matches a module whose weights produce the group (or, where none does, that holds it).

    Attributes:
        include: only groups that one of these meets; empty for all.
        exclude: no group that one of these meets.

    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("include", "exclude"):
            value = getattr(self, field)
            if isinstance(value, str):
                msg = (
                    f"Where({field}={value!r}) was given; it is a tuple of patterns. Write Where({field}=({value!r},))."
                )
                raise RecipeError(msg)

    def choose(self, axes: Axes) -> tuple[Group, ...]:
        """The free groups of a network that are meant.

        Raises:
            RecipeError: a pattern meets nothing, or nothing is left.
            FrozenError: a pattern of `include` meets only groups that operators hold.

        """
        for pattern in (*self.include, *self.exclude):
            met = [group for group in axes.groups if _meets(pattern, group)]
            if not met:
                raise RecipeError(_unmet(pattern, axes))
            named = [group for group in met if group.name == pattern] or met
            if pattern in self.include and not any(group.free for group in named):
                msg = (
                    f"Where(include=({pattern!r},)) meets only groups that cannot be cut: {named[0].name!r} is held by "
                    f"{named[0].frozen_by}. Leave the pattern out, or include the modules around it."
                )
                raise FrozenError(msg)
        chosen = tuple(group for group in axes.free if self._meant(group))
        if not chosen:
            raise RecipeError(self._nothing(axes))
        return chosen

    def _meant(self, group: Group) -> bool:
        wanted = not self.include or any(_meets(pattern, group) for pattern in self.include)
        return wanted and not any(_meets(pattern, group) for pattern in self.exclude)

    def _nothing(self, axes: Axes) -> str:
        if not axes.free:
            held = "; ".join(f"{group.name!r} by {group.frozen_by}" for group in axes.groups[:3])
            return f"This network has no group that can be cut ({held}). Leave this step out for this network."
        return (
            f"{self} leaves none of the {len(axes.free)} groups that can be cut. "
            f"Exclude less: the groups are {', '.join(repr(group.name) for group in axes.free[:5])} …"
        )


def _paths(group: Group) -> set[str]:
    producing = [carrier for carrier in group.carriers if carrier.role == "out"]
    return {carrier.name.rpartition(".")[0] or carrier.name for carrier in producing or group.carriers}


def _meets(pattern: str, group: Group) -> bool:
    if pattern == group.name:
        return True
    inside = f"{pattern}."
    return any(
        path == pattern or path.startswith(inside) or fnmatch.fnmatchcase(path, pattern) for path in _paths(group)
    )


def _unmet(pattern: str, axes: Axes) -> str:
    paths = sorted({path for group in axes.groups for path in _paths(group)} | {group.name for group in axes.groups})
    near = difflib.get_close_matches(pattern, paths, n=5, cutoff=0.3) or paths[:5]
    return (
        f"No group of this network meets the pattern {pattern!r}. "
        f"Patterns are module paths, globs or group names; the nearest are {', '.join(map(repr, near))}."
    )
