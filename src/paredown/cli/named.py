"""Finding what a word of the command line names; unknown words list the nearest."""

import dataclasses
import difflib
import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from paredown import targets
from paredown.errors import InputError

if TYPE_CHECKING:
    from paredown.targets import Target

__all__ = ["FAMILIES", "build", "family", "nearest", "plain", "public", "target", "target_classes", "word"]

FAMILIES = ("prune", "quantize", "distill", "regularize", "architecture")


def plain(word: str) -> str:
    """The form in which words are compared: lower case, no separators."""
    return word.lower().replace("-", "").replace("_", "").replace(".", "")


def nearest(word: str, offered: Iterable[str], most: int = 3) -> str:
    """The close words as a sentence, or all of them where none is close."""
    offered = sorted(set(offered))
    by_form = {plain(name): name for name in offered}
    close = [by_form[form] for form in difflib.get_close_matches(plain(word), by_form, n=most, cutoff=0.5)]
    return f"Did you mean {' or '.join(close)}?" if close else f"There is {', '.join(offered)}."


def family(name: str) -> Any:
    """The module of a family of techniques."""
    return importlib.import_module(f"paredown.{name}")


def public(name: str) -> dict[str, type]:
    """Public dataclasses of a family, by their names."""
    module = family(name)
    found = {key: getattr(module, key) for key in module.__all__}
    return {key: thing for key, thing in found.items() if isinstance(thing, type) and dataclasses.is_dataclass(thing)}


def build(kind: type, settings: Mapping[str, Any], word: str) -> Any:
    """An instance of a dataclass; unknown settings list the nearest.

    Raises:
        InputError: no such setting.

    """
    fields = [field.name for field in dataclasses.fields(kind) if field.init]
    for key in settings:
        if key not in fields:
            msg = f"{word!r}: {kind.__name__} has no setting {key!r}. {nearest(key, fields) if fields else 'It has none.'}"
            raise InputError(msg)
    try:
        return kind(**settings)
    except (TypeError, AttributeError) as error:
        msg = f"{word!r}: {kind.__name__} does not take these values ({error}). Settings are {', '.join(fields)}."
        raise InputError(msg) from error


def word(kind: "type[Target]") -> str:
    """The word that names a runtime."""
    return kind.__name__.lower()


def target_classes() -> "dict[str, type[Target]]":
    """Runtimes by the words that name them, the usual one first."""
    return {word(kind): kind for kind in targets.runtimes()}


def target(name: str, threads: int, batch: int, **own: Any) -> "Target":
    """A runtime by its name.

    Args:
        name: the word.
        threads: per inference.
        batch: examples per inference.
        **own: settings of this runtime alone, where they were given.

    Raises:
        InputError: no such runtime, or one without these settings.

    """
    kinds = {plain(key): kind for key, kind in target_classes().items()}
    if plain(name) not in kinds:
        msg = f"There is no target {name!r}. {nearest(name, target_classes())} `paredown targets` lists them."
        raise InputError(msg)
    made: Target = build(kinds[plain(name)], {"threads": threads, "batch": batch, **own}, name)
    return made
