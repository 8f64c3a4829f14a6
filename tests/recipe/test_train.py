"""Settings of a training."""

import math

import pytest

from paredown import codec, distill, regularize
from paredown.errors import RecipeError
from paredown.recipe import SGD, AdamW, Auto, Constant, Cosine, EarlyStop, Train


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Train(epochs=0), r"epochs=0\).*above 0.*epochs=1"),
        (lambda: Train(epochs=math.inf), r"epochs=inf\).*above 0"),
        (lambda: Train(batch_size=0), r"batch_size=0\).*1 or more"),
        (lambda: Train(clip=0.0), r"clip=0.0\).*clip=None"),
        (lambda: Train(precision="fp8"), r"precision='fp8'\).*'bf16-mixed'"),
        (lambda: Train(devices=0), r"devices=0\).*1 or more"),
        (lambda: Train(using=[regularize.EMA]), r"given EMA \(the class\).*regularize.Mixup\(\)"),
        (lambda: Train(using=[3]), r"given 3, which is no ingredient.*steps of their own"),
        (lambda: Train(epochs="3"), r"Train\(epochs='3'\).*above 0.*epochs=1"),
        (lambda: Train(batch_size=1.5), r"Train\(batch_size=1.5\).*a whole number, 1 or more.*the data's own"),
        (lambda: Train(devices=None), r"Train\(devices=None\).*a whole number, 1 or more.*Leave it out"),
        (lambda: Train(optimizer=AdamW), r"Train\(optimizer=<class.*`AdamW\(...\)` or.*`optimizer=AdamW\(lr=1e-3\)`"),
        (lambda: Train(optimizer=1e-3), r"Train\(optimizer=0.001\).*`AdamW\(...\)` or"),
        (lambda: Train(schedule="cosine"), r"Train\(schedule='cosine'\).*`schedule=Cosine\(\)`"),
        (lambda: Train(early=True), r"Train\(early=True\).*`early=None` to train to the end"),
        (lambda: Train(device=None), r"Train\(device=None\).*name of a device.*`Train\(device='auto'\)`"),
        (lambda: Train(seed="x"), r"Train\(seed='x'\).*a whole number.*`Train\(seed=0\)`"),
        (
            lambda: Train(using=regularize.EMA()),
            r"using=regularize.EMA\(\)\).*It is a list.*`using=\[regularize.EMA\(\)\]`",
        ),
        (lambda: Train(using=None), r"given None, which is no ingredient"),
        (lambda: AdamW(lr="1e-3"), r"AdamW\(lr='1e-3'\).*above 0, or `Auto\(\)`"),
        (lambda: AdamW(betas=0.9), r"AdamW\(betas=0.9\).*two shares that are kept.*\(0.9, 0.999\)"),
        (lambda: AdamW(eps=-1.0), r"AdamW\(eps=-1.0\).*above 0"),
        (lambda: EarlyStop(minimum=math.nan), r"EarlyStop\(minimum=nan\).*0 or more"),
        (lambda: Train(epochs=-1, clip=-1.0), r"epochs=-1.*clip=-1.0"),
        (lambda: AdamW(lr=0.0), r"AdamW\(lr=0.0\).*above 0.*AdamW\(\)"),
        (lambda: AdamW(weight_decay=-1), r"AdamW\(weight_decay=-1\).*0 or more"),
        (lambda: SGD(lr=math.nan), r"SGD\(lr=nan\).*above 0"),
        (lambda: SGD(momentum=1.0), r"momentum=1.0\).*below 1"),
        (lambda: Auto(steps=2), r"Auto\(steps=2\).*5 or more: a shorter test.*Auto\(steps=25\)"),
        (lambda: Cosine(warmup=1.0), r"warmup=1.0.*below 1.*warmup=0.05"),
        (lambda: Constant(warmup=-0.1), r"warmup=-0.1.*from 0"),
        (lambda: Cosine(floor=2.0), r"floor=2.0.*0 to 1"),
        (lambda: EarlyStop(patience=0), r"patience=0\).*1 epoch or more"),
        (lambda: EarlyStop(minimum=-1.0), r"minimum=-1.0\).*0 or more"),
    ],
)
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


def test_settings_come_back_from_json():
    train = Train(
        epochs=2.5,
        using=[distill.Logits(temperature=2.0), regularize.Mixup(), regularize.EMA(decay=0.9)],
        optimizer=SGD(lr=0.1),
        schedule=Constant(warmup=0.1),
        early=None,
    )
    assert codec.decode(codec.encode(train)) == train
    assert codec.decode(codec.encode(Train())) == Train()


def test_lists_of_ingredients_become_tuples():
    assert Train(using=[regularize.EMA()]).using == (regularize.EMA(),)
    assert hash(Train(using=[regularize.EMA()])) == hash(Train(using=(regularize.EMA(),)))


@pytest.mark.parametrize(
    ("train", "steps"),
    [
        (Train(epochs=1), 10),
        (Train(epochs=0.5), 5),
        (Train(epochs=0.001), 1),
        (Train(epochs=2, batch_size=100), 6),
        (Train(epochs=1, batch_size=10_000), 1),
    ],
)
def test_steps_count_full_batches(train, steps, data):
    assert train.steps(data.work) == steps


def test_cosine_rises_then_falls_to_the_floor():
    schedule = Cosine(warmup=0.1, floor=0.2)
    assert schedule.factor(0.0) == 0.0
    assert schedule.factor(0.05) == pytest.approx(0.5)
    assert schedule.factor(0.1) == pytest.approx(1.0)
    assert schedule.factor(0.55) == pytest.approx(0.6)
    assert schedule.factor(1.0) == pytest.approx(0.2)


def test_constant_stays():
    assert [Constant(warmup=0.5).factor(done) for done in (0.25, 0.5, 1.0)] == [0.5, 1.0, 1.0]
