"""A console on which words out of files are words: the one place where the command line prints."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from paredown.trust import printable

__all__ = ["console"]


def console() -> Console:
    """A console of standard output whose every text is made printable after it was laid out."""
    made = Console(highlight=False, soft_wrap=False)
    made.push_render_hook(_Printable())
    return made


class _Printable(RenderHook):
    """Looks at whatever is printed, tables included; only what rich itself says in colour stays as it is."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Shown(renderable) for renderable in renderables]


class _Shown:
    def __init__(self, renderable: ConsoleRenderable) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._segments(console, options)

    def _segments(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)
