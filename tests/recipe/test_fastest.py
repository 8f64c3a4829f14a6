"""Which precision is fastest."""

import pytest

from paredown.recipe import Train
from paredown.recipe.fastest import fastest_precision


@pytest.mark.parametrize(
    ("half", "found"), [(0.79, ("bf16-mixed", 0.79)), (0.81, ("32-true", 1.0)), (10.0, ("32-true", 1.0))]
)
def test_bfloat16_has_to_save_a_fifth(monkeypatch, network, evidence, half, found):
    took = {"32-true": 1.0, "bf16-mixed": half}
    monkeypatch.setattr(Train, "seconds_per_step", lambda self, *_: took[self.precision])
    given = Train(epochs=3, precision="bf16-mixed")
    assert fastest_precision(given, network, evidence) == found
    assert given.fastest(network, evidence) == Train(epochs=3, precision=found[0])


def test_both_are_timed_on_copies(network, evidence):
    before = network.fingerprint()
    chosen, seconds = fastest_precision(Train(batch_size=8), network, evidence, steps=1)
    assert chosen in {"32-true", "bf16-mixed"}
    assert 1e-5 < seconds < 5.0
    assert network.fingerprint() == before
