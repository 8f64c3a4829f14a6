"""What is known about a network from data."""

import dataclasses
import os
import subprocess
import sys
import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.errors import InputError, RecipeError, TrainingError
from paredown.recipe import Evidence
from paredown.targets import OnnxRuntime


def test_gradients_are_the_mean_over_the_calibration_split(network, evidence, task):
    gradients = evidence.gradients(network)
    inputs, target = next(task.data.work.calibrate.batches(size=48))
    twin = network.copy().eval()
    task.loss(twin(inputs), target).backward()  # one batch of all: the mean loss
    assert set(gradients) == {name for name, _ in network.named_parameters()}
    for name, parameter in twin.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_gradients_name_tied_parameters_twice(task):
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Linear(36, 36), torch.nn.Linear(36, 36)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x.flatten(1)))[:, :4]

    import paredown

    network = paredown.capture(Tied(), torch.randn(2, 1, 6, 6))
    gradients = Evidence.of(task).gradients(network)
    assert torch.equal(gradients["a.weight"], gradients["b.weight"])


def test_nothing_is_changed_by_looking(network, evidence):
    before = network.fingerprint()
    network.train()
    evidence.gradients(network)
    evidence.score(network)
    evidence.loss(network)
    evidence.observe(network, {"relu": lambda value: value.zero_()})
    assert network.training
    assert network.eval().fingerprint() == before
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_is_looked_at_once(network, task):
    calls = []

    def loss(outputs, target):
        calls.append(len(target))
        return task.loss(outputs, target)

    evidence = Evidence.of(dataclasses.replace(task, loss=loss))
    first = evidence.gradients(network)
    count = len(calls)
    assert evidence.gradients(network.copy()) is first
    assert len(calls) == count > 0
    changed = network.copy()
    with torch.no_grad():
        changed.get_parameter("head.bias").add_(1.0)
    evidence.gradients(changed)
    assert len(calls) == 2 * count


def test_observers_see_every_batch_of_their_node_in_order(network, evidence, task):
    seen = []
    evidence.observe(network, {"relu": seen.append})
    inputs = torch.cat([x for x, _ in task.data.work.calibrate.batches()])
    body = task.model.eval().body
    torch.testing.assert_close(torch.cat(seen), body[:3](inputs))


def test_an_unknown_node_is_named_with_the_nearest(network, evidence):
    with pytest.raises(RecipeError, match=r"no node 'rellu' to observe.*nearest are 'relu'"):
        evidence.observe(network, {"rellu": print})


def test_only_tensors_are_observed(task, evidence):
    class Halves(torch.nn.Module):
        def forward(self, x):
            left, right = torch.chunk(x, 2, dim=2)
            return left * right

    import paredown

    network = paredown.capture(Halves(), torch.randn(2, 1, 6, 6))
    name = next(node.name for node in network.nodes() if "chunk" in node.name)
    with pytest.raises(RecipeError, match=r"gives (list|tuple), and only tensors can be observed.*getitem"):
        evidence.observe(network, {name: print})


def test_score_and_loss_are_those_of_select(network, evidence, task):
    inputs, target = next(task.data.work.select.batches(size=100))
    outputs = network(inputs)
    assert evidence.score(network) == pytest.approx(100 * (outputs.argmax(1) == target).float().mean().item())
    assert evidence.loss(network) == pytest.approx(task.loss(outputs, target).item(), rel=1e-5)
    assert evidence.loss(network, limit=10) == pytest.approx(task.loss(outputs[:10], target[:10]).item(), rel=1e-5)


def test_calibration_batches_come_flat_and_in_the_networks_order():
    class Two(torch.nn.Module):
        def forward(self, left, right):
            return left - right

    import paredown

    x = torch.arange(8.0)[:, None]
    examples = [({"right": x[i], "left": 10 * x[i]}, 0) for i in range(8)]
    data = paredown.Data(examples, calibrate=examples, select=examples, judge=examples, batch_size=8)
    task = paredown.Task(Two(), data, lambda outputs, _: outputs.mean(), lambda outputs, _: outputs[:, 0])
    evidence = Evidence.of(task)
    network = paredown.capture(Two(), x[:2], x[2:4])
    ((left, right),) = evidence.calibration(network=network)
    assert torch.equal(left, 10 * right)
    assert [len(batch[0]) for batch in evidence.calibration(limit=3)] == [3]


@pytest.mark.parametrize(
    "look",
    [
        lambda e, n: e.gradients(n),
        lambda e, n: e.observe(n, {}),
        lambda e, n: e.score(n),
        lambda e, n: e.loss(n),
        lambda e, _: next(e.calibration()),
        lambda e, _: e.work,
        lambda e, _: e.objective,
    ],
)
def test_without_data_it_says_what_to_type(network, look):
    with pytest.raises(RecipeError, match=r"looks at data and was given none.*evidence=paredown.Evidence.of\(task\)"):
        look(Evidence.empty(), network)


def test_a_loss_that_is_not_finite_is_refused(network, task):
    broken = dataclasses.replace(task, loss=lambda outputs, _: outputs.sum() * float("nan"))
    with pytest.raises(TrainingError, match=r"loss is nan on batch 0 of calibrate.*task.check\(\)"):
        Evidence.of(broken).gradients(network)


def test_the_fingerprint_follows_data_and_seed(task):
    assert Evidence.of(task).fingerprint() == Evidence.of(task).fingerprint()
    assert Evidence.of(task).fingerprint() != Evidence.of(task, seed=1).fingerprint()
    assert Evidence.of(task).fingerprint() != Evidence.empty().fingerprint()


def test_the_fingerprint_is_the_same_in_every_process():
    code = (
        "from paredown.recipe.evidence import Evidence; from paredown.targets import OnnxRuntime; "
        "print(Evidence.empty(OnnxRuntime().capabilities).fingerprint())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert told == {Evidence.empty(OnnxRuntime().capabilities).fingerprint() + "\n"}


def test_a_sample_has_fewer_examples_of_select_and_the_same_otherwise(task):
    evidence = Evidence.of(task, OnnxRuntime().capabilities, seed=3)
    some = evidence.sampled(5)
    assert len(some.work.select) == 5 < len(evidence.work.select)
    assert some.work.select.fingerprint() == evidence.work.select.take(5, 3).fingerprint()
    assert (some.work.train, some.work.calibrate) == (evidence.work.train, evidence.work.calibrate)
    assert (some.seed, some.device, some.capabilities) == (3, evidence.device, evidence.capabilities)


def test_evidence_within_a_deadline_knows_what_was_known(network, task):
    calls = []

    class Told:
        def update(self, text, done, total):
            calls.append(text)

    evidence = Evidence.of(task)
    evidence.score(network)
    timed = evidence.within(Told(), time.monotonic() - 1.0)
    assert timed._known is evidence._known
    assert (timed.over(), evidence.over(), evidence.within(Told(), None).over()) == (True, False, False)
    timed.progress.update("here", 1, 1)
    evidence.progress.update("nowhere", 1, 1)
    assert calls == ["here"]
    assert timed.fingerprint() == evidence.fingerprint()


def test_data_of_another_shape_than_the_networks_is_named():
    rows = torch.randn(8, 4, 6), torch.zeros(8, dtype=torch.long)
    network = paredown.capture(nn.Sequential(nn.Linear(6, 3), nn.Flatten()), torch.randn(2, 5, 6))
    evidence = Evidence.of(
        paredown.Task(nn.Identity(), paredown.Data(*[rows] * 4), F.cross_entropy, paredown.scores.accuracy)
    )
    words = r"A batch holds input as \[8, 4, 6\]; the network was captured for \[batch, 5, 6\]\. Give data of that shape \(pad"
    with pytest.raises(InputError, match=words):
        evidence.loss(network)
