"""Stages that learn from those above."""

import dataclasses

import pytest
import torch
from torch.nn import functional

from paredown import codec, distill
from paredown.distill.review import _Stage, hierarchical
from paredown.errors import RecipeError
from paredown.recipe import SGD

from .test_features import TRAIN, Watched, captured, fit, quarters, value_inside


@pytest.mark.parametrize(
    ("side", "weights"), [(8, {8: 1, 4: 1 / 2, 2: 1 / 4, 1: 1 / 8}), (3, {3: 1, 2: 1 / 2, 1: 1 / 4}), (1, {1: 1})]
)
def test_sizes_count_half_of_the_last(side, weights):
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 4, 3, side, side, generator=generator)

    def apart(size):
        pooled = [functional.adaptive_avg_pool2d(value, size) for value in (student, teacher)]
        return (pooled[0] - pooled[1]).square().mean()

    expected = sum(weight * apart(size) for size, weight in weights.items()) / sum(weights.values())
    torch.testing.assert_close(hierarchical(student, teacher), expected)
    assert hierarchical(teacher, teacher) == 0


def test_a_stage_weighs_itself_against_what_is_below():
    torch.manual_seed(0)
    stage = _Stage(3, 4, 5, fuses=True).eval()
    x, below = torch.randn(2, 3, 4, 4), torch.randn(2, 4, 2, 2)
    compared, upward = stage(x, below, torch.Size((4, 4)))
    own = stage.enter(x)
    near = below.repeat_interleave(2, 2).repeat_interleave(2, 3)
    shares = torch.sigmoid(stage.attend[0](torch.cat([own, near], 1)))
    expected = own * shares[:, 0:1] + near * shares[:, 1:2]
    torch.testing.assert_close(upward, expected)
    torch.testing.assert_close(compared, stage.leave(expected))
    assert compared.shape == (2, 5, 4, 4)


def test_the_deepest_stage_stands_alone():
    stage = _Stage(3, 4, 5, fuses=False)
    compared, upward = stage(torch.randn(2, 3, 4, 4), None, torch.Size((2, 2)))
    assert stage.attend is None
    assert (compared.shape, upward.shape) == ((2, 5, 2, 2), (2, 4, 2, 2))


def test_the_term_adds_the_stages_up():
    watched = Watched(distill.ReviewKD(at=("stem", "block"), teacher=captured(16), weight=2.0))
    fit(watched, dataclasses.replace(TRAIN, epochs=1 / 6, optimizer=SGD(lr=1e-9, momentum=0.0)))
    shallow, deep = watched.kept[0][0]._stages
    step, term = watched.kept[1]
    wanted = [value_inside(quarters(16), path, step.inputs) for path in ("stem", "block")]
    low, below = deep(step.taps["block"], None, wanted[1].shape[2:])
    high, _ = shallow(step.taps["stem"], below, wanted[0].shape[2:])
    expected = 2.0 * (hierarchical(high, wanted[0]) + hierarchical(low, wanted[1]))
    torch.testing.assert_close(term, expected, rtol=1e-3, atol=1e-5)


def test_what_fuses_is_learned_and_dropped():
    watched = Watched(distill.ReviewKD(at=("stem", "block"), teacher=captured(16)))
    result = fit(watched)
    hook, before = watched.kept[0]
    after = [p for module in hook.trained() for p in module.parameters()]
    assert before
    assert all(not torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert not any("attend" in name for name in result.network.state_dict())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.ReviewKD(at="block", width=0), r"ReviewKD\(width=0\).*1 or more.*width=512"),
        (lambda: distill.ReviewKD(at="block", weight=-1.0), r"ReviewKD\(weight=-1.0\).*0 or more"),
    ],
)
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


def test_vectors_are_not_fused():
    with pytest.raises(RecipeError, match=r"fuses pictures.*'head' of the student gives \[2, 4\].*layer1"):
        fit(distill.ReviewKD(at="head"))


def test_settings_come_back_from_json():
    review = distill.ReviewKD(at=("a", "b"), to=("c", "d"), width=8)
    assert codec.decode(codec.encode(review)) == review
