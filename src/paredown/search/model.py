"""Latency and size as functions of the multiplications that are kept, fitted on measured files."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from paredown.run.results import Shape

__all__ = ["CostModel"]

_FIXED = 0.25
"""Share of the cost that is assumed not to shrink as long as a single file has been measured."""


@dataclasses.dataclass(frozen=True)
class CostModel:
    """``cost = a + b · macs`` for each number format, quantity and kind of cut, ``a`` and ``b`` not negative.

    Narrow layers run less efficiently than whole ones, so leaving out blocks saves more time than cutting widths by
    the same number of multiplications. A kind that was never measured takes the line of all others.

    Attributes:
        shapes: what was measured; those that failed count for nothing.

    """

    shapes: tuple[Shape, ...] = ()

    def predict(self, quantity: str, macs: float, *, quantized: bool, kind: str = "") -> float | None:
        """Expected cost, None where nothing comparable was measured.

        Without a measured 8-bit file the float one is taken: an estimate on the safe side.
        """
        line = self._line(quantity, kind, quantized=quantized)
        return None if line is None else line[0] + line[1] * macs

    def share(self, quantity: str, bound: float, *, quantized: bool, kind: str = "") -> float | None:
        """The largest share of multiplications whose expected cost is within a bound; 0 where none is."""
        line = self._line(quantity, kind, quantized=quantized)
        if line is None:
            return None
        fixed, slope = line
        if slope <= 0:
            return 1.0 if fixed <= bound else 0.0
        return float(np.clip((bound - fixed) / slope, 0.0, 1.0))

    def _line(self, quantity: str, kind: str, *, quantized: bool) -> tuple[float, float] | None:
        points = self._points(quantity, kind, quantized=quantized) or self._points(quantity, kind, quantized=False)
        if not points:
            return None
        if len({macs for macs, _ in points}) == 1:
            macs, cost = points[0][0], float(np.mean([cost for _, cost in points]))
            return _FIXED * cost, (1 - _FIXED) * cost / max(macs, 1e-6)
        return _fit(points)

    def _points(self, quantity: str, kind: str, *, quantized: bool) -> list[tuple[float, float]]:
        known = [
            shape
            for shape in self.shapes
            if shape.quantized is quantized and quantity in shape.values and not shape.failure
        ]
        alike = [shape for shape in known if shape.kind in {kind, ""}]
        chosen = alike if any(shape.kind == kind for shape in alike) else known
        return [(shape.macs, shape.values[quantity]) for shape in chosen]


def _fit(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Least squares of relative errors with both coefficients at least 0."""
    macs, costs = (np.array(column) for column in zip(*points, strict=True))
    weights = 1 / np.maximum(costs, 1e-12)
    matrix = np.stack([weights, macs * weights], axis=1)
    fixed, slope = np.linalg.lstsq(matrix, costs * weights, rcond=None)[0]
    if slope < 0:
        return float(costs.mean()), 0.0
    if fixed < 0:
        return 0.0, float((macs * costs * weights**2).sum() / (macs**2 * weights**2).sum())
    return float(fixed), float(slope)
