"""A teacher's outputs for inputs that nobody has labelled."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset

import paredown
from paredown import codec, distill, regularize
from paredown.distill.unlabelled import _split
from paredown.errors import DataError, RecipeError
from paredown.recipe import Hook, Ingredient

from .conftest import draw, learner
from .test_logits import big, first_row

SIX = torch.randn(6, 4, generator=torch.Generator().manual_seed(5))


def six():
    """Six inputs that a run directory can name."""
    return SIX


@pytest.mark.parametrize(
    "inputs",
    [SIX, SIX.numpy(), (SIX, torch.zeros(6)), TensorDataset(SIX, torch.zeros(6)), six],
    ids=["tensor", "array", "pair", "dataset", "function"],
)
def test_the_term_is_hintons_on_other_inputs(setting, inputs):
    s = setting()
    row, (_, ((_, target),), outputs) = first_row(
        s, distill.Unlabelled(inputs, temperature=2.0, weight=0.5, task=0.25, batch_size=6)
    )
    p, q = (torch.softmax(net(SIX) / 2.0, 1) for net in (s.teacher, s.student))
    expected = 0.5 * 4.0 * (p * (p / q).log()).sum(1).mean()
    assert row["distill.Unlabelled"] == pytest.approx(expected.item(), rel=1e-4)
    task = functional.cross_entropy(outputs, target)
    assert row["loss"] == pytest.approx((0.25 * task + expected).item(), rel=1e-4)


def test_numbers_are_matched_by_squares(setting):
    s = setting("numbers")
    row, _ = first_row(s, distill.Unlabelled(SIX, batch_size=6))
    assert row["distill.Unlabelled"] == pytest.approx(
        functional.mse_loss(s.student(SIX), s.teacher(SIX)).item(), rel=1e-4
    )


def drawn(s, unlabelled, steps, *others):
    """The inputs of each step, and how often they were asked for."""
    seen = []

    @dataclasses.dataclass(frozen=True)
    class Watch(Ingredient):
        def start(self, context):
            hook = unlabelled.start(context)

            class See(Hook):
                def term(self, step):
                    forward = step.forward
                    spied = dataclasses.replace(step, forward=lambda inputs: (seen.append(inputs), forward(inputs))[1])
                    return hook.term(spied)

            return See()

    train = dataclasses.replace(s.train, epochs=steps / 8, using=[*others, Watch()])
    train.fit(s.student, s.evidence, original=s.teacher)
    return seen


def test_every_time_around_all_come_by_in_another_order(setting):
    inputs = torch.arange(24.0).reshape(6, 4)
    seen = drawn(setting(), distill.Unlabelled(inputs, batch_size=3), 8)
    assert [len(part) for part in seen] == [3] * 8
    rounds = [torch.cat(seen[i : i + 2]) for i in range(0, 8, 2)]
    assert all(sorted(one[:, 0].tolist()) == inputs[:, 0].tolist() for one in rounds)
    assert len({tuple(one[:, 0].tolist()) for one in rounds}) > 1


def test_without_a_size_as_many_as_the_batch_and_never_more_than_there_are(setting):
    many = torch.randn(100, 4)
    assert [len(part) for part in drawn(setting(), distill.Unlabelled(many), 4)] == [32] * 4
    assert [len(part) for part in drawn(setting(), distill.Unlabelled(SIX), 2)] == [6, 6]


def test_a_second_pass_of_a_step_sees_the_same_inputs(setting):
    seen = drawn(setting(), distill.Unlabelled(SIX, batch_size=2), 2, regularize.SAM())
    assert len(seen) == 4
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[2], seen[3])


def test_without_labels_and_from_other_inputs_the_student_becomes_the_teacher(setting):
    """Data-free: nothing of the task's data or labels counts."""
    s = setting()
    noise = 2 * torch.rand(512, 4, generator=torch.Generator().manual_seed(1)) - 1
    inputs = next(s.task.data.work.select.batches(64))[0]

    def apart(network):
        return functional.kl_div(
            network(inputs).log_softmax(1), s.teacher(inputs).log_softmax(1), log_target=True, reduction="batchmean"
        )

    train = dataclasses.replace(s.train, epochs=15, using=[distill.Unlabelled(3 * noise, task=0.0, temperature=1.0)])
    assert apart(train.fit(s.student, s.evidence, original=s.teacher).network) < 0.2 * apart(s.student)


def test_few_labels_and_many_inputs_are_better_than_few_labels(setting):
    s = setting()
    few = dataclasses.replace(s.evidence.work, train=s.evidence.work.train.rows(range(8)))
    evidence = paredown.Evidence(
        few, paredown.Task(learner(4), s.task.data, s.task.loss, paredown.scores.accuracy).objective
    )
    train = dataclasses.replace(s.train, epochs=150, batch_size=8)
    teacher = dataclasses.replace(s.train, epochs=20).fit(s.teacher, s.evidence).network
    inputs, labels = draw(1000, 77)
    plain, taught = (
        dataclasses.replace(train, using=using).fit(s.student, evidence, original=teacher).network
        for using in ([], [distill.Unlabelled(draw(1000, 55)[0], batch_size=32)])
    )
    right = [(net(inputs).argmax(1) == labels).float().mean().item() for net in (plain, taught)]
    assert right[1] > right[0] + 0.05


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.Unlabelled(SIX, temperature=0.0), r"Unlabelled\(temperature=0.0\).*above 0.*temperature=4.0"),
        (lambda: distill.Unlabelled(SIX, weight=-1.0), r"Unlabelled\(weight=-1.0\).*0 or more"),
        (lambda: distill.Unlabelled(SIX, task=-1.0), r"Unlabelled\(task=-1.0\).*0 or more"),
        (lambda: distill.Unlabelled(SIX, batch_size=0), r"Unlabelled\(batch_size=0\).*1 or more. Leave it out"),
    ],
)  # fmt: skip
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


@pytest.mark.parametrize(
    ("unlabelled", "words"),
    [
        (distill.Unlabelled(torch.zeros(6, 5)), r"torch.float32 \[5\], and one of the task's training data torch.float32 \[4\].*same shape"),
        (distill.Unlabelled(torch.zeros(6, 4).long()), r"torch.int64 \[4\].*number type and scale"),
        (distill.Unlabelled(SIX, teacher=nn.Linear(4, 5)), r"teacher gives \[2, 5\] and the student \[2, 3\]"),
        (distill.Unlabelled(SIX, axis=2), r"distill.Unlabelled\(axis=2\) was given for outputs of shape \[2, 3\]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_training(setting, unlabelled, words):
    with pytest.raises(RecipeError, match=words):
        first_row(setting(), unlabelled)


@pytest.mark.parametrize(
    "given",
    [
        list(torch.randn(6, 4)),
        torch.utils.data.TensorDataset(torch.randn(6, 4)),
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(6, 4)), batch_size=2),
    ],
    ids=["list", "dataset", "loader"],
)
def test_examples_without_targets_are_inputs(given):
    split = _split(given)
    assert len(split) == 6
    assert next(split.batches(6))[0].shape == (6, 4)


def test_no_inputs_at_all_are_refused():
    with pytest.raises(RecipeError, match=r"distill.Unlabelled\(inputs=...\) holds no example"):
        _split(torch.zeros(0, 4))


def test_inputs_of_no_form_are_refused(setting):
    with pytest.raises(
        DataError, match=r"the path 'pictures' was given.*then type distill.Unlabelled\(inputs=\(inputs, targets\)\)"
    ):
        first_row(setting(), distill.Unlabelled("pictures"))


def test_settings_come_back_from_json():
    unlabelled = distill.Unlabelled(six, teacher=big, task=0.0)
    assert codec.decode(codec.encode(unlabelled)) == unlabelled
    assert np.isclose(unlabelled.weight, 1.0)
