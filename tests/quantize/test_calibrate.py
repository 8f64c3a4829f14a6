import time

import pytest

from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.quantize import Calibrate, Int8, MinMax, Mse, Percentile
from paredown.testing import small_bench


@pytest.fixture(scope="module")
def bench():
    return small_bench()


def test_the_settings_with_the_least_loss_on_select_are_kept(bench):
    evidence = bench.evidence()
    tried = (Int8(Percentile(51.0)), Int8(), Int8(Percentile(60.0)))
    losses = [evidence.loss(step.on(bench.network, evidence)) for step in tried]
    assert losses[1] < min(losses[0], losses[2])
    step = Calibrate(of=tried)
    plan = step.plan(bench.network, bench.evidence())
    assert plan.decisions["chosen"] == 1
    assert [entry["loss"] for entry in plan.decisions["compared"]] == losses
    assert plan.decisions["compared"][0]["settings"] == "quantize.Int8(activations=quantize.Percentile(percent=51.0))"
    assert plan.reason.startswith(
        f"quantize.Int8() has the least loss on select: {losses[1]:.4g}, of 3 settings up to "
    )
    assert plan.reason.endswith(Int8().plan(bench.network, evidence).reason)
    assert step.apply(bench.network, plan).fingerprint() == Int8().on(bench.network, evidence).fingerprint()


def test_of_equal_settings_the_first_is_kept(bench):
    plan = Calibrate(of=[Int8(MinMax()), Int8()]).plan(bench.network, bench.evidence())
    assert plan.decisions["chosen"] == 0


def test_the_usual_settings_are_no_worse_than_int8_alone(bench):
    evidence = bench.evidence()
    found = Calibrate().on(bench.network, evidence)
    assert fake_quantized(found)
    assert evidence.loss(found) <= evidence.loss(Int8().on(bench.network, evidence))


def test_all_settings_see_the_calibration_data_in_one_pass(bench, monkeypatch):
    evidence = bench.evidence()
    passes = []
    observe = type(evidence).observe

    def counted(self, network, observers):
        passes.append(len(observers))
        observe(self, network, observers)

    monkeypatch.setattr(type(evidence), "observe", counted)
    plan = Calibrate().plan(bench.network, evidence)
    assert len(plan.decisions["compared"]) == 7
    assert len(passes) == 1
    Calibrate(of=[Int8(skip=("head",)), Int8(Mse())]).plan(bench.network, evidence)
    assert 1 <= len(passes[1:]) <= 2  # what was skipped at first is seen later


def test_a_deadline_ends_the_trying(bench):
    evidence = bench.evidence()
    plan = Calibrate().plan(bench.network, evidence.within(evidence.progress, time.monotonic() - 1.0))
    assert not plan.complete
    assert len(plan.decisions["compared"]) == 1
    assert Calibrate(of=[Int8()]).plan(bench.network, evidence).complete


def test_it_stands_where_int8_stands():
    assert Calibrate().check(frozenset({"quantized"})) == "the network is quantized already"
    assert Calibrate().check(frozenset()) is None
    assert Calibrate().after(frozenset()) == {"quantized"}


def test_settings_can_be_stored():
    step = Calibrate(of=[Int8(Mse()), Int8(skip=("head",))], examples=None)
    assert decode(encode(step)) == step


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Calibrate(of=[]), r"Calibrate\(of=...\) was given nothing to try. .* Type Calibrate\(of=\[Int8\(\)"),
        (lambda: Calibrate(of=[Mse()]), r"was given quantize.Mse\(\) to try. It compares settings of Int8"),
        (
            lambda: Calibrate(examples=0),
            r"Calibrate\(examples=0\) was given. It is a whole number, 1 or more. Leave it out for 1024",
        ),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
