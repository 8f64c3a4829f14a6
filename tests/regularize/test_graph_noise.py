"""Dropout and noise in networks that were written without it."""

import types

import pytest
import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.recipe.ingredient import Hook, Update
from paredown.regularize import ChannelDropout, DropBlock, Dropout, StochasticDepth, WeightNoise
from paredown.regularize.drop_block import _Squares
from paredown.regularize.stochastic_depth import _Rows

NOISY = [Dropout(0.5), ChannelDropout(0.5), WeightNoise(0.5)]


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def inserted(network):
    """Modules put into a graph, with the name of the node whose value they change."""
    return [
        (node.args[0].name, network.graph_module.get_submodule(str(node.target)))
        for node in network.nodes()
        if node.op == "call_module"
    ]


@pytest.fixture
def begun(setting):
    """``begun(ingredient, network)`` gives a copy in train mode with the ingredient begun, and its hook."""

    def begin(ingredient, network=None):
        twin = (network or setting.network).copy().train()
        hook = ingredient.start(types.SimpleNamespace(network=twin, steps=10))
        assert isinstance(hook, Hook)
        return twin, hook

    return begin


class Residual(nn.Module):
    """Two residual blocks."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        x = x + self.one(x)
        x = self.two(x) + x
        return self.head(x)


@pytest.fixture
def residual(made):
    return made(Residual(), torch.randn(16, 6), torch.arange(16) % 3)[1]


@pytest.mark.parametrize("ingredient", NOISY, ids=str)
def test_training_differs_and_evaluation_does_not(setting, begun, ingredient):
    network, hook = begun(ingredient)
    inputs = torch.randn(8, 2, 6, 8)
    assert not torch.equal(network(inputs), network(inputs))
    network.load_state_dict(setting.network.state_dict())  # the passes moved the statistics of batch norm
    assert torch.equal(network.eval()(inputs), setting.network.copy().eval()(inputs))
    assert torch.equal(network.copy()(inputs), setting.network(inputs))
    hook.leave(network)
    assert network.fingerprint() == setting.network.fingerprint()
    assert not inserted(network)


@pytest.mark.parametrize(
    "ingredient", [*NOISY, DropBlock(size=2), StochasticDepth()], ids=lambda thing: type(thing).__name__
)
def test_the_exported_file_does_not_know_of_it(ingredient, tmp_path):
    from paredown.recipe import AdamW, Train
    from paredown.targets import OnnxRuntime
    from paredown.testing import small_bench

    bench = small_bench()
    train = Train(epochs=0.5, optimizer=AdamW(lr=1e-3), device="cpu", using=[ingredient])
    trained = train.fit(bench.network, bench.evidence()).network
    nodes = [(node.name, str(node.target)) for node in trained.nodes()]
    assert nodes == [(node.name, str(node.target)) for node in bench.network.nodes()]
    OnnxRuntime().lower(trained, tmp_path / "model.onnx")
    written = (tmp_path / "model.onnx").read_bytes()
    assert b"Random" not in written
    assert b"Dropout" not in written


def test_dropout_stands_before_the_last_linear_layer(begun):
    network, _ = begun(Dropout(0.25))
    ((name, module),) = inserted(network)
    assert name.startswith(("flatten", "view"))
    assert module.p == 0.25


def test_places_can_be_named(begun):
    network, _ = begun(Dropout(at=("2",)))
    assert [name for name, _ in inserted(network)] == ["relu"]
    network, _ = begun(Dropout(at=("[12]",)))
    assert [name for name, _ in inserted(network)] == ["batch_norm", "relu"]
    with pytest.raises(RecipeError, match=r"no module or node 'layer9'"):
        begun(Dropout(at=("layer9",)))
    with pytest.raises(RecipeError, match=r"Nothing in the network uses.*'4'.*Name a place before that"):
        begun(Dropout(at=("4",)))


def test_taps_and_outputs_get_the_value_as_it_is(setting):
    from paredown.recipe.inserts import Insert, Inserts
    from paredown.recipe.taps import Taps, find

    network = setting.network.copy().train()
    taps, inserts = Taps(network), Inserts(network)
    taps.add("2")
    inserts.add(Insert(find(network, "2"), nn.Dropout(0.9)))
    value = network.graph_module(torch.randn(8, 2, 6, 8))[-1]
    assert float((value == 0).float().mean()) < 0.7
    taps.remove()
    inserts.leave(network)
    assert [node.name for node in network.nodes()] == [node.name for node in setting.network.nodes()]


def test_several_may_stand_at_one_place(setting, begun):
    network, first = begun(Dropout(0.5, at=("2",)))
    second = ChannelDropout(0.5, at=("2",)).start(types.SimpleNamespace(network=network))
    assert sorted(type(module).__name__ for _, module in inserted(network)) == ["Dropout", "Dropout2d"]
    for hook in (first, second):
        hook.leave(network)
    assert network.eval().fingerprint() == setting.network.copy().eval().fingerprint()


def test_whole_channels_are_dropped(begun):
    network, _ = begun(ChannelDropout(0.5))
    ((name, module),) = inserted(network)
    assert name == "relu"
    kept = module(torch.ones(50, 4, 6, 8)).flatten(2)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(kept, kept[:, :, :1].expand(-1, -1, 48))
    assert 70 < int((kept[:, :, 0] == 0).sum()) < 130


def covered(kept, size):
    """Whether every pixel that is dropped lies in a square that is dropped."""
    gone = kept == 0
    squares = torch.zeros_like(gone)
    for i in range(gone.shape[0] - size + 1):
        for j in range(gone.shape[1] - size + 1):
            if gone[i : i + size, j : j + size].all():
                squares[i : i + size, j : j + size] = True
    return torch.equal(squares, gone)


def test_squares_are_dropped_about_as_often_as_asked(begun):
    module = _Squares(3)
    module.share = 0.2
    x = torch.ones(40, 8, 12, 10)
    out = module(x)
    assert all(covered(channel, 3) for channel in out.flatten(0, 1)[:40])
    assert 0.13 < float((out == 0).float().mean()) < 0.22  # a little less than asked: squares overlap
    assert float(out.mean()) == pytest.approx(1.0, rel=1e-5)
    assert not torch.equal(out[:, 0] == 0, out[:, 1] == 0)
    assert module.eval()(x) is x


def test_small_maps_are_dropped_as_a_whole():
    module = _Squares(7)
    module.share = 0.5
    out = module(torch.ones(100, 4, 3, 5)).flatten(2)
    whole = (out == 0).all(2)
    columns = (out.reshape(100, 4, 3, 5) == 0).all(2)
    assert whole.any()
    assert torch.equal(columns[:, :, None].expand(-1, -1, 3, -1), out.reshape(100, 4, 3, 5) == 0)


def test_the_share_rises_with_the_steps(begun):
    network, hook = begun(DropBlock(share=0.4, size=2))
    ((_, module),) = inserted(network)
    seen = []
    for done in (0.1, 0.2, 0.6, 1.0):  # shortened after the second step
        hook.before_step(Update(0, network, None, 0.1, lambda: None, done, 0))
        seen.append(module.share)
        hook.after_step(network)
    assert [*seen, module.share] == pytest.approx([0.0, 0.04, 0.08, 0.24, 0.4])
    hook.leave(network)
    assert not inserted(network)


def test_examples_skip_residual_branches(begun, residual):
    network, hook = begun(StochasticDepth(probability=0.6), residual)
    x = torch.randn(200, 6)
    one, two, head = (
        lambda v, n=n: nn.functional.linear(v, network.get_parameter(f"{n}.weight"), network.get_parameter(f"{n}.bias"))
        for n in ("one", "two", "head")
    )
    firsts = (x, x + one(x) / 0.7)
    wanted = torch.stack([head(v) for first in firsts for v in (first, first + two(first) / 0.4)])
    distances = (network(x)[None] - wanted).abs().amax(2)
    assert (distances.amin(0) < 1e-5).all()
    counts = distances.argmin(0).bincount(minlength=4) / 200
    for found, chance in zip(counts.tolist(), (0.3 * 0.6, 0.3 * 0.4, 0.7 * 0.6, 0.7 * 0.4), strict=True):
        assert found == pytest.approx(chance, abs=0.1)
    hook.leave(network)
    assert network.eval().fingerprint() == residual.fingerprint()


def test_rows_are_dropped_as_a_whole_and_scaled():
    out = _Rows(0.25)(torch.ones(400, 3, 2))
    assert set(out.unique().tolist()) == {0.0, float(torch.tensor(1.0) / 0.75)}
    assert torch.equal(out, out[:, :1, :1].expand(-1, 3, 2))
    assert 60 < int((out[:, 0, 0] == 0).sum()) < 140


def test_noise_of_weights_has_the_size_of_the_weights(begun, residual):
    network, _ = begun(WeightNoise(std=0.1), residual)
    found = inserted(network)
    assert len(found) == 3
    weight = torch.full((200, 50), 2.0)
    noise = found[0][1](weight) - weight
    assert float(noise.std()) == pytest.approx(0.2, rel=0.05)


def test_gradients_are_those_at_the_noisy_weights(begun, residual):
    network, _ = begun(WeightNoise(std=0.1), residual)
    loss = network(torch.randn(4, 6)).square().mean()
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    assert all(g.isfinite().all() and g.any() for g in gradients)


def test_networks_without_such_a_place_are_refused(begun, residual, made):
    for ingredient in (ChannelDropout(), DropBlock()):
        with pytest.raises(
            RecipeError, match=r"activation functions of feature maps.*has none. Say where:.*at=\('\w+',\)"
        ):
            begun(ingredient, residual)
    with pytest.raises(RecipeError, match=r"StochasticDepth leaves out residual branches.*has none.*Dropout\(\)"):
        begun(StochasticDepth())
    only = made(nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU()), torch.randn(16, 2, 4, 4), torch.zeros(16).long())[1]
    with pytest.raises(RecipeError, match=r"Dropout stands before the last linear layer.*has none"):
        begun(Dropout(), only)


def test_values_of_another_shape_are_refused(begun, residual):
    with pytest.raises(RecipeError, match=r"ChannelDropout was put at '.*2 dimensions.*regularize.Dropout"):
        begun(ChannelDropout(at=("one",)), residual)
    with pytest.raises(RecipeError, match=r"DropBlock was put at '.*2 dimensions.*regularize.Dropout"):
        begun(DropBlock(at=("one",)), residual)
