"""Settings in the words people would type."""

import pytest
import torch

from paredown import distill, regularize
from paredown.recipe import SGD, EarlyStop, Train
from paredown.recipe.title import title


def load():
    return torch.nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (Train(), "Train()"),
        (Train(epochs=3, early=None), "Train(epochs=3, early=None)"),
        (
            Train(using=[distill.Logits(alpha=0.5), regularize.EMA()], optimizer=SGD(lr=0.1)),
            "Train(using=[distill.Logits(alpha=0.5), regularize.EMA()], optimizer=SGD(lr=0.1))",
        ),
        (Train(early=EarlyStop(patience=2)), "Train(early=EarlyStop(patience=2))"),
        (distill.Logits(teacher=torch.nn.Linear(2, 2)), "distill.Logits(teacher=Linear)"),
        (distill.Logits(teacher=load), "distill.Logits(teacher=load)"),
        ("text", "'text'"),
    ],
)
def test_what_is_usual_is_left_out(thing, words):
    assert title(thing) == words
