"""Rounding up or down, learned block by block."""

import dataclasses

from paredown.graph.network import Network
from paredown.quantize.reconstruction import Reconstruction
from paredown.quantize.segment import Segment, blocks

__all__ = ["BRECQ"]


@dataclasses.dataclass(frozen=True)
class BRECQ(Reconstruction):
    """Learn the rounding of all weights of a block together, so that the block computes nearly what it did.

    A block is a stretch of the graph between two values that everything passes through: a residual block, or a layer
    with its clip where there is no branch. So the layers of a block make up for each other's errors. The error of a
    block is squared (the paper weights it with the diagonal of the Fisher information).

    Li, Gong, Tan, Yang, Hu, Zhang, Yu, Wang, Gu: "BRECQ: pushing the limit of post-training quantization by block
    reconstruction", ICLR 2021, arXiv:2102.05426. For settings see
    `paredown.quantize.reconstruction.Reconstruction`; the paper takes 20,000 iterations.
    """

    def segments(self, original: Network, rounded: Network) -> tuple[Segment, ...]:
        """The blocks."""
        return blocks(original, rounded)
