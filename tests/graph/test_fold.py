import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.graph.fold import fold_batch_norm


def settled(model):
    """Random affine parameters and statistics, so that folding has something to get wrong."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            if module.affine:
                nn.init.normal_(module.weight, 1.0)
                nn.init.normal_(module.bias)
    return model.eval()


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU()), (3, 8, 8)),
        (nn.Sequential(nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6, affine=False)), (4, 8, 8)),
        (nn.Sequential(nn.ConvTranspose2d(3, 6, 2, 2), nn.BatchNorm2d(6)), (3, 4, 4)),
        (nn.Sequential(nn.Conv1d(3, 6, 3), nn.BatchNorm1d(6)), (3, 8)),
        (nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6)), (5,)),
    ],
    ids=["conv", "grouped", "transposed", "conv1d", "linear"],
)
def test_folding_changes_no_output_and_removes_the_norm(model, shape):
    network = paredown.capture(settled(model), torch.randn(2, *shape))
    fingerprint = network.fingerprint()
    folded, names = fold_batch_norm(network)
    x = torch.randn(5, *shape)
    torch.testing.assert_close(folded(x), network(x), rtol=1e-5, atol=1e-5)
    assert len(names) == 1
    assert not any("batch_norm" in str(node.target) for node in folded.nodes())
    assert not any("running" in name or name.startswith("1.") for name in folded.state_dict())
    assert {"0.weight", "0.bias"} == set(folded.state_dict())
    assert network.fingerprint() == fingerprint


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1, bias=False)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        y = self.conv(x)
        return self.norm(y) + y


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.one, self.two = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.two(self.conv(self.one(self.conv(x))))


class Computed(nn.Module):
    """The norm's weight is the result of an operator, so its value is not known when folding."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x):
        return F.batch_norm(
            self.conv(x), self.norm.running_mean, self.norm.running_var, self.norm.weight.abs(), self.norm.bias
        )


@pytest.mark.parametrize(
    "model",
    [Twice(), Shared(), nn.BatchNorm2d(3), Computed()],
    ids=["read twice", "shared weight", "alone", "computed weight"],
)
def test_a_norm_that_cannot_be_folded_stays(model):
    network = paredown.capture(settled(model), torch.randn(2, 3, 4, 4))
    folded, names = fold_batch_norm(network)
    x = torch.randn(3, 3, 4, 4)
    assert names == ()
    assert torch.equal(folded(x), network(x))
