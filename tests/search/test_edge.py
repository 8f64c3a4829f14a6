"""The whole way on a target with two files, a fixed batch, symmetric rounding and rounded outputs."""

import json

import pytest
from brisk import brisk
from torch.nn import functional as F

import paredown
from paredown.errors import CertificateError, CorruptError, ParityError
from paredown.measure import size
from paredown.search import compress
from paredown.testing import EdgeTarget
from paredown.verdict import Certificate, verify
from paredown.verdict.certificate import certificate_path

from .toy import examples

TARGET = EdgeTarget(batch=4)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, model):
    directory = tmp_path_factory.mktemp("edge")
    data = paredown.Data(train=examples(192, 1), select=examples(90, 2), judge=examples(90, 3), batch_size=32)
    task = paredown.Task(model, data, F.cross_entropy, paredown.scores.accuracy, name="tiny")
    patch = pytest.MonkeyPatch()
    patch.setenv("PAREDOWN_CACHE", str(directory / "cache"))
    budget = paredown.Budget(size="80%", drop="20 pt")
    with brisk():
        run = compress(task, budget, target=TARGET, time="15 s", out=directory / "run")
    yield run, task
    patch.undo()


def test_a_search_ends_with_files_of_both_kinds_measured(finished):
    run, _ = finished
    original = next(candidate for candidate in run.candidates if candidate.label == "original")
    rounded = next(candidate for candidate in run.candidates if candidate.label == "int8")
    assert [file.suffix for file in rounded.artifact.files] == [".edge", ".weights"]
    assert rounded.measured.size.bytes == rounded.artifact.size_bytes
    assert rounded.measured.size.bytes < original.measured.size.bytes
    assert rounded.artifact.lowering.quantized >= 3
    assert rounded.artifact.lowering.unfused == ()
    assert rounded.measured.quality.n == 90
    assert rounded.measured.quality.score.estimate > 50
    assert all(candidate.measured.latency.batch == 4 for candidate in run.candidates if candidate.judged)


def test_both_files_are_saved_under_one_certificate(finished, tmp_path):
    run, task = finished
    path = run.best.save(tmp_path / "best")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "best.edge",
        "best.edge.certificate.json",
        "best.weights",
    ]
    certificate = Certificate.read(path)
    assert certificate.sha256 == run.best.artifact.sha256
    assert certificate.size.bytes == size(path.with_suffix(".weights")).bytes + path.stat().st_size
    assert certificate.versions.keys() >= {"torch", "safetensors"}
    found = {check.name: str(check.outcome) for check in verify(path, task=task, target=TARGET, pairs=(2, 2)).checks}
    assert (found["hash"], found["size"], found["outputs"]) == ("checked", "checked", "checked")
    weights = path.with_suffix(".weights")
    weights.write_bytes(weights.read_bytes() + b"x")
    assert next(str(check.outcome) for check in verify(path, target=TARGET).checks) == "failed"
    weights.unlink()
    with pytest.raises(CertificateError, match=r"best.weights"):
        verify(path, target=TARGET)


def test_the_other_file_is_watched_in_the_run(finished, tmp_path):
    run, _ = finished
    weights = run.best.artifact.files[1]
    content = weights.read_bytes()
    weights.write_bytes(content + b"x")
    with pytest.raises(CorruptError, match="changed after it was written"):
        run.best.save(tmp_path / "best")
    weights.write_bytes(content)
    assert list(tmp_path.iterdir()) == []


def test_what_is_saved_has_given_the_networks_outputs_once_more(finished, tmp_path, monkeypatch):
    """Its bytes are other ones whenever it is lowered, so those that were measured are saved."""
    run, _ = finished
    best = run.best
    path = best.save(tmp_path / "best.edge")
    assert path.with_suffix(".weights").read_bytes() == best.artifact.files[1].read_bytes()
    assert json.loads(certificate_path(path).read_text())["sha256"] == best.artifact.sha256
    broken = best.network
    broken.get_parameter("8.bias").data.add_(1)
    monkeypatch.setattr(type(best), "network", broken)
    with pytest.raises(ParityError, match="does not agree with the network"):
        best.save(tmp_path / "other.edge")
    assert not (tmp_path / "other.edge").exists()
