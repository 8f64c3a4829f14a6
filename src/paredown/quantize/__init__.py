"""Quantization: fewer bits for weights and activations, where the target runs them faster."""

from paredown.quantize.int8 import Int8
from paredown.quantize.minmax import MinMax
from paredown.quantize.moving_average import MovingAverage
from paredown.quantize.mse import Mse
from paredown.quantize.percentile import Percentile
from paredown.quantize.range import Collector, Range

__all__ = ["Collector", "Int8", "MinMax", "MovingAverage", "Mse", "Percentile", "Range"]
