"""Small arrays inside JSON."""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack", "unpack"]


def pack(array: NDArray[Any]) -> dict[str, Any]:
    """Type, shape, and the compressed bytes in base64 (C order, little-endian)."""
    plain = np.ascontiguousarray(array)
    little = plain.astype(plain.dtype.newbyteorder("<"))
    data = base64.b64encode(zlib.compress(little.tobytes(), 9)).decode()
    return {"dtype": plain.dtype.name, "shape": list(plain.shape), "zlib_base64": data}


def unpack(data: dict[str, Any]) -> NDArray[Any]:
    """What `pack` wrote."""
    kind = np.dtype(data["dtype"]).newbyteorder("<")
    flat = np.frombuffer(zlib.decompress(base64.b64decode(data["zlib_base64"])), dtype=kind)
    return flat.reshape(data["shape"]).astype(data["dtype"])
