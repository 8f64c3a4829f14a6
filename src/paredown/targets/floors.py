"""How closely the outputs of a file and of its network have to agree."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FLOAT", "QUANTIZED", "TRAINED", "Floor", "Floors"]

_CEILINGS: Mapping[str, float] = MappingProxyType({"float16": 50.0})
"""Decibels that are asked at most of a number format: rounding an output to float16 alone leaves about 71."""


@dataclasses.dataclass(frozen=True)
class Floor:
    """The least agreement that holds.

    Attributes:
        decibels: ratio of signal to difference over a whole floating-point output.
        differing: share of the values of an output of whole numbers (or truth values) that may differ.

    """

    decibels: float
    differing: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether whole numbers have to be equal: nothing is rounded on the way."""
        return self.differing == 0

    def of(self, dtype: str) -> float:
        """Decibels that are asked of an output of this element type."""
        return min(self.decibels, _CEILINGS.get(dtype, self.decibels))


FLOAT = Floor(80.0)
"""Four digits: float32 kernels that add up in another order."""

QUANTIZED = Floor(20.0, 0.1)
"""Where activations are rounded to 8 bits, a difference in the last bit of a float sum may flip a tie to the next step,
which then spreads: most examples agree to the bit and single ones to about 26 dB (ResNet-20, 512 images). A swapped
axis, a wrong zero point or a lost scale fails 20 dB by far."""

TRAINED = Floor(10.0, 0.1)
"""As `QUANTIZED`, against a network whose biases are rounded only on the way into the file."""


@dataclasses.dataclass(frozen=True)
class Floors:
    """The floors of a runtime.

    Attributes:
        float: of files that compute in floating point.
        quantized: of files that compute in 8 bits or read narrow weights, against the network as the file stores it.
        trained: of these, against the trainable network.

    """

    float: Floor = FLOAT
    quantized: Floor = QUANTIZED
    trained: Floor = TRAINED
