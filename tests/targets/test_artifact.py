import hashlib

import pytest

from paredown.errors import InputError, LoweringError
from paredown.targets import Artifact, OnnxRuntime
from paredown.targets.artifact import copy, digest, files_of, move, remove
from paredown.testing import EdgeTarget


@pytest.fixture
def pair(tmp_path):
    """A file that is opened and one beside it."""
    graph, weights = tmp_path / "net.work.edge", tmp_path / "net.work.weights"
    graph.write_bytes(b"graph")
    weights.write_bytes(b"weights")
    return graph, (graph, weights)


@pytest.fixture
def folder(tmp_path):
    """An artifact that is a folder."""
    path = tmp_path / "site.web"
    (path / "assets").mkdir(parents=True)
    (path / "page.html").write_bytes(b"page")
    (path / "assets" / "runtime.wasm").write_bytes(b"code")
    return path


def test_the_hash_of_one_file_is_that_of_its_bytes(pair):
    graph, _ = pair
    assert digest(graph, files_of(graph)) == hashlib.sha256(b"graph").hexdigest()


def test_the_files_of_an_artifact(pair, folder):
    graph, files = pair
    assert files_of(graph, (".weights",)) == files
    assert [file.name for file in files_of(folder)] == ["runtime.wasm", "page.html"]


def test_one_hash_is_over_all_files_whatever_they_are_called(pair, tmp_path):
    graph, files = pair
    whole = digest(graph, files)
    assert whole != digest(graph, (graph,))
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "other.edge"
    copy(graph, files, other)
    assert digest(other, files_of(other, (".weights",))) == whole
    other.with_suffix(".weights").write_bytes(b"weightz")
    assert digest(other, files_of(other, (".weights",))) != whole


def test_two_files_that_change_places_have_another_hash(pair):
    graph, files = pair
    whole = digest(graph, files)
    graph.write_bytes(b"weights")
    files[1].write_bytes(b"graph")
    assert digest(graph, files) != whole


def test_a_folder_has_a_hash_over_names_and_contents(folder, tmp_path):
    whole = digest(folder, files_of(folder))
    other = tmp_path / "other.web"
    copy(folder, files_of(folder), other)
    assert digest(other, files_of(other)) == whole
    (other / "page.html").rename(other / "index.html")
    assert digest(other, files_of(other)) != whole


def test_moving_replaces_what_is_there_and_leaves_nothing(pair, folder, tmp_path):
    graph, files = pair
    new = tmp_path / "new.edge"
    new.with_suffix(".weights").write_bytes(b"old")
    move(graph, files, new)
    assert (new.read_bytes(), new.with_suffix(".weights").read_bytes()) == (b"graph", b"weights")
    there = tmp_path / "there.web"
    there.mkdir()
    (there / "old").write_bytes(b"old")
    move(folder, (), there)
    assert sorted(part.name for part in tmp_path.iterdir()) == ["new.edge", "new.weights", "there.web"]
    assert not (there / "old").exists()


def test_copying_a_folder_replaces_what_is_there(folder, tmp_path):
    new = tmp_path / "new.web"
    new.mkdir()
    (new / "old").write_bytes(b"old")
    copy(folder, files_of(folder), new)
    assert sorted(part.name for part in new.iterdir()) == ["assets", "page.html"]
    assert sorted(part.name for part in tmp_path.iterdir()) == ["new.web", "site.web"]


def test_removing_takes_files_and_folders(pair, folder, tmp_path):
    remove(*pair)
    remove(folder, ())
    remove(folder, ())  # gone already
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_counts_all_of_its_files(pair):
    graph, files = pair
    artifact = Artifact(graph, EdgeTarget(), digest(graph, files))
    assert artifact.files == files
    assert artifact.size_bytes == len(b"graph") + len(b"weights")
    assert Artifact(graph, OnnxRuntime(), "").size_bytes == len(b"graph")


def test_files_with_others_beside_them_keep_their_suffix(network, tmp_path):
    with pytest.raises(
        InputError, match=r"'net.bin' was given for a file with others beside it \(.weights\).*'net.edge'"
    ):
        EdgeTarget(batch=2).lower(network, tmp_path / "net.bin")


def test_both_files_appear_and_nothing_else(network, tmp_path):
    made = EdgeTarget(batch=2).lower(network, tmp_path / "net[1].edge")
    assert sorted(part.name for part in tmp_path.iterdir()) == ["net[1].edge", "net[1].weights"]
    made.files[1].unlink()
    with pytest.raises(LoweringError, match=r"net\[1\].edge was given to Edge; there is no file net\[1\].weights"):
        EdgeTarget(batch=2).open(made.path)


def test_a_writer_that_fails_leaves_none_of_its_files(network, tmp_path):
    class Fails(EdgeTarget):
        def write(self, network, path):
            super().write(network, path)
            (path.parent / f"{path.stem}.scratch").mkdir()
            message = "no words"
            raise LoweringError(message)

    with pytest.raises(LoweringError, match="no words"):
        Fails(batch=2).lower(network, tmp_path / "net[1].edge")
    assert list(tmp_path.iterdir()) == []
