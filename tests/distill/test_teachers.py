"""One teacher, several, and chains of them."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional

import paredown
from paredown import codec, distill, regularize
from paredown.errors import RecipeError

from .conftest import learner
from .test_logits import big, first_row


def small():
    """Another teacher that a run directory can name."""
    return learner(8, seed=2)


@pytest.mark.parametrize(("weights", "shares"), [((), (0.5, 0.5)), ((3.0, 1.0), (0.75, 0.25))])
def test_an_ensemble_is_the_mean_of_its_outputs(setting, weights, shares):
    s = setting()
    ensemble = distill.Ensemble((big, small), weights)
    row, (inputs, _, outputs) = first_row(s, distill.Outputs(loss=distill.Squares(), teacher=ensemble))
    mean = shares[0] * big()(inputs) + shares[1] * small()(inputs)
    assert ensemble.shares == shares
    assert row["distill.Outputs"] == pytest.approx(functional.mse_loss(outputs, mean).item(), rel=1e-4)


def test_an_ensemble_of_one_teacher_twice_is_that_teacher(setting):
    s = setting()
    rows = [
        first_row(s, distill.Logits(teacher=teacher))[0]["distill.Logits"]
        for teacher in (big, distill.Ensemble((big, big)))
    ]
    assert rows[0] == pytest.approx(rows[1], rel=1e-5)


def test_an_ensemble_may_hold_the_original_and_other_ensembles(setting):
    s = setting()
    inner = distill.Ensemble((distill.Original(), small))
    row, (inputs, _, outputs) = first_row(
        s, distill.Outputs(loss=distill.Squares(), teacher=distill.Ensemble((inner, big)))
    )
    mean = 0.25 * s.teacher(inputs) + 0.25 * small()(inputs) + 0.5 * big()(inputs)
    assert row["distill.Outputs"] == pytest.approx(functional.mse_loss(outputs, mean).item(), rel=1e-4)


def test_an_ensemble_teaches_by_its_outputs_as_features(setting):
    s = setting()
    teacher = distill.Ensemble((big, small))
    row, (inputs, _, outputs) = first_row(s, distill.Features(loss=distill.FitNets(), teacher=teacher))
    mean = (big()(inputs) + small()(inputs)) / 2
    assert row["distill.Features"] == pytest.approx(functional.mse_loss(outputs, mean).item(), rel=1e-4)


def test_a_chain_of_assistants_is_one_training_after_the_other(setting):
    """Teacher to assistant to student (Mirzadeh et al. 2020, arXiv:1902.03393)."""
    s = setting()
    train = dataclasses.replace(s.train, epochs=6)
    example = next(s.task.data.work.train.batches(2))[0]
    assistant = dataclasses.replace(train, using=[distill.Logits(teacher=s.teacher)]).fit(
        paredown.capture(learner(8), example), s.evidence
    )
    before = assistant.network.fingerprint()
    student = dataclasses.replace(train, using=[distill.Logits(teacher=assistant.network)]).fit(s.student, s.evidence)
    plain = train.fit(s.student, s.evidence)
    inputs = next(s.task.data.work.select.batches(64))[0]

    def apart(network):
        return functional.mse_loss(network(inputs).softmax(1), assistant.network(inputs).softmax(1))

    assert apart(student.network) < apart(plain.network)
    assert assistant.network.fingerprint() == before


def test_a_network_is_born_again(setting):
    """A fresh start taught by what the network was (Furlanello et al. 2018, arXiv:1805.04770)."""
    s = setting()
    fresh = regularize.ShrinkPerturb(shrink=0.0, perturb=1.0)
    inputs = next(s.task.data.work.select.batches(64))[0]

    def apart(using, epochs):
        result = dataclasses.replace(s.train, epochs=epochs, using=using).fit(s.teacher, s.evidence)
        return functional.mse_loss(result.network(inputs).softmax(1), s.teacher(inputs).softmax(1))

    begun, grown = apart([fresh], 1 / 8), apart([fresh, distill.Logits()], 12)
    assert grown < 0.3 * begun


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.Ensemble((big,)), r"Ensemble was given 1 teacher\(s\).*two or more"),
        (lambda: distill.Ensemble(()), r"Ensemble was given 0 teacher\(s\)"),
        (lambda: distill.Ensemble((big, small), (1.0,)), r"2 teachers and 1 weights.*one weight for each"),
        (lambda: distill.Ensemble((big, small), (1.0, 0.0)), r"weights=\(1.0, 0.0\).*above 0"),
        (lambda: distill.Ensemble((big, small), (1.0, float("nan"))), r"nan\)\) was given. Weights are finite"),
    ],
)
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


def test_teachers_of_other_classes_are_not_averaged(setting):
    s = setting()
    ensemble = distill.Ensemble((big, nn.Linear(4, 5)))
    with pytest.raises(RecipeError, match=r"Ensemble give \[2, 3\], \[2, 5\]. To be averaged.*leave the odd one out"):
        first_row(s, distill.Logits(teacher=ensemble))


def test_a_member_that_is_no_teacher_is_refused(setting):
    s = setting()
    with pytest.raises(RecipeError, match=r"teacher=3 was given. A teacher is `distill.Original\(\)`"):
        first_row(s, distill.Logits(teacher=distill.Ensemble((big, 3))))


def test_settings_come_back_from_json():
    logits = distill.Logits(teacher=distill.Ensemble((distill.Original(), big), (2.0, 1.0)))
    assert codec.decode(codec.encode(logits)) == logits
    assert torch.isclose(torch.tensor(sum(logits.teacher.shares)), torch.tensor(1.0))
