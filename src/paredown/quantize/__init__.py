"""Quantization: fewer bits for weights and activations, where the target runs them faster."""

from paredown.quantize.adaround import AdaRound
from paredown.quantize.analysis import Analysis, NodeError, analyse
from paredown.quantize.awq import AWQ
from paredown.quantize.bias_correction import BiasCorrection
from paredown.quantize.brecq import BRECQ
from paredown.quantize.calibrate import Calibrate
from paredown.quantize.dynamic_int8 import DynamicInt8
from paredown.quantize.entropy import Entropy
from paredown.quantize.equalize import Equalize
from paredown.quantize.gptq import GPTQ
from paredown.quantize.half import Half
from paredown.quantize.hqq import HQQ
from paredown.quantize.int8 import Int8
from paredown.quantize.minmax import MinMax
from paredown.quantize.mixed import Mixed
from paredown.quantize.moving_average import MovingAverage
from paredown.quantize.mse import Mse
from paredown.quantize.percentile import Percentile
from paredown.quantize.range import Collector, Range, WeightRange
from paredown.quantize.refinement import Refined, Refinement
from paredown.quantize.smoothquant import SmoothQuant
from paredown.quantize.weight_only import WeightOnly

__all__ = [
    "AWQ",
    "BRECQ",
    "GPTQ",
    "HQQ",
    "AdaRound",
    "Analysis",
    "BiasCorrection",
    "Calibrate",
    "Collector",
    "DynamicInt8",
    "Entropy",
    "Equalize",
    "Half",
    "Int8",
    "MinMax",
    "Mixed",
    "MovingAverage",
    "Mse",
    "NodeError",
    "Percentile",
    "Range",
    "Refined",
    "Refinement",
    "SmoothQuant",
    "WeightOnly",
    "WeightRange",
    "analyse",
]
