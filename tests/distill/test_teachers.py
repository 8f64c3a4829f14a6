"""One teacher, several, and chains of them."""

import dataclasses
import threading
import time

import pytest
import torch
from torch import nn
from torch.nn import functional

import paredown
from paredown import codec, distill, prune, regularize
from paredown.distill import assistant as assisting
from paredown.errors import RecipeError
from paredown.recipe import AdamW, Train

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


def assistant(epochs=6, begin=small, **more):
    """Learns from the original."""
    train = Train(epochs=epochs, optimizer=AdamW(lr=1e-2), device="cpu", early=None, using=[distill.Logits()], **more)
    return distill.Assistant((train,), begin=begin)


def test_an_assistant_is_made_from_the_original_before_it_teaches(setting):
    """The same as two trainings by hand, in one recipe."""
    s = setting()
    given = assistant(begin=learner(8, seed=2))
    example = next(s.task.data.work.train.batches(2))[0]
    begun = paredown.capture(given.begin, example)
    by_hand = given.steps[0].fit(begun, s.evidence, original=s.teacher).network
    for teacher in (given, dataclasses.replace(given, begin=begun)):
        row, (inputs, _, outputs) = first_row(s, distill.Outputs(loss=distill.Squares(), teacher=teacher))
        expected = functional.mse_loss(outputs, by_hand(inputs)).item()
        assert row["distill.Outputs"] == pytest.approx(expected, rel=1e-5)


def test_an_assistant_can_be_the_original_cut_down(setting):
    s = setting()
    before = s.teacher.fingerprint()
    given = distill.Assistant((prune.Channels(keep=0.5), assistant().steps[0]))
    by_hand = assisting.run(s.teacher, given.steps, s.evidence, original=s.teacher).network
    row, (inputs, _, outputs) = first_row(s, distill.Outputs(loss=distill.Squares(), teacher=given))
    assert row["distill.Outputs"] == pytest.approx(functional.mse_loss(outputs, by_hand(inputs)).item(), rel=1e-5)
    assert s.teacher.fingerprint() == before


def test_assistants_are_made_once_for_the_same_evidence(setting, monkeypatch):
    s, made = setting(), []
    carry_out = assisting.run

    def counted(*args, **kwargs):
        made.append(args)
        return carry_out(*args, **kwargs)

    monkeypatch.setattr(assisting, "run", counted)
    for teacher in (assistant(1, distill.Original()), assistant(1, distill.Original())):
        first_row(s, distill.Logits(teacher=teacher))
    assert len(made) == 1
    unnamed = distill.Assistant((Train(epochs=0.2, using=[distill.Logits(teacher=learner(5))]),))
    first_row(s, distill.Logits(teacher=unnamed), distill.Outputs(teacher=unnamed))
    assert len(made) == 2


def test_assistants_stand_in_chains_ensembles_caches_and_as_peers(setting, tmp_path):
    s = setting()
    chain = dataclasses.replace(
        assistant(1), steps=(Train(epochs=1, using=[distill.Logits(teacher=assistant(1))], device="cpu"),)
    )
    for thing in (
        distill.Logits(teacher=chain),
        distill.Logits(teacher=distill.Ensemble((distill.Original(), assistant(1)))),
        distill.Logits(teacher=distill.Cached(str(tmp_path), assistant(1, distill.Original()))),
        distill.Mutual(peer=assistant(1)),
    ):
        row, _ = first_row(s, thing)
        assert row["loss"] > 0


def test_an_assistant_gets_its_share_of_the_time(setting):
    s = setting()
    settings = dataclasses.replace(s.train, epochs=200.0, using=[distill.Logits(teacher=assistant(200.0))])
    began = time.monotonic()
    result = settings.fit(s.student, s.evidence, original=s.teacher, deadline=began + 2.0)
    assert time.monotonic() - began < 6.0
    assert 0.4 < result.seconds < 4.0
    assert result.steps > 8


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
        (lambda: distill.Assistant(()), r"Assistant was given no steps.*prune.Channels\(keep=0.7\)"),
        (lambda: distill.Assistant((distill.Logits(),)), r"given distill.Logits.*which is no step"),
        (lambda: distill.Ensemble(()), r"Ensemble was given 0 teacher\(s\)"),
        (lambda: distill.Ensemble((big, small), (1.0,)), r"2 teachers and 1 weights.*one weight for each"),
        (lambda: distill.Ensemble((big, small), (1.0, 0.0)), r"weights=\(1.0, 0.0\).*above 0"),
        (lambda: distill.Ensemble((big, small), (1.0, float("nan"))), r"nan\)\) was given. It is a tuple of finite"),
        (
            lambda: distill.Ensemble((big, small), 0.5),
            r"weights=0.5\) was given. It is a tuple of finite.*equal shares",
        ),
        (lambda: distill.Ensemble(nn.Linear(4, 3)), r"Ensemble was given Linear. It takes several.*\(first, second\)"),
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


class Deaf(nn.Module):
    """Has a part that it does not use."""

    def __init__(self):
        super().__init__()
        self.layer, self.unused = nn.Linear(4, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(x)


def locked():
    """Keeps what has no copy."""
    module = nn.Linear(4, 3)
    module.kept = threading.Lock()
    return module


@pytest.mark.parametrize(
    ("ingredient", "words"),
    [
        (
            lambda: distill.Logits(teacher=nn.Linear(5, 3)),
            r"The teacher, Linear, cannot be run on this task's inputs, float32 \[2, 4\] for two.*`distill.Original\(\)`",
        ),
        (lambda: distill.Logits(teacher=nn.Linear(4, 3).double()), r"The teacher, Linear, cannot be run on"),
        (lambda: distill.Logits(teacher=locked()), r"The teacher, Linear, cannot be copied.*`teacher=build`"),
        (
            lambda: distill.Logits(teacher=lambda x: x),
            r"cannot be called without arguments.*`distill.Logits\(teacher=lambda:",
        ),
        (lambda: distill.Logits(teacher=lambda: 3), r"which returns int, was given. A teacher is"),
        (lambda: distill.Logits(teacher=(big, small)), r"several are a `distill.Ensemble`"),
        (
            lambda: distill.Features(at="2", to="unused", teacher=Deaf()),
            r"'unused' of the teacher.*never called.*nearest are 'layer'",
        ),
        (lambda: distill.Mutual(peer=nn.Linear(5, 3)), r"The peer, Linear, cannot be run on this task's inputs"),
    ],
)
def test_a_teacher_that_cannot_teach_is_told_before_training(setting, ingredient, words):
    s = setting()
    with pytest.raises(RecipeError, match=words):
        dataclasses.replace(s.train, using=[ingredient()]).fit(s.student, s.evidence)


def test_one_step_makes_an_assistant():
    assert distill.Assistant(Train()).steps == (Train(),)


def test_settings_come_back_from_json():
    logits = distill.Logits(teacher=distill.Ensemble((distill.Original(), big), (2.0, 1.0)))
    assert codec.decode(codec.encode(logits)) == logits
    helped = distill.Logits(teacher=assistant())
    assert codec.decode(codec.encode(helped)) == helped
    assert torch.isclose(torch.tensor(sum(logits.teacher.shares)), torch.tensor(1.0))
