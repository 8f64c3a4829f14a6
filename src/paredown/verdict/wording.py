"""Numbers as people read them."""

import math

__all__ = ["amount"]

_STEPS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def amount(value: float, unit: str) -> str:
    """A number with its unit, three significant digits.

    >>> amount(1_234_567, "B"), amount(0.5, "pt"), amount(88.19, "%"), amount(0.03, "")
    ('1.23 MB', '0.5 pt', '88.2 %', '0.03')

    """
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else f"{value} {unit}".strip()
    if unit == "B":
        for step, name in _STEPS:
            if abs(value) >= step:
                return f"{value / step:.3g} {name}"
        return f"{value:.0f} B"
    digits = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{digits} {unit}".strip()
