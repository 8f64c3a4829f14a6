"""ONNX Runtime on the CPU. Importing this does not import torch, onnx or the runtime."""

from paredown.targets.onnxruntime.target import OnnxRuntime

__all__ = ["OnnxRuntime"]
