"""Model pruning: fewer channels, heads and hidden units, and a smaller file."""

from paredown.prune.allocation import Allocation, Global, Uniform
from paredown.prune.channels import Channels
from paredown.prune.importance import Importance
from paredown.prune.magnitude import L1, L2
from paredown.prune.random import Random
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
    gradual_sparsity,
    iterative_sparsity,
)
from paredown.prune.statistics import Reestimate
from paredown.prune.taylor import Taylor
from paredown.prune.where import Where

__all__ = [
    "L1",
    "L2",
    "NM",
    "Allocation",
    "Channels",
    "Global",
    "Importance",
    "Magnitude",
    "Masked",
    "Masking",
    "Pattern",
    "Random",
    "Reestimate",
    "SparseGPT",
    "Taylor",
    "Uniform",
    "Unstructured",
    "WandaWeights",
    "Weights",
    "Where",
    "gradual_sparsity",
    "iterative_sparsity",
]
