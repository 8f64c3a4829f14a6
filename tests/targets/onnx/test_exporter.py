"""What the general exporter is told."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.errors import LoweringError
from paredown.graph.axes import analyse
from paredown.targets import OnnxRuntime


class Distances(nn.Module):
    def __init__(self, order):
        super().__init__()
        self.order, self.codes = order, nn.Parameter(torch.randn(6, 4))

    def forward(self, x):
        return torch.cdist(x, self.codes.expand(x.shape[0], -1, -1), p=self.order)


@pytest.mark.parametrize("order", [1.0, 2.0])
def test_distances_are_lowered(order, tmp_path):
    model = Distances(order)
    artifact = OnnxRuntime().lower(paredown.capture(model, torch.randn(2, 5, 4)), tmp_path / "network.onnx")
    x = torch.randn(3, 5, 4)
    with OnnxRuntime().open(artifact.path) as session:
        torch.testing.assert_close(
            torch.from_numpy(session.run([x.numpy()])[0]), model(x).detach(), rtol=1e-4, atol=1e-5
        )


def test_distances_of_other_orders_are_refused(tmp_path):
    network = paredown.capture(Distances(3.0), torch.randn(2, 5, 4))
    with pytest.raises(LoweringError, match=r"cdist.*distances of order 1 and 2 have a translation"):
        OnnxRuntime().lower(network, tmp_path / "network.onnx")


class Modulated(nn.Module):
    """One group of a convolution for each example."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))

    def forward(self, x, style):
        weight = (self.weight * style[:, None, :, None, None]).flatten(0, 1)
        return F.conv2d(x.reshape(1, -1, 8, 8), weight, groups=x.shape[0]).view(x.shape[0], 4, 6, 6)


def test_groups_that_vary_are_cut_around_and_refused_by_name(tmp_path):
    network = paredown.capture(Modulated(), torch.randn(2, 3, 8, 8), torch.randn(2, 3))
    assert all(not group.free for group in analyse(network).groups if "weight" in group.name)
    with pytest.raises(
        LoweringError, match=r"aten.conv2d.default \(node 'conv2d', module ''\) has as many groups as .*style"
    ):
        OnnxRuntime().lower(network, tmp_path / "network.onnx")
