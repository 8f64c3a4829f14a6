"""Data by purpose: what is worked with, and what is kept under seal."""

from paredown.data.data import Data, WorkData
from paredown.data.sealed import Sealed
from paredown.data.split import Split

__all__ = ["Data", "Sealed", "Split", "WorkData"]
