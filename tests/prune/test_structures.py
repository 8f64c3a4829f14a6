"""What can be cut: each kind of structure alone, chosen by path or name, and nothing else changes."""

from fnmatch import fnmatchcase

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown import prune
from paredown.errors import FrozenError
from paredown.recipe.evidence import Evidence
from paredown.testing.zoo import captured


class Experts(nn.Module):
    """Experts with stacked weights, and a router that shares its weight out among them (or picks the best two)."""

    def __init__(self, best=None):
        super().__init__()
        self.first, self.router, self.head = nn.Linear(5, 8), nn.Linear(8, 4), nn.Linear(8, 3)
        self.up = nn.Parameter(torch.randn(4, 8, 12) * 0.3)
        self.down = nn.Parameter(torch.randn(4, 12, 8) * 0.3)
        self.best = best

    def forward(self, x):
        x = self.first(x)
        share = (self.router(x) / 0.7).softmax(-1)
        if self.best:
            share = share.where(share >= share.topk(self.best, -1).values[..., -1:], 0.0)
        inside = F.gelu(torch.einsum("btd,edf->btef", x, self.up))
        return self.head(x + torch.einsum("btef,efd,bte->btd", inside, self.down, share)).mean(1)


@pytest.fixture(scope="module")
def experts():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Experts().eval()


def changed(network, child):
    before, after = network.state_dict(), child.state_dict()
    return {name for name in before if before[name].shape != after[name].shape}


STRUCTURES = {
    "channels": ("UNet", ("two.0",), {"two.0.weight", "two.1.*", "three.0.weight", "mix2.0.weight"}),
    "attention heads": ("VisionTransformer", ("layers.0.attention.qkv[heads]",), {"layers.0.attention.*"}),
    "head dimensions": ("VisionTransformer", ("layers.1.attention.qkv[head_dim]",), {"layers.1.attention.*"}),
    "value dimensions": ("Text", ("attention.qkv[value_dim]",), {"attention.*"}),
    "feed-forward width": ("VisionTransformer", ("layers.*.mlp.0",), {"layers.?.mlp.*"}),
    "key heads with their queries": ("GroupedQueries", ("query[0.0]",), {"query.*", "key.*", "value.*", "out.weight"}),
    "hidden state": ("Recurrent", ("lstm",), {"lstm.*", "gru.weight_ih_l0*"}),
}


@pytest.mark.parametrize(("name", "include", "touched"), STRUCTURES.values(), ids=STRUCTURES.keys())
def test_a_structure_alone(name, include, touched):
    network = captured(name)
    child = prune.Channels(keep=0.5, where=prune.Where(include=include)).on(network)
    found = changed(network, child)
    assert found
    assert all(any(fnmatchcase(parameter, pattern) for pattern in touched) for parameter in found)
    assert child(network.example[0]).shape == network(network.example[0]).shape


def test_embedding_width():
    network = captured("VisionTransformer")
    child = prune.Channels(keep=0.5, where=prune.Where(include=("patches",))).on(network)
    assert child.get_parameter("patches.weight").shape[0] == 8
    assert child.get_parameter("head.weight").shape[1] == 8
    assert child.get_parameter("layers.0.mlp.0.weight").shape == (32, 8)


def test_all_but_the_embedding_width():
    network = captured("VisionTransformer")
    child = prune.Channels(keep=0.5, where=prune.Where(exclude=("patches",))).on(network)
    assert child.get_parameter("patches.weight").shape == network.get_parameter("patches.weight").shape
    assert child.get_parameter("layers.0.mlp.0.weight").shape == (16, 16)


def test_experts(experts):
    network = paredown.capture(experts, torch.randn(2, 6, 5))
    step = prune.Channels(keep=0.75, where=prune.Where(include=("router",)))
    plan = step.plan(network, Evidence.empty())
    child = step.apply(network, plan)
    assert changed(network, child) == {"router.weight", "router.bias", "up", "down"}
    assert child.get_parameter("up").shape == (3, 8, 12)
    (kept,) = plan.decisions["kept"].values()
    (gone,) = set(range(4)) - set(kept)
    masked = Experts().eval()
    masked.load_state_dict(experts.state_dict())
    with torch.no_grad():
        masked.router.bias[gone] = -torch.inf  # those that are left share the weight of the one that went
    x = torch.randn(3, 6, 5)
    torch.testing.assert_close(child(x), masked(x))


def test_experts_of_which_the_best_are_picked_are_held():
    network = paredown.capture(Experts(best=2).eval(), torch.randn(2, 6, 5))
    with pytest.raises(
        FrozenError, match=r"cannot be cut: .* is held by aten\.topk\.default \(node topk\) orders it by"
    ):
        prune.Channels(where=prune.Where(include=("router",))).on(network)
