"""Distillation from outputs by any comparison."""

import dataclasses
import types
from typing import ClassVar

import pytest
import torch
from torch.nn import functional

import paredown
from paredown import distill, regularize
from paredown.distill.outputs import _OutputsHook
from paredown.distill.standardize import standardized
from paredown.errors import RecipeError
from paredown.recipe import Evidence

from .conftest import learner
from .test_logits import first_row


def yes_or_no(s):
    """The same data, told by one score."""
    task = dataclasses.replace(
        s.task,
        loss=lambda outputs, target: functional.binary_cross_entropy_with_logits(outputs[:, 0], (target > 0).float()),
        score=lambda outputs, target: ((outputs[:, 0] > 0) == (target > 0)).float(),
    )
    example = next(task.data.work.calibrate.batches(2))[0]
    student, teacher = (paredown.capture(learner(width, 1, seed), example) for width, seed in ((4, 0), (8, 1)))
    return types.SimpleNamespace(task=task, evidence=Evidence.of(task), student=student, teacher=teacher, train=s.train)


@dataclasses.dataclass(frozen=True)
class Largest(distill.OutputLoss):
    """A user's own comparison: of the largest output of every row."""

    classes: ClassVar[bool] = False

    def __call__(self, student, teacher, labels):
        return (student.max(1).values - teacher.max(1).values).abs().mean()


@pytest.mark.parametrize("loss", [distill.DKD(), distill.DIST(), distill.WSLD(), distill.MLKD(), Largest()])
def test_the_term_is_the_weighted_loss_of_the_batch(setting, loss):
    s = setting()
    row, (inputs, ((_, target),), outputs) = first_row(s, distill.Outputs(loss=loss, weight=3.0, task=0.5))
    expected = 3.0 * loss(outputs, s.teacher(inputs), target)
    assert row["distill.Outputs"] == pytest.approx(expected.item(), rel=1e-4)
    assert row["loss"] == pytest.approx((0.5 * functional.cross_entropy(outputs, target) + expected).item(), rel=1e-4)


def test_scores_can_be_standardized(setting):
    s = setting()
    row, (inputs, ((_, target),), outputs) = first_row(s, distill.Outputs(loss=distill.DKD(), standardize=True))
    expected = distill.DKD()(standardized(outputs, 1), standardized(s.teacher(inputs), 1), target)
    assert row["distill.Outputs"] == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("loss", [distill.DKD(), distill.DIST()])
def test_dense_outputs_are_taken_as_rows_without_padding(setting, loss):
    s = setting("dense")
    row, (inputs, ((_, target),), outputs) = first_row(s, distill.Outputs(loss=loss))
    counted = target.flatten() >= 0
    rows = [values.flatten(0, 1)[counted] for values in (outputs, s.teacher(inputs))]
    assert 0 < counted.sum() < target.numel()
    assert row["distill.Outputs"] == pytest.approx(loss(*rows, target.flatten()[counted]).item(), rel=1e-4)


def test_a_loss_with_labels_is_averaged_over_mixed_targets(setting):
    s = setting()
    row, (inputs, targets, outputs) = first_row(s, distill.Outputs(loss=distill.DKD()), regularize.Mixup(alpha=1.0))
    teacher = s.teacher(inputs)
    expected = sum(weight * distill.DKD()(outputs, teacher, target) for weight, target in targets)
    assert len(targets) == 2
    assert row["distill.Outputs"] == pytest.approx(expected.item(), rel=1e-4)


def test_numbers_are_matched_by_squares(setting):
    s = setting("numbers")
    row, (inputs, _, outputs) = first_row(s, distill.Outputs(loss=distill.Squares()))
    assert row["distill.Outputs"] == pytest.approx(functional.mse_loss(outputs, s.teacher(inputs)).item(), rel=1e-4)


def test_classes_without_labels_can_be_pointed_at(setting):
    s = setting("numbers")
    row, (inputs, _, outputs) = first_row(s, distill.Outputs(loss=distill.DIST(), axis=-1))
    expected = distill.DIST()(outputs, s.teacher(inputs), torch.empty(0))
    assert row["distill.Outputs"] == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("loss", [distill.DKD(), distill.WSLD(), distill.DIST()])
def test_places_that_name_no_class_are_ignored_whatever_their_number(loss):
    hook = _OutputsHook(distill.Outputs(loss=loss), None, 1)
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(4, 3, 5, generator=generator) for _ in range(2))
    target = torch.randint(3, (4, 5), generator=generator)
    padded, bordered = target.clone(), target.clone()
    padded[:, 0], bordered[:, 0] = -100, 255
    assert torch.equal(hook._compare(student, teacher, bordered), hook._compare(student, teacher, padded))


def test_one_score_of_yes_or_no_is_matched_by_squares(setting):
    s = yes_or_no(setting())
    row, (inputs, _, outputs) = first_row(s, distill.Logits(alpha=0.5))
    assert row["distill.Logits"] == pytest.approx(
        0.5 * functional.mse_loss(outputs, s.teacher(inputs)).item(), rel=1e-4
    )
    with pytest.raises(RecipeError, match=r"no class indices for outputs of shape \[2, 1\].*Squares"):
        first_row(s, distill.Outputs())


def test_a_batch_of_nothing_but_padding_is_no_lesson():
    hook = _OutputsHook(distill.Outputs(loss=distill.DIST()), None, 2)
    outputs = torch.randn(4, 5, 3, requires_grad=True)
    value = hook._compare(outputs, torch.randn(4, 5, 3), torch.full((4, 5), -100))
    value.backward()
    assert value == 0
    assert torch.equal(outputs.grad, torch.zeros_like(outputs))


def test_it_works_in_mixed_precision(setting):
    s = setting()
    train = dataclasses.replace(s.train, precision="bf16-mixed", using=[distill.Outputs(loss=distill.DKD())])
    row = train.fit(s.student, s.evidence, original=s.teacher).history[0]
    exact = dataclasses.replace(train, precision="32-true").fit(s.student, s.evidence, original=s.teacher).history[0]
    assert row["distill.Outputs"] == pytest.approx(exact["distill.Outputs"], rel=0.1)


def test_the_teacher_learns_nothing(setting):
    s = setting()
    before = s.teacher.fingerprint()
    train = dataclasses.replace(s.train, using=[distill.Outputs(teacher=s.teacher)])
    result = train.fit(s.student, s.evidence)
    assert s.teacher.fingerprint() == before
    assert all(p.grad is None and p.requires_grad for p in s.teacher.parameters())
    assert result.network.fingerprint() != s.student.fingerprint()


@pytest.mark.parametrize(
    ("kind", "make", "words"),
    [
        ("numbers", lambda: distill.Outputs(loss=distill.DIST()), r"DIST compares probabilities.*\[2, 3\].*`axis=1`.*Squares"),
        ("numbers", lambda: distill.Outputs(loss=distill.DKD(), axis=1), r"DKD looks at the true classes.*DIST\(\)"),
        ("dense", lambda: distill.Outputs(loss=distill.DKD(), axis=1), r"DKD looks at the true classes.*\[2, 5, 3\]"),
        (
            "numbers",
            lambda: distill.Outputs(loss=distill.Squares(), standardize=True),
            r"standardize=True\).*\[2, 3\]: numbers without classes keep their scale.*`axis=1`",
        ),
        ("classes", lambda: distill.Outputs(axis=2), r"distill.Outputs\(axis=2\) was given for outputs of shape \[2, 3\]"),
        (
            "classes",
            lambda: distill.Outputs(teacher=torch.nn.Linear(4, 5)),
            r"teacher gives \[2, 5\] and the student \[2, 3\].*distill.Outputs\(teacher=distill.Original\(\)\)",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_training(setting, kind, make, words):
    s = setting(kind)
    with pytest.raises(RecipeError, match=words):
        dataclasses.replace(s.train, using=[make()]).fit(s.student, s.evidence, original=s.teacher)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.Outputs(weight=-1.0), r"distill.Outputs\(weight=-1.0\).*0 or more.*weight=1.0"),
        (lambda: distill.Outputs(task=float("nan")), r"distill.Outputs\(task=nan\)"),
        (lambda: distill.Outputs(loss=distill.AT()), r"Outputs\(loss=AT.*distill.DKD\(\).*distill.Features"),
        (lambda: distill.Outputs(loss=distill.DKD), r"Outputs\(loss=<class.*distill.DKD\(\)"),
    ],
)
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


def test_one_number_per_example_is_a_row(setting):
    s = setting()
    loss = dataclasses.replace(
        s.task.objective, loss=lambda outputs, _: outputs.square().mean(), logits=lambda raw: raw[:, 0]
    )
    s.evidence = Evidence(s.task.data.work, loss)
    row, (inputs, _, outputs) = first_row(s, distill.Outputs(loss=distill.Squares()))
    assert outputs.ndim == 1
    assert row["distill.Outputs"] == pytest.approx((outputs - s.teacher(inputs)[:, 0]).square().mean().item(), rel=1e-4)
    largest, _ = first_row(s, distill.Outputs(loss=Largest()))
    expected = (outputs - s.teacher(inputs)[:, 0]).abs().mean()
    assert largest["distill.Outputs"] == pytest.approx(expected.item(), rel=1e-4)
