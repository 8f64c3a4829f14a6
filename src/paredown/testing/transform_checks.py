"""What every `paredown.recipe.Transform` promises."""

import io
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from paredown.graph.dynamic import is_dynamic
from paredown.graph.network import Network
from paredown.graph.shapes import propagate
from paredown.recipe import Plan, Transform
from paredown.recipe.randomness import isolated
from paredown.testing.bench import Bench, small_bench
from paredown.testing.check import Check, check_settings, of_model, of_network, of_world, unchanged
from paredown.testing.subject import Subject, checks

__all__ = ["transform_checks"]


def transform_checks(transform: Transform, bench: Callable[[], Bench] = small_bench) -> tuple[Check, ...]:
    """Every promise of a transform, as named calls that pytest can parametrize a test by.

    Args:
        transform: the settings to check.
        bench: makes the task to check on; called when the first check runs.

    Example:
        >>> from paredown import prune
        >>> from paredown.testing import transform_checks
        >>> [str(check) for check in transform_checks(prune.Channels(keep=0.5))][:2]
        ['settings_are_frozen_data', 'planning_touches_nothing']

    """
    return checks(Subject(transform, bench), _CHECKS)


def _plan(subject: Subject[Transform]) -> Plan:
    def make() -> Plan:
        with isolated(1):
            return subject.thing.plan(subject.bench.network, subject.bench.evidence())

    return subject.once("plan", make)


def _child(subject: Subject[Transform]) -> Network:
    def make() -> Network:
        with isolated(1):
            return subject.thing.apply(subject.bench.network, _plan(subject))

    return subject.once("child", make)


def _settings(subject: Subject[Transform]) -> None:
    check_settings(subject.thing)


def _planning_touches_nothing(subject: Subject[Transform]) -> None:
    bench = subject.bench
    network, model, world = of_network(bench.network), of_model(bench.model), of_world()
    subject.thing.plan(bench.network, bench.evidence())
    unchanged(world, of_world(), f"{subject.name}: while planning, this process")
    unchanged(network, of_network(bench.network), f"{subject.name}: while planning, the network")
    unchanged(model, of_model(bench.model), f"{subject.name}: while planning, the user's model")


def _plan_is_json(subject: Subject[Transform]) -> None:
    plan = _plan(subject)
    subject.require(isinstance(plan, Plan), f"plan returned {type(plan).__name__}, not a Plan")
    try:
        json.dumps(plan.to_json(), allow_nan=False)
    except (TypeError, ValueError) as error:
        message = f"{subject.name}: the plan is not JSON: {error}"
        raise AssertionError(message) from error
    subject.require(plan.technique.strip(), "the plan does not name its technique")
    subject.require(plan.reason.strip(), "the plan gives no reason")
    shared = _storages(plan.tensors.values()) & _storages(_tensors(subject.bench.network))
    subject.require(not shared, "the plan's tensors are the network's own memory")


def _plan_is_repeatable(subject: Subject[Transform]) -> None:
    bench = subject.bench
    for seed in (2, 3):
        with isolated(seed):
            again = subject.thing.plan(bench.network.copy(), bench.evidence())
        subject.require(
            again.fingerprint() == _plan(subject).fingerprint(),
            "a second plan for the same network and data is another one: draw from a generator seeded by the evidence",
        )


def _plan_does_not_depend_on_the_mode(subject: Subject[Transform]) -> None:
    training = subject.bench.network.copy().train()
    with isolated(4):
        again = subject.thing.plan(training, subject.bench.evidence())
    subject.require(training.training, "planning left a network in train mode in eval mode")
    subject.require(
        again.decisions == _plan(subject).decisions and again.tensors.keys() == _plan(subject).tensors.keys(),
        "the plan for the same network in train mode is another one",
    )


def _applying_touches_nothing(subject: Subject[Transform]) -> None:
    bench = subject.bench
    plan = _plan(subject)
    before, network, model, world = plan.fingerprint(), of_network(bench.network), of_model(bench.model), of_world()
    child = subject.thing.apply(bench.network, plan)
    unchanged(world, of_world(), f"{subject.name}: while applying, this process")
    shared = _storages(_tensors(child)) & _storages([*_tensors(bench.network), *bench.model.state_dict().values()])
    subject.require(not shared, "the new network shares memory with the old one or with the user's model")
    subject.require(
        not _storages(_tensors(child)) & _storages(plan.tensors.values()), "the new network shares memory with the plan"
    )
    with torch.no_grad():
        for tensor in _tensors(child):
            tensor.zero_()
    unchanged(network, of_network(bench.network), f"{subject.name}: while applying, the network")
    unchanged(model, of_model(bench.model), f"{subject.name}: while applying, the user's model")
    subject.require(plan.fingerprint() == before, "applying changed the plan")


def _plan_replays(subject: Subject[Transform]) -> None:
    plan = _plan(subject)
    stored = Plan(
        plan.technique,
        plan.reason,
        json.loads(json.dumps(dict(plan.decisions))),
        {name: tensor.clone() for name, tensor in plan.tensors.items()},
    )
    for seed, replayed in ((5, plan), (6, stored)):
        with isolated(seed):
            again = subject.thing.apply(subject.bench.network.copy(), replayed)
        subject.require(
            again.fingerprint() == _child(subject).fingerprint(),
            "applying the stored plan again gives another network" if replayed is stored else "applying twice differs",
        )


def _runs_at_every_batch_size(subject: Subject[Transform]) -> None:
    every = subject.bench.inputs(5)
    if not any(map(is_dynamic, _child(subject).nodes())):
        _agrees_at_every_batch_size(subject, every)
        return
    for one in (0, 3):  # among copies of itself, an example is rounded to the range that it has alone
        copies = tuple(tensor[one : one + 1].repeat_interleave(5, 0) for tensor in every)
        _agrees_at_every_batch_size(subject, copies)
    _agrees_at_every_batch_size(subject, every, 0.1, 0.1)  # among others it is some steps off, and no more


def _agrees_at_every_batch_size(
    subject: Subject[Transform], every: Sequence[torch.Tensor], relative: float = 1e-3, absolute: float = 1e-4
) -> None:
    bench, child = subject.bench, _child(subject)
    with torch.no_grad():
        together = child.copy().eval().graph_module(*every)
        for size in (1, 3):
            alone = child.copy().eval().graph_module(*(tensor[:size] for tensor in every))
            wanted = bench.network.copy().eval().graph_module(*(tensor[:size] for tensor in every))
            for new, old, full in zip(alone, wanted, together, strict=True):
                subject.require(
                    new.shape == old.shape, f"an output is {list(new.shape)} and was {list(old.shape)} at batch {size}"
                )
                subject.require(bool(new.isfinite().all()), f"an output at batch {size} is not finite")
                subject.require(
                    torch.allclose(new, full[:size], rtol=relative, atol=absolute),
                    f"an example has another answer in a batch of {size} than in a batch of 5",
                )


def _shapes_are_recorded(subject: Subject[Transform]) -> None:
    recorded = {node.name: _shape(node.meta.get("val")) for node in _child(subject).nodes() if node.op != "output"}
    actual = propagate(_child(subject).copy())
    for node in actual.nodes():
        if node.op != "output":
            subject.require(
                recorded[node.name] == _shape(node.meta["val"]),
                f"node {node.name} is recorded as {recorded[node.name]} and is {_shape(node.meta['val'])}: "
                "call paredown.graph.shapes.propagate after editing",
            )


def _mode_is_consistent(subject: Subject[Transform]) -> None:
    child = _child(subject)
    again = child.copy().train(child.training)
    subject.require(
        again.fingerprint() == child.fingerprint(),
        f"the new network says training={child.training}, but its operators are in the other mode",
    )
    subject.require(
        all(module.training == child.training for module in child.modules()),
        "submodules are in another mode than the network",
    )


def _trains(subject: Subject[Transform]) -> None:
    student = _child(subject).copy().train()
    objective = subject.bench.evidence().objective
    inputs, target = next(subject.bench.evidence().work.train.batches(limit=16))
    with isolated(7):
        loss = objective.loss_of(student(inputs), target)
        torch.autograd.backward(loss)
    subject.require(bool(loss.isfinite()), "the loss of the new network is not finite in train mode")
    reached = [name for name, p in student.named_parameters() if p.grad is not None and bool(p.grad.abs().sum() > 0)]
    spoiled = [
        name for name, p in student.named_parameters() if p.grad is not None and not bool(p.grad.isfinite().all())
    ]
    subject.require(reached, "no parameter of the new network gets a gradient")
    subject.require(not spoiled, f"gradients are not finite: {', '.join(spoiled)}")
    before = student.fingerprint()
    torch.optim.SGD(student.parameters(), 0.01).step()
    subject.require(student.fingerprint() != before, "a step of the optimizer changes nothing")


def _saves(subject: Subject[Transform]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.pt2"
        _child(subject).save(path)
        subject.require(
            Network.load(path).fingerprint() == _child(subject).fingerprint(),
            "the new network is another one after saving",
        )
        program = torch.export.load(io.BytesIO(path.read_bytes())).module()
    expected = _child(subject).copy().eval()
    with torch.no_grad():
        for size in (1, 3):
            inputs = subject.bench.inputs(size)
            for new, old in zip(program(*inputs), expected.graph_module(*inputs), strict=True):
                subject.require(
                    torch.allclose(new, old, rtol=1e-3, atol=1e-4),
                    f"the saved file computes something else at batch {size}",
                )


def _on_is_plan_and_apply(subject: Subject[Transform]) -> None:
    with isolated(8):
        at_once = subject.thing.on(subject.bench.network, subject.bench.evidence())
    subject.require(at_once.fingerprint() == _child(subject).fingerprint(), ".on(...) differs from plan and apply")


def _order_is_declared(subject: Subject[Transform]) -> None:
    for state in (frozenset[str](), frozenset({"quantized"})):
        why = subject.thing.check(state)
        subject.require(why is None or (isinstance(why, str) and why.strip()), f"check({set(state)}) gave {why!r}")
        after: Any = subject.thing.after(state)
        subject.require(
            isinstance(after, frozenset) and all(isinstance(word, str) for word in after),
            f"after({set(state)}) gave {after!r}",
        )
    subject.require(subject.thing.check(frozenset()) is None, "the transform may not even come first")


def _tensors(network: Network) -> list[torch.Tensor]:
    return [*network.parameters(), *network.buffers()]


def _storages(tensors: Any) -> set[int]:
    return {tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.numel()}


def _shape(value: Any) -> str:
    if isinstance(value, tuple | list):
        return str([_shape(item) for item in value])
    return str(list(value.shape)) if isinstance(value, torch.Tensor) else str(value)


_CHECKS: dict[str, Callable[[Subject[Transform]], None]] = {
    "settings are frozen data": _settings,
    "planning touches nothing": _planning_touches_nothing,
    "the plan is JSON with a reason": _plan_is_json,
    "the plan is repeatable": _plan_is_repeatable,
    "the plan does not depend on the mode": _plan_does_not_depend_on_the_mode,
    "applying touches nothing": _applying_touches_nothing,
    "the plan replays to the same bytes": _plan_replays,
    "the network runs at every batch size": _runs_at_every_batch_size,
    "shapes are recorded": _shapes_are_recorded,
    "the mode is consistent": _mode_is_consistent,
    "the network trains": _trains,
    "the network saves": _saves,
    "on is plan and apply": _on_is_plan_and_apply,
    "its order is declared": _order_is_declared,
}
