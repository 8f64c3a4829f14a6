"""Small arrays inside JSON."""

import base64
import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack", "unpack"]

_MOST = 1 << 28  # bytes of one array


def pack(array: NDArray[Any]) -> dict[str, Any]:
    """Type, shape, and the compressed bytes in base64 (C order, little-endian)."""
    plain = np.ascontiguousarray(array)
    little = plain.astype(plain.dtype.newbyteorder("<"))
    data = base64.b64encode(zlib.compress(little.tobytes(), 9)).decode()
    return {"dtype": plain.dtype.name, "shape": list(plain.shape), "zlib_base64": data}


def unpack(data: dict[str, Any]) -> NDArray[Any]:
    """What `pack` wrote.

    Raises:
        ValueError: it is not that: another kind of numbers, or not as many of them as the shape says.

    """
    shape = data.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        msg = f"a shape {str(shape)[:60]!r}"
        raise ValueError(msg)
    kind, count = _kind(data.get("dtype")), math.prod(shape)
    if count * kind.itemsize > _MOST:
        msg = f"an array of {count * kind.itemsize:,} bytes, more than {_MOST:,}"
        raise ValueError(msg)
    content = _unpacked(data.get("zlib_base64"), count * kind.itemsize)
    return np.frombuffer(content, dtype=kind.newbyteorder("<")).reshape(shape).astype(kind)


def _kind(name: Any) -> np.dtype[Any]:
    try:
        kind = np.dtype(name) if isinstance(name, str) else np.dtype(object)
    except TypeError as error:
        msg = f"numbers of the kind {name!r}"
        raise ValueError(msg) from error
    if kind.kind not in "biufc" or kind.shape:
        msg = f"numbers of the kind {name!r}"
        raise ValueError(msg)
    return kind


def _unpacked(text: Any, count: int) -> bytes:
    """Exactly so many bytes: what would unpack to more is not unpacked."""
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(base64.b64decode(text), count + 1)
    except (zlib.error, TypeError) as error:
        msg = f"numbers that cannot be unpacked ({error})"
        raise ValueError(msg) from error
    if len(content) != count:
        msg = f"numbers of another count than the shape says ({count} bytes)"
        raise ValueError(msg)
    return content
