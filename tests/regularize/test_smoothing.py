"""Label smoothing."""

import pytest
import torch
from torch.nn import functional

from paredown.errors import RecipeError
from paredown.regularize import LabelSmoothing


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.7])
def test_it_equals_torchs_own(start, epsilon):
    hook = start(LabelSmoothing(epsilon=epsilon))
    outputs, target = torch.randn(16, 3), torch.randint(3, (16,))
    expected = functional.cross_entropy(outputs, target, label_smoothing=epsilon)
    torch.testing.assert_close(hook.loss(functional.cross_entropy(outputs, target), outputs, target), expected)


def test_places_to_ignore_do_not_count(start):
    hook = start(LabelSmoothing(epsilon=0.3))
    outputs, target = torch.randn(16, 3), torch.randint(3, (16,))
    target[::3] = -100
    expected = functional.cross_entropy(outputs, target, label_smoothing=0.3)
    torch.testing.assert_close(hook.loss(functional.cross_entropy(outputs, target), outputs, target), expected)


def test_training_with_it_is_training_with_torchs_own(setting):
    import dataclasses
    import functools

    from paredown.recipe import SGD, Evidence

    train = dataclasses.replace(setting.train, optimizer=SGD(lr=0.1))
    smoothed = dataclasses.replace(train, using=[LabelSmoothing(epsilon=0.2)])
    ours = smoothed.fit(setting.network, setting.evidence)
    smooth = functools.partial(functional.cross_entropy, label_smoothing=0.2)
    objective = dataclasses.replace(setting.task.objective, loss=smooth)
    theirs = train.fit(setting.network, Evidence(setting.task.data.work, objective))
    assert ours.history[0]["loss"] == pytest.approx(theirs.history[0]["loss"], rel=1e-5)
    for name, tensor in ours.network.named_parameters():
        torch.testing.assert_close(tensor, theirs.network.get_parameter(name), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("epsilon", [-0.1, 1.0])
def test_an_epsilon_out_of_range_is_refused(epsilon):
    with pytest.raises(RecipeError, match=rf"LabelSmoothing\(epsilon={epsilon}\).*below 1.*epsilon=0.1"):
        LabelSmoothing(epsilon=epsilon)


def test_numbers_are_not_smoothed(start, words):
    with pytest.raises(RecipeError, match=r"no class indices as targets.*float32 \[2\] and the targets float32 \[2\]"):
        start(LabelSmoothing(), *words)
