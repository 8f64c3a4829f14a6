"""Sparse weights: zeros wherever a method puts them; public from `paredown.prune`."""

from paredown.prune.sparse.magnitude import Magnitude
from paredown.prune.sparse.masking import Masked, Masking
from paredown.prune.sparse.pattern import NM, Pattern, Unstructured
from paredown.prune.sparse.sparse_gpt import SparseGPT
from paredown.prune.sparse.wanda import WandaWeights
from paredown.prune.sparse.weights import Weights

__all__ = [
    "NM",
    "Magnitude",
    "Masked",
    "Masking",
    "Pattern",
    "SparseGPT",
    "Unstructured",
    "WandaWeights",
    "Weights",
]
