"""Runtimes: where a network becomes a file, and a file runs. Importing this does not import torch."""

from paredown.targets.onnxruntime import OnnxRuntime
from paredown.targets.stopwatch import Stopwatch
from paredown.targets.target import Artifact, Lowering, Port, Session, Target
from paredown.targets.torch import Torch

__all__ = ["Artifact", "Lowering", "OnnxRuntime", "Port", "Session", "Stopwatch", "Target", "Torch"]
