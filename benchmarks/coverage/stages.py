"""Who takes part, and what is done in which order; imports nothing, so that tables are made without torch."""

__all__ = ["ARMS", "STAGES"]

STAGES = ("original", "capture", "cut", "shape", "proof", "train", "bf16", "onnx")
"""Of Paredown's arm. A stage after the cut that fails does not stop those behind it."""

_PEER = ("original", "cut", "shape", "train")

ARMS = {"paredown": STAGES, "torch-pruning": _PEER, "torch-pruning-heads": _PEER}
"""Arm to its stages."""
