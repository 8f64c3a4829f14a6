"""Holding on to what was learned first."""

import dataclasses

import numpy as np
import pytest
import torch

from paredown.errors import RecipeError
from paredown.regularize import SAM, EarlyLearning


def softmax(row):
    e = np.exp(row - row.max())
    return e / e.sum()


def test_it_is_the_running_mean_of_the_paper(start, step):
    hook, memory = start(EarlyLearning(strength=2.0, momentum=0.6)), np.zeros((128, 3))
    draw = np.random.default_rng(0)
    for number in range(6):
        examples = draw.permutation(128)[:8]
        outputs = draw.normal(0, 2, (8, 3))
        expected = 0.0
        for i, row in zip(examples, outputs, strict=True):
            p = np.clip(softmax(row), 1e-4, 1 - 1e-4)
            memory[i] = 0.6 * memory[i] + 0.4 * p / p.sum()
            expected += 2.0 * np.log(1 - (p * memory[i]).sum()) / 8
        given = step(torch.tensor(outputs), torch.zeros(8).long(), number=number, examples=torch.tensor(examples))
        assert float(hook.term(given)) == pytest.approx(expected, rel=1e-4)


def test_the_mean_moves_once_per_step(start, step):
    hook = start(EarlyLearning())
    given = step(torch.randn(4, 3), torch.zeros(4).long())
    first = hook.term(given)
    assert torch.equal(hook.term(given), first)
    assert not torch.equal(hook.term(dataclasses.replace(given, number=1)), first)


def test_it_pulls_to_what_was_believed_and_not_to_the_label(start, step):
    hook = start(EarlyLearning())
    believed = torch.tensor([[4.0, 0.0, 0.0]])
    for number in range(10):
        hook.term(step(believed, torch.tensor([2]), number=number))
    outputs = torch.tensor([[1.0, 0.0, 1.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(hook.term(step(outputs, torch.tensor([2]), number=10)), outputs)
    assert slope[0, 0] < 0 < slope[0, 2]


def test_it_stays_finite_where_the_network_is_certain(start, step):
    hook = start(EarlyLearning(momentum=0.0))
    outputs = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    term = hook.term(step(outputs, torch.tensor([0])))
    assert term.isfinite()
    assert torch.autograd.grad(term, outputs)[0].isfinite().all()


def test_it_trains_beside_steps_of_two_passes(setting):
    train = dataclasses.replace(setting.train, epochs=2, using=[SAM(), EarlyLearning()])
    result = train.fit(setting.network, setting.evidence)
    assert result.history[-1]["regularize.EarlyLearning"] < result.history[0]["regularize.EarlyLearning"] < 0


def test_dense_outputs_are_refused(start, dense):
    with pytest.raises(RecipeError, match=r"one set of probabilities per example.*\[2, 3, 6, 8\].*GeneralizedCross"):
        start(EarlyLearning(), *dense)


def test_numbers_are_no_classes(start, words):
    with pytest.raises(RecipeError, match=r"EarlyLearning .* no class indices as targets"):
        start(EarlyLearning(), *words)
