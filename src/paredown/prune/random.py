"""The control: a criterion that knows nothing."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.network import Network
from paredown.prune.importance import Importance
from paredown.recipe.settings import require

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Random"]


@dataclasses.dataclass(frozen=True)
class Random(Importance):
    """Uniform random numbers: whatever does not beat this is no criterion.

    ``I_j ~ U(0, 1)``, drawn from `seed` and the group's name, so that they are the same in every process. Random
    choice is a strong baseline after training: Mittal et al., "Recovering from random pruning", WACV 2018,
    arXiv:1801.10447.

    Attributes:
        seed: another seed, another choice.

    """

    word: ClassVar[str] = "random"
    seed: int = 0

    def __post_init__(self) -> None:
        require(lambda seed: seed == int(seed), self, "seed", "a whole number")

    def score(
        self,
        network: Network,  # noqa: ARG002
        axes: Axes,  # noqa: ARG002
        groups: Iterable[Group],
        evidence: "Evidence",  # noqa: ARG002
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`; neither weights nor data are looked at."""
        return {group.name: self._draw(group) for group in groups}

    def _draw(self, group: Group) -> torch.Tensor:
        digest = hashlib.sha256(f"{self.seed} {group.name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        shape = (group.outer, group.size) if group.outer else (group.size,)
        return torch.rand(shape, generator=generator, dtype=torch.float64)
