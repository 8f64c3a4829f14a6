"""Numbers as people read them: in a fitting unit, and rounded to what their interval supports."""

import dataclasses
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paredown.measure.interval import Interval

__all__ = [
    "MISSING",
    "Shown",
    "byte_unit",
    "count",
    "count_unit",
    "decimals_for",
    "duration",
    "fixed",
    "interval",
    "inverse",
    "plain",
    "quantity",
    "signed",
    "significant",
]

MISSING = "–"
_THIN = "\u202f"
_MINUS = "\u2212"
_COUNTS = (("G", 1e9), ("M", 1e6), ("k", 1e3))
_BYTE_UNITS = ("bytes", "B")
_BYTES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


@dataclasses.dataclass(frozen=True)
class Shown:
    """A number ready to be printed.

    Attributes:
        value: the estimate, rounded.
        bounds: ``[low, high]`` with the same decimals; empty where the number is exact or its interval unknown.
        unit: with which both are read; empty for bare numbers.

    """

    value: str
    bounds: str = ""
    unit: str = ""

    @property
    def text(self) -> str:
        """Value and unit, for running text."""
        return f"{self.value}{_gap(self.unit)}{self.unit}"

    @property
    def full(self) -> str:
        """Value, unit and bounds, for running text."""
        return f"{self.text} {self.bounds}".strip()


def _gap(unit: str) -> str:
    return "" if unit in ("", "×") else _THIN


def fixed(value: float | None, decimals: int) -> str:
    """A number with so many decimals, a true minus sign, and thin spaces between thousands.

    >>> fixed(-0.25, 2)
    '−0.25'
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    text = f"{value:,.{decimals}f}".replace(",", _THIN)
    if text.startswith("-"):
        text = text[1:]
        return text if float(text.replace(_THIN, "")) == 0 else _MINUS + text
    return text


def signed(value: float, decimals: int) -> str:
    """Like `fixed`, and with a plus sign where positive."""
    text = fixed(value, decimals)
    return f"+{text}" if value > 0 and any(digit in "123456789∞" for digit in text) else text


def decimals_for(low: float, high: float, estimate: float = math.nan) -> int:
    """How many decimals an interval supports: its half-width keeps one digit, two where that digit is 1 or 2.

    Where the bounds are equal or unknown, three significant digits of the estimate are kept.

    >>> decimals_for(0.398, 0.421), decimals_for(0.38, 0.46), decimals_for(96.1, 98.3)
    (3, 2, 1)
    """
    half = (high - low) / 2
    if not math.isfinite(half) or half <= 0:
        return _decimals_of(estimate, 3)
    exponent = math.floor(math.log10(half))
    leading = half / 10**exponent
    return max(0, min(6, -exponent + (1 if leading < 3 else 0)))


def _decimals_of(value: float, digits: int) -> int:
    if not math.isfinite(value) or value == 0:
        return 0
    return max(0, min(6, digits - 1 - math.floor(math.log10(abs(value)))))


def significant(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, never with an exponent."""
    if value is None:
        return MISSING
    if not math.isfinite(value) or value == 0:
        return fixed(value, 0)
    return fixed(value, _decimals_of(value, digits))


def interval(value: "Interval | None", unit: str = "", *, plus: bool = False) -> Shown:
    """An interval in its unit, all three numbers with the decimals that its width supports."""
    if value is None or math.isnan(value.estimate):
        return Shown(MISSING)
    unit, scale = _scale(value.estimate, unit)
    estimate, low, high = value.estimate / scale, value.low / scale, value.high / scale
    decimals = decimals_for(low, high, estimate)
    show = signed if plus else fixed
    if low == high or math.isnan(low) or math.isnan(high):
        return Shown(show(estimate, decimals), "", unit)
    return Shown(show(estimate, decimals), f"[{show(low, decimals)}, {show(high, decimals)}]", unit)


def inverse(value: "Interval | None") -> Shown:
    """A ratio to the original read the other way: 0.4 becomes 2.5 ×."""
    if value is None or not value.estimate > 0:
        return Shown(MISSING)
    estimate = 1 / value.estimate
    low = 1 / value.high if value.high > 0 else math.inf
    high = 1 / value.low if value.low > 0 else math.inf
    decimals = min(2, decimals_for(low, high, estimate))
    if low == high:
        return Shown(fixed(estimate, decimals), "", "×")
    return Shown(fixed(estimate, decimals), f"[{fixed(low, decimals)}, {fixed(high, decimals)}]", "×")


def quantity(value: float | None, unit: str) -> Shown:
    """An exact number (bytes, ms, mJ) in a fitting unit, three significant digits."""
    if value is None or math.isnan(value):
        return Shown(MISSING)
    unit, scale = _scale(value, unit)
    if unit == "bytes":
        return Shown(fixed(value, 0), "", unit)
    return Shown(significant(value / scale), "", unit)


def _scale(value: float, unit: str) -> tuple[str, float]:
    if unit not in _BYTE_UNITS:
        return unit, 1.0
    return byte_unit(value)


def plain(value: float, unit: str) -> Shown:
    """A number that somebody chose: at most four significant digits, no trailing zeros.

    >>> plain(80_000.0, "bytes").value, plain(0.5, "pt").value
    ('80', '0.5')
    """
    if not math.isfinite(value):
        return Shown(MISSING)
    unit, scale = _scale(value, unit)
    text = significant(value / scale, 4)
    return Shown(text.rstrip("0").rstrip(".") if "." in text else text, "", unit)


def byte_unit(largest: float) -> tuple[str, float]:
    """The unit that fits a number of bytes, and how many bytes it has.

    >>> byte_unit(187_412)
    ('kB', 1000.0)
    """
    for name, scale in _BYTES:
        if abs(largest) >= scale:
            return name, scale
    return "bytes", 1.0


def count_unit(largest: float) -> tuple[str, float]:
    """The prefix that fits a large count, and what it stands for."""
    return next(((name, scale) for name, scale in _COUNTS if abs(largest) >= scale), ("", 1.0))


def count(value: float | None) -> str:
    """A large count in short form.

    >>> count(272474), count(40_813_184), count(None)
    ('272 k', '40.8 M', '–')
    """
    if value is None or math.isnan(value):
        return MISSING
    name, scale = count_unit(value)
    return f"{significant(value / scale)} {name}" if name else fixed(value, 0)


def duration(seconds: float) -> str:
    """A span of time in words.

    >>> duration(0.42), duration(95), duration(7260)
    ('0.4 s', '1 min 35 s', '2 h 1 min')
    """
    if not math.isfinite(seconds) or seconds < 0:
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 // 60 else "")
