"""Packages that are programs run only where they were made here, or where somebody says that they may."""

import dataclasses
import zipfile

import numpy as np
import pytest

from paredown import codec, measure
from paredown.cli import exits, main
from paredown.errors import TrustError
from paredown.targets import Torch
from paredown.trust import Programs
from paredown.verdict import Certificate, Held, certificate_path, verify
from paredown.verdict.certificate import Probe, file_sha256


@pytest.fixture
def package(tmp_path):
    """A compiled package as somebody else would send it: a shared library, and what Paredown reads beside it."""
    path = tmp_path / "package.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("network/data/aotinductor/model/model.wrapper.so", b"\x7fELF")
        archive.writestr("network/extra/paredown_ports.json", "[[], []]")
    return path


@pytest.fixture
def loaded(monkeypatch):
    """What was handed to the loader of shared libraries."""
    seen = []

    def load(path, *_, **__):
        seen.append(path)
        return lambda *inputs: inputs

    monkeypatch.setattr("torch._inductor.aoti_load_package", load)
    return seen


COMPILED = Torch(compiled=True)
WORDS = r"package\.pt2 is a program: a compiled package .* was not made here by you.*--trust .*trust=True"


def test_a_foreign_package_is_not_opened(package, loaded):
    for door in (
        lambda: COMPILED.open(package),
        lambda: Torch().open(package),
        lambda: measure.latency({"a": package}, target=COMPILED, pairs=(2, 2)),
        lambda: measure.memory(package, target=COMPILED),
        lambda: measure.energy(package, target=COMPILED),
        lambda: measure.probe(package, [np.zeros(1)], target=COMPILED),
    ):
        with pytest.raises(TrustError, match=WORDS):
            door()
    assert loaded == []


def test_it_is_opened_for_somebody_who_vouches_for_it(package, loaded):
    COMPILED.open(package, trust=True).close()
    assert loaded == [str(package)]


def test_it_is_opened_where_it_was_made_here(package, loaded):
    Programs().add(file_sha256(package))
    COMPILED.open(package).close()
    assert loaded
    package.write_bytes(package.read_bytes() + b"more")  # another program
    with pytest.raises(TrustError):
        COMPILED.open(package)


def test_the_list_of_ones_own_programs_is_ones_own(package, tmp_path):
    Programs().add(file_sha256(package))
    (tmp_path / "cache/programs.txt").chmod(0o666)  # others could have written it
    with pytest.raises(TrustError):
        COMPILED.admit(package)


def test_a_home_that_cannot_be_written_is_made_up_for(package, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "file/cache"))
    Programs().add(file_sha256(package))
    COMPILED.admit(package)
    directory = next((tmp_path / "tmp").glob("paredown-programs-*"))
    directory.chmod(0o755)
    with pytest.raises(TrustError):
        COMPILED.admit(package)


@pytest.fixture
def certified(package):
    """A certificate that names the compiled runtime."""
    numbers = measure.size(package)
    made = Certificate(
        "package.pt2", file_sha256(package), "2026-01-01", codec.encode(COMPILED), COMPILED.version(),
        measure.processor(), numbers, probe=Probe((np.ones((1, 2)),), (np.ones((1, 2)),), 80.0),
    )  # fmt: skip
    made.write(package)
    return package


def test_verifying_opens_no_program(certified, loaded):
    found = verify(certified)
    assert loaded == []
    assert found.holds
    assert not found.complete
    outputs = next(check for check in found.checks if check.name == "outputs")
    assert (outputs.outcome, outputs.needs) == (Held.NOT_CHECKED, "--trust")
    assert "is a program" in outputs.text
    assert (
        found.headline
        == "The certificate of package.pt2 holds for 2 of 5 claims; the outputs, latency and score need --trust."
    )


def test_verifying_an_archive_with_a_pickle_fails_whoever_is_trusted(forge, certified):
    path = forge({"data/sample_inputs/model.pt": b"pickle"})
    claim = dataclasses.replace(Certificate.read(certified), target=codec.encode(Torch()), sha256=file_sha256(path))
    dataclasses.replace(claim, size=measure.size(path)).write(path)
    for trust in (False, True):
        found = verify(path, trust=trust)
        failed = [check for check in found.checks if check.outcome is Held.FAILS]
        assert [check.name for check in failed] == ["outputs"]
        assert "pickled sample inputs" in failed[0].text


def test_the_command_line_says_whose_program_it_is(certified, loaded, capsys):
    assert exits.guarded(main.app, ["bench", str(certified)]) == exits.BAD_INPUT
    assert "is a program" in capsys.readouterr().err
    assert exits.guarded(main.app, ["verify", str(certified)]) == exits.OK
    assert "need --trust" in " ".join(capsys.readouterr().out.split())
    assert exits.guarded(main.app, ["verify", str(certified), "--strict"]) == exits.FAILED
    assert loaded == []
    assert certificate_path(certified).is_file()
