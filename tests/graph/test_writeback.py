import pytest
import torch
from torch import nn

from paredown.errors import InputError
from paredown.graph.axes import analyse
from paredown.graph.capture import capture
from paredown.graph.cut import cut
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.formats import UINT8

from . import traps
from .test_capture import digest


def halve(network):
    groups = [group for group in analyse(network).groups if group.free and group.size > 1]
    assert groups
    return cut(network, {group.name: torch.arange(group.size // 2) for group in groups if group.size > 1})


def test_a_cut_network_goes_back_into_the_users_class():
    model = traps.Residual()
    before = digest(model)
    network = halve(capture(model, torch.randn(2, 3, 8, 8)))
    small = network.write_back(model)
    assert type(small) is traps.Residual
    assert (small.conv1.out_channels, small.bn1.num_features, small.conv2.in_channels, small.fc.in_features) == (
        4,
        4,
        4,
        4,
    )
    x = torch.randn(5, 3, 8, 8)
    assert torch.allclose(small(x), network(x), atol=1e-6)
    small.train()(x).sum().backward()
    assert digest(model) == before
    again = traps.Residual()
    with pytest.raises(RuntimeError, match="size mismatch"):
        again.load_state_dict(small.state_dict())


def test_grouped_convolutions_norms_and_ties():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 1),
        nn.GroupNorm(4, 8),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.PReLU(8),
        nn.Flatten(),
        nn.Linear(8 * 16, 3),
    )
    network = capture(model, torch.randn(2, 3, 6, 6))
    back = network.write_back(model)
    assert (back[2].groups, back[1].num_groups) == (8, 4)
    tied = traps.Tied()
    back = capture(tied, torch.randint(0, 11, (2, 5))).write_back(tied)
    assert back.embed.weight is back.head.weight


class _Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.b(self.a(x).view(-1, 4, 2).flatten(1))


def test_a_size_written_in_forward_is_explained():
    model = _Heads()
    network = capture(model, torch.randn(2, 6))
    small = halve(network)
    with pytest.raises(
        InputError,
        match=r"_Heads (does not run|computes something else) with the network's weights.*keep the network itself",
    ):
        small.write_back(model)


def test_a_quantized_network_stays_a_network():
    model = traps.Residual()
    network = capture(model, torch.randn(2, 3, 8, 8))
    insert_after(network, next(network.nodes()), "w", Grid(torch.tensor(0.1), torch.tensor(0.0), UINT8))
    with pytest.raises(InputError, match=r"is quantized \(node fake_quantize.*Write back before quantize steps"):
        network.recompile().write_back(model)


def test_another_class_has_no_place():
    network = capture(traps.Residual(), torch.randn(2, 3, 8, 8))
    with pytest.raises(InputError, match=r"The network has .*, for which Tied has no place"):
        network.write_back(traps.Tied())
