"""Imported once by the server that processes are forked from, so that a model's time is its own."""

import importlib
import warnings

from benchmarks.coverage import paredown_arm, torch_pruning_arm
from benchmarks.coverage.cases import load_torchvision

__all__ = ["paredown_arm", "torch_pruning_arm"]

warnings.filterwarnings("ignore")
load_torchvision()
for name in (
    "timm",
    "transformers",
    "torch_pruning",
    "torch.export",
    "torch._dynamo",
    "onnx",
    "onnxruntime",
    "onnxscript",
):
    importlib.import_module(name)
