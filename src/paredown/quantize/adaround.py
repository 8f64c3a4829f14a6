"""Rounding up or down, learned layer by layer."""

import dataclasses

from paredown.graph.network import Network
from paredown.quantize.reconstruction import Reconstruction
from paredown.quantize.segment import Segment, layers

__all__ = ["AdaRound"]


@dataclasses.dataclass(frozen=True)
class AdaRound(Reconstruction):
    """Learn for each weight whether it is rounded up or down, so that its layer computes nearly what it did.

    The asymmetric form with the activation inside (equation 25): the layer's inputs are those of the rounded network,
    its target is what it and the clip behind it compute in float. Scales stay as they are. Pays off at 4 bits and less.

    Nagel, Amjad, van Baalen, Louizos, Blankevoort: "Up or down? Adaptive rounding for post-training quantization",
    ICML 2020, arXiv:2004.10568. For settings see `paredown.quantize.reconstruction.Reconstruction`; the paper takes
    10,000 iterations.
    """

    def segments(self, original: Network, rounded: Network) -> tuple[Segment, ...]:  # noqa: ARG002 (layers need no twin)
        """Each layer with the clip behind it."""
        return tuple(layer.stretch(activation=True) for layer in layers(rounded))
