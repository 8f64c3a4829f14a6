"""Number formats and granularities as value objects."""

import dataclasses

from paredown.errors import InputError

__all__ = [
    "BFLOAT16",
    "FLOAT16",
    "FLOAT32",
    "INT4",
    "INT8",
    "UINT4",
    "UINT8",
    "FloatFormat",
    "Granularity",
    "IntFormat",
    "PerChannel",
    "PerGroup",
    "PerTensor",
]


@dataclasses.dataclass(frozen=True)
class IntFormat:
    """Whole numbers of a fixed number of bits.

    Attributes:
        bits: 2 to 16.
        signed: two's complement, otherwise from zero up.

    """

    bits: int
    signed: bool

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 16:
            msg = f"IntFormat(bits={self.bits}) was given; 2 to 16 bits can be simulated. Type for example IntFormat(8, signed=True)."
            raise InputError(msg)

    @property
    def quant_min(self) -> int:
        """Smallest number that can be stored."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def quant_max(self) -> int:
        """Largest number that can be stored."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def name(self) -> str:
        """The name targets use, for example ``uint8``."""
        return f"{'' if self.signed else 'u'}int{self.bits}"


@dataclasses.dataclass(frozen=True)
class FloatFormat:
    """A floating-point format by its common name and width in bits."""

    name: str
    bits: int


FLOAT32 = FloatFormat("float32", 32)
FLOAT16 = FloatFormat("float16", 16)
BFLOAT16 = FloatFormat("bfloat16", 16)
INT4 = IntFormat(4, signed=True)
UINT4 = IntFormat(4, signed=False)
INT8 = IntFormat(8, signed=True)
UINT8 = IntFormat(8, signed=False)


@dataclasses.dataclass(frozen=True)
class PerTensor:
    """One scale for the whole tensor."""


@dataclasses.dataclass(frozen=True)
class PerChannel:
    """One scale per index of one axis."""

    axis: int = 0


@dataclasses.dataclass(frozen=True)
class PerGroup:
    """One scale per run of `size` neighbours on the last axis, for every other index."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 2:
            msg = f"PerGroup({self.size}) was given; a group holds 2 numbers or more. Type for example PerGroup(32)."
            raise InputError(msg)


Granularity = PerTensor | PerChannel | PerGroup
