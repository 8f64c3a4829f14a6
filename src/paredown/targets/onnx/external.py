"""Weights that lie beside an ONNX file instead of in it (external data)."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from google.protobuf.message import DecodeError, Message

from paredown.errors import LoweringError

__all__ = ["external_files"]


def external_files(path: Path) -> tuple[Path, ...]:
    """Files beside `path` that it reads tensors from, sorted; whether they are there is not looked at.

    Raises:
        LoweringError: it cannot be read, or names a place outside of its own directory.

    """
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (OSError, DecodeError) as error:
        msg = f"{path} cannot be read as ONNX ({error}). Give the path of a lowered file."
        raise LoweringError(msg) from error
    return tuple(sorted({path.parent / _inside(path, place) for place in _locations(model)}))


def _locations(message: Message) -> Iterator[str]:
    if isinstance(message, onnx.TensorProto):
        if message.data_location == onnx.TensorProto.EXTERNAL:
            yield next((entry.value for entry in message.external_data if entry.key == "location"), "")
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in (value,) if isinstance(value, Message) else value:
                yield from _locations(part)


def _inside(path: Path, place: str) -> str:
    """The same rule as ONNX has: a path below the directory of the file."""
    leaves = ".." in PurePosixPath(place).parts or ".." in PureWindowsPath(place).parts
    if not place or leaves or PurePosixPath(place).is_absolute() or PureWindowsPath(place).is_absolute():
        msg = (
            f"{path.name} reads weights from {place!r}; external data lies beside the file or below its directory. "
            "Save it with its weights inside, or beside it."
        )
        raise LoweringError(msg)
    return place
