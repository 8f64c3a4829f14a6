"""Stored values that are read when they are first looked at."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from paredown.codec import JSON, decode

__all__ = ["Late"]


class Late(Mapping[str, Any]):
    """A stored dict, kept as text until somebody looks inside.

    Plans are most of what a ledger holds of a trial, lists of kept indices above all, and only a certificate or a replay
    reads them: with a thousand trials they would be most of the time and the memory that a page needs.

    Args:
        stored: as `paredown.codec.encode` wrote it.

    """

    def __init__(self, stored: JSON) -> None:
        self._text = json.dumps(stored)
        self._read: Mapping[str, Any] | None = None

    def _inside(self) -> Mapping[str, Any]:
        if self._read is None:
            self._read = decode(json.loads(self._text))
        return self._read

    def __getitem__(self, key: str) -> Any:
        return self._inside()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._inside())

    def __len__(self) -> int:
        return len(self._inside())

    def __repr__(self) -> str:
        return f"Late({self._text})"
