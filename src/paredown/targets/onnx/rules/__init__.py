"""How ONNX says each ATen operator; one file per kind of operator.

These cover what convolutional networks, perceptrons, transformers and their heads are made of, in milliseconds where
torch's own exporter takes seconds. A rule that meets a case it is not sure of raises `Untranslatable`, and the whole
network goes through torch's exporter.
"""

from paredown.targets.onnx.rules import (
    attention,
    elementwise,
    layers,
    narrow,
    normalization,
    numbers,
    pooling,
    quantization,
    segments,
    shape,
)
from paredown.targets.onnx.rules.reading import Rule

__all__ = ["RULES", "Rule"]

RULES: dict[object, Rule] = {
    **attention.RULES,
    **elementwise.RULES,
    **layers.RULES,
    **narrow.RULES,
    **normalization.RULES,
    **numbers.RULES,
    **pooling.RULES,
    **quantization.RULES,
    **segments.RULES,
    **shape.RULES,
}
"""ATen operator to its rule."""
