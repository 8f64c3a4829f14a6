"""What a transform decided, as data."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch

__all__ = ["Plan"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A decision that can be printed, stored, compared and replayed without data.

    Attributes:
        technique: name for people, for example ``prune.Channels``.
        reason: one sentence: why these decisions.
        decisions: JSON values only.
        tensors: what a method computed (ranges, rounded weights, statistics), by name.
        complete: False where a deadline cut a search short; with more time the plan might be another.

    """

    technique: str
    reason: str
    decisions: Mapping[str, Any] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    tensors: Mapping[str, torch.Tensor] = dataclasses.field(default_factory=lambda: MappingProxyType({}), repr=False)
    complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """Everything but the tensors, which appear by the hash of their content."""
        return {
            "technique": self.technique,
            "reason": self.reason,
            "decisions": dict(self.decisions),
            "tensors": {name: _digest(tensor) for name, tensor in self.tensors.items()},
            "complete": self.complete,
        }

    def fingerprint(self) -> str:
        """SHA-256 (hex): equal plans, equal fingerprint."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _digest(tensor: torch.Tensor) -> str:
    head = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
    body = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(head + body).hexdigest()
