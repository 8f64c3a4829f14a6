"""Networks that run step by step, handing their state on: how far file and network drift apart."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paredown.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paredown.graph.network import Network
    from paredown.targets import Artifact

__all__ = ["Streaming", "streaming"]

_SHOWN = (1, 10, 100, 1000, 10_000, 100_000)
_SETTLED = 10  # steps that do not count for the growth: both start from the same state
_EXACT = 200.0


@dataclasses.dataclass(frozen=True)
class Streaming:
    """Differences between file and network, each with its own state, step after step.

    Attributes:
        states: name of each input that is a state, and the position of the output that is its next value.
        errors: of every step, size of the difference over size of the signal (root mean squares over all outputs that
            are no states; over the states where there are no others).
        state_errors: the same for the states.

    """

    states: Mapping[str, int]
    errors: tuple[float, ...]
    state_errors: tuple[float, ...]

    @property
    def growth(self) -> float:
        """How the error grows with the number of steps t: the g of ``t ** g``, fitted to all but the first steps.

        About 0: it stays; 0.5: differences add up like a random walk; 1: they add up; more: the recursion amplifies them.
        """
        first = min(_SETTLED, len(self.errors) // 2)
        errors = np.maximum(np.asarray(self.errors[first:]), 10 ** (-_EXACT / 20))
        steps = np.arange(first + 1, len(self.errors) + 1)
        return float(np.polyfit(np.log(steps), np.log(errors), 1)[0])

    def decibels(self, step: int) -> float:
        """Signal to difference at a step, counted from 1, in decibels."""
        error = self.errors[step - 1]
        return _EXACT if error == 0.0 else min(_EXACT, -20 * math.log10(error))

    @property
    def worst(self) -> float:
        """The smallest ratio of signal to difference of all steps, in decibels."""
        return min(self.decibels(step) for step in range(1, len(self.errors) + 1))

    def __str__(self) -> str:
        shown = [step for step in _SHOWN if step < len(self.errors)] + [len(self.errors)]
        points = ", ".join(f"{self.decibels(step):.0f} dB at step {step:,}" for step in shown)
        return (
            f"File and network agree to {points}; at worst {self.worst:.0f} dB. The error grows as t^{self.growth:.1f}."
        )


def streaming(  # noqa: PLR0913 (each is one word of the call)
    network: "Network",
    artifact: "Artifact",
    states: Mapping[str, int] | None = None,
    *,
    inputs: Sequence[Mapping[str, "NDArray[Any]"]] = (),
    steps: int = 1000,
    seed: int = 0,
) -> Streaming:
    """Run network and file for many steps, each fed with its own state, and compare their outputs.

    Parity of single inferences says nothing about networks in step form: a difference comes back with the state. States
    are zeros at first.

    Args:
        network: what was lowered; left bit-identical.
        artifact: its file.
        states: name of each input that is a state, and the position of the output that is its next value. Left out,
            inputs and outputs of one shape and type are paired where only one pairing is possible.
        inputs: what the other inputs are at each step, by name; used again from the start when they are used up. Random
            numbers around the example without.
        steps: how many.
        seed: of the random inputs.

    Raises:
        InputError: there is no state, or no single way to pair states, or an input or output is not there.

    """
    import torch  # noqa: PLC0415 (measuring imports without torch)

    if steps < 2:
        msg = f"steps={steps} was given; drift shows over many. Type steps=1000."
        raise InputError(msg)
    pairs = _pairs(network) if states is None else _checked(network, states)
    reference = network.copy().cpu().eval()
    start = _start(network, _given(network, inputs) or artifact.target.batches.nearest(2))
    feeds = _feeds(start, pairs, inputs, seed)
    names = list(start)
    ours, theirs = ({name: np.zeros_like(start[name]) for name in pairs} for _ in range(2))
    errors, state_errors = [], []
    with artifact.target.open(artifact.path) as session, torch.no_grad():
        for _, feed in zip(range(steps), feeds, strict=False):
            given = [torch.from_numpy({**feed, **ours}[name]) for name in names]
            want = [value.numpy() for value in reference.graph_module(*given)]
            got = session.run([{**feed, **theirs}[name] for name in names])
            ours, theirs = ({name: side[at] for name, at in pairs.items()} for side in (want, got))
            answers = [at for at in range(len(want)) if at not in pairs.values()] or list(pairs.values())
            errors.append(_error(want, got, answers))
            state_errors.append(_error(want, got, list(pairs.values())))
    return Streaming(dict(pairs), tuple(errors), tuple(state_errors))


def _given(network: "Network", inputs: Sequence[Mapping[str, "NDArray[Any]"]]) -> int:
    """Examples in the inputs of a step; 0 where none are given."""
    first = inputs[0] if inputs else {}
    return next(
        (int(first[s.name].shape[s.batch_dim]) for s in network.inputs if s.batch_dim is not None and s.name in first),
        0,
    )


def _start(network: "Network", batch: int) -> dict[str, "NDArray[Any]"]:
    """The example's inputs by name, as many examples as the file takes."""
    return {
        spec.name: spec.rows(tensor, [row % 2 for row in range(batch)]).numpy()
        for spec, tensor in zip(network.inputs, network.example, strict=True)
    }


def _feeds(
    start: Mapping[str, "NDArray[Any]"],
    pairs: Mapping[str, int],
    inputs: Sequence[Mapping[str, "NDArray[Any]"]],
    seed: int,
) -> "Iterator[dict[str, NDArray[Any]]]":
    free = {name: array for name, array in start.items() if name not in pairs}
    missing = [name for name in free if inputs and name not in inputs[0]]
    if missing:
        msg = f"inputs were given without {', '.join(missing)}. Give an array for every input that is no state."
        raise InputError(msg)
    generator = np.random.default_rng(seed)
    step = 0
    while True:
        if inputs:
            yield dict(inputs[step % len(inputs)])
        else:
            yield {name: _drawn(array, generator) for name, array in free.items()}
        step += 1


def _drawn(array: "NDArray[Any]", generator: np.random.Generator) -> "NDArray[Any]":
    """Like the example: its values in another order, which suits indices too."""
    return generator.permutation(array.flatten()).reshape(array.shape)


def _error(want: Sequence["NDArray[Any]"], got: Sequence["NDArray[Any]"], places: Sequence[int]) -> float:
    signal = sum(float(np.square(want[at].astype(np.float64)).sum()) for at in places)
    noise = sum(float(np.square(want[at].astype(np.float64) - got[at]).sum()) for at in places)
    return math.sqrt(noise / signal) if signal else math.sqrt(noise)


def _outputs(network: "Network") -> list[Any]:
    results: Any = next(node for node in reversed(list(network.nodes())) if node.op == "output").args[0]
    return [node.meta["val"] for node in results]


def _checked(network: "Network", states: Mapping[str, int]) -> Mapping[str, int]:
    names, count = [spec.name for spec in network.inputs], len(_outputs(network))
    for name, at in states.items():
        if name not in names or not 0 <= at < count:
            msg = (
                f"states={dict(states)} was given; the network has the inputs {', '.join(names)} and {count} outputs, "
                "counted from 0. Type for example states={'h': 1}."
            )
            raise InputError(msg)
    return states


def _pairs(network: "Network") -> dict[str, int]:
    """States and their next values, where shapes and types allow one way only."""
    kinds = [(str(value.dtype), str(tuple(value.shape))) for value in _outputs(network)]
    inputs = [node for node in network.nodes() if node.op == "placeholder"]
    pairs = {}
    for spec, node in zip(network.inputs, inputs, strict=True):
        kind = (str(node.meta["val"].dtype), str(tuple(node.meta["val"].shape)))
        places = [at for at, other in enumerate(kinds) if other == kind]
        alike = [other for other in inputs if str(other.meta["val"].shape) == str(node.meta["val"].shape)]
        if len(places) == len(alike):  # the first with the first, the second with the second
            pairs[spec.name] = places[alike.index(node)]
    if not pairs:
        given = ", ".join(f"{spec.name}{list(spec.shape)}" for spec in network.inputs)
        msg = (
            f"No input of the network ({given}) has the shape of just one of its outputs, so no state was found. Say which "
            "output is the next value of which input: states={'h': 1}."
        )
        raise InputError(msg)
    return pairs
