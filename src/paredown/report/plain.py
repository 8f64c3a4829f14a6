"""A run as JSON."""

import json as _json
import math
from typing import TYPE_CHECKING, Any

from paredown.trust import in_json

if TYPE_CHECKING:
    from paredown.run.summary import RunSummary

__all__ = ["finite", "json"]


def json(summary: "RunSummary", *, indent: int | None = 2) -> str:
    """The whole summary as JSON text; numbers that JSON cannot say (NaN, infinite) become null."""
    return in_json(_json.dumps(finite(summary.to_json()), indent=indent, ensure_ascii=False, allow_nan=False))


def finite(thing: Any) -> Any:
    """The same plain values with every NaN and infinity replaced by None."""
    match thing:
        case float():
            return thing if math.isfinite(thing) else None
        case dict():
            return {key: finite(value) for key, value in thing.items()}
        case list():
            return [finite(item) for item in thing]
    return thing
