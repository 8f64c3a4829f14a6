"""The moves of all families in one place: the only one in this room where families are named."""

from paredown.architecture import moves as architecture
from paredown.distill import moves as distill
from paredown.prune import moves as prune
from paredown.quantize import moves as quantize
from paredown.recipe.arm import FamilyArm
from paredown.recipe.move import Move
from paredown.recipe.training import TRAIN
from paredown.regularize import moves as regularize

__all__ = ["ARMS", "MOVES"]

MOVES: tuple[Move, ...] = (
    TRAIN,
    *prune.MOVES,
    *quantize.MOVES,
    *distill.MOVES,
    *regularize.MOVES,
    *architecture.MOVES,
)
"""Whatever can be tried, by family; within a family what is proposed first comes first."""

ARMS: tuple[FamilyArm, ...] = (
    *quantize.ARMS,
    *prune.ARMS,
    *distill.ARMS,
    *architecture.ARMS,
    *regularize.ARMS,
)
"""The families' arms, most important first."""
