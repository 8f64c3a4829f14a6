"""Weight decay."""

import dataclasses

import pytest
import torch

from paredown.errors import RecipeError
from paredown.recipe import SGD, Constant, Evidence
from paredown.regularize import WeightDecay


def test_weights_shrink_by_lr_times_strength_per_step_and_nothing_else_does(setting):
    flat = dataclasses.replace(setting.task.objective, loss=lambda outputs, _: (outputs * 0.0).sum())
    train = dataclasses.replace(
        setting.train,
        optimizer=SGD(lr=0.1, weight_decay=0.0),
        schedule=Constant(),
        using=[WeightDecay(strength=0.5)],
    )
    before = setting.network.state_dict()
    after = train.fit(setting.network, Evidence(setting.task.data.work, flat)).network.state_dict()
    for name in ("0.weight", "4.weight"):
        torch.testing.assert_close(after[name], before[name] * (1 - 0.1 * 0.5) ** 4)
    for name in ("0.bias", "1.weight", "1.bias", "4.bias"):
        assert torch.equal(after[name], before[name])


def test_a_strength_below_0_is_refused():
    with pytest.raises(RecipeError, match=r"WeightDecay\(strength=-1\).*0 or more.*strength=0.05"):
        WeightDecay(strength=-1)
