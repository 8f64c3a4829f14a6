"""Words for steps and recipes come from the steps themselves."""

import dataclasses

import pytest

from paredown import architecture, distill, prune, quantize, regularize
from paredown.codec import encode
from paredown.recipe import AdamW, Plan, Train, Transform
from paredown.run.labels import families, label, step_family, stored_families, title


@dataclasses.dataclass(frozen=True)
class Polish(Transform):
    """Somebody's own."""

    def plan(self, network, evidence):
        return Plan("Polish", "shines")

    def apply(self, network, plan):
        return network.copy()


@pytest.mark.parametrize(
    ("step", "word"),
    [
        (prune.Channels(importance=prune.L2(), allocation=prune.Global(macs=0.45)), "prune 45%"),
        (prune.Channels(importance=prune.Random(), allocation=prune.Global(macs=0.45)), "random prune 45%"),
        (prune.Channels(allocation=prune.Uniform(macs=0.3)), "uniform prune 30%"),
        (prune.Channels(keep=0.5), "uniform prune ×0.5"),
        (prune.Channels(allocation=prune.Latency(share=0.4)), "prune 40%"),
        (prune.Blocks(keep=0.5), "blocks ×0.5"),
        (architecture.Slim(macs=0.6), "slim 60%"),
        (architecture.Slim(macs=0.6, width=None), "shallow 60%"),
        (architecture.Slim(parameters=0.6), "slim"),
        (quantize.Int8(), "int8"),
        (quantize.DynamicInt8(), "dynamicint8"),
        (Train(), "train"),
        (Train(using=[distill.Logits(), regularize.EMA()]), "distill+regularize"),
        (Polish(), "polish"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_word_or_two_for_every_step(step, word):
    assert step.word == word
    assert label((step,)) == word


def test_a_recipe_in_a_few_words():
    cut = prune.Channels(importance=prune.Taylor(), allocation=prune.Global(macs=0.45))
    steps = (cut, Train(using=[distill.Logits()]), Train(epochs=4.0, using=[distill.Logits()]), quantize.Int8())
    assert label(steps) == "prune 45% → distill → int8"
    assert families(steps) == ("prune", "distill", "quantize")
    assert label(()) == "do nothing"


def test_families_of_steps():
    taught = Train(using=[regularize.EMA(), distill.Logits()])
    steps = (prune.Channels(), quantize.Int8(), Train(), Train(using=[regularize.EMA()]), taught, Polish())
    assert [step_family(step) for step in steps] == [
        "prune", "quantize", "train", "regularize", "distill", "test_labels",
    ]  # fmt: skip
    assert families(steps) == ("prune", "quantize", "regularize", "distill", "test_labels")
    assert stored_families(encode(steps)) == families(steps)
    assert stored_families(encode(list(steps))) == families(steps)
    assert stored_families(encode(())) == ()


def test_steps_are_named_as_they_are_typed():
    step = prune.Channels(keep=0.3, importance=prune.Taylor())
    assert title(step) == "prune.Channels(keep=0.3, importance=prune.Taylor())"
    assert title(Train(epochs=2.0, using=(distill.Logits(temperature=2.0),))) == (
        "Train(epochs=2, using=[distill.Logits(temperature=2)])"
    )
    assert title(Train(optimizer=AdamW(lr=1e-3))) == "Train(optimizer=recipe.AdamW(lr=0.001))"
    assistant = distill.Logits(teacher=distill.Assistant((prune.Channels(), Train())))
    assert title(assistant) == ("distill.Logits(teacher=distill.Assistant(steps=[prune.Channels(), Train()]))")
