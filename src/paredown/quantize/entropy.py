"""The range whose rounded values are distributed most like the values themselves."""

import dataclasses

import torch

from paredown.graph.formats import IntFormat
from paredown.quantize.counted import Counted
from paredown.quantize.histogram import Histogram
from paredown.quantize.range import grid

__all__ = ["Entropy"]

_CLIPS = torch.linspace(1.0, 1 / 16, 121, dtype=torch.float64)
_NOTHING = 1e-12


@dataclasses.dataclass(frozen=True)
class Entropy(Counted):
    """Clip where the distribution loses least: the threshold t with the smallest ``KL(P || Q)``, as TensorRT does.

    P holds the counts of the values within -t ... t, those outside added to the outermost bins; Q the counts within
    that are left when all values of a step become one, spread evenly over the bins of the step (Migacz: "8-bit
    inference with TensorRT", GTC 2017; Wu et al., 2020, arXiv:2004.09602). Candidates are 121 thresholds from the
    largest value to a sixteenth of it. Zeros, which every grid holds, count like their neighbours. Weights keep their
    whole range, as there: a row is too short for a distribution.
    """

    def search(self, seen: Histogram, form: IntFormat, *, symmetric: bool) -> tuple[float, float]:
        """Try every threshold on what was counted."""
        counts = _without_zeros(seen)
        clips = [max(-seen.low, seen.high) * clip for clip in _CLIPS.tolist()]
        best = min(clips, key=lambda clip: _divergence(seen, counts, clip, form, symmetric=symmetric))
        return max(seen.low, -best), min(seen.high, best)

    def rows(self, values: torch.Tensor, form: IntFormat, *, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ARG002
        """Smallest and largest value of each row."""
        low, high = values.aminmax(dim=1)
        return low, high


def _divergence(seen: Histogram, counts: torch.Tensor, clip: float, form: IntFormat, *, symmetric: bool) -> float:
    """``KL(P || Q)`` in nats."""
    inside = seen.centres.abs() <= clip
    places = inside.nonzero().flatten()
    if len(places) == 0:
        return float("inf")
    kept = counts[inside]
    wanted = kept.clone()
    wanted[0] += counts[: int(places[0])].sum()
    wanted[-1] += counts[int(places[-1]) + 1 :].sum()
    low, high = (torch.tensor(end, dtype=torch.float64) for end in (max(seen.low, -clip), min(seen.high, clip)))
    scale, zero_point = grid(low, high, form, symmetric=symmetric)
    stored = (seen.centres[inside] / scale.double()).round() + zero_point.double()
    step = (stored.clamp(form.quant_min, form.quant_max) - form.quant_min).long()
    used = (wanted > 0).double()
    nothing = torch.zeros(form.quant_max - form.quant_min + 1, dtype=torch.float64)
    even = nothing.index_add(0, step, kept) / nothing.index_add(0, step, used).clamp(min=1.0)
    rounded = even[step] * used
    if not bool(rounded.sum() > 0):
        return float("inf")
    p, q = wanted / wanted.sum(), rounded / rounded.sum()
    return float((p * ((p + _NOTHING).log() - (q + _NOTHING).log())).sum())


def _without_zeros(seen: Histogram) -> torch.Tensor:
    """The counts, with the bin of 0 no fuller than those beside it: what a ReLU cuts off says nothing about steps."""
    counts = seen.counts.clone()
    zero = int(seen.centres.abs().argmin())
    beside = counts[max(0, zero - 1) : zero + 2].sum() - counts[zero]
    counts[zero] = torch.minimum(counts[zero], beside)
    return counts
