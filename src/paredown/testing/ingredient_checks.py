"""What every `paredown.recipe.Ingredient` promises."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from paredown.graph.network import Network
from paredown.graph.structure import flatten
from paredown.recipe import AdamW, Hook, Ingredient, Train, TrainContext, TrainResult
from paredown.recipe.randomness import isolated
from paredown.testing.bench import Bench, small_bench
from paredown.testing.check import Check, check_settings, of_model, of_network, of_world, unchanged
from paredown.testing.subject import Subject, checks

__all__ = ["ingredient_checks"]


_SHORT = Train(epochs=0.5, optimizer=AdamW(lr=1e-3), early=None, device="cpu")


def ingredient_checks(ingredient: Ingredient, bench: Callable[[], Bench] = small_bench) -> tuple[Check, ...]:
    """Every promise of an ingredient of training, as named calls that pytest can parametrize a test by.

    Args:
        ingredient: the settings to check.
        bench: makes the task to check on; called when the first check runs.

    """
    return checks(Subject(ingredient, bench), _CHECKS)


def _train(subject: Subject[Ingredient], seed: int, *others: Ingredient) -> TrainResult:
    """One short training on the bench, whatever the global random numbers are."""
    settings = dataclasses.replace(_SHORT, using=(*others, subject.thing))
    with isolated(seed):
        return settings.fit(subject.bench.network, subject.bench.evidence())


def _trained(subject: Subject[Ingredient]) -> TrainResult:
    return subject.once("training", lambda: _train(subject, 1))


def _settings(subject: Subject[Ingredient]) -> None:
    check_settings(subject.thing)


def _training_touches_nothing(subject: Subject[Ingredient]) -> None:
    bench = subject.bench
    network, model, data = of_network(bench.network), of_model(bench.model), bench.task.data.work.train
    content = [tensor.clone() for tensor in _content(data)]
    settings = dataclasses.replace(_SHORT, using=(subject.thing,))
    world = of_world()
    settings.fit(bench.network, bench.evidence(), original=bench.network)
    unchanged(world, of_world(), f"{subject.name}: while training, this process")
    unchanged(network, of_network(bench.network), f"{subject.name}: while training, the network it was given")
    unchanged(model, of_model(bench.model), f"{subject.name}: while training, the user's model")
    same = all(torch.equal(before, after) for before, after in zip(content, _content(data), strict=True))
    subject.require(same, "the training data were changed in place")


def _content(split: Any) -> list[torch.Tensor]:
    return [tensor for batch in split.batches() for tensor in flatten(batch)[0]]


def _is_repeatable(subject: Subject[Ingredient]) -> None:
    again = _train(subject, 2)
    subject.require(
        again.network.fingerprint() == _trained(subject).network.fingerprint(),
        "a second training with the same seed gives other weights: draw from the generator that is given",
    )


def _leaves_a_plain_network(subject: Subject[Ingredient]) -> None:
    network, before = _trained(subject).network, subject.bench.network
    subject.require(not network.training, "the trained network is in train mode")
    new = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    old = {name: tuple(tensor.shape) for name, tensor in before.state_dict().items()}
    subject.require(new == old, f"training left or lost tensors: {sorted(set(new.items()) ^ set(old.items()))}")
    nodes = [(node.name, str(node.target)) for node in network.nodes()]
    subject.require(
        nodes == [(node.name, str(node.target)) for node in before.nodes()], "training left nodes in the graph"
    )
    subject.require(all(p.grad is None for p in network.parameters()), "training left gradients")
    subject.require(
        all(bool(t.isfinite().all()) for t in network.state_dict().values()), "training left values not finite"
    )
    subject.require(network.fingerprint() != before.fingerprint(), "training changed nothing")
    with tempfile.TemporaryDirectory() as folder:
        network.save(Path(folder) / "network.pt2")
        again = Network.load(Path(folder) / "network.pt2")
    subject.require(again.fingerprint() == network.fingerprint(), "the trained network is another one after saving")


@dataclasses.dataclass(frozen=True)
class _Examined(Ingredient):
    """Looks at the hook of another ingredient instead of letting it take part."""

    inner: Ingredient
    examine: Callable[[Hook], None]

    def start(self, context: TrainContext) -> Hook:
        hook = self.inner.start(context)
        self.examine(hook)
        hook.leave(context.network)
        return Hook()


def _batches_are_left_alone(subject: Subject[Ingredient]) -> None:
    settings = dataclasses.replace(_SHORT, using=(_Examined(subject.thing, lambda hook: _examine(subject, hook)),))
    settings.fit(subject.bench.network, subject.bench.evidence())


def _examine(subject: Subject[Ingredient], hook: Hook) -> None:
    inputs, target = next(subject.bench.evidence().work.train.batches(limit=8))
    kept = [tensor.clone() for tensor in flatten((inputs, target))[0]]
    changed = []
    for seed in (3, 4):
        with isolated(seed):
            out = hook.batch(inputs, ((1.0, target),), torch.Generator().manual_seed(0))
        changed.append(flatten(out)[0])
        same = all(torch.equal(a, b) for a, b in zip(kept, flatten((inputs, target))[0], strict=True))
        subject.require(same, "batch(...) changes its inputs in place")
        subject.require(
            len(flatten(out[0])[0]) == len(flatten(inputs)[0]), "batch(...) changes how many inputs there are"
        )
        weight = sum(share for share, _ in out[1])
        subject.require(abs(weight - 1.0) < 1e-6, f"the weights of the targets add up to {weight:.3g}, not to 1")
    same = all(torch.equal(a, b) for a, b in zip(*changed, strict=True))
    subject.require(same, "batch(...) draws from global random numbers, not from its generator")


class _HalvesHook(Hook):
    def batch(self, inputs: Any, targets: Any, generator: torch.Generator) -> tuple[Any, Any]:  # noqa: ARG002
        return inputs, tuple((share / 2, target) for share, target in targets for _ in range(2))


class _Halves(Ingredient):
    """Gives every target twice with half its weight, as mixing ingredients do."""

    def start(self, context: TrainContext) -> Hook:  # noqa: ARG002
        return _HalvesHook()


def _takes_several_targets(subject: Subject[Ingredient]) -> None:
    result = _train(subject, 5, _Halves())
    subject.require(result.steps == _trained(subject).steps, "training stops early with two targets per example")
    subject.require(
        all(bool(t.isfinite().all()) for t in result.network.state_dict().values()), "two targets per example give NaN"
    )


def _trains_in_mixed_precision(subject: Subject[Ingredient]) -> None:
    settings = dataclasses.replace(_SHORT, using=(subject.thing,), precision="bf16-mixed")
    with isolated(6):
        result = settings.fit(subject.bench.network, subject.bench.evidence())
    subject.require(
        all(bool(t.isfinite().all()) for t in result.network.state_dict().values()), "mixed precision gives NaN"
    )


_CHECKS: dict[str, Callable[[Subject[Ingredient]], None]] = {
    "settings are frozen data": _settings,
    "training touches nothing": _training_touches_nothing,
    "training is repeatable": _is_repeatable,
    "a plain network is left": _leaves_a_plain_network,
    "batches are left alone": _batches_are_left_alone,
    "several targets are taken": _takes_several_targets,
    "mixed precision works": _trains_in_mixed_precision,
}
