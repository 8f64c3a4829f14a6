"""The one step that trains."""

import dataclasses
import math
import typing
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe.early import EarlyStop
from paredown.recipe.ingredient import Ingredient
from paredown.recipe.optimizers import SGD, AdamW
from paredown.recipe.progress import Silent
from paredown.recipe.schedules import Constant, Cosine
from paredown.recipe.title import title

if TYPE_CHECKING:
    from paredown.data import WorkData
    from paredown.recipe.evidence import Evidence
    from paredown.recipe.loop import TrainResult
    from paredown.recipe.progress import Progress

__all__ = ["Precision", "Train"]

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def _takes_part(thing: object) -> bool:
    return isinstance(thing, Ingredient)


def _no_ingredient(thing: object) -> str:
    what = f"{thing.__name__} (the class)" if isinstance(thing, type) else title(thing)
    return (
        f"Train(using=...) was given {what}, which is no ingredient of a training. Ingredients are objects such as "
        "`distill.Logits()` and `regularize.Mixup()`; transforms such as `prune.Channels` are steps of their own, "
        "before or after."
    )


@dataclasses.dataclass(frozen=True)
class Train:
    """Train a network on the task's training data.

    After ``quantize.Int8()`` this is quantization-aware training; with ``distill`` ingredients it is distillation.
    Repeatable bit for bit on the CPU: equal settings, seed and data give equal weights.

    Attributes:
        epochs: passes over the training data; fractions are fine.
        using: what takes part, in this order (`paredown.recipe.ingredient`).
        optimizer: `AdamW` or `SGD`.
        schedule: `Cosine` or `Constant`.
        batch_size: examples per step and device; None takes the data's own.
        clip: largest norm of all gradients together; None does not clip.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed`` (the last on a GPU only); see `fastest`.
        compiled: run the network through ``torch.compile``: minutes before the first step, faster steps after it. It needs
            a C++ compiler on the CPU; see `fastest`.
        early: when to stop and whether to keep the best weights; None trains to the end and keeps the last.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        devices: processes of a distributed training, one per device. More than one needs a script started by
            ``torchrun --nproc-per-node=N``: nothing here starts a user's script a second time.
        seed: for order, augmentation and dropout.

    """

    epochs: float = 1.0
    using: Sequence[Ingredient] = ()
    optimizer: AdamW | SGD = dataclasses.field(default_factory=AdamW)
    schedule: Cosine | Constant = dataclasses.field(default_factory=Cosine)
    batch_size: int | None = None
    clip: float | None = 1.0
    precision: Precision = "32-true"
    compiled: bool = False
    early: EarlyStop | None = dataclasses.field(default_factory=EarlyStop)
    device: str = "auto"
    devices: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "using", tuple(self.using))
        problems = [*self._problems(), *(_no_ingredient(thing) for thing in self.using if not _takes_part(thing))]
        if problems:
            raise RecipeError(" ".join(problems))

    def _problems(self) -> Iterator[str]:
        given = "Train({}={!r}) was given."
        if not (self.epochs > 0 and math.isfinite(self.epochs)):
            yield given.format("epochs", self.epochs) + " Epochs are above 0; fractions are fine. Write `epochs=1`."
        if self.batch_size is not None and self.batch_size < 1:
            yield given.format("batch_size", self.batch_size) + " It is 1 or more. Leave it out for the data's own."
        if self.clip is not None and not self.clip > 0:
            yield given.format("clip", self.clip) + " It is a norm above 0. Write `clip=1.0`, or `clip=None` for none."
        if self.precision not in typing.get_args(Precision):
            known = ", ".join(map(repr, typing.get_args(Precision)))
            yield given.format("precision", self.precision) + f" It is one of {known}."
        if self.devices < 1:
            yield given.format("devices", self.devices) + " It is 1 or more. Leave it out for one."

    def steps(self, work: "WorkData") -> int:
        """Optimizer steps this training makes on these data."""
        return max(1, round(self.epochs * self.steps_per_epoch(work)))

    def steps_per_epoch(self, work: "WorkData") -> int:
        """Full batches in one pass over the training data, at least one."""
        return max(1, len(work.train) // (self.size(work) * self.devices))

    def size(self, work: "WorkData") -> int:
        """Examples per step and device."""
        return min(self.batch_size or work.train.batch_size, len(work.train))

    def fit(
        self,
        network: Network,
        evidence: "Evidence",
        *,
        original: Network | None = None,
        progress: "Progress | None" = None,
        deadline: float | None = None,
    ) -> "TrainResult":
        """Train a copy of the network.

        Args:
            network: left bit-identical.
            evidence: data, loss and score.
            original: what `distill.Original()` stands for; the network itself where there is none.
            progress: told after every step.
            deadline: moment on the clock of `time.monotonic` at which to be done. The schedule is shortened to fit, the
                best weights so far are returned; with no time left at all they are the weights given.

        Raises:
            RecipeError: a setting or ingredient does not fit task, network or machine; nothing has been trained.
            TrainingError: the loss became NaN or infinite; the message names epoch, step and term.

        """
        from paredown.recipe.loop import Job, Loop  # noqa: PLC0415 (the loop needs these settings)

        return Loop(self, Job(network, evidence, original or network, progress or Silent(), deadline)).run()

    def seconds_per_step(self, network: Network, evidence: "Evidence", steps: int = 5) -> float:
        """Measured seconds of one optimizer step of this training, from a few steps on a scratch copy (median)."""
        from paredown.recipe.loop import Job, Loop  # noqa: PLC0415 (the loop needs these settings)

        return Loop(self, Job(network, evidence, network)).pace(steps)

    def fastest(self, network: Network, evidence: "Evidence", steps: int = 5) -> "Train":
        """These settings in the precision, and compiled or not, that take the least time on this machine.

        All are timed for `steps` steps on scratch copies. bfloat16 is taken where it saves a fifth of a step: where the
        processor has no such instructions, it can take ten times as long. Compiling is tried where the training takes
        longer than ten minutes, and taken where it saves a tenth, its own minutes included.
        """
        from paredown.recipe.fastest import compiling_pays, fastest_precision  # noqa: PLC0415 (they need these settings)

        precision, seconds = fastest_precision(self, network, evidence, steps)
        chosen = dataclasses.replace(self, precision=precision, compiled=False)
        return dataclasses.replace(chosen, compiled=compiling_pays(chosen, network, evidence, seconds, steps))
