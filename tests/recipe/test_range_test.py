"""Finding a learning rate."""

import math

import pytest

from paredown.recipe import SGD, AdamW, Auto, Train
from paredown.recipe.range_test import choose, range_test

RATES = [10.0 ** (power / 4) for power in range(-24, 1)]  # 1e-6 to 1


def curve(best, burst, depth):
    """A loss that falls up to a rate and bursts at another."""
    return [
        math.inf if rate > 3 * burst else 5.0 if rate > burst else -depth * math.exp(-(math.log10(rate / best) ** 2))
        for rate in RATES
    ]


def test_where_it_learns_it_stays_below_the_best():
    assert 0.5e-2 / 4 < choose(RATES, curve(1e-2, 0.5, 1.0), 2.0, 100) < 2e-2 / 4


def test_at_a_minimum_it_stays_well_below_where_harm_begins():
    assert 1e-3 / 12 < choose(RATES, curve(1e-4, 1e-3, 0.0), 2.0, 100) <= 1e-3 / 5


def test_without_learning_or_harm_it_takes_a_tenth_of_the_largest():
    assert choose(RATES, [0.0] * len(RATES), 2.0, 50) == pytest.approx(0.1)


def test_a_loss_that_breaks_at_once_gives_the_smallest():
    assert choose(RATES[:1], [math.inf], 0.0, 100) == pytest.approx(RATES[0] / 10)


def test_a_long_training_may_do_some_harm_at_first():
    flat = curve(1e-4, 1e-3, 0.0)
    found = [choose(RATES, flat, 2.0, steps) for steps in (1, 100, 550, 3000, 10**6)]
    assert found[0] == found[1] < found[2] < found[3] == found[4]
    assert found[3] / found[1] == pytest.approx(10 / 3)


@pytest.mark.parametrize(("optimizer", "low", "high"), [(AdamW(), 5e-4, 3e-2), (SGD(), 5e-3, 2.0)])
def test_what_it_finds_trains(network, evidence, optimizer, low, high):
    train = Train(epochs=8, optimizer=optimizer, device="cpu")
    before = network.fingerprint()
    result = train.fit(network, evidence)
    assert low < result.lr < high
    assert evidence.score(result.network) > 65
    assert network.fingerprint() == before


def test_it_is_repeatable(network, evidence):
    train = Train(optimizer=AdamW(lr=Auto(steps=10)), device="cpu")
    assert range_test(train, network, evidence) == range_test(train, network, evidence)
