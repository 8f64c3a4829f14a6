"""Where a file shall run, as typed: the runtime, and options that every runtime may add."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paredown import targets
from paredown.cli import named
from paredown.targets.option import Option, of

if TYPE_CHECKING:
    from paredown.targets import Target

__all__ = ["BatchOption", "Place", "ThreadsOption", "placed"]

TargetOption = Annotated[str, typer.Option(help="Runtime of the file; `paredown targets` lists them.")]
ThreadsOption = Annotated[int, typer.Option(help="Threads of the runtime.", min=1)]
BatchOption = Annotated[int, typer.Option(help="Examples in one call of the runtime.", min=1)]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a file shall run.

    Attributes:
        target: word for the runtime.
        threads: of the runtime.
        batch: examples in one call.
        own: what was typed of the options that runtimes add.

    """

    target: str = dataclasses.field(default_factory=lambda: named.word(type(targets.default())))
    threads: int = 1
    batch: int = 1
    own: Mapping[str, Any] = dataclasses.field(default_factory=lambda: MappingProxyType({}))

    def build(self) -> "Target":
        """The runtime.

        Raises:
            InputError: there is no such runtime, or it lacks an option.

        """
        return named.target(self.target, self.threads, self.batch, **self.own)


def placed(command: Callable[..., int]) -> Callable[..., int]:
    """Let a command be typed with a runtime, its threads and batch, and what runtimes add; it gets them as its `place`."""
    signature = inspect.signature(command)
    offered = list(_offered())
    options: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        options += offered if parameter.name == "place" else [parameter]
    names = [parameter.name for parameter in offered]

    @functools.wraps(command)
    def typed(**given: Any) -> int:
        target, threads, batch, *rest = (given.pop(name) for name in names)
        own = {name: value for name, value in zip(names[3:], rest, strict=True) if value is not None}
        return command(place=Place(target, threads, batch, own), **given)

    keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in options]
    typed.__signature__ = signature.replace(parameters=keyword)  # type: ignore[attr-defined]
    typed.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword} | {"return": int}
    return typed


def _offered() -> Iterator[inspect.Parameter]:
    """The parameters that stand for a place."""
    usual = Place()
    yield _parameter("target", TargetOption, usual.target)
    yield _parameter("threads", ThreadsOption, usual.threads)
    yield _parameter("batch", BatchOption, usual.batch)
    users: dict[str, list[str]] = {}
    first: dict[str, Option] = {}
    for kind in targets.runtimes():
        for option in of(kind):
            users.setdefault(option.name, []).append(named.word(kind))
            first.setdefault(option.name, option)
    for name, option in first.items():
        words = f"{option.help} For {' and '.join(users[name])}."
        settings = typer.Option(help=words, min=option.least, max=option.most, show_default=False)
        yield _parameter(name, Annotated[option.kind | None, settings], None)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
