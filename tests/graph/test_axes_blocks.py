"""Well-known networks: which groups they have, and that every one of them can be cut."""

import pytest
import torch
from torch import nn

from paredown.graph import cost, shapes
from paredown.graph.axes import analyse
from paredown.graph.capture import capture
from paredown.graph.cut import cut
from paredown.testing.zoo import NAMES, captured

FREE = {
    "PaddedResidual": {
        "stem.0": 8,
        "layers.0.one.0": 8,
        "layers.1.one.0": 8,
        "layers.2.one.0": 16,
        "layers.2.two[padding before]": 4,
        "layers.2.two[padding after]": 4,
        "layers.3.one.0": 16,
        "layers.4.one.0": 32,
        "layers.4.two[padding before]": 8,
        "layers.4.two[padding after]": 8,
        "layers.5.one.0": 32,
    },
    "Bottleneck": {
        "stem.0.0": 8,
        "layers.0.body.0.0[groups]": 4,
        "layers.0.body.0.0[1]": 2,
        "layers.0.body.1.0[1]": 2,
        "layers.0.body.2": 16,
        "layers.1.body.0.0[groups]": 4,
        "layers.1.body.0.0[1]": 4,
        "layers.1.body.1.0[1]": 4,
        "layers.1.body.2": 24,
    },
    "InvertedResidual": {
        "stem.0": 8,
        "layers.0.expand.0": 16,
        "layers.0.reduce": 4,
        "layers.1.expand.0": 24,
        "layers.1.reduce": 6,
        "layers.1.project.0": 12,
        "layers.2.expand.0": 24,
        "layers.2.reduce": 6,
        "head.1": 20,
    },
    "Dense": {"stem": 8, "convs.0": 6, "convs.1": 6, "convs.2": 6, "transition": 10},
    "Shuffle": {
        "stem.0[0.0]": 4,
        "stem.0[0.1]": 4,
        "stem.0[1]": 8,
        "layers.0.body.0.0": 8,
        "layers.1.body.0.0": 8,
        "last.0": 20,
    },
    "VisionTransformer": {
        "patches": 16,
        "layers.0.attention.qkv[heads]": 4,
        "layers.0.attention.qkv[head_dim]": 4,
        "layers.0.mlp.0": 32,
        "layers.1.attention.qkv[heads]": 4,
        "layers.1.attention.qkv[head_dim]": 4,
        "layers.1.mlp.0": 32,
    },
    "Windows": {"attention.qkv[heads]": 2, "patches": 8, "attention.qkv[head_dim]": 4, "merge": 16},
    "UNet": {"one.0": 6, "two.0": 10, "three.0": 14, "up": 10, "mix2.0": 10, "mix1.0": 6},
    "ConvNeXt": {"stem[groups]": 3, "stem[1]": 4, "wide": 36},
    "Mixer": {"first": 12, "tokens.0": 10, "gated[0]": 14},
    "AudioNet": {"first": 8, "filter": 12},
    "GroupedQueries": {"query[0.0]": 2, "query[0.1]": 2, "query[1.0]": 2, "value[value_dim]": 4, "up": 24},
    "Encoder": {
        "layer.self_attn[heads]": 4,
        "layer.self_attn[head_dim]": 4,
        "layer.linear1": 20,
        "pool.out_proj:in[heads]": 2,
        "pool.out_proj:in[head_dim]": 8,
        "pool.out_proj": 16,
    },
    "Recurrent": {"first": 10, "lstm[hidden]": 6, "gru[hidden]": 7},
    "RecurrentCells": {"first": 10, "lstm[hidden]": 6, "gru[hidden]": 7},
    "SuperResolution": {"first": 8, "up[0]": 6},
    "Text": {
        "places": 12,
        "attention.qkv[heads]": 3,
        "attention.qkv[head_dim]": 4,
        "attention.qkv[value_dim]": 4,
        "mlp.0": 20,
    },
}


def test_every_block_is_listed():
    assert sorted(FREE) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_free_groups(name):
    assert {group.name: group.size for group in analyse(captured(name)).free} == FREE[name]


@pytest.mark.parametrize("name", NAMES)
def test_no_operator_is_unknown(name):
    assert not [
        group.frozen_by for group in analyse(captured(name)).groups if "no axes rule" in (group.frozen_by or "")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_half_of_every_group_can_go(name):
    network = captured(name)
    axes = analyse(network)
    kept = {group.name: list(range(0, group.size, 2)) for group in axes.free}
    child = cut(network, kept, axes=axes)
    counts = {group: len(indices) for group, indices in kept.items()}
    assert cost.total(child).macs == axes.macs(counts) < 0.5 * axes.macs() == 0.5 * cost.total(network).macs
    # The shapes a cut writes into the graph are those that fake tensors compute anew.
    written = {node.name: str(getattr(node.meta.get("val"), "shape", "")) for node in child.nodes()}
    shapes.propagate(child)
    said = {node.name: str(getattr(node.meta.get("val"), "shape", "")) for node in child.nodes()}
    assert _numbers(written) == _numbers(said)


def _numbers(found):
    # Symbols have other names in another environment.
    return {name: [part if part.isdigit() else "symbol" for part in text.split(", ")] for name, text in found.items()}


@pytest.mark.parametrize("name", ["Bottleneck", "VisionTransformer", "ConvNeXt", "Text", "GroupedQueries", "Windows"])
def test_each_outer_index_may_keep_others(name):
    network = captured(name)
    axes = analyse(network)
    inner = [group for group in axes.free if group.outer]
    assert inner
    generator = torch.Generator().manual_seed(0)
    for group in inner:
        rows = [torch.randperm(group.size, generator=generator)[: max(1, group.size // 2)].sort().values] * 1
        rows += [
            torch.randperm(group.size, generator=generator)[: max(1, group.size // 2)].sort().values
            for _ in range(group.outer - 1)
        ]
        child = cut(network, {group.name: torch.stack(rows)}, axes=axes)
        assert axes.macs({group.name: max(1, group.size // 2)}) == cost.total(child).macs


@pytest.mark.parametrize("form", ["chunk", "split", "manual"])
def test_forms_of_fused_attention(form):
    network = captured("VisionTransformer", form=form)
    axes = analyse(network)
    sizes = {group.name: group.size for group in axes.free if "qkv" in group.name}
    assert sorted(sizes.values()) == [4] * 6  # heads, query and key dimension, value dimension; two layers
    cut(network, {name: [0, 3] for name in sizes}, axes=axes)


def test_heads_that_share_keys_go_together():
    axes = analyse(captured("GroupedQueries"))
    keys = axes.group("query[0.0]")
    assert {carrier.name for carrier in keys.carriers} == {
        *("query.weight", "query.bias", "key.weight", "key.bias", "value.weight", "value.bias", "out.weight")
    }


def test_tied_weights_stay_tied():
    network = captured("Text")
    child = cut(network, {"places": [0, 1, 5]})
    tied = dict(child.named_parameters(remove_duplicate=False))
    assert tied["words.weight"] is tied["out.weight"]
    assert tied["words.weight"].shape == (11, 3)


class PositionConvolution(nn.Module):
    """Adds a grouped convolution with normalised weights to its input, as speech encoders do for positions."""

    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(5, 16), nn.Linear(16, 3)
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(16, 16, 4, padding=2, groups=4), dim=2)

    def forward(self, x):
        x = self.first(x)
        return self.head(x + self.conv(x.transpose(1, 2))[:, :, :-1].transpose(1, 2)).mean(1)


def test_channels_are_chosen_per_group_but_groups_not_per_channel():
    # Both have four indices, and the channel is in both axes of the weight.
    network = capture(PositionConvolution().eval(), torch.randn(2, 7, 5))
    axes = analyse(network)
    assert {group.name: (group.size, group.outer) for group in axes.free} == {
        "first[groups]": (4, None),
        "first[1]": (4, 4),
    }
    child = cut(network, {"first[groups]": [0, 2], "first[1]": [[0, 1], [1, 2], [2, 3], [0, 3]]}, axes=axes)
    assert child.get_parameter("first.weight").shape == (4, 5)


class Positions(nn.Module):
    """Adds up the rows of a table at positions that are a buffer."""

    def __init__(self):
        super().__init__()
        self.words, self.places, self.head = nn.Embedding(11, 8), nn.Embedding(9, 8), nn.Linear(8, 3)
        self.register_buffer("positions", torch.arange(9)[None])

    def forward(self, words):
        return self.head(self.words(words).sum(1) + self.places(self.positions).sum(1))


def test_an_axis_that_only_buffers_hold_is_no_free_group():
    axes = analyse(capture(Positions().eval(), torch.randint(0, 11, (2, 6))))
    assert {group.name: group.size for group in axes.free} == {"words": 8}
    assert axes.group("positions:1").frozen_by == "buffer (node positions) has it and no weight does"
