"""Artifacts of several files, and folders, as blobs."""

import pytest

from paredown.errors import CorruptError, LedgerError
from paredown.run.ledger import Blobs
from paredown.targets.artifact import digest, files_of


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "run")


def pair(blobs, content=b"weights"):
    """A file that is opened and one beside it, aside."""
    graph = blobs.aside(".edge")
    graph.write_bytes(b"graph")
    graph.with_suffix(".weights").write_bytes(content)
    files = files_of(graph, (".weights",))
    return graph, files, digest(graph, files) + ".edge"


def folder(blobs):
    site = blobs.aside(".web")
    (site / "assets").mkdir(parents=True)
    (site / "page.html").write_bytes(b"page")
    (site / "assets" / "runtime.wasm").write_bytes(b"code")
    return site, files_of(site), digest(site, files_of(site)) + ".web"


def test_several_files_are_one_blob(blobs):
    graph, files, name = pair(blobs)
    assert blobs.adopt(graph, name, files) == name
    opened = blobs.open(name)
    assert (opened.read_bytes(), opened.with_suffix(".weights").read_bytes()) == (b"graph", b"weights")
    assert opened.suffix == ".edge"
    assert list(graph.parent.iterdir()) == []


def test_a_folder_is_a_blob(blobs):
    site, files, name = folder(blobs)
    opened = blobs.open(blobs.adopt(site, name, files))
    assert (opened / "assets" / "runtime.wasm").read_bytes() == b"code"
    assert list(site.parent.iterdir()) == []


@pytest.mark.parametrize("make", [pair, folder])
def test_what_is_there_already_stays(blobs, make):
    for _ in range(2):
        path, files, name = make(blobs)
        blobs.adopt(path, name, files)
    assert blobs.open(name).exists()
    assert list(path.parent.iterdir()) == []


def test_a_changed_file_beside_the_opened_one_is_noticed_and_made_good(blobs):
    graph, files, name = pair(blobs)
    blobs.adopt(graph, name, files)
    blobs.open(name).with_suffix(".weights").write_bytes(b"weightz")
    with pytest.raises(CorruptError, match="was changed after it was written"):
        blobs.open(name)
    graph, files, name = pair(blobs)
    blobs.adopt(graph, name, files)
    assert blobs.open(name).with_suffix(".weights").read_bytes() == b"weights"


def test_a_missing_file_beside_the_opened_one_is_noticed(blobs):
    graph, files, name = pair(blobs)
    blobs.adopt(graph, name, files)
    blobs.open(name).with_suffix(".weights").unlink()
    with pytest.raises(CorruptError, match="was changed after it was written"):
        blobs.open(name)


def test_a_full_disk_leaves_nothing_half_moved(blobs, monkeypatch):
    graph, files, name = pair(blobs)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("paredown.trust.writing._sync", full)
    with pytest.raises(LedgerError):
        blobs.adopt(graph, name, files)
    assert list(graph.parent.iterdir()) == []
    assert not blobs.has(name)


def test_leftovers_of_a_killed_run_are_removed_folders_too(blobs):
    graph, _, _ = pair(blobs)
    site, _, _ = folder(blobs)
    assert graph.parent == site.parent
    blobs.clear_aside()
    assert list(graph.parent.iterdir()) == []
