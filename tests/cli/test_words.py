"""Strings become objects."""

import pytest

import paredown
from paredown import distill, prune, quantize, regularize, targets
from paredown.cli import named, steps
from paredown.errors import InputError, RecipeError


def test_steps_are_what_python_would_say():
    words = ["prune:keep=0.5,importance=taylor", "train:epochs=3+distill:temperature=2+mixup+label-smoothing", "int8"]
    assert steps.recipe(words) == (
        prune.Channels(keep=0.5, importance=prune.Taylor()),
        paredown.Train(
            epochs=3, using=(distill.Logits(temperature=2), regularize.Mixup(), regularize.LabelSmoothing())
        ),
        quantize.Int8(),
    )


@pytest.mark.parametrize(
    ("word", "thing"),
    [
        ("prune", prune.Channels()),
        ("prune.channels:round_to=none", prune.Channels(round_to=None)),
        ("quantize:activations=mse", quantize.Int8(activations=quantize.Mse())),
        ("quantize.Int8", quantize.Int8()),
        ("int8:weight_bits=7", quantize.Int8(weight_bits=7)),
        ("train:clip=none,precision=bf16-mixed", paredown.Train(clip=None, precision="bf16-mixed")),
        ("train+regularize.ema", paredown.Train(using=(regularize.EMA(),))),
    ],
)
def test_step(word, thing):
    assert steps.step(word) == thing


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("prun:keep=1", "there is no step 'prun'. Did you mean prune"),
        ("xyzzy", "there is no step 'xyzzy'. There is "),
        ("mixup", "Mixup is an ingredient of a training, no step of its own. Write train:epochs=1+mixup."),
        ("int8+ema", "only a training has ingredients, Int8 has none. Write int8 train+ema."),
        ("train+int8", "Int8 is a step, no ingredient of a training"),
        ("prune:importance=tailor", "'tailor' is no number and names nothing in prune. Did you mean taylor?"),
        ("train:epochs", "'epochs' is not SETTING=VALUE. Settings of Train are epochs, "),
    ],
)
def test_steps_that_do_not_exist_name_the_nearest(word, message):
    with pytest.raises(RecipeError) as caught:
        steps.step(word)
    assert message in str(caught.value)


def test_settings_that_do_not_exist_name_the_nearest():
    with pytest.raises(InputError, match=r"Channels has no setting 'kep'. Did you mean keep\?"):
        steps.step("prune:kep=0.5")
    with pytest.raises(InputError, match=r"Channels\(keep='half'\) was given. It is the share that stays"):
        steps.step("prune:keep=half")
    with pytest.raises(
        InputError, match=r"'taught': Unlabelled does not take these values \(.*inputs.*\). Settings are inputs, "
    ):
        named.build(distill.Unlabelled, {}, "taught")


def test_arms_are_families_or_recipes():
    assert steps.arm("prune") is prune
    assert steps.arm("prune:keep=0.5 int8") == (prune.Channels(keep=0.5), quantize.Int8())


def test_targets_by_name():
    assert named.target("onnxruntime", 2, 4) == targets.OnnxRuntime(threads=2, batch=4)
    assert named.target("Onnx-Runtime", 1, 1) == targets.OnnxRuntime()
    assert named.target("onnxruntime", 1, 1, weight_bits=7) == targets.OnnxRuntime(weight_bits=7)
    with pytest.raises(InputError, match=r"'torch': Torch has no setting 'weight_bits'"):
        named.target("torch", 1, 1, weight_bits=7)
    with pytest.raises(InputError, match=r"There is no target 'onxruntime'. Did you mean onnxruntime\?"):
        named.target("onxruntime", 1, 1)


def test_every_usual_technique_exists():
    for family, name in steps.USUAL.items():
        assert name in named.public(family), f"{family}.{name}"
    assert set(steps.USUAL) == set(named.FAMILIES)
