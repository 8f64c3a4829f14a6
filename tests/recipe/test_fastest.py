"""Which precision is fastest."""

import pytest
import torch
from torch import nn

from paredown import capture, distill
from paredown.errors import RecipeError
from paredown.recipe import Train, fastest, loop
from paredown.recipe.fastest import Trial, bfloat16_here, compiling_pays, fastest_precision


@pytest.mark.parametrize(
    ("half", "found"), [(0.79, ("bf16-mixed", 0.79)), (0.81, ("32-true", 1.0)), (10.0, ("32-true", 1.0))]
)
def test_bfloat16_has_to_save_a_fifth(monkeypatch, network, evidence, half, found):
    took = {"32-true": 1.0, "bf16-mixed": half}
    monkeypatch.setattr(Train, "seconds_per_step", lambda self, *_, **__: took[self.precision])
    monkeypatch.setattr(fastest, "bfloat16_here", lambda device: True)
    given = Train(epochs=3, precision="bf16-mixed")
    assert fastest_precision(given, Trial(network, evidence)) == found
    assert given.fastest(network, evidence) == Train(epochs=3, precision=found[0])


def test_bfloat16_is_not_tried_where_the_processor_has_none(monkeypatch, network, evidence):
    tried = []
    monkeypatch.setattr(Train, "seconds_per_step", lambda self, *_, **__: tried.append(self.precision) or 1.0)
    monkeypatch.setattr(fastest.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert fastest_precision(Train(device="cpu"), Trial(network, evidence)) == ("32-true", 1.0)
    assert tried == ["32-true"]
    assert not bfloat16_here(torch.device("cpu"))
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert bfloat16_here(torch.device("cpu"))


def test_what_is_known_of_float32_is_not_timed_again(monkeypatch, network, evidence):
    tried = []
    monkeypatch.setattr(Train, "seconds_per_step", lambda self, *_, **__: tried.append(self.precision) or 1.0)
    monkeypatch.setattr(fastest, "bfloat16_here", lambda device: True)
    assert fastest_precision(Train(), Trial(network, evidence), 2.0) == ("bf16-mixed", 1.0)
    assert tried == ["bf16-mixed"]


def test_timing_ends_when_its_time_is_up(network, evidence):
    made = []
    real = loop.Loop._step
    patch = pytest.MonkeyPatch()
    patch.setattr(loop.Loop, "_step", lambda self, at, *rest: made.append(at.number) or real(self, at, *rest))
    assert Train(batch_size=8).seconds_per_step(network, evidence, 5, within=0.0) > 0
    assert made == [0, 1]  # one to get started, one to be timed
    made.clear()
    Train(batch_size=8).seconds_per_step(network, evidence, 3)
    patch.undo()
    assert made == [0, 1, 2, 3]


def test_both_are_timed_on_copies(network, evidence):
    before = network.fingerprint()
    chosen, seconds = fastest_precision(Train(batch_size=8), Trial(network, evidence, steps=1))
    assert chosen in {"32-true", "bf16-mixed"}
    assert 1e-5 < seconds < 5.0
    assert network.fingerprint() == before


@pytest.mark.parametrize(("plain", "quick"), [(1.0, 0.5), (1.0, 0.95), (0.001, 0.0)])
def test_compiling_has_to_save_a_tenth_of_a_long_training(monkeypatch, network, evidence, plain, quick):
    tried = []
    monkeypatch.setattr(Train, "seconds_per_step", lambda self, *_, **__: tried.append(self.compiled) or quick)
    train = Train(epochs=200)
    assert train.steps(evidence.work) == 2000
    assert compiling_pays(train, Trial(network, evidence), plain) is (quick == 0.5)
    assert tried == ([True] if plain == 1.0 else [])  # two seconds of training are not worth a try


def test_what_cannot_be_compiled_does_not_pay(monkeypatch, network, evidence):
    def refuse(*_, **__):
        msg = "no compiler"
        raise RecipeError(msg)

    monkeypatch.setattr(Train, "seconds_per_step", refuse)
    assert not compiling_pays(Train(epochs=200), Trial(network, evidence), 1.0)


def test_the_original_teaches_while_it_is_timed(evidence, network):
    given = Train(batch_size=8, using=[distill.Logits()])
    given.seconds_per_step(network, evidence, 1, original=network)
    with pytest.raises(RecipeError, match="outputs"):  # the original is what is asked for a lesson, not the network
        given.fastest(network, evidence, 1, original=_wider(network, evidence))


def _wider(network, evidence):
    inputs, _ = next(iter(evidence.work.train.batches(2, limit=2)))
    classes = network(inputs).shape[1] + 1
    torch.manual_seed(0)
    return capture(nn.Sequential(nn.Flatten(), nn.Linear(inputs[0].numel(), classes)).eval(), inputs)
