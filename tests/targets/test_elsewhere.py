import dataclasses
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from paredown.errors import LoweringError, ParityError
from paredown.measure.probe import probe
from paredown.targets import Artifact, elsewhere
from paredown.testing import EdgeTarget


@dataclasses.dataclass(frozen=True)
class Away(EdgeTarget):
    """Lowers and measures with another interpreter: a link to this one."""

    link: str = ""
    trouble: str = ""

    @property
    def python(self):
        return Path(self.link)

    def write(self, network, path):
        (path.parent / "process").write_text(str(os.getpid()))
        if self.trouble == "parity":
            message = "they do not agree"
            raise ParityError(message)
        if self.trouble == "crash":
            print("about to crash", file=sys.stderr)
            os._exit(7)
        return super().write(network, path)


@pytest.fixture(scope="module")
def link(tmp_path_factory):
    """Another interpreter with the same packages."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, system_site_packages=False, with_pip=False, symlinks=True)
    packages = next((home / "lib").glob("python*/site-packages"))
    (packages / "same.pth").write_text("\n".join(entry for entry in sys.path if "packages" in entry))
    return home / "bin" / "python"


def test_a_network_is_lowered_by_the_other_interpreter_and_measured_there(network, link, tmp_path):
    target = Away(batch=2, link=str(link))
    made = target.lower(network, tmp_path / "net.edge")
    assert int((tmp_path / "process").read_text()) != os.getpid()
    assert made == Artifact(tmp_path / "net.edge", target, made.sha256, made.lowering)
    assert made.lowering.operators["float.aten.conv2d.default"] == 1
    (outputs,) = probe(made, [network.example[0].numpy()])
    assert outputs.shape == (2, 2)


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("parity", (ParityError, "they do not agree")),
        ("crash", (LoweringError, r"ended with exit code 7. Its last words:\n  about to crash\nInstall it with")),
    ],
)
def test_trouble_there_is_told_here(network, link, tmp_path, trouble, told):
    with pytest.raises(told[0], match=told[1]):
        Away(batch=2, link=str(link), trouble=trouble).lower(network, tmp_path / "net.edge")
    assert [path.name for path in tmp_path.iterdir()] == ["process"]


def test_an_interpreter_that_is_not_there_is_named(network, tmp_path):
    target = Away(batch=2, link=str(tmp_path / "nowhere"))
    with pytest.raises(LoweringError, match=r"Edge lowers with .*nowhere, which cannot be run .*Install it with"):
        target.lower(network, tmp_path / "net.edge")
    assert target.versions() == {}
    with pytest.raises(LoweringError, match=r"needs the package 'numpy', .* in the environment of .*nowhere"):
        target.require("numpy")


def test_versions_are_those_of_the_interpreter(link):
    assert elsewhere.installed(["torch", "no-such-package"], link) == elsewhere.installed(["torch"])
    code = "import sys; from paredown.targets import elsewhere; print(elsewhere.away(__import__('pathlib').Path(sys.executable)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "None\n"


def test_nothing_of_this_interpreter_is_searched_by_another(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path), os.__file__.rpartition("/")[0]])
    found = elsewhere.own_path()
    assert str(tmp_path) in found
    assert not any("site-packages" in entry or entry == os.__file__.rpartition("/")[0] for entry in found)
    monkeypatch.setenv("PYTHONPATH", "/mine")
    root = str(Path(elsewhere.__file__).parents[2])
    assert elsewhere.search_path() in ({}, {"PYTHONPATH": f"{root}{os.pathsep}/mine"})
