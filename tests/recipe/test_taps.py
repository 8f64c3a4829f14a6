"""Values from inside a network."""

import dataclasses

import pytest
import torch

from paredown.errors import RecipeError
from paredown.recipe import AdamW, Hook, Ingredient, Train
from paredown.recipe.taps import Taps, find, matching


def tapped(network, path, inputs):
    taps = Taps(network)
    taps.add(path)
    value = network.graph_module(inputs)[-1]
    taps.remove()
    return value


@pytest.mark.parametrize("path", ["body.0", "body.1", "body.2", "body.4", "body", "head"])
def test_a_module_path_gives_what_the_module_returned(network, model, path):
    inputs = torch.randn(3, 1, 6, 6)
    found = []
    handle = model.eval().get_submodule(path).register_forward_hook(lambda *args: found.append(args[2].clone()))
    model(inputs)
    handle.remove()
    torch.testing.assert_close(tapped(network, path, inputs), found[0])


def test_a_node_can_be_named(network):
    inputs = torch.randn(3, 1, 6, 6)
    torch.testing.assert_close(tapped(network, "relu", inputs), tapped(network, "body.2", inputs))


def test_a_path_that_is_not_there_lists_the_nearest(network):
    with pytest.raises(RecipeError, match=r"no module or node 'bodi.1' to tap.*'body.1'"):
        find(network, "bodi.1")


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("body.*", ["body.0", "body.1", "body.2", "body.3", "body.4"]),
        ("body.[02]", ["body.0", "body.2"]),
        ("*", ["body", "head"]),
        ("body", ["body"]),
        ("relu*", ["relu", "relu_1"]),
    ],
)
def test_a_glob_means_modules_and_stays_within_one_part_of_a_path(network, pattern, paths):
    inputs = torch.randn(3, 1, 6, 6)
    taps = Taps(network)
    found = taps.add(pattern)
    values = taps.values(network.graph_module(inputs))
    taps.remove()
    assert set(paths) <= set(found)
    assert pattern == "*" or list(found) == paths
    assert list(values) == list(found)
    for path in paths:
        torch.testing.assert_close(values[path], tapped(network, path, inputs))


def test_a_glob_that_means_nothing_lists_the_nearest(network):
    with pytest.raises(RecipeError, match=r"no module or node 'bodi.\*' to tap in this network.*'body.1'"):
        Taps(network).add("bodi.*")
    with pytest.raises(RecipeError, match=r"to tap in the teacher.*'body'"):
        Taps(network, owner="the teacher").add("bodie")


def test_a_name_is_taken_as_it_is_before_it_is_a_glob():
    assert matching("a[0]", ["a0", "a[0]"]) == ("a[0]",)
    assert matching("a[0]", ["a0"]) == ("a0",)


def test_the_probe_sees_the_taps_too(network, evidence):
    seen = []

    @dataclasses.dataclass(frozen=True)
    class Look(Ingredient):
        def start(self, context):
            paths = context.tap("body.[24]")
            probe = context.probe()
            seen.append((paths, probe, context.network.training))
            return Hook()

    Train(epochs=1, using=[Look()], optimizer=AdamW(lr=1e-3), early=None, device="cpu").fit(network, evidence)
    ((paths, probe, training),) = seen
    assert paths == ("body.2", "body.4") == tuple(probe.taps)
    assert training
    for path in paths:
        torch.testing.assert_close(probe.taps[path], tapped(network, path, probe.inputs))
    torch.testing.assert_close(probe.outputs, network(probe.inputs))


def test_what_ingredients_share_is_made_once_per_training(network, evidence):
    made, got = [], []

    @dataclasses.dataclass(frozen=True)
    class Asks(Ingredient):
        key: str

        def start(self, context):
            got.append(context.once(self.key, lambda: made.append(self.key) or object()))
            return Hook()

    train = Train(using=[Asks("a"), Asks("a"), Asks("b")], optimizer=AdamW(lr=1e-3), early=None, device="cpu")
    train.fit(network, evidence)
    assert made == ["a", "b"]
    assert got[0] is got[1] is not got[2]
    train.fit(network, evidence)
    assert made == ["a", "b"] * 2


def test_taps_come_and_go_without_a_trace(network):
    before = network.fingerprint()
    inputs = torch.randn(3, 1, 6, 6)
    outputs = network(inputs)
    taps = Taps(network)
    taps.add("body.2")
    taps.add("body.2")
    taps.add("body.4")
    assert len(network.graph_module(inputs)) == 3
    assert torch.equal(network(inputs), outputs)
    taps.remove()
    assert network.fingerprint() == before


def test_an_ingredient_sees_its_taps_and_trains_through_them(network, evidence):
    @dataclasses.dataclass(frozen=True)
    class Quiet(Ingredient):
        """Pulls the values of a module to zero."""

        path: str

        def start(self, context):
            path = self.path
            context.tap(path)

            class Pull(Hook):
                def term(self, step):
                    return 10.0 * step.taps[path].pow(2).mean()

            return Pull()

    def size(network):
        values = tapped(network, "body.2", next(evidence.work.select.batches())[0])
        return values.pow(2).mean().item()

    train = Train(epochs=2, optimizer=AdamW(lr=1e-2), early=None, device="cpu")
    plain = train.fit(network, evidence).network
    both = dataclasses.replace(train, using=[Quiet("body.2"), Quiet("body.0")]).fit(network, evidence)
    assert size(both.network) < 0.5 * size(plain)
    assert {"Quiet", "Quiet 2"} <= set(both.history[0])
    assert [n.name for n in both.network.nodes()] == [n.name for n in network.nodes()]
    assert len(both.network.graph_module(torch.randn(2, 1, 6, 6))) == 1


def test_an_ingredient_that_taps_nothing_is_refused_before_training(network, evidence):
    @dataclasses.dataclass(frozen=True)
    class Lost(Ingredient):
        def start(self, context):
            context.tap("layer9")
            return Hook()

    with pytest.raises(RecipeError, match=r"no module or node 'layer9'"):
        Train(using=[Lost()], optimizer=AdamW(lr=1e-3), device="cpu").fit(network, evidence)
