"""A family in its own honest form, for the head-to-head."""

import dataclasses

from paredown.recipe.move import Effect, Move

__all__ = ["FamilyArm"]


@dataclasses.dataclass(frozen=True)
class FamilyArm:
    """Moves that show what a family does alone; its control is made of its moves' controls (`Move.control`).

    A family lists its arms in ``<family>/moves.py``; the first whose moves are all offered is tried.

    Attributes:
        family: whose arm it is.
        moves: in the order of `Picks`; an effect stands for whichever move has it, since families do not know each
            other's.
        word: what legends call it; the family where it is left out.

    """

    family: str
    moves: tuple[Move | Effect, ...]
    word: str = ""

    @property
    def name(self) -> str:
        """The word, or the family."""
        return self.word or self.family
