"""What the file is: its content and its size."""

import math

from paredown.errors import InputError, LoweringError
from paredown.measure.size import size
from paredown.verdict.certificate import file_sha256
from paredown.verdict.checks.check import Case, Check, Held

__all__ = ["hash_of", "size_of"]

_COMPRESSION = 0.05  # versions of zlib and lzma differ by less


def hash_of(case: Case) -> Check:
    """Whether this is the file that was certified, to the byte."""
    claimed, found = case.claimed.sha256, file_sha256(case.path, case.target)
    if claimed == found:
        return Check("hash", Held.HOLDS, f"SHA-256 {claimed[:16]}…", f"SHA-256 {found[:16]}…")
    return Check("hash", Held.FAILS, f"SHA-256 {claimed[:16]}…", f"SHA-256 {found[:16]}…", "It is another file.")


def size_of(case: Case) -> Check:
    """Whether it has the certified bytes, as it lies and compressed."""
    was = case.claimed.size
    try:
        now = size(case.path, target=case.target)
    except (InputError, LoweringError) as error:
        return Check("size", Held.FAILS, _bytes(was.bytes), text=str(error))
    packed = math.isclose(was.zlib_bytes, now.zlib_bytes, rel_tol=_COMPRESSION) and math.isclose(
        was.lzma_bytes, now.lzma_bytes, rel_tol=_COMPRESSION
    )
    held = was.bytes == now.bytes and packed
    claimed, found = (
        f"{_bytes(one.bytes)} ({_bytes(one.compressed_bytes)} compressed)"
        if was.bytes == now.bytes
        else _bytes(one.bytes)
        for one in (was, now)
    )
    return Check("size", Held.HOLDS if held else Held.FAILS, claimed, found)


def _bytes(count: int) -> str:
    return f"{count:,} bytes"
