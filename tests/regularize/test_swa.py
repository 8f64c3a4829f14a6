"""The mean of weights along the end of a training."""

import dataclasses

import pytest
import torch
from torch.nn import functional

from paredown.recipe import EarlyStop, Hook, Ingredient
from paredown.recipe.ingredient import Update
from paredown.recipe.randomness import derive
from paredown.regularize import SWA


@dataclasses.dataclass(frozen=True)
class Diary(Ingredient):
    """Writes down the weights after every step."""

    pages: list = dataclasses.field(default_factory=list, compare=False)

    def start(self, context):
        pages = self.pages

        class Write(Hook):
            def after_step(self, network):
                pages.append({name: t.clone() for name, t in network.state_dict().items()})

        return Write()


@pytest.mark.parametrize(
    ("swa", "taken"),
    [
        (SWA(start_at=0.75, every=1), [6, 7, 8]),
        (SWA(start_at=0.0), [4, 8]),
        (SWA(start_at=0.6, every=3), [5, 8]),
        (SWA(start_at=0.99, every=100), [8]),
    ],
)
def test_it_is_the_mean_of_what_was_taken(setting, swa, taken):
    diary = Diary()
    train = dataclasses.replace(setting.train, epochs=2, using=[swa, diary])
    network = train.fit(setting.network, setting.evidence).network
    for name in ("0.weight", "1.bias", "4.weight"):
        mean = sum(diary.pages[step - 1][name] for step in taken) / len(taken)
        torch.testing.assert_close(network.get_parameter(name).detach(), mean, rtol=1e-4, atol=1e-6)


def test_statistics_of_batch_norm_are_those_of_the_mean(setting):
    train = dataclasses.replace(setting.train, epochs=2, using=[SWA(examples=64)])
    network = train.fit(setting.network, setting.evidence).network
    weight, bias = network.get_parameter("0.weight"), network.get_parameter("0.bias")
    means, variances = [], []
    seed = derive(0, "regularize.SWA")
    for inputs, _ in setting.evidence.work.train.batches(limit=64, shuffle_seed=seed):
        values = functional.conv2d(inputs, weight, bias, padding=1)
        means.append(values.mean((0, 2, 3)))
        variances.append(values.var((0, 2, 3)))
    assert len(means) == 2
    torch.testing.assert_close(network.get_buffer("1.running_mean"), sum(means).detach() / 2, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.get_buffer("1.running_var"), sum(variances).detach() / 2, rtol=1e-4, atol=1e-5)


def test_before_the_first_set_weights_are_as_they_are(setting):
    train = dataclasses.replace(setting.train, epochs=2, early=EarlyStop())
    averaged = dataclasses.replace(train, using=[SWA(start_at=0.9)]).fit(setting.network, setting.evidence)
    plain = train.fit(setting.network, setting.evidence)
    assert averaged.history[0]["select"] == plain.history[0]["select"]


def test_training_itself_does_not_see_the_mean(setting):
    averaged, plain = Diary(), Diary()
    for using in ([averaged, SWA(start_at=0.0, every=1)], [plain]):
        dataclasses.replace(setting.train, epochs=2, early=EarlyStop(), using=using).fit(
            setting.network, setting.evidence
        )
    for name in ("0.weight", "1.running_var"):
        assert torch.equal(averaged.pages[-1][name], plain.pages[-1][name])


def test_a_training_that_is_shortened_takes_weights_at_its_own_end(start, setting):
    hook = start(SWA(start_at=0.75, every=2))
    weight = hook._live[0]
    sets = []
    for done, left in ((0.1, 9), (0.2, 8), (0.6, 4), (0.8, 2), (0.9, 1), (1.0, 0)):
        hook.before_step(Update(0, setting.network, None, 0.1, lambda: None, done, left))
        weight.fill_(done)
        hook.after_step(setting.network)
        sets.append(hook._taken)
    assert sets == [0, 0, 0, 1, 1, 2]
    torch.testing.assert_close(hook._mean[0], torch.full_like(weight, 0.9))
