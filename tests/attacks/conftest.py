"""Things that somebody might send: archives, packages, run directories."""

import json
import zipfile

import pytest
import torch
from torch import nn

import paredown


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """Lists and temporary files of this test alone; whatever an attack writes outside of them is found."""
    (tmp_path / "tmp").mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """A stored network: the archive that is tampered with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = paredown.capture(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(2, 3))
    path = tmp_path_factory.mktemp("stored") / "network.pt2"
    network.save(path)
    return path


@pytest.fixture
def forge(stored, tmp_path):
    """Writes the archive anew with some of its files changed, added or left out."""

    def forged(changes=(), *, pack=zipfile.ZIP_STORED, name="forged.pt2"):
        path, changes = tmp_path / name, dict(changes)
        with zipfile.ZipFile(stored) as old, zipfile.ZipFile(path, "w", pack) as new:
            root = old.namelist()[0].partition("/")[0]
            held = {entry.partition("/")[2]: old.read(entry) for entry in old.namelist()}
            for entry, change in changes.items():
                content = change(held[entry]) if callable(change) else change
                held[entry] = content
            for entry, content in held.items():
                if content is not None:
                    new.writestr(entry.removeprefix("!") if entry.startswith("!") else f"{root}/{entry}", content)
        return path

    return forged


@pytest.fixture
def describe(forge):
    """Writes the archive anew with its description for torch changed."""

    def described(change):
        def changed(content):
            description = json.loads(content)
            change(description)
            return json.dumps(description)

        return forge({"models/model.json": changed})

    return described
