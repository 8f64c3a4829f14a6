"""Notes of sparse weights: what they survive, and what they do not touch."""

import torch
from torch import nn

from paredown.graph.capture import capture
from paredown.graph.cut import cut
from paredown.graph.fold import fold_batch_norm
from paredown.graph.network import Network
from paredown.graph.sparsity import is_sparse, mark_sparse, sparse_weights, sparsity
from paredown.testing.blocks import with_statistics


class Tied(nn.Module):
    """One weight under two names."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.two(torch.relu(self.one(x)))


def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = with_statistics(
            nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 4))
        )
    made = capture(model, torch.randn(2, 3, 6, 6))
    with torch.no_grad():
        made.get_parameter("0.weight")[:, 1] = 0.0
    return made


def test_a_note_makes_another_network():
    plain, noted = network(), network()
    mark_sparse(noted, ["0.weight"])
    assert noted.fingerprint() != plain.fingerprint()
    assert list(sparse_weights(noted)) == ["0.weight"]
    assert sparse_weights(plain) == {}
    assert [is_sparse(node) for node in noted.nodes()].count(True) == 1


def test_the_share_of_zeros_counts_noted_weights_only():
    noted = network()
    with torch.no_grad():
        noted.get_parameter("4.bias").zero_()
    assert sparsity(noted) == 0.0
    mark_sparse(noted, ["0.weight"])
    every = sum(p.numel() for p in noted.parameters())
    assert sparsity(noted) == 8 * 9 / every


def test_a_note_is_copied_stored_folded_and_cut(tmp_path):
    noted = network()
    mark_sparse(noted, ["0.weight"])
    noted.save(tmp_path / "network.pt2")
    folded, norms = fold_batch_norm(noted)
    assert norms
    smaller = cut(noted, {"0": [0, 2, 3]})
    for other in (noted.copy(), Network.load(tmp_path / "network.pt2"), folded, smaller):
        assert list(sparse_weights(other)) == ["0.weight"]
        assert (other.get_parameter("0.weight")[:, 1] == 0).all()
        assert (other.get_parameter("0.weight")[:, 0] != 0).all()


def test_tied_weights_are_noted_under_all_names():
    tied = capture(Tied(), torch.randn(2, 6))
    mark_sparse(tied, ["one.weight"])
    assert sum(map(is_sparse, tied.nodes())) == sum(node.op == "get_attr" for node in tied.nodes())
    assert list(sparse_weights(tied)) == ["one.weight"]
