"""Which groups or blocks a technique may touch, by the paths of the user's modules."""

import dataclasses
import difflib
import fnmatch
from collections.abc import Callable, Iterable, Sequence
from functools import partial

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
                names = {path for group in axes.groups for path in (group.name, *_paths(group))}
                raise RecipeError(_unmet(pattern, names, "group"))
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

    def among(self, paths: Sequence[str], kind: str) -> tuple[str, ...]:
        """The module paths that are meant.

        Args:
            paths: to choose from.
            kind: what is there, in the singular, for messages.

        Raises:
            RecipeError: a pattern meets nothing, or nothing is left.

        """
        for pattern in (*self.include, *self.exclude):
            if not any(_fits(pattern, path) for path in paths):
                raise RecipeError(_unmet(pattern, paths, kind))
        chosen = tuple(path for path in paths if self._wants(partial(_fits, path=path)))
        if not chosen:
            msg = f"{self} leaves no {kind}. Exclude less: there are {', '.join(map(repr, paths))}."
            raise RecipeError(msg)
        return chosen

    def _meant(self, group: Group) -> bool:
        return self._wants(lambda pattern: _meets(pattern, group))

    def _wants(self, met: Callable[[str], bool]) -> bool:
        return (not self.include or any(map(met, self.include))) and not any(map(met, self.exclude))

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
    return pattern == group.name or any(_fits(pattern, path) for path in _paths(group))


def _fits(pattern: str, path: str) -> bool:
    return path == pattern or path.startswith(f"{pattern}.") or fnmatch.fnmatchcase(path, pattern)


def _unmet(pattern: str, names: Iterable[str], kind: str) -> str:
    names = sorted(names)
    near = difflib.get_close_matches(pattern, names, n=5, cutoff=0.3) or names[:5]
    return (
        f"No {kind} of this network meets the pattern {pattern!r}. "
        f"Patterns are module paths, globs or {kind} names; the nearest are {', '.join(map(repr, near))}."
    )
