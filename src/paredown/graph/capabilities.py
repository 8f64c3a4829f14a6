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
        channel_multiple: channel counts that are multiples of this run at full speed.
        formats: number formats that can be executed, by name (``float32``, ``int8`` …).

    """

    name: str
    int8_operators: frozenset[str] = frozenset()
    int8_symmetric_activations: bool = False
    int8_grouped_convolutions: bool = True
    channel_multiple: int = 1
    formats: frozenset[str] = frozenset({"float32"})
