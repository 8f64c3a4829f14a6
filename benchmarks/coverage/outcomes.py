"""What the situations go through."""

__all__ = ["STAGES"]

STAGES = ("capture", "cut", "lower", "round", "lower rounded", "train")
