"""What a runtime can do, said in terms of the graph; targets fill it in, techniques read it."""

import dataclasses

__all__ = ["Capabilities"]


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """Abilities of a target.

    Attributes:
        name: the target's name for messages, for example ``ONNX Runtime``.
        int8_operators: qualified ATen names (``aten.conv2d.default``) that have faster int8 kernels there.
        int8_symmetric_activations: activations must be symmetric signed int8 (otherwise unsigned, asymmetric).
        int8_grouped_convolutions: convolutions in groups of several channels are faster in 8 bits too.
        int8_weight_bits: bits that a weight may take in 8-bit kernels, so that their sums overflow nowhere the file goes.
        int8_sum_bits: bits of a weight that these sums have room for on this machine; more may overflow here.
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
    int8_operators: frozenset[str] = frozenset()
    int8_symmetric_activations: bool = False
    int8_grouped_convolutions: bool = True
    int8_weight_bits: int = 8
    int8_sum_bits: int = 8
    channel_multiple: int = 1
    formats: frozenset[str] = frozenset({"float32"})
    dynamic_operators: frozenset[str] = frozenset()
    stored_formats: frozenset[str] = frozenset()
    weight_operators: frozenset[str] = frozenset()
    weight_formats: frozenset[str] = frozenset()
    weight_groups: frozenset[int] = frozenset()
