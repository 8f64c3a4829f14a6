"""Depth instead of width: whole residual blocks leave the network."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paredown.errors import RecipeError
from paredown.graph.bypass import bypass, remove
from paredown.graph.network import Network
from paredown.graph.residual import Block, blocks
from paredown.graph.statistics import reestimate, write_statistics
from paredown.prune.allocation import STAYS
from paredown.prune.where import Where
from paredown.recipe.evidence import Evidence
from paredown.recipe.plan import Plan
from paredown.recipe.settings import part, whole
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    import torch

__all__ = ["Blocks"]


@dataclasses.dataclass(frozen=True)
class Blocks(Transform):
    """Leave out the residual blocks that are missed least, one after the other.

    At every step each block ``f`` of a sum ``x + f(x)`` that is still there is left out alone, batch norms are
    re-estimated, and the mean loss on some of the select split is taken; the block whose absence costs least goes, until
    the share `keep` of the blocks is left: so that two blocks of which either does are not both taken for useless. With
    B blocks of which k go that is at most ``k B`` passes over the examples.

    Song, Oh, Kim, Kim, Kim, Kim: "SLEB: streamlining LLMs through redundancy verification and elimination of transformer
    blocks", ICML 2024, arXiv:2402.09025 (algorithm 1), with the statistics of arXiv:2007.02491. Widths and depth
    together: `architecture.Slim`.

    Attributes:
        keep: share of the blocks that stays, above 0 and at most 1; at least one goes unless it is 1.
        where: which blocks may go, by the path of the module that adds.
        examples: so many of the select split, and so many of the calibration split for the statistics.

    Raises:
        RecipeError: a setting is out of range.

    """

    keep: float = 0.5
    where: Where = dataclasses.field(default_factory=Where)
    examples: int = 256

    def __post_init__(self) -> None:
        part(self, "keep", what=STAYS)
        whole(self, "examples")

    @property
    def word(self) -> str:
        """See `Transform.word`."""
        return f"blocks ×{self.keep:.2g}"

    def plan(self, network: Network, evidence: Evidence) -> Plan:
        """Find the blocks; what is found when ``evidence.over()`` is kept.

        Raises:
            RecipeError: the network has no residual block, `where` leaves none, or the evidence has no data.

        """
        found = blocks(network)
        if not found:
            msg = (
                "This network has no residual block that can be left out: no sum of a value and of what is computed from "
                "it, both of one shape. Use prune.Channels(), or leave this step out for this network."
            )
            raise RecipeError(msg)
        left = list(self.where.among([block.name for block in found], "residual block"))
        count = 0 if self.keep == 1.0 else max(1, len(left) - round(self.keep * len(left)))
        trial = _Trial(network, evidence, self.examples)
        known = {block.name: block for block in found}
        dropped: list[Block] = []
        while len(dropped) < count and not (dropped and evidence.over()):
            evidence.progress.update("leaving out blocks", len(dropped), count)
            losses = {name: trial.loss([*dropped, known[name]]) for name in left}
            least = min(left, key=losses.__getitem__)
            left.remove(least)
            dropped.append(known[least])
        names = ", ".join(block.name for block in dropped) or "none"
        return Plan(
            "prune.Blocks",
            f"{len(dropped)} of {len(found)} residual blocks go, by the loss without them: {names}.",
            {"dropped": [dataclasses.asdict(block) for block in dropped]},
            trial.statistics(dropped) if dropped else {},
            complete=len(dropped) == count,
        )

    def apply(self, network: Network, plan: Plan) -> Network:
        """Take the blocks out of a copy, which is proven by running it.

        Raises:
            InputError: the plan was made for another network.
            CutError: the result does not compute what it must.

        """
        dropped = [Block(**block) for block in plan.decisions["dropped"]]
        return write_statistics(bypass(network, dropped), plan.tensors)


class _Trial:
    """Takes the loss of a network without some blocks."""

    def __init__(self, network: Network, evidence: Evidence, examples: int) -> None:
        self.network = network
        self.some = evidence.sampled(examples)
        self.batches = list(evidence.calibration(examples, network))

    def loss(self, dropped: Sequence[Block]) -> float:
        """Without the blocks; infinite where it is not finite."""
        small = self._without(dropped)
        loss = self.some.loss(write_statistics(small, reestimate(small, self.batches)))
        return loss if math.isfinite(loss) else math.inf

    def statistics(self, dropped: Sequence[Block]) -> "dict[str, torch.Tensor]":
        """Of the batch norms that are left."""
        return {name: tensor.cpu() for name, tensor in reestimate(self._without(dropped), self.batches).items()}

    def _without(self, dropped: Sequence[Block]) -> Network:
        return remove(self.network.copy(), dropped).eval().to(self.some.device)
