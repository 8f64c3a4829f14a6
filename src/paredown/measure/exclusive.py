"""One measurement at a time on this machine."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from paredown.errors import MeasureError
from paredown.measure.leftovers import end_leftovers

__all__ = ["exclusive"]


@contextlib.contextmanager
def exclusive(timeout: float = 1800.0) -> Iterator[None]:
    """Hold the machine-wide measuring lock; may be nested. Leftovers of killed runs are ended first.

    Args:
        timeout: seconds to wait for another run's measurement to end.

    Raises:
        MeasureError: somebody else kept measuring all that time.

    """
    import filelock  # noqa: PLC0415 (not needed in the worker)

    path = Path(tempfile.gettempdir()) / "paredown-measure.lock"
    lock = filelock.FileLock(path, mode=0o666, is_singleton=True)
    try:
        lock.acquire(timeout=timeout)
    except filelock.Timeout:
        msg = (
            f"Waited {timeout:g} s for another measurement on this machine to end ({path} is locked). Two at a time "
            "would disturb one another. Let the other run finish or end it, then type the same again."
        )
        raise MeasureError(msg) from None
    except OSError as error:
        msg = (
            f"The measuring lock {path} cannot be taken ({error}); it keeps two measurements on this machine from "
            "disturbing one another. Give its directory back to everybody, or set TMPDIR to one that you may write."
        )
        raise MeasureError(msg) from error
    try:
        end_leftovers()
        yield
    finally:
        lock.release()
