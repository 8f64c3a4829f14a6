import shutil
import subprocess
import sys

import pytest
import torch
from torch import nn

import paredown
from paredown.errors import LoweringError
from paredown.targets import Torch


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", ["network", "rounded"])
def test_an_eager_file_is_the_network_to_the_bit(kind, request, tmp_path):
    network = request.getfixturevalue(kind)
    artifact = Torch().lower(network, tmp_path / "network.pt2")
    x = torch.randn(5, 3, 8, 8)
    with Torch().open(artifact.path) as session:
        assert session.inputs == (("image", "float32", (None, 3, 8, 8)),)
        assert session.outputs == (("output", "float32", (None, 2)),)
        (got,) = session.run([x.numpy()])
    torch.testing.assert_close(torch.from_numpy(got), network(x).detach(), rtol=1e-6, atol=1e-6)
    assert artifact.lowering.operators["aten.conv2d.default"] == 1
    assert Torch().lower(network, tmp_path / "again.pt2").sha256 == artifact.sha256


def test_an_eager_file_loads_with_torch_alone(rounded, tmp_path):
    Torch().lower(rounded, tmp_path / "network.pt2")
    code = (
        "import sys, torch\n"
        f"module = torch.export.load({str(tmp_path / 'network.pt2')!r}).module(check_guards=False)\n"
        "module(torch.zeros(7, 3, 8, 8)); print('paredown' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_threads_are_pinned_when_a_file_is_opened(network, tmp_path):
    Torch(threads=1).lower(network, tmp_path / "network.pt2")
    before = torch.get_num_threads()
    with Torch(threads=before + 1).open(tmp_path / "network.pt2"):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_a_compiled_file_gives_the_networks_outputs_at_any_batch(tmp_path):
    torch.manual_seed(0)
    network = paredown.capture(nn.Linear(4, 3), torch.randn(2, 4))
    target = Torch(compiled=True)
    artifact = target.lower(network, tmp_path / "network.pt2")
    x = torch.randn(5, 4)
    with target.open(artifact.path) as session:
        assert session.inputs[0][1:] == ("float32", (None, 4))
        (got,) = session.run([x.numpy()])
    torch.testing.assert_close(torch.from_numpy(got), network(x).detach())


def test_without_a_compiler_it_says_so_before_any_work(network, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(LoweringError, match=r"found no C\+\+ compiler here .* Install one .* or use Torch\(\)"):
        Torch(compiled=True).lower(network, tmp_path / "network.pt2")
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_opened(network, tmp_path):
    with pytest.raises(LoweringError, match=r"nothing.pt2 was given to PyTorch; there is no such file"):
        Torch().open(tmp_path / "nothing.pt2")
    Torch().lower(network, tmp_path / "eager.pt2")
    with pytest.raises(LoweringError, match=r"cannot open .*eager.pt2 with Torch\(threads=1, batch=1, compiled=True\)"):
        Torch(compiled=True).open(tmp_path / "eager.pt2")
    (tmp_path / "broken.pt2").write_bytes(b"this is no archive")
    with pytest.raises(
        LoweringError, match=r"cannot open .*broken.pt2 with Torch\(threads=1, batch=1, compiled=False\)"
    ):
        Torch().open(tmp_path / "broken.pt2")


def test_version_and_capabilities():
    assert Torch().version() == f"torch {torch.__version__}"
    assert Torch().capabilities.formats == {"float32"}
    assert not Torch().capabilities.int8.operators
