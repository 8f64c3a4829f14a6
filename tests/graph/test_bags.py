"""Bags of embeddings."""

import pytest
import torch
from torch import nn

import paredown
from paredown import prune
from paredown.targets import OnnxRuntime

_BAG = torch.ops.aten.embedding_bag.padding_idx


class Bag(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.table, self.head = nn.EmbeddingBag(20, 16, **options), nn.Linear(16, 4)

    def forward(self, words, factors=None):
        return self.head(self.table(words, per_sample_weights=factors))


def words(batch):
    return torch.randint(0, 20, (batch, 5))


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
def test_a_bag_of_one_length_is_an_embedding_that_is_pooled(mode, tmp_path):
    model = Bag(mode=mode)
    network = paredown.capture(model, words(2))
    assert all(node.target is not _BAG for node in network.nodes())
    ids = words(7)
    torch.testing.assert_close(network(ids), model(ids))
    small = prune.Channels(keep=0.5).on(network)
    assert small.get_parameter("table.weight").shape == (20, 8)
    assert "Loop" not in OnnxRuntime().lower(small, tmp_path / "bag.onnx").lowering.operators


def test_words_have_weights():
    model = Bag(mode="sum")
    network = paredown.capture(model, words(2), torch.rand(2, 5))
    assert all(node.target is not _BAG for node in network.nodes())
    ids, factors = words(7), torch.rand(7, 5)
    torch.testing.assert_close(network(ids, factors), model(ids, factors))


def test_a_padding_index_is_left_to_the_bag():
    model = Bag(padding_idx=0)
    network = paredown.capture(model, words(2))
    assert any(node.target is _BAG for node in network.nodes())
    ids = words(7)
    torch.testing.assert_close(network(ids), model(ids))
