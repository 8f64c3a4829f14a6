"""Mixed examples."""

import pytest
import torch
from torch.nn import functional

from paredown import distill
from paredown.errors import RecipeError
from paredown.recipe import Train
from paredown.regularize import ManifoldMixup, Mixup
from paredown.regularize.manifold_mixup import _Mixer

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


@pytest.fixture
def manifold(setting, start):
    """A copy of the network with the mixture begun in it, its hook, and the modules put in by place."""
    import types

    def begin(ingredient, network=None):
        twin = (network or setting.network).copy().train()
        hook = ingredient.start(types.SimpleNamespace(network=twin))
        put = {n.args[0].name: twin.get_submodule(n.target) for n in twin.nodes() if n.op == "call_module"}
        return twin, hook, {name: module for name, module in put.items() if isinstance(module, _Mixer)}

    return begin


def test_values_inside_are_mixed_with_the_weight_of_the_targets(manifold):
    network, hook, found = manifold(ManifoldMixup(alpha=1.0, at=("2",)))
    (mixer,) = found.values()
    x, y = torch.randn(16, 2, 6, 8), torch.arange(16)
    same, ((share, first), (rest, second)) = hook.batch(x, ((1.0, y),), GENERATOR().manual_seed(0))
    assert same is x
    network(x)
    assert torch.equal(first, y)
    assert share + rest == pytest.approx(1.0)
    values = torch.randn(16, 4, 6, 8)
    torch.testing.assert_close(mixer(values), share * values + rest * values[second])
    assert mixer.eval()(values) is values
    hook.leave(network)
    assert not any(node.op == "call_module" for node in network.nodes())


def test_only_the_batch_is_mixed_and_no_other_inputs(manifold):
    network, hook, _ = manifold(ManifoldMixup(alpha=1.0))
    plain = manifold(ManifoldMixup(alpha=1.0))[0]  # begun, and never given a batch
    generator = GENERATOR().manual_seed(0)
    for size in (16, 16, 7):
        x, other = torch.randn(16, 2, 6, 8), torch.randn(size, 2, 6, 8)
        hook.batch(x, ((1.0, torch.arange(16)),), generator)
        mixed = network(x)
        assert not torch.equal(mixed, plain(x))
        assert torch.equal(network(other), plain(other))
        assert torch.equal(network(x.detach()), mixed)


@pytest.mark.parametrize("teaching", [distill.Logits(), distill.Features(at="2"), distill.Mutual()], ids=str)
def test_no_teacher_is_compared_with_what_is_mixed_inside(teaching):
    with pytest.raises(
        RecipeError, match=r"ManifoldMixup and distill\..*sees them unmixed. Write `regularize.Mixup\(\)`"
    ):
        Train(using=[teaching, ManifoldMixup()])
    Train(using=[ManifoldMixup(), distill.Unlabelled(inputs=torch.zeros(4, 2, 6, 8)), distill.Generated()])


def test_the_place_is_drawn_for_every_batch(manifold):
    _, hook, found = manifold(ManifoldMixup())
    assert list(found)[1:] == ["relu"]
    generator, chosen = GENERATOR().manual_seed(0), []
    for _ in range(40):
        hook.batch(torch.zeros(4, 2, 6, 8), ((1.0, torch.arange(4)),), generator)
        chosen.append([mixer.mix is not None for mixer in found.values()])
        assert sum(chosen[-1]) == 1
    assert 8 < sum(first for first, _ in chosen) < 32


def test_places_that_something_goes_around_are_left_out(made):
    from torch import nn

    from paredown.regularize.places import bottlenecks

    class Skips(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)

        def forward(self, x):
            x = torch.relu(x)
            x = x + torch.relu(self.one(x))
            return self.head(torch.tanh(self.two(x)) * x)

    network = made(Skips(), torch.randn(16, 6), torch.arange(16) % 3)[1]
    assert [node.name for node in bottlenecks(network)][1:] == ["relu", "add"]
    assert bottlenecks(network)[0].op == "placeholder"


def test_networks_without_such_a_place_are_refused(manifold, made):
    from torch import nn

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(6, 3)

        def forward(self, x, mask):
            return self.head(x) * mask

    x = {"x": torch.randn(16, 6), "mask": torch.ones(16, 3)}
    network = made(Two(), x, torch.arange(16) % 3)[1]
    with pytest.raises(RecipeError, match=r"ManifoldMixup mixes values.*has none.*Say where"):
        manifold(ManifoldMixup(), network)


def test_the_loss_of_a_mixed_batch_is_the_one_written_by_hand(setting):
    import dataclasses

    from paredown.recipe import Hook, Ingredient
    from paredown.recipe.randomness import derive

    kept = []

    @dataclasses.dataclass(frozen=True)
    class Look(Ingredient):
        def start(self, context):
            class Keep(Hook):
                def term(self, step):
                    kept.append(step)

            return Keep()

    train = dataclasses.replace(setting.train, batch_size=128, using=[ManifoldMixup(alpha=1.0, at=("2",)), Look()])
    row = train.fit(setting.network, setting.evidence).history[0]
    ((share, y1), (rest, y2)) = kept[0].targets
    twin = setting.network.copy().train()
    weight = twin.get_parameter("4.weight")
    inside = functional.conv2d(kept[0].inputs, twin.get_parameter("0.weight"), twin.get_parameter("0.bias"), padding=1)
    inside = functional.batch_norm(
        inside, None, None, twin.get_parameter("1.weight"), twin.get_parameter("1.bias"), training=True
    ).relu()
    generator = GENERATOR().manual_seed(derive(0, "regularize.ManifoldMixup"))
    torch.randint(2**62, (), generator=generator)  # draws the weight
    order = torch.randperm(128, generator=generator)
    assert torch.equal(y1[order], y2)
    mixed = share * inside + rest * inside[order]
    outputs = functional.linear(mixed.flatten(1), weight, twin.get_parameter("4.bias"))
    expected = share * functional.cross_entropy(outputs, y1) + rest * functional.cross_entropy(outputs, y2)
    assert row["loss"] == pytest.approx(expected.item(), rel=1e-4)
