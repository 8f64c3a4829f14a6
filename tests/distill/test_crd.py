"""Contrast with other examples."""

import dataclasses
import math

import pytest
import torch

from paredown import codec, distill
from paredown.distill.crd import _Side
from paredown.errors import RecipeError
from paredown.recipe.taps import Taps

from .plain import dot, mean, unit
from .test_features import BENCH, TRAIN, Watched, captured, fit, quarters, value_inside

SETTINGS = distill.CRD(at="block", size=3, negatives=6, temperature=0.5)


def side(examples=8):
    torch.manual_seed(0)
    return _Side(5, examples, SETTINGS)


def test_the_loss_is_the_papers():
    memory = side()
    vectors = torch.nn.functional.normalize(torch.randn(4, 3), dim=1)
    own, others = torch.tensor([1, 3, 5, 7]), torch.tensor([0, 1, 1, 2, 4, 7])
    rows = memory.memory.tolist()

    def e(i, j):
        return math.exp(dot(vectors[i].tolist(), rows[j]) / SETTINGS.temperature)

    z = mean([e(i, j) for i in range(4) for j in [own[i].item(), *others.tolist()]])

    def h(i, j):
        return e(i, j) / (e(i, j) + len(others) * z)

    expected = mean(
        -math.log(h(i, own[i])) - sum(math.log(1 - h(i, j)) for j in others.tolist() if j != own[i]) for i in range(4)
    )
    assert memory.contrast(vectors, own, others).item() == pytest.approx(expected, rel=1e-4)
    later = memory.scale
    memory.contrast(-vectors, own, others)
    assert memory.scale is later


def test_a_low_temperature_stays_finite():
    memory = side()
    memory.settings = dataclasses.replace(SETTINGS, temperature=0.005)  # exp(1 / 0.005) is beyond float32
    vectors = memory.memory[:4].clone().requires_grad_()
    loss = memory.contrast(vectors, torch.arange(4), torch.arange(6))
    loss.backward()
    assert loss.isfinite()
    assert vectors.grad.isfinite().all()


def test_vectors_are_maps_of_the_mean_over_places():
    memory = side()
    value = torch.randn(2, 5, 3, 4)
    expected = [unit(memory.embed(x.mean((1, 2))).tolist()) for x in value]
    torch.testing.assert_close(memory.vectors(value), torch.tensor(expected))
    torch.testing.assert_close(memory.vectors(value.mean((2, 3))), torch.tensor(expected))


def test_memory_moves_half_way_and_keeps_its_length():
    memory = side()
    before, vectors = memory.memory.clone(), torch.nn.functional.normalize(torch.randn(2, 3), dim=1)
    memory.remember(vectors, torch.tensor([2, 6]))
    for row, vector in ((2, vectors[0]), (6, vectors[1])):
        expected = unit((0.5 * before[row] + 0.5 * vector).tolist())
        torch.testing.assert_close(memory.memory[row], torch.tensor(expected))
    rest = [0, 1, 3, 4, 5, 7]
    assert torch.equal(memory.memory[rest], before[rest])


def test_both_maps_are_learned_and_nothing_of_them_is_left():
    watched = Watched(distill.CRD(at="block", teacher=captured(16), size=8, negatives=32))
    result = fit(watched)
    hook, before = watched.kept[0]
    after = [p for module in hook.trained() for p in module.parameters()]
    assert [tuple(p.shape) for p in before] == [(8, 8), (8,), (8, 16), (8,)]
    assert all(not torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert not any("embed" in name or "memory" in name for name in result.network.state_dict())


def test_the_memory_is_by_example():
    watched = Watched(distill.CRD(at="block", teacher=captured(16), size=8, negatives=32))
    fit(watched, dataclasses.replace(TRAIN, epochs=1 / 6))
    hook, _ = watched.kept[0]
    (step, _) = watched.kept[1]
    fresh = Watched(distill.CRD(at="block", teacher=captured(16), size=8, negatives=32))
    fit(fresh, dataclasses.replace(TRAIN, epochs=2 / 6))
    seen = set(step.examples.tolist())
    assert len(seen) == 16
    changed = (hook._student.memory != fresh.kept[0][0]._student.memory).any(1).nonzero().flatten().tolist()
    assert seen.isdisjoint(changed)
    assert set(changed) == set(fresh.kept[2][0].examples.tolist())


@dataclasses.dataclass(frozen=True)
class Twice(Watched):
    """Asks for the term of every step twice, as ingredients that step twice do."""

    def start(self, context):
        hook = self.inner.start(context)
        term, kept = hook.term, self.kept

        def both(step):
            first = term(step)
            kept.append((first.detach(), hook._others, hook._teacher.memory.clone()))
            again = term(step)
            kept.append((again.detach(), hook._others, hook._teacher.memory.clone()))
            return again

        hook.term = both
        return hook


def test_a_step_done_again_draws_and_remembers_nothing_new():
    twice = Twice(distill.CRD(at="block", teacher=captured(16), size=8, negatives=32))
    fit(twice)
    pairs = list(zip(twice.kept[::2], twice.kept[1::2], strict=True))
    assert len(pairs) == 6
    for (_, others, memory), (_, others_again, memory_again) in pairs:
        assert torch.equal(others, others_again)
        assert torch.equal(memory, memory_again)
    assert not torch.equal(pairs[0][0][1], pairs[1][0][1])


def test_values_come_to_know_their_own_example():
    def left(network):
        """What the best linear map of the student's value leaves of the teacher's."""
        inputs = next(BENCH().task.data.work.select.batches(48))[0]
        taps = Taps(network)
        taps.add("block")
        with torch.no_grad():
            value = network.graph_module(inputs)[-1].mean((2, 3))
        taps.remove()
        teacher = value_inside(quarters(16), "block", inputs).mean((2, 3))
        solution = torch.linalg.lstsq(value, teacher).solution
        return (value @ solution - teacher).square().mean().item()

    train = dataclasses.replace(TRAIN, epochs=8)
    plain = fit([], train).network
    taught = fit(distill.CRD(at="block", teacher=captured(16), size=16, negatives=64, weight=2.0), train).network
    assert left(taught) < left(plain)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.CRD(size=0), r"distill.CRD\(size=0\).*1 or more.*CRD\(size=128\)"),
        (lambda: distill.CRD(negatives=0), r"distill.CRD\(negatives=0\).*1 or more"),
        (lambda: distill.CRD(temperature=0.0), r"distill.CRD\(temperature=0.0\).*CRD\(temperature=0.07\)"),
        (lambda: distill.CRD(weight=-1.0), r"distill.CRD\(weight=-1.0\).*0 or more"),
        (lambda: distill.CRD(momentum=1.0), r"distill.CRD\(momentum=1.0\).*below 1.*momentum=0.5"),
    ],
)
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


def test_one_value_is_compared():
    with pytest.raises(RecipeError, match=r"CRD\(at='block.\*'\) means 5 values: 'block.0'.*Name it"):
        fit(distill.CRD(at="block.*"))


def test_settings_come_back_from_json():
    assert codec.decode(codec.encode(SETTINGS)) == SETTINGS
