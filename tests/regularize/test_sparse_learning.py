"""What pulls whole slices of coupled weights to 0."""

import dataclasses

import pytest
import torch
from torch import nn

import paredown
from paredown import prune
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.graph.cut.weights import members, per_index
from paredown.recipe import SGD, Constant, Evidence
from paredown.regularize import Dropout, GReg, GroupLasso, Hoyer, NetworkSlimming
from paredown.regularize.coupled import bare, coupled
from paredown.testing.zoo import captured


class Body(nn.Module):
    """Two convolutions with batch norm, a head: the channels between them are free, and so are those before the head."""

    def __init__(self):
        super().__init__()
        self.one, self.norm1 = nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.two, self.norm2 = nn.Conv2d(4, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 3)

    def forward(self, x):
        x = torch.relu(self.norm2(self.two(torch.relu(self.norm1(self.one(x))))))
        return self.head(x.mean((2, 3)))


@pytest.fixture
def body():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return paredown.capture(Body(), torch.randn(2, 2, 6, 8))


@pytest.fixture
def still(setting, body):
    """``still(ingredient)`` gives the network after four steps of 0.1 in which the task pulls at nothing."""

    def train(*using):
        flat = dataclasses.replace(setting.task.objective, loss=lambda outputs, _: (outputs * 0.0).sum())
        settings = dataclasses.replace(
            setting.train, optimizer=SGD(lr=0.1, weight_decay=0.0), schedule=Constant(), using=using
        )
        return settings.fit(body, Evidence(setting.task.data.work, flat)).network

    return train


def weights(network):
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def slices(w, group, j):
    """The parts of the weights that hold index j of a group of `Body`."""
    if group == "one":
        return w["one.weight"][j], w["two.weight"][:, j]
    return w["two.weight"][j], w["head.weight"][:, j]


SIZES = {"one": 4, "two": 3}


@pytest.mark.parametrize("name", ["GroupedQueries", "Shuffle", "Dense", "UNet", "Small"])
def test_slices_are_what_a_cut_takes(name, body):
    network = body if name == "Small" else captured(name)
    axes = analyse(network)
    found = coupled(network, "test")
    assert [group.group.name for group in found] == [group.name for group in axes.free if members(network, group)]
    for group in found:
        wanted = sum(per_index(axes, group.group, carrier, w.abs()) for carrier, w in members(network, group.group))
        torch.testing.assert_close(group.sums(torch.abs).double(), wanted.flatten(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["GroupedQueries", "Shuffle", "Dense"])
def test_scaling_an_index_scales_what_it_holds_and_nothing_else(name):
    network = captured(name).copy()
    for group in coupled(network, "test"):
        before = group.sums(torch.abs)
        factors = torch.ones(group.count)
        factors[-1] = 0.0
        group.scale(factors)
        after = group.sums(torch.abs)
        assert after[-1] == 0.0
        torch.testing.assert_close(after[:-1], before[:-1])
        group.scale(torch.zeros(group.count))
        assert (group.sums(torch.abs) == 0).all()


def test_what_other_ingredients_put_into_the_graph_is_looked_past(start, body):
    student = body.copy()
    hook = start(Dropout(), network=student)
    assert hook is not None
    tapped = body.copy()
    nodes = list(tapped.nodes())
    inner = next(node for node in nodes if str(node.target) == "aten.conv2d.default")
    nodes[-1].args = ((*nodes[-1].args[0], inner),)
    plain = [(node.name, str(node.target)) for node in body.nodes()]
    assert [(node.name, str(node.target)) for node in bare(tapped.recompile()).nodes()] == plain
    assert [group.group.name for group in coupled(tapped, "test")] == ["one", "two"]


def test_dropout_does_not_hide_the_groups(still):
    alone, behind = (weights(still(*before, GroupLasso(strength=0.1))) for before in ((), (Dropout(),)))
    assert torch.equal(alone["one.weight"], behind["one.weight"])


def test_group_lasso_takes_the_proximal_step_of_every_slice(body, still):
    strength, lr = 0.1, 0.1
    wanted = weights(body)
    for _ in range(4):
        for group, size in SIZES.items():
            for j in range(size):
                parts = slices(wanted, group, j)
                norm = sum(float(part.square().sum()) for part in parts) ** 0.5
                count = sum(part.numel() for part in parts)
                for part in parts:
                    part.mul_(max(0.0, 1.0 - lr * strength * count**0.5 / norm))
    found = weights(still(GroupLasso(strength)))
    for name in ("one.weight", "two.weight", "head.weight"):
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=1e-6)
    assert torch.equal(found["head.bias"], body.get_parameter("head.bias"))


def test_group_lasso_reaches_0_and_the_cut_after_it_changes_nothing(body, still):
    with torch.no_grad():
        for j in (1, 2):
            for part in slices(dict(body.named_parameters()), "one", j):
                part.mul_(0.1)
    trained = still(GroupLasso(strength=0.1))
    left = weights(trained)
    assert [j for j in range(4) if all((part == 0).all() for part in slices(left, "one", j))] == [1, 2]
    step = prune.Channels(keep=0.5, where=prune.Where(include=("one",)))
    child = step.on(trained)
    x = torch.randn(3, 2, 6, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(child(x), trained(x))


def test_slimming_shrinks_the_scales_that_can_be_cut(body, still):
    found = weights(still(NetworkSlimming(strength=2.2)))
    for name, before in weights(body).items():
        if name in ("norm1.weight", "norm2.weight"):
            torch.testing.assert_close(found[name], (before - 4 * 0.22).clamp_min(0.0), rtol=1e-4, atol=1e-6)
        else:
            assert torch.equal(found[name], before)
    assert (weights(still(NetworkSlimming(strength=3.0)))["norm1.weight"] == 0).all()


def test_greg_shrinks_the_smallest_slices_ever_faster(body, still):
    keep, strength, lr, steps = 0.5, 4.0, 0.1, 4
    first = weights(body)
    chosen = {}
    for group, size in SIZES.items():
        norms = [sum(float(part.abs().sum()) for part in slices(first, group, j)) for j in range(size)]
        chosen[group] = sorted(range(size), key=norms.__getitem__)[: size - round(keep * size)]
    wanted = weights(body)
    for number in range(steps):
        reached = number // 2 * 2
        factor = 1.0 - lr * strength * min(1.0, reached / (0.75 * steps))
        for group, indices in chosen.items():
            for j in indices:
                for part in slices(wanted, group, j):
                    part.mul_(factor)
    found = weights(still(GReg(keep, strength, every=2, ramp=0.75)))
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=1e-6)
    assert (found["one.weight"] != first["one.weight"]).any()


def test_hoyer_of_slices_is_its_formula(start, body, step):
    w, wanted = weights(body), 0.0
    for group, size in SIZES.items():
        norms = [sum(float(part.square().sum()) for part in slices(w, group, j)) ** 0.5 for j in range(size)]
        wanted += sum(norms) ** 2 / sum(norm**2 for norm in norms)
    hook = start(Hoyer(strength=0.2), network=body)
    assert float(hook.term(step(torch.zeros(2, 3), None)).detach()) == pytest.approx(0.2 * wanted, rel=1e-5)


def test_hoyer_of_weights_is_its_formula_and_does_not_care_for_size(start, body, step):
    def term(network):
        hook = start(Hoyer(strength=1.0, slices=False), network=network)
        return float(hook.term(step(torch.zeros(2, 3), None)).detach())

    w = weights(body)
    parts = [w[name] for name in ("one.weight", "two.weight", "head.weight")]
    assert term(body) == pytest.approx(sum(float(p.abs().sum() ** 2 / p.square().sum()) for p in parts), rel=1e-5)
    larger = body.copy()
    with torch.no_grad():
        larger.get_parameter("one.weight").mul_(7.0)
    assert term(larger) == pytest.approx(term(body), rel=1e-5)


def test_hoyer_has_a_slope_where_slices_are_0(start, body, step):
    student = body.copy()
    with torch.no_grad():
        student.get_parameter("one.weight")[1] = 0.0
        student.get_parameter("two.weight")[:, 1] = 0.0
    seen = []

    class Spy(Hoyer):
        def start(self, context):
            seen.append(context.network)
            return super().start(context)

    start(Spy(), network=student).term(step(torch.zeros(2, 3), None)).backward()
    gradients = {name: p.grad for name, p in seen[0].named_parameters() if p.grad is not None}
    assert sorted(gradients) == ["head.weight", "one.weight", "two.weight"]
    assert all(bool(gradient.isfinite().all()) for gradient in gradients.values())
    assert (gradients["one.weight"][1] == 0).all()
    assert (gradients["one.weight"][0] != 0).all()


@pytest.mark.parametrize("ingredient", [GroupLasso(), GReg(), Hoyer()], ids=lambda thing: type(thing).__name__)
def test_networks_without_a_group_to_cut_are_refused(start, made, ingredient):
    task, network = made(nn.Linear(6, 3), torch.randn(16, 6), torch.arange(16) % 3)
    with pytest.raises(
        RecipeError, match=rf"{type(ingredient).__name__} works on weights of groups.*Leave it out of `us"
    ):
        start(ingredient, task, network)


def test_slimming_needs_batch_norms(start, made):
    task, network = made(
        nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)), torch.randn(16, 6), torch.arange(16) % 3
    )
    with pytest.raises(
        RecipeError, match=r"scales of batch norms on groups that can be cut, and this network has none"
    ):
        start(NetworkSlimming(), task, network)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: GroupLasso(strength=0),
            r"regularize.GroupLasso\(strength=0\) was given. It is a finite number above 0",
        ),
        (lambda: NetworkSlimming(strength=-1), r"regularize.NetworkSlimming\(strength=-1\) was given"),
        (lambda: Hoyer(strength=float("inf")), r"regularize.Hoyer\(strength=inf\) was given"),
        (lambda: GReg(keep=1.0), r"regularize.GReg\(keep=1.0\) was given. It is a share above 0 and below 1"),
        (lambda: GReg(strength=0), r"regularize.GReg\(strength=0\) was given"),
        (lambda: GReg(every=0), r"regularize.GReg\(every=0\) was given. It is a whole number of steps, at least 1"),
        (lambda: GReg(ramp=0), r"regularize.GReg\(ramp=0\) was given. It is a share of the training above 0"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
