"""Loss terms of an epoch, and the first of them that is not finite."""

import math

import torch

from paredown.errors import TrainingError

__all__ = ["Meter"]


class Meter:
    """Means of loss terms over an epoch.

    Args:
        period: steps after which values are read; reading every step would make a GPU wait.
        finite: raise where a value is not; False where steps are only timed.

    """

    def __init__(self, period: int, *, finite: bool = True) -> None:
        self._period = period
        self._finite = finite
        self._pending: list[tuple[int, dict[str, torch.Tensor]]] = []
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._epoch = 1
        self.last = math.nan

    def add(self, step: int, terms: dict[str, torch.Tensor]) -> None:
        """Note the terms of one step; ``loss`` is their total.

        Raises:
            TrainingError: a term is NaN or infinite; the message names epoch, step and term.

        """
        self._pending.append((step, terms))
        if len(self._pending) >= self._period:
            self.read()

    def read(self) -> None:
        """Look at what was noted since the last look.

        Raises:
            TrainingError: a term is NaN or infinite.

        """
        pending, self._pending = self._pending, []
        if not pending:
            return
        flow = iter(_values([value for _, terms in pending for value in terms.values()]))
        for step, terms in pending:
            for name in terms:
                value = next(flow)
                if self._finite and not math.isfinite(value):
                    raise TrainingError(_message(value, name, self._epoch, step))
                self._sums[name] = self._sums.get(name, 0.0) + value
                self._counts[name] = self._counts.get(name, 0) + 1
                self.last = value

    def close(self) -> dict[str, float]:
        """Means of the epoch that ends here."""
        self.read()
        means = {name: self._sums[name] / self._counts[name] for name in self._sums}
        self._sums, self._counts = {}, {}
        self._epoch += 1
        return means


def _values(tensors: list[torch.Tensor]) -> list[float]:
    """Numbers in tensors, with one transfer where they are on a GPU."""
    if all(tensor.device.type == "cpu" for tensor in tensors):
        return [tensor.item() for tensor in tensors]
    numbers: list[float] = torch.stack([tensor.detach().float() for tensor in tensors]).tolist()
    return numbers


def _message(value: float, term: str, epoch: int, step: int) -> str:
    what = "the task's loss" if term == "task" else "the total loss" if term == "loss" else f"the term of {term}"
    return (
        f"In epoch {epoch}, step {step + 1}, {what} became {value}. Training stopped there, and the network that was "
        "given is unchanged. A smaller learning rate (`optimizer=AdamW(lr=1e-4)`), `clip=1.0` or "
        '`precision="32-true"` usually helps; `task.check()` finds values in the data that are not finite.'
    )
