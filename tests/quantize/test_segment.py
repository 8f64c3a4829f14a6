import pytest
import torch
from torch import nn

import paredown
from paredown import quantize
from paredown.graph.fold import fold_batch_norm
from paredown.graph.walk import Walk
from paredown.quantize.segment import batches, blocks, layers, march
from paredown.testing import small_bench

from .conftest import evidence_of, pictures


class Tied(nn.Module):
    """One weight read by two layers, and one layer of its own."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.own = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 4)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.own(self.two(self.one(x).relu()).relu())


class Crossed(nn.Module):
    """A skip over everything: no value that all others pass through before the last."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))

    def forward(self, x):
        a = self.a(x).relu()
        b = self.b(a).relu() + x
        return self.c(b).relu() + a + x


def both(network, evidence, step=None):
    """The float network that refinements see, and the rounded one."""
    return fold_batch_norm(network)[0], (step or quantize.Int8()).on(network, evidence)


def seen(network, evidence, names):
    """Values of nodes over the calibration split, by running the whole network."""
    found = {name: [] for name in names}
    evidence.observe(network, {name: found[name].append for name in names})
    return {name: torch.cat(values) for name, values in found.items()}


@pytest.mark.parametrize("cut", [blocks, lambda _, rounded: [x.stretch(activation=True) for x in layers(rounded)]])
def test_every_segment_gets_what_it_reads_and_gives_what_the_network_gives(network, evidence, cut):
    original, rounded = both(network, evidence)
    segments = cut(original, rounded)
    given = batches(evidence, rounded, 40, 16)
    assert [len(batch[0]) for batch in given] == [16, 16, 8]
    ends = [segment.end for segment in segments]
    inside, outside = (seen(net, evidence, ends) for net in (rounded, original))
    for problem in march(original, rounded, segments, given):
        got = torch.cat([problem.segment.run(values) for values in problem.inputs])
        assert torch.allclose(got, inside[problem.segment.end][:40], atol=1e-6)
        assert torch.allclose(torch.cat(list(problem.targets)), outside[problem.segment.end][:40], atol=1e-6)
        for values, before in zip(problem.inputs, problem.originals, strict=True):
            pairs = [(values[n], before[n]) for n in values if isinstance(values[n], torch.Tensor)]
            assert all(one.shape == two.shape for one, two in pairs)
            assert all(0 < (one - two).abs().max() < 0.2 for one, two in pairs)


def test_residual_blocks_are_found():
    bench = small_bench()
    original, rounded = both(bench.network, bench.evidence())
    found = [[layer.name for layer in segment.layers] for segment in blocks(original, rounded)]
    assert found == [["stem.0.weight"], ["block.0.weight", "block.3.weight"], ["head.weight"]]


def test_what_cannot_be_parted_is_one_block():
    network = paredown.capture(Crossed(), torch.randn(2, 3, 8, 8))
    original, rounded = both(network, evidence_of(pictures(32, 0)[0]))
    assert [[layer.name for layer in segment.layers] for segment in blocks(original, rounded)] == [
        ["a.weight"],
        ["b.weight", "c.weight"],
    ]


def test_a_weight_that_two_layers_read_is_left_alone():
    network = paredown.capture(Tied(), torch.randn(2, 6))
    _, rounded = both(network, evidence_of(torch.randn(32, 6, generator=torch.Generator().manual_seed(0))))
    assert [layer.name for layer in layers(rounded)] == ["own.weight"]


def test_a_layer_rounds_as_its_node_does(network, evidence):
    _, rounded = both(network, evidence, quantize.Int8(weight_bits=3, weights=quantize.Mse()))
    x, _ = pictures(2, 0)
    found = {}
    for layer in layers(rounded):
        walk = Walk(rounded, [[x]])
        walk.through(layer.rounding.node.name)
        found[layer.name] = torch.equal(walk.value(layer.rounding.node.name)[0], layer.nearest())
    assert found == {"stem.weight": True, "one.weight": True, "two.weight": True, "head.weight": True}
