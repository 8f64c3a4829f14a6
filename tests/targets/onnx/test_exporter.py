"""What the general exporter is told."""

import pytest
import torch
from torch import nn

import paredown
from paredown.errors import LoweringError
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
