"""Averaged weights."""

import dataclasses

import pytest
import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.recipe import AdamW, EarlyStop, Evidence, Hook, Ingredient, Train
from paredown.regularize import EMA


@dataclasses.dataclass(frozen=True)
class Diary(Ingredient):
    """Writes down the weights after every step."""

    pages: list = dataclasses.field(default_factory=list, compare=False)

    def start(self, context):
        pages = self.pages
        pages.append({name: t.clone() for name, t in context.network.state_dict().items()})

        class Write(Hook):
            def after_step(self, network):
                pages.append({name: t.clone() for name, t in network.state_dict().items()})

        return Write()


@pytest.mark.parametrize("decay", [0.999, 0.3, 0.0])
def test_the_average_is_the_one_of_the_formula(setting, decay):
    diary = Diary()
    train = dataclasses.replace(setting.train, epochs=2, using=[EMA(decay=decay), diary])
    network = train.fit(setting.network, setting.evidence).network
    assert len(diary.pages) == 9
    for name in ("0.weight", "4.bias", "1.running_mean", "1.running_var"):
        weights = [1.0]  # share of every page in the average
        for step in range(1, 9):
            d = min(decay, (1 + step) / (10 + step))
            weights = [w * d for w in weights] + [1 - d]
        assert sum(weights) == pytest.approx(1.0)
        expected = sum(w * page[name] for w, page in zip(weights, diary.pages, strict=True))
        torch.testing.assert_close(network.state_dict()[name], expected, rtol=1e-4, atol=1e-6)
    assert int(network.state_dict()["1.num_batches_tracked"]) == 8


def test_a_short_training_is_not_ruled_by_its_start(setting):
    diary = Diary()
    train = dataclasses.replace(setting.train, epochs=10, using=[EMA(decay=0.999), diary])
    network = train.fit(setting.network, setting.evidence).network
    start, end = (page["4.weight"] for page in (diary.pages[0], diary.pages[-1]))
    assert (network.state_dict()["4.weight"] - end).norm() < 0.2 * (start - end).norm()


def test_training_itself_does_not_see_the_average(setting):
    averaged, plain = Diary(), Diary()
    for using in ([averaged, EMA()], [plain]):
        dataclasses.replace(setting.train, epochs=2, early=EarlyStop(), using=using).fit(
            setting.network, setting.evidence
        )
    assert torch.equal(averaged.pages[-1]["0.weight"], plain.pages[-1]["0.weight"])


def test_what_is_scored_is_what_is_returned(setting):
    result = dataclasses.replace(setting.train, epochs=3, early=EarlyStop(), using=[EMA()]).fit(
        setting.network, setting.evidence
    )
    assert setting.evidence.score(result.network) == max(row["select"] for row in result.history)


def test_a_mask_of_infinities_stays_what_it_is(made):
    class Causal(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.register_buffer("mask", torch.full((4, 4), -torch.inf).triu(1))

        def forward(self, x):
            return (self.layer(x)[:, None] + self.mask).softmax(-1).sum(1)

    task, network = made(Causal(), torch.randn(16, 4), torch.arange(16) % 4)
    assert network.get_buffer("mask").isinf().any()
    train = Train(epochs=2, optimizer=AdamW(lr=1e-2), device="cpu", using=[EMA(decay=0.5)])
    averaged = train.fit(network, Evidence.of(task)).network
    assert torch.equal(averaged.get_buffer("mask"), network.get_buffer("mask"))
    assert averaged(torch.randn(2, 4)).isfinite().all()


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(RecipeError, match=rf"EMA\(decay={decay}\).*below 1.*decay=0.999"):
        EMA(decay=decay)
