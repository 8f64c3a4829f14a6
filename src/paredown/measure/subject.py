"""What is measured: a file together with the target that runs it."""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paredown.errors import InputError

if TYPE_CHECKING:
    from paredown.targets import Artifact, Target

    Measurable = Artifact | Path | str

__all__ = ["Subject"]


@dataclasses.dataclass(frozen=True)
class Subject:
    """A file, the target that runs it and the name it goes by in messages."""

    label: str
    path: Path
    target: Any

    @classmethod
    def of(
        cls, file: "Measurable", target: "Target | None" = None, label: str = "", *, trust: bool = False
    ) -> "Subject":
        """Accept an artifact, or a plain path with a target (guessed from the suffix where it is not given).

        Args:
            file: artifact or path.
            target: the runtime, for plain paths whose suffix does not tell.
            label: what it is called in messages.
            trust: whoever made the file may run programs here (`Target.admit`).

        Raises:
            InputError: the file does not exist, or no target is known for its suffix.
            TrustError: the file is a program that was not made here, or holds what could run as one.

        """
        given: Any = file
        path = Path(os.fspath(getattr(given, "path", given)))
        own = getattr(given, "target", None) if target is None else _checked(target)
        if not path.exists():
            msg = f"{str(path)!r} was to be measured but there is no such file. Give the path of a lowered file."
            raise InputError(msg)
        own = own or _by_suffix(path)
        if missing := [part.name for part in own.files(path) if not part.exists()]:
            msg = (
                f"{str(path)!r} was to be measured but {missing[0]}, which belongs to it, is missing. "
                "Give the path of a lowered file, with all that was lowered."
            )
            raise InputError(msg)
        own.admit(path, trust=trust)
        return cls(label or path.name, path.resolve(), own)

    def __str__(self) -> str:
        return self.label if self.label == self.path.name else f"{self.label!r} ({self.path.name})"


def _checked(target: object) -> Any:
    from paredown.targets.given import checked  # noqa: PLC0415 (only where a target is given)

    return checked(target)


def _by_suffix(path: Path) -> Any:
    from paredown import targets  # noqa: PLC0415 (only plain paths need to know any target)

    found = targets.of(path)
    if found is None:
        suffixes = " or ".join(dict.fromkeys(kind.suffix for kind in targets.runtimes()))
        kind = type(targets.default()).__name__
        msg = f"No target is known for {path.name!r} (files end with {suffixes}). Name it: `target=targets.{kind}()`."
        raise InputError(msg)
    return found
