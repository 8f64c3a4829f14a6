"""What a runtime can do, said in terms of the graph; targets fill it in, techniques read it."""

import dataclasses
from typing import Any

from paredown.errors import InputError
from paredown.graph.formats import UINT8, IntFormat

__all__ = ["CLIPS", "Capabilities", "Int8Kernels"]

CLIPS = frozenset(
    {
        "aten.relu.default",
        "aten.relu_.default",
        "aten.relu6.default",
        "aten.relu6_.default",
        "aten.hardtanh.default",
        "aten.hardtanh_.default",
    }
)
"""Activations that only cut values off: rounding after them does what they do."""


@dataclasses.dataclass(frozen=True)
class Int8Kernels:
    """A runtime's kernels for static 8 bits, and what they want of scales, zero points and places of rounding.

    Attributes:
        operators: qualified ATen names (``aten.conv2d.default``) that are faster there in 8 bits; none: nothing is.
        activation: how activations are stored.
        symmetric: the stored 0 of an activation means 0 (signed formats only); otherwise zero points are free.
        weight_axis: 0: a scale for each output channel of a weight; None: one for the whole weight.
        weight_bits: bits that a weight may take, so that sums overflow nowhere the file goes.
        sum_bits: bits of a weight that sums have room for on this machine; more may overflow here.
        output_rounded: results of linear layers are 8-bit numbers too; otherwise these give float.
        fused_clips: qualified ATen names of activations that are computed together with the layer before them.
        concat_shares_scale: inputs of a concatenation with one scale are only copied; otherwise each is computed anew.
        grouped: convolutions in groups of several channels are faster in 8 bits too.
        io: the type of a file's own inputs and outputs where they are rounded; None: float. Whatever it is, sessions
            take and give what the network does.

    Raises:
        InputError: symmetric numbers without a sign, or a weight axis that is no axis of outputs.

    """

    operators: frozenset[str] = frozenset()
    activation: IntFormat = UINT8
    symmetric: bool = False
    weight_axis: int | None = 0
    weight_bits: int = 8
    sum_bits: int = 8
    output_rounded: bool = False
    fused_clips: frozenset[str] = CLIPS
    concat_shares_scale: bool = True
    grouped: bool = True
    io: IntFormat | None = None

    def __post_init__(self) -> None:
        if self.symmetric and not self.activation.signed:
            msg = (
                f"Int8Kernels(symmetric=True) was given with activations in {self.activation.name}, whose 0 is the "
                "smallest number. Type activation=INT8."
            )
            raise InputError(msg)
        if self.weight_axis not in {0, None}:
            msg = (
                f"Int8Kernels(weight_axis={self.weight_axis}) was given; it is 0, the axis of the output channels, or "
                "None for one scale. Type weight_axis=0."
            )
            raise InputError(msg)


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """Abilities of a target.

    Attributes:
        name: the target's name for messages, for example ``ONNX Runtime``.
        int8: kernels for static 8 bits.
        channel_multiple: channel counts that are multiples of this run at full speed.
        formats: number formats that can be executed, by name (``float32``, ``int8`` …).
        dynamic_operators: qualified ATen names of the operators that have faster kernels which round what they read
            to 8 bits while running.
        stored_formats: number formats by name that weights may be stored in and are turned back from when a file is opened.
        weight_operators: qualified ATen names of the operators that read weights stored in groups.
        weight_formats: number formats of weights stored in groups, by name.
        weight_groups: sizes of the groups.

    """

    name: str
    int8: Int8Kernels = Int8Kernels()
    channel_multiple: int = 1
    formats: frozenset[str] = frozenset({"float32"})
    dynamic_operators: frozenset[str] = frozenset()
    stored_formats: frozenset[str] = frozenset()
    weight_operators: frozenset[str] = frozenset()
    weight_formats: frozenset[str] = frozenset()
    weight_groups: frozenset[int] = frozenset()

    def with_int8(self, **changes: Any) -> "Capabilities":
        """The same with other kernels for static 8 bits.

        Args:
            **changes: fields of `Int8Kernels`.

        """
        return dataclasses.replace(self, int8=dataclasses.replace(self.int8, **changes))
