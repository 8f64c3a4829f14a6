"""Data by purpose: what is worked with, and what is kept under seal.

The names are loaded when they are first used: counting openings of judge does without torch.
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paredown.data.data import Data, WorkData
    from paredown.data.sealed import Sealed
    from paredown.data.split import Split

__all__ = ["Data", "Sealed", "Split", "WorkData"]

_HOMES = MappingProxyType({"Data": "data", "Sealed": "sealed", "Split": "split", "WorkData": "data"})


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module 'paredown.data' has no attribute {name!r}. It has {', '.join(__all__)}."
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"paredown.data.{_HOMES[name]}"), name)
