"""Model pruning: fewer channels, heads and hidden units, and a smaller file."""

from paredown.prune.activation_norm import ActivationNorm
from paredown.prune.aggregation import Aggregation, Max, Mean, Sum
from paredown.prune.allocation import Allocation, Global, Uniform
from paredown.prune.batch_norm_scale import BatchNormScale
from paredown.prune.blocks import Blocks
from paredown.prune.channels import Channels
from paredown.prune.erk import ERK
from paredown.prune.fisher import Fisher
from paredown.prune.fpgm import FPGM
from paredown.prune.hessian_trace import HessianTrace
from paredown.prune.hrank import HRank
from paredown.prune.importance import Importance
from paredown.prune.isomorphic import Isomorphic
from paredown.prune.lamp import LAMP
from paredown.prune.latency import Latency
from paredown.prune.magnitude import L1, L2
from paredown.prune.normalization import ByMax, ByMean, BySum, Normalization
from paredown.prune.random import Random
from paredown.prune.reconstruction import Reconstruction
from paredown.prune.schedule import gradual, iterative
from paredown.prune.sensitivity import Sensitivity
from paredown.prune.sparse import (
    NM,
    Magnitude,
    Masked,
    Masking,
    Pattern,
    SparseGPT,
    Unstructured,
    WandaWeights,
    Weights,
)
from paredown.prune.statistics import Reestimate
from paredown.prune.taylor import Taylor
from paredown.prune.wanda import Wanda
from paredown.prune.where import Where

__all__ = [
    "ERK",
    "FPGM",
    "L1",
    "L2",
    "LAMP",
    "NM",
    "ActivationNorm",
    "Aggregation",
    "Allocation",
    "BatchNormScale",
    "Blocks",
    "ByMax",
    "ByMean",
    "BySum",
    "Channels",
    "Fisher",
    "Global",
    "HRank",
    "HessianTrace",
    "Importance",
    "Isomorphic",
    "Latency",
    "Magnitude",
    "Masked",
    "Masking",
    "Max",
    "Mean",
    "Normalization",
    "Pattern",
    "Random",
    "Reconstruction",
    "Reestimate",
    "Sensitivity",
    "SparseGPT",
    "Sum",
    "Taylor",
    "Uniform",
    "Unstructured",
    "Wanda",
    "WandaWeights",
    "Weights",
    "Where",
    "gradual",
    "iterative",
]
