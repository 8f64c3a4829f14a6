"""What a run chose, before judge was opened."""

import dataclasses

__all__ = ["Chosen"]


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What is judged: decided on select and kept in the ledger before judge is opened.

    Attributes:
        best: trial id; that of the original where nothing else came out.
        files: trial ids; the original is the first.

    """

    best: str
    files: tuple[str, ...]
