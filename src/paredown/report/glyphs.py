"""Families of techniques as shapes and colours that survive grey printing and colour blindness.

A glyph is SVG markup around the origin, about 12 units wide, coloured by the classes ``f-<family>`` of the style
sheet (the palette of Okabe and Ito, 2008). A single technique has its own shape; a combination is a disc with one
sector per family.
"""

import math
from types import MappingProxyType

__all__ = ["FAMILIES", "family_names", "glyph", "glyph_name"]

FAMILIES = MappingProxyType(
    {
        "prune": "pruning",
        "quantize": "quantization",
        "distill": "distillation",
        "regularize": "regularization",
        "architecture": "architecture search",
    }
)

_SHAPES = MappingProxyType(
    {
        "prune": '<path class="f-prune" d="M-5.2-5.2h10.4v10.4h-10.4z"/>',
        "quantize": '<path class="f-quantize" d="M0-6.6 6.4 5H-6.4z"/>',
        "distill": '<path class="f-distill" d="M0-7 7 0 0 7-7 0z"/>',
        "regularize": '<path class="f-regularize" d="M-2.4-6.4h4.8v4h4v4.8h-4v4h-4.8v-4h-4v-4.8h4z"/>',
        "architecture": '<path class="f-architecture" d="M0 6.6 6.4-5H-6.4z"/>',
    }
)
_ORIGINAL = '<circle class="f-original" r="5.6"/>'
_PLAIN = '<circle class="f-other" r="4.6"/>'
_RADIUS = 6.2


def family_names(families: tuple[str, ...]) -> str:
    """Families in the order they were applied, in words."""
    return ", then ".join(FAMILIES.get(family, family) for family in families)


def glyph_name(families: tuple[str, ...], role: str = "trial") -> str:
    """Which glyph a candidate has; candidates with the same name look the same."""
    if role == "original":
        return "original"
    return "-".join(dict.fromkeys(family for family in families if family in _SHAPES)) or "other"


def glyph(name: str) -> str:
    """SVG markup of the glyph of this name."""
    if name == "original":
        return _ORIGINAL
    if name == "other":
        return _PLAIN
    known = name.split("-")
    if len(known) == 1:
        return _SHAPES[known[0]]
    return "".join(_sector(family, i, len(known)) for i, family in enumerate(known))


def _sector(family: str, index: int, parts: int) -> str:
    start, end = (2 * math.pi * (index + step) / parts - math.pi / 2 for step in (0, 1))
    x0, y0, x1, y1 = (
        round(_RADIUS * f(a), 2) for a, f in ((start, math.cos), (start, math.sin), (end, math.cos), (end, math.sin))
    )
    large = int(end - start > math.pi)
    return f'<path class="f-{family}" d="M0 0 {x0} {y0}A{_RADIUS} {_RADIUS} 0 {large} 1 {x1} {y1}z"/>'
