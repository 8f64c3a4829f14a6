"""Training that generalises: ingredients of `paredown.Train`."""

from paredown.regularize.average import EMA
from paredown.regularize.bootstrap import Bootstrap
from paredown.regularize.confidence import ConfidencePenalty
from paredown.regularize.crop import Crop
from paredown.regularize.cutmix import CutMix
from paredown.regularize.cutout import Cutout
from paredown.regularize.decay import WeightDecay
from paredown.regularize.drop_block import DropBlock
from paredown.regularize.dropout import ChannelDropout, Dropout
from paredown.regularize.early_learning import EarlyLearning
from paredown.regularize.elastic import L1, ElasticNet
from paredown.regularize.embedding_noise import EmbeddingNoise
from paredown.regularize.erasing import RandomErasing
from paredown.regularize.flip import Flip
from paredown.regularize.gaussian_noise import GaussianNoise
from paredown.regularize.generalized import GeneralizedCrossEntropy
from paredown.regularize.gradient import GradientPenalty
from paredown.regularize.group_lasso import GroupLasso
from paredown.regularize.growing import GReg
from paredown.regularize.hoyer import Hoyer
from paredown.regularize.jacobian import JacobianPenalty
from paredown.regularize.manifold_mixup import ManifoldMixup
from paredown.regularize.max_norm import MaxNorm
from paredown.regularize.mixup import Mixup
from paredown.regularize.orthogonal import Orthogonal
from paredown.regularize.policies import RandAugment, TrivialAugment
from paredown.regularize.r_drop import RDrop
from paredown.regularize.rewind import Rewind
from paredown.regularize.sam import ASAM, SAM
from paredown.regularize.shrink_perturb import ShrinkPerturb
from paredown.regularize.slimming import NetworkSlimming
from paredown.regularize.smoothing import LabelSmoothing
from paredown.regularize.spec_augment import SpecAugment
from paredown.regularize.spectral import Spectral
from paredown.regularize.stochastic_depth import StochasticDepth
from paredown.regularize.strength import Strength, Tried, fit_strength
from paredown.regularize.swa import SWA
from paredown.regularize.symmetric import SymmetricCrossEntropy
from paredown.regularize.time_mask import TimeMask
from paredown.regularize.token_dropout import TokenDropout
from paredown.regularize.weight_noise import WeightNoise

__all__ = [
    "ASAM",
    "EMA",
    "L1",
    "SAM",
    "SWA",
    "Bootstrap",
    "ChannelDropout",
    "ConfidencePenalty",
    "Crop",
    "CutMix",
    "Cutout",
    "DropBlock",
    "Dropout",
    "EarlyLearning",
    "ElasticNet",
    "EmbeddingNoise",
    "Flip",
    "GReg",
    "GaussianNoise",
    "GeneralizedCrossEntropy",
    "GradientPenalty",
    "GroupLasso",
    "Hoyer",
    "JacobianPenalty",
    "LabelSmoothing",
    "ManifoldMixup",
    "MaxNorm",
    "Mixup",
    "NetworkSlimming",
    "Orthogonal",
    "RDrop",
    "RandAugment",
    "RandomErasing",
    "Rewind",
    "ShrinkPerturb",
    "SpecAugment",
    "Spectral",
    "StochasticDepth",
    "Strength",
    "SymmetricCrossEntropy",
    "TimeMask",
    "TokenDropout",
    "Tried",
    "TrivialAugment",
    "WeightDecay",
    "WeightNoise",
    "fit_strength",
]
