"""Learning from a teacher: ingredients of `paredown.Train`."""

from paredown.distill.logits import Logits
from paredown.distill.original import Original, Teacher

__all__ = ["Logits", "Original", "Teacher"]
