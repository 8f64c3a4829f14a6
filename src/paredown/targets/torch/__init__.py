"""PyTorch itself on the CPU. Importing this does not import torch."""

from paredown.targets.torch.target import Torch

__all__ = ["Torch"]
