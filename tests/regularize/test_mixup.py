"""Mixed examples."""

import pytest
import torch
from torch.nn import functional

from paredown.errors import RecipeError
from paredown.regularize import Mixup

GENERATOR = torch.Generator


def test_inputs_and_targets_are_mixed_with_the_same_weight(start):
    hook = start(Mixup(alpha=1.0))
    x, y = torch.randn(16, 2, 6, 8), torch.arange(16)
    mixed, ((share, first), (rest, second)) = hook.batch(x, ((1.0, y),), GENERATOR().manual_seed(0))
    assert share + rest == pytest.approx(1.0)
    assert 0.01 < share < 0.99
    assert torch.equal(first, y)
    assert not torch.equal(second, y)
    torch.testing.assert_close(mixed, share * x + rest * x[second])  # the target is the example's number


def test_the_loss_is_the_weighted_mean_of_both(setting):
    import dataclasses

    from paredown.recipe import Hook, Ingredient

    kept = []

    @dataclasses.dataclass(frozen=True)
    class Look(Ingredient):
        def start(self, context):
            class Keep(Hook):
                def term(self, step):
                    kept.append((step.targets, step.outputs.detach()))

            return Keep()

    train = dataclasses.replace(setting.train, batch_size=128, using=[Mixup(alpha=1.0), Look()])
    row = train.fit(setting.network, setting.evidence).history[0]
    ((a, y1), (b, y2)), outputs = kept[0]
    expected = a * functional.cross_entropy(outputs, y1) + b * functional.cross_entropy(outputs, y2)
    assert row["loss"] == pytest.approx(expected.item(), rel=1e-5)


def test_mixing_twice_gives_four_targets(start):
    hook, generator = start(Mixup(alpha=1.0)), GENERATOR().manual_seed(0)
    x, y = torch.randn(8, 2, 6, 8), torch.arange(8)
    _, targets = hook.batch(*hook.batch(x, ((1.0, y),), generator), generator)
    assert len(targets) == 4
    assert sum(weight for weight, _ in targets) == pytest.approx(1.0)


def test_weights_follow_the_beta_distribution(start):
    hook, generator = start(Mixup(alpha=0.2)), GENERATOR().manual_seed(0)
    x, y = torch.zeros(2, 2, 6, 8), torch.arange(2)
    shares = torch.tensor([hook.batch(x, ((1.0, y),), generator)[1][0][0] for _ in range(2000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(0.25 / (2 * 0.2 + 1), abs=0.02)  # of Beta(a, a)


def test_nested_inputs_and_targets_are_mixed_alike(start):
    hook = start(Mixup(alpha=1.0))
    x = {"left": torch.randn(8, 3), "right": torch.randn(8, 2, 2)}
    y = {"a": torch.arange(8), "b": torch.arange(8)}
    mixed, ((share, _), (_, second)) = hook.batch(x, ((1.0, y),), GENERATOR().manual_seed(1))
    assert torch.equal(second["a"], second["b"])
    for name, values in x.items():
        torch.testing.assert_close(mixed[name], share * values + (1 - share) * values[second["a"]])


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("inf"), float("nan")])
def test_an_alpha_out_of_range_is_refused(alpha):
    with pytest.raises(RecipeError, match=rf"Mixup\(alpha={alpha}\).*above 0.*alpha=0.2"):
        Mixup(alpha=alpha)


def test_token_ids_are_not_mixed(start, words):
    with pytest.raises(RecipeError, match=r"Mixup takes means of inputs.*int64.*Leave it out"):
        start(Mixup(), *words)
