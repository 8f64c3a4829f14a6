"""Networks in other floating-point types than float32."""

import numpy as np
import pytest
import torch
from torch import nn

import paredown
from paredown.errors import LoweringError, ParityError
from paredown.targets import OnnxRuntime, Torch, floors, parity


def network_of(kind):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 64), nn.ELU(), nn.Linear(64, 4)).to(kind)
    return paredown.capture(model, torch.randn(4, 8, dtype=kind))


@pytest.mark.parametrize("target", [OnnxRuntime(), Torch()], ids=["onnx", "torch"])
def test_networks_in_float16_are_lowered(target, tmp_path):
    network = network_of(torch.float16)
    artifact = target.lower(network, tmp_path / f"network{target.suffix}")
    x = torch.randn(3, 8, dtype=torch.float16)
    with target.open(artifact.path) as session:
        (got,) = session.run([x.numpy()])
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, network(x).detach().numpy(), rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    ("target", "what"),
    [(OnnxRuntime(), "computes in bfloat16"), (Torch(), "takes or gives bfloat16")],
    ids=["onnx", "torch"],
)
def test_bfloat16_is_refused_with_what_to_type(target, what, tmp_path):
    words = rf"The network {what} \(node '\w+'\).*`paredown.capture\(model.float\(\), example.float\(\)\)`.*Half"
    with pytest.raises(LoweringError, match=words):
        target.lower(network_of(torch.bfloat16), tmp_path / f"network{target.suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_runtime_without_kernels_for_a_type_says_what_to_type(tmp_path):
    network = network_of(torch.float64)
    with pytest.raises(
        LoweringError, match=r"Elu.* The network computes in float64 \(node 'input'\)\. .*model.float\(\)"
    ):
        OnnxRuntime().lower(network, tmp_path / "network.onnx")
    Torch().lower(network, tmp_path / "network.pt2")


def test_a_half_network_that_does_not_agree_is_not_told_to_leave_quantization_out(tmp_path):
    network = network_of(torch.float16)
    artifact = OnnxRuntime().lower(network, tmp_path / "network.onnx")
    with torch.no_grad():
        network.get_parameter("0.weight").mul_(1.1)
    with (
        OnnxRuntime().open(artifact.path) as session,
        pytest.raises(ParityError, match=r"at least 50 dB holds .*Capture the model in float32, `model.float\(\)`"),
    ):
        parity.check(network, session, floors.FLOAT, "ONNX Runtime")


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 4, dtype=torch.cfloat))

    def forward(self, x):
        return (x.to(torch.cfloat) @ self.weight).abs()


def test_complex_numbers_that_a_runtime_lacks_are_named(tmp_path):
    network = paredown.capture(Complex(), torch.randn(2, 8))
    with pytest.raises(LoweringError, match=r"computes with complex numbers \(node '\w+'\).*torch.view_as_real"):
        OnnxRuntime().lower(network, tmp_path / "network.onnx")
