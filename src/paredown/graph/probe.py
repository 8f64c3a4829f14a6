"""What a model does differently while training, found by running it both ways and listening.

Classes are not looked at, only what happens: which operators carry a training flag and with which value, which ones
draw random numbers, which modules run, and how many tensors come out. So home-made stochastic depth, frozen batch norm
and dropout that is always on are all told apart.
"""

import dataclasses
import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from paredown.graph.structure import flatten

__all__ = ["Difference", "Event", "Loss", "observe"]


@dataclasses.dataclass(frozen=True)
class Event:
    """One call of an operator with a mode, or of a source of randomness.

    Attributes:
        path: dotted path of the module that made the call.
        operator: the operator's name, such as ``dropout``.
        setting: what its mode was: a flag, or a probability; None for plain random numbers.

    """

    path: str
    operator: str
    setting: bool | float | None


@dataclasses.dataclass(frozen=True)
class Loss:
    """Something that happens only while training: a sentence, and where it happens (empty where it is no operator)."""

    text: str
    path: str = ""
    operator: str = ""


@dataclasses.dataclass(frozen=True)
class Difference:
    """What was heard.

    Attributes:
        training: settings while training, by (module path, operator), in order of calls.
        lost: sentences about what only happens while training and has no place in a graph captured in eval mode.
        updated: buffers (and other tensors that modules keep) that change in eval mode.

    """

    training: dict[tuple[str, str], tuple[bool | float | None, ...]]
    lost: tuple[Loss, ...]
    updated: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Setting:
    operator: str
    position: int
    keywords: tuple[str, ...]
    default: bool | float


def _dropout(operator: str) -> _Setting:
    return _Setting(operator, 2, ("training", "train"), default=True)


_SETTINGS = {
    "batch_norm": _Setting("batch_norm", 5, ("training",), default=False),
    "instance_norm": _Setting("instance_norm", 5, ("use_input_stats",), default=True),
    "dropout": _dropout("dropout"),
    "dropout1d": _dropout("feature_dropout"),
    "dropout2d": _dropout("feature_dropout"),
    "dropout3d": _dropout("feature_dropout"),
    "feature_dropout": _dropout("feature_dropout"),
    "alpha_dropout": _dropout("alpha_dropout"),
    "feature_alpha_dropout": _dropout("feature_alpha_dropout"),
    "rrelu": _Setting("rrelu", 3, ("training",), default=False),
    "lstm": _Setting("lstm", 6, ("train",), default=False),
    "gru": _Setting("gru", 6, ("train",), default=False),
    "rnn_tanh": _Setting("rnn_tanh", 6, ("train",), default=False),
    "rnn_relu": _Setting("rnn_relu", 6, ("train",), default=False),
    "scaled_dot_product_attention": _Setting("scaled_dot_product_attention", 4, ("dropout_p",), default=0.0),
}
"""Python calls that take a mode; those of ``torch`` and of ``torch.nn.functional`` have it at the same position."""

_RANDOM = frozenset(
    {
        "bernoulli", "exponential", "gumbel_softmax", "log_normal", "multinomial", "normal", "poisson", "rand",
        "rand_like", "randint", "randint_like", "randn", "randn_like", "random", "randperm", "uniform",
    }
)  # fmt: skip


class _Listener(TorchFunctionMode):
    def __init__(self, here: Callable[[], str]) -> None:
        super().__init__()
        self.here = here
        self.events: list[Event] = []

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").removesuffix("_")
        if name in _SETTINGS:
            self.events.append(Event(self.here(), _SETTINGS[name].operator, _setting(_SETTINGS[name], args, kwargs)))
        elif name in _RANDOM:
            self.events.append(Event(self.here(), name, None))
        elif name == "multi_head_attention_forward":
            self._attention(func, args, kwargs)
        return func(*args, **kwargs)

    def _attention(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        given = inspect.signature(func).bind(*args, **kwargs)
        given.apply_defaults()
        probability = given.arguments["dropout_p"] if given.arguments["training"] else 0.0
        if not given.arguments["need_weights"]:
            self.events.append(Event(self.here(), "scaled_dot_product_attention", probability))
        elif probability:
            self.events.append(Event(self.here(), "dropout", setting=True))


def _setting(entry: _Setting, args: Sequence[Any], kwargs: dict[str, Any]) -> bool | float:
    packed = entry.operator in {"lstm", "gru", "rnn_tanh", "rnn_relu"} and not isinstance(args[3], bool)
    position = entry.position + packed
    value: bool | float = args[position] if len(args) > position else entry.default
    for keyword in entry.keywords:
        value = kwargs.get(keyword, value)
    return value


@dataclasses.dataclass(frozen=True)
class _Heard:
    events: tuple[Event, ...]
    ran: frozenset[str]
    outputs: int
    updated: frozenset[str]


def _kept(model: nn.Module) -> dict[str, torch.Tensor]:
    """What a model remembers from call to call: buffers, and tensors among the attributes of its modules."""
    found = dict(model.named_buffers(remove_duplicate=False))
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, torch.Tensor):
                found[f"{path}.{name}" if path else name] = value
    return {name: tensor.detach().clone() for name, tensor in found.items()}


def _changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> frozenset[str]:
    return frozenset(
        name
        for name, tensor in before.items()
        if name not in after or tensor.shape != after[name].shape or not torch.equal(tensor, after[name])
    )


def _listen(model: nn.Module, args: Any, kwargs: Any) -> _Heard:
    stack: list[str] = [""]
    ran: set[str] = set()
    handles = []
    for path, module in model.named_modules():

        def enter(_module: nn.Module, _args: Any, path: str = path) -> None:
            stack.append(path)
            ran.add(path)

        def leave(_module: nn.Module, _args: Any, _output: Any) -> None:
            stack.pop()

        handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    listener = _Listener(lambda: stack[-1])
    before = _kept(model)
    try:
        with torch.random.fork_rng(devices=[]), listener:
            result = model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
    updated = _changed(before, _kept(model))
    return _Heard(tuple(listener.events), frozenset(ran), len(flatten(result)[0]), updated)


def observe(model: nn.Module, args: Any, kwargs: Any) -> Difference:
    """Run a throw-away copy of a model in eval and in train mode on the same inputs and compare.

    Args:
        model: changed by this (running statistics, mode); give a copy.
        args: positional inputs.
        kwargs: keyword inputs.

    """
    classes = {path: type(module).__name__ for path, module in model.named_modules()}
    evaluation = _listen(model.eval(), args, kwargs)
    try:
        training = _listen(model.train(), args, kwargs)
    except Exception as error:  # noqa: BLE001 (told to the user in `lost`; capturing itself needs eval mode only)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        text = f"how the model trains: its forward fails in train mode on the example ({reason})"
        return Difference({}, (Loss(text),), tuple(sorted(evaluation.updated)))
    settings: dict[tuple[str, str], tuple[bool | float | None, ...]] = {}
    for event in training.events:
        key = (event.path, event.operator)
        settings[key] = (*settings.get(key, ()), event.setting)
    buffers = dict(model.named_buffers(remove_duplicate=False))
    statistics = {
        f"{path}." for path, module in model.named_modules() if isinstance(module, nn.modules.batchnorm._NormBase)
    }
    only = [
        name
        for name in sorted(training.updated - evaluation.updated)
        if name in buffers
        and not any(name.startswith(path) and "." not in name.removeprefix(path) for path in statistics)
    ]
    updates = [Loss(f"'{name}': only updated while training; in the network it stands still") for name in only]
    lost = (*_lost(evaluation, training, classes), *updates)
    return Difference(settings, lost, tuple(sorted(evaluation.updated)))


def _lost(evaluation: _Heard, training: _Heard, classes: dict[str, str]) -> list[Loss]:
    lost = []
    before = Counter((event.path, event.operator) for event in evaluation.events)
    after = Counter((event.path, event.operator) for event in training.events)
    for (path, operator), count in after.items():
        if count > before[path, operator]:
            text = f"{_kind(path, operator, classes)} ({operator} in '{path}', {classes[path]}): only happens while training"
            lost.append(Loss(text, path, operator))
    only = sorted(training.ran - evaluation.ran)
    roots = [path for path in only if not any(path.startswith(f"{other}.") for other in only)]
    lost += [Loss(f"module '{path}' ({classes[path]}): only runs while training") for path in roots]
    if training.outputs != evaluation.outputs:
        lost.append(Loss(f"outputs: {training.outputs} tensors while training, {evaluation.outputs} in eval mode"))
    return lost


def _kind(path: str, operator: str, classes: dict[str, str]) -> str:
    name = classes.get(path, "").lower()
    if "droppath" in name or "stochasticdepth" in name or (operator.startswith("bernoulli") and "drop" in name):
        return "stochastic depth"
    if "attention" in name and operator == "dropout":
        return "dropout inside attention"
    return "randomness" if operator in _RANDOM else operator
