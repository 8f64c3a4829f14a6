"""Text out of files, made fit to be shown: it cannot move the cursor, colour, hide or reorder what stands around it."""

import json
import re

__all__ = ["in_json", "one_line", "printable"]

_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, ESC and CSI among them; tab and line feed are kept
    "\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # reorder, or cannot be seen
    "\ud800-\udfff"  # halves of characters, which no file can hold
    "\U000e0000-\U000e007f"  # tags
)
_UNPRINTABLE = re.compile(f"[{_HIDDEN}]")
_BREAKS = re.compile(f"[\t\n{_HIDDEN}]")


def printable(text: str) -> str:
    r"""Text with every character written out that a terminal or a browser would obey instead of show.

    >>> printable("small\x1b[2K\rbig")
    'small\\x1b[2K\\x0dbig'

    """
    return _UNPRINTABLE.sub(_written_out, text)


def one_line(text: str) -> str:
    r"""`printable`, and on one line: a name cannot pretend to be the next line of an answer.

    >>> one_line("small\n✓ score: checked.")
    'small\\x0a✓ score: checked.'

    """
    return _BREAKS.sub(_written_out, text)


def in_json(text: str) -> str:
    r"""JSON whose texts a terminal shows and does not obey; the same values for whoever reads it.

    >>> print(in_json('{"label": "\x9b2J"}'))
    {"label": "\u009b2J"}

    """
    return _UNPRINTABLE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _written_out(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
