"""The one step that trains."""

import dataclasses
import math
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Integral
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal

import torch

from paredown.errors import RecipeError
from paredown.graph.gradients import refuse_untrainable
from paredown.graph.network import Network
from paredown.recipe.early import EarlyStop
from paredown.recipe.ingredient import Ingredient, family, label
from paredown.recipe.optimizers import SGD, AdamW
from paredown.recipe.progress import Silent
from paredown.recipe.schedules import Constant, Cosine
from paredown.recipe.settings import objection
from paredown.recipe.title import title

if TYPE_CHECKING:
    from paredown.data import WorkData
    from paredown.recipe.evidence import Evidence
    from paredown.recipe.loop import TrainResult
    from paredown.recipe.progress import Progress

__all__ = ["Precision", "Train"]

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def _check_given(network: object, evidence: object) -> None:
    from paredown.recipe.evidence import Evidence  # noqa: PLC0415 (evidence needs the data)

    given = f"Train.fit was given a {type(network).__name__} and a {type(evidence).__name__}"
    if not isinstance(network, Network):
        msg = (
            f"{given}. What is trained is a captured network. Write `train.fit(paredown.capture(model, example), ...)`."
        )
        raise RecipeError(msg)
    if not isinstance(evidence, Evidence):
        msg = f"{given}. Data, loss and score come as evidence. Write `train.fit(network, paredown.Evidence.of(task))`."
        raise RecipeError(msg)


def _one_of(*kinds: type) -> Callable[[object], bool]:
    return lambda given: isinstance(given, kinds)


def _counts(given: Any) -> bool:
    return isinstance(given, Integral) and int(given) >= 1


def _takes_part(thing: object) -> bool:
    return isinstance(thing, Ingredient)


def _misled(using: Iterable[Ingredient]) -> Iterator[str]:
    """Teachers that would be compared with what belongs to no input of theirs."""
    using = list(using)
    mixing = [thing for thing in using if thing.mixes]
    for thing in using:
        if mixing and thing.taught and not thing.elsewhere:
            yield (
                f"Train(using=...) was given {label(mixing[0])} and {label(thing)}. The first mixes examples inside the "
                "network, and the second compares its values with those of another network, which sees them unmixed. "
                "Write `regularize.Mixup()`, which mixes inputs, for both alike."
            )


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
        given: Any = self.using
        problems = list(filter(None, self._problems()))
        if _takes_part(given):
            problems.append(f"Train(using={title(given)}) was given. It is a list. Write `using=[{title(given)}]`.")
        else:
            listed = isinstance(given, Iterable) and not isinstance(given, type)
            object.__setattr__(self, "using", tuple(given) if listed else (given,))
            problems += [_no_ingredient(thing) for thing in self.using if not _takes_part(thing)]
            problems += _misled(thing for thing in self.using if _takes_part(thing))
        if problems:
            raise RecipeError(" ".join(problems))

    def _problems(self) -> Iterator[str]:
        whole = "a whole number, 1 or more"
        yield objection(lambda n: 0 < n < math.inf, self, "epochs", "above 0; fractions are fine", "Write `epochs=1`.")
        instead = "Write `optimizer=AdamW(lr=1e-3)`."
        yield objection(_one_of(AdamW, SGD), self, "optimizer", "`AdamW(...)` or `SGD(...)` of Paredown's own", instead)
        instead = "Write `schedule=Cosine()`."
        yield objection(_one_of(Cosine, Constant), self, "schedule", "`Cosine(...)` or `Constant(...)`", instead)
        instead = "Leave it out for the data's own."
        yield objection(lambda size: size is None or _counts(size), self, "batch_size", whole, instead)
        instead = "Write `clip=1.0`, or `clip=None` for none."
        yield objection(lambda clip: clip is None or clip > 0, self, "clip", "a norm above 0", instead)
        known = typing.get_args(Precision)
        yield objection(known.__contains__, self, "precision", f"one of {', '.join(map(repr, known))}")
        yield objection({True, False}.__contains__, self, "compiled", "True or False")
        instead = "Write `early=EarlyStop(patience=5)`, or `early=None` to train to the end."
        yield objection(_one_of(EarlyStop, NoneType), self, "early", "`EarlyStop(...)` or None", instead)
        yield objection(_one_of(str, torch.device), self, "device", "the name of a device, such as 'auto' or 'cuda:1'")
        yield objection(_counts, self, "devices", whole, "Leave it out for one.")
        yield objection(_one_of(Integral), self, "seed", "a whole number")

    @property
    def word(self) -> str:
        """What legends call the step: the families of its ingredients, or ``train``."""
        return "+".join(self.families) or "train"

    @property
    def family(self) -> str:
        """The family of what teaches in it, else of its first ingredient, else ``train``."""
        using = sorted(self.using, key=lambda thing: not thing.taught)
        return family(using[0]) if using else "train"

    @property
    def families(self) -> tuple[str, ...]:
        """Of its ingredients, in their order."""
        return tuple(dict.fromkeys(map(family, self.using)))

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

        _check_given(network, evidence)
        refuse_untrainable(network)
        return Loop(self, Job(network, evidence, original or network, progress or Silent(), deadline)).run()

    def seconds_per_step(
        self,
        network: Network,
        evidence: "Evidence",
        steps: int = 5,
        *,
        original: Network | None = None,
        within: float = math.inf,
    ) -> float:
        """Measured seconds of one optimizer step of this training, from a few steps on a scratch copy (median).

        Args:
            network: left bit-identical.
            evidence: data and loss.
            steps: to time, beside the first.
            original: see `fit`; with `distill.Original()` among the ingredients it takes part in every step.
            within: seconds after which no further step is timed; one is timed however long it takes.

        """
        from paredown.recipe.loop import Job, Loop  # noqa: PLC0415 (the loop needs these settings)

        return Loop(self, Job(network, evidence, original or network)).pace(steps, within)

    def fastest(
        self, network: Network, evidence: "Evidence", steps: int = 5, *, original: Network | None = None
    ) -> "Train":
        """These settings in the precision, and compiled or not, that take the least time on this machine.

        All are timed for `steps` steps on scratch copies. bfloat16 is taken where it saves a fifth of a step, and not
        tried where the processor has no such instructions: it can take ten times as long there. Compiling is tried where the training takes
        longer than ten minutes, and taken where it saves a tenth, its own minutes included. Arguments are those of
        `seconds_per_step`.
        """
        from paredown.recipe.fastest import Trial, compiling_pays, fastest_precision  # noqa: PLC0415 (they need these settings)

        trial = Trial(network, evidence, original, steps)
        precision, seconds = fastest_precision(self, trial)
        chosen = dataclasses.replace(self, precision=precision, compiled=False)
        return dataclasses.replace(chosen, compiled=compiling_pays(chosen, trial, seconds))
