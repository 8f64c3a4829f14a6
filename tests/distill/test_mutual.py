"""Two networks that learn from one another."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional

import paredown
from paredown import codec, distill, regularize
from paredown.errors import RecipeError
from paredown.recipe import SGD, Evidence

from .conftest import learner
from .test_logits import big, first_row


@pytest.mark.parametrize(("temperature", "weight"), [(1.0, 1.0), (3.0, 0.5)])
def test_the_term_is_the_peers_loss_and_both_divergences(setting, temperature, weight):
    s = setting()
    row, (inputs, ((_, target),), outputs) = first_row(
        s, distill.Mutual(peer=s.teacher, temperature=temperature, weight=weight)
    )
    peer = s.teacher(inputs)
    p, q = (torch.softmax(z / temperature, 1) for z in (outputs, peer))
    apart = sum((a * (a / b).log()).sum(1).mean() for a, b in ((p, q), (q, p))) * temperature**2
    expected = functional.cross_entropy(peer, target) + weight * apart
    assert row["distill.Mutual"] == pytest.approx(expected.item(), rel=1e-4)
    assert row["loss"] == pytest.approx((expected + functional.cross_entropy(outputs, target)).item(), rel=1e-4)


def test_numbers_are_matched_by_squares(setting):
    s = setting("numbers")
    row, (inputs, ((_, target),), outputs) = first_row(s, distill.Mutual(peer=s.teacher))
    peer = s.teacher(inputs)
    expected = functional.mse_loss(peer, target) + 2 * functional.mse_loss(outputs, peer)
    assert row["distill.Mutual"] == pytest.approx(expected.item(), rel=1e-4)


def test_the_peer_learns_as_the_student_does(setting):
    """Two equal networks stay equal: each gets the gradient that the other gets, and none through the other."""
    s = setting()
    twin = paredown.capture(learner(4, seed=3), next(s.task.data.work.train.batches(2))[0])
    kept = []

    @dataclasses.dataclass(frozen=True)
    class Keep(distill.Mutual):
        def start(self, context):
            hook = super().start(context)
            kept.append(hook)
            return hook

    train = dataclasses.replace(s.train, optimizer=SGD(lr=0.1, weight_decay=0.0), clip=None)
    result = dataclasses.replace(train, using=[Keep(peer=twin)]).fit(twin, s.evidence)
    for (name, mine), (_, theirs) in zip(
        result.network.named_parameters(), kept[0]._peers[0].named_parameters(), strict=True
    ):
        torch.testing.assert_close(mine, theirs, msg=name)
    plain = train.fit(twin, s.evidence)
    for name, mine in result.network.named_parameters():
        torch.testing.assert_close(mine, plain.network.get_parameter(name), msg=name)


def small():
    """A second peer."""
    return learner(8, seed=2)


def kl(p, q):
    return (p * (p / q).log()).sum(1).mean()


def test_of_several_peers_each_learns_from_the_mean_over_the_others(setting):
    s = setting()
    row, (inputs, ((_, target),), outputs) = first_row(s, distill.Mutual(peer=[big, small], weight=0.5))
    scores = [outputs, big()(inputs), small()(inputs)]
    soft = [z.softmax(1) for z in scores]
    apart = sum(kl(p, q) for p in soft for q in soft if p is not q) / 2
    expected = sum(functional.cross_entropy(z, target) for z in scores[1:]) + 0.5 * apart
    assert row["distill.Mutual"] == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_together_all_learn_from_the_mean_of_everybodys_scores(setting, temperature):
    s = setting()
    row, (inputs, ((_, target),), outputs) = first_row(
        s, distill.Mutual(peer=(big, small), together=True, temperature=temperature)
    )
    scores = [outputs, big()(inputs), small()(inputs)]
    everybody = (sum(scores) / 3 / temperature).softmax(1)
    apart = sum(kl(everybody, (z / temperature).softmax(1)) for z in scores) * temperature**2
    expected = sum(functional.cross_entropy(z, target) for z in scores[1:]) + apart
    assert row["distill.Mutual"] == pytest.approx(expected.item(), rel=1e-4)


def test_together_numbers_are_drawn_to_their_mean(setting):
    s = setting("numbers")
    row, (inputs, ((_, target),), outputs) = first_row(s, distill.Mutual(peer=(s.teacher,), together=True))
    peer = s.teacher(inputs)
    mean = (peer + outputs) / 2
    expected = functional.mse_loss(peer, target) + functional.mse_loss(outputs, mean) + functional.mse_loss(peer, mean)
    assert row["distill.Mutual"] == pytest.approx(expected.item(), rel=1e-4)


def test_an_online_ensemble_agrees_more_than_networks_trained_alone(setting):
    s = setting()
    inputs = next(s.task.data.work.select.batches(64))[0]
    train = dataclasses.replace(s.train, epochs=6)

    def apart(weight):
        peers = []

        @dataclasses.dataclass(frozen=True)
        class Keep(distill.Mutual):
            def start(self, context):
                hook = super().start(context)
                peers.extend(hook._peers)
                return hook

        mutual = Keep(peer=(big, small), together=True, weight=weight)
        student = dataclasses.replace(train, using=[mutual]).fit(s.student, s.evidence).network
        with torch.no_grad():
            soft = [one.eval()(inputs).softmax(1) for one in (student, *peers)]
        return sum(functional.mse_loss(one, soft[0]) for one in soft[1:])

    assert apart(2.0) < 0.7 * apart(0.0)


def test_the_peer_is_a_copy_and_is_dropped(setting):
    s = setting()
    before = s.teacher.fingerprint()
    result = dataclasses.replace(s.train, using=[distill.Mutual(peer=s.teacher)]).fit(s.student, s.evidence)
    assert s.teacher.fingerprint() == before
    assert result.network.state_dict().keys() == s.student.state_dict().keys()


def test_it_learns_from_mixed_targets_and_from_any_module(setting):
    s = setting()
    row, (inputs, targets, _) = first_row(s, distill.Mutual(peer=big, weight=0.0), regularize.Mixup(alpha=1.0))
    expected = sum(weight * functional.cross_entropy(big()(inputs), target) for weight, target in targets)
    assert len(targets) == 2
    assert row["distill.Mutual"] == pytest.approx(expected.item(), rel=1e-4)


def test_in_mixed_precision_peers_get_the_loss_that_the_student_gets(setting):
    """Losses such as ``binary_cross_entropy`` refuse to work in half precision."""
    s, seen = setting(), []

    def loss(outputs, target):
        seen.append((outputs.dtype, torch.is_autocast_enabled("cpu")))
        return functional.cross_entropy(outputs, target)

    s.evidence = Evidence(s.task.data.work, dataclasses.replace(s.task.objective, loss=loss))
    train = dataclasses.replace(s.train, precision="bf16-mixed", using=[distill.Mutual(peer=big)])
    row = train.fit(s.student, s.evidence).history[0]
    assert len(seen) == 16  # eight steps of two networks
    assert set(seen) == {(torch.float32, False)}
    assert row["distill.Mutual"] > 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.Mutual(weight=-1.0), r"distill.Mutual\(weight=-1.0\).*0 or more"),
        (lambda: distill.Mutual(temperature=0.0), r"distill.Mutual\(temperature=0.0\).*above 0.*temperature=1.0"),
        (lambda: distill.Mutual(peer=distill.Ensemble((big, big))), r"Mutual\(peer=Ensemble.*one network that is trained"),
        (lambda: distill.Mutual(peer=distill.Cached("x")), r"Mutual\(peer=Cached.*one network"),
        (lambda: distill.Mutual(peer=(big, distill.Cached("x"))), r"Mutual\(peer=Cached.*one network"),
        (lambda: distill.Mutual(peer=()), r"Mutual\(peer=\(\)\).*Nobody learns alone.*peer=build"),
    ],
)  # fmt: skip
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


@pytest.mark.parametrize(
    ("mutual", "words"),
    [
        (
            distill.Mutual(peer=nn.Linear(4, 5)),
            r"peer gives \[2, 5\] and the student \[2, 3\].*distill.Mutual\(peer=distill.Original\(\)\)",
        ),
        (distill.Mutual(axis=2), r"distill.Mutual\(axis=2\) was given for outputs of shape \[2, 3\]"),
        (distill.Mutual(peer=3), r"teacher=3 was given"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(setting, mutual, words):
    with pytest.raises(RecipeError, match=words):
        first_row(setting(), mutual)


def test_settings_come_back_from_json():
    for mutual in (distill.Mutual(peer=big, weight=2.0, axis=1), distill.Mutual(peer=[big, small], together=True)):
        assert codec.decode(codec.encode(mutual)) == mutual
