"""What every operator says about axes; one file per kind of operator."""

from paredown.graph.axes.analysis import Rule
from paredown.graph.axes.rules import (
    attention,
    contraction,
    convolution,
    creation,
    elementwise,
    indexing,
    normalization,
    pooling,
    quantization,
    recurrent,
    reduction,
    segments,
    shape,
    spectral,
)

__all__ = ["POINTWISE", "RULES"]

RULES: dict[object, Rule] = {
    **attention.RULES,
    **contraction.RULES,
    **convolution.RULES,
    **creation.RULES,
    **elementwise.RULES,
    **indexing.RULES,
    **normalization.RULES,
    **pooling.RULES,
    **quantization.RULES,
    **recurrent.RULES,
    **reduction.RULES,
    **segments.RULES,
    **shape.RULES,
    **spectral.RULES,
}
"""Operator overload to its rule."""

POINTWISE: Rule = elementwise.pointwise
"""The rule of every operator that torch tags as pointwise."""
