"""Training that generalises: ingredients of `paredown.Train`."""

from paredown.regularize.average import EMA
from paredown.regularize.crop import Crop
from paredown.regularize.cutout import Cutout
from paredown.regularize.decay import WeightDecay
from paredown.regularize.flip import Flip
from paredown.regularize.mixup import Mixup
from paredown.regularize.smoothing import LabelSmoothing

__all__ = ["EMA", "Crop", "Cutout", "Flip", "LabelSmoothing", "Mixup", "WeightDecay"]
