"""Certificates: bound to the file, hard to change by hand, and checked again on a real runtime."""

import dataclasses
import json
import math

import numpy as np
import pytest
from claimed import INPUTS, WEIGHT

from paredown import codec, scores
from paredown.errors import CertificateError
from paredown.measure import Interval, Quality, processor
from paredown.targets import OnnxRuntime
from paredown.verdict import Certificate, certificate_path, rows_of
from paredown.verdict import certificate as certificates

pytestmark = pytest.mark.usefixtures("own_temp")


def test_what_is_written_is_read(made):
    file, certificate = made
    path = certificate.write(file)
    assert path == certificate_path(file) == file.with_name("small.onnx.certificate.json")
    again = Certificate.read(file)
    assert again.to_json() == certificate.to_json()
    assert again.latency == certificate.latency
    assert again.quality == certificate.quality
    assert (again.memory, again.energy, again.size) == (certificate.memory, certificate.energy, certificate.size)
    assert again.processor == processor()
    assert np.array_equal(again.probe.outputs[0], INPUTS[0] @ WEIGHT)
    assert codec.decode(again.recipe) == (OnnxRuntime(threads=2),)
    assert again.plans[0]["reason"] == "because"
    assert again.original.name == "original.onnx"
    assert again.margins == {"latency": 0.03, "score": None, "size": 0.01, "memory": 0.05}
    assert again.data.n == 100
    assert {"paredown", "python", "onnxruntime"} <= set(again.versions)
    assert again.created.endswith("+00:00")


def test_plain_json_without_class_names(made):
    text = json.dumps(made[1].to_json(), allow_nan=False)
    assert json.loads(text)["schema"] == 1
    assert "Certificate" not in text
    assert "Interval" not in text


def test_numbers_without_end_survive(made):
    open_ = Interval(1.0, -math.inf, math.inf)
    endless = dataclasses.replace(made[1], quality=Quality(open_, open_, open_, open_, 1, "m"))
    again = Certificate.from_json(json.loads(json.dumps(endless.to_json(), allow_nan=False)))
    assert again.quality.score == open_


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body: body.update(schema=2), r"schema 2; this version of Paredown reads schema 1"),
        (lambda body: body["size"].update(bytes=1), r"own hash promises: it was changed after it was written"),
        (lambda body: body.pop("sha256"), r"own hash promises"),
    ],
)
def test_changes_by_hand_are_noticed(made, change, words):
    file, certificate = made
    body = certificate.to_json()
    change(body)
    certificate_path(file).write_text(json.dumps(body))
    with pytest.raises(CertificateError, match=words):
        Certificate.read(file)


def test_certificates_that_cannot_be_read(made):
    file, _ = made
    with pytest.raises(CertificateError, match=r"no certificate for .*small.onnx'.*best.save\(path\)"):
        Certificate.read(file)
    path = certificate_path(file)
    path.write_text("{")
    with pytest.raises(CertificateError, match="cannot be read"):
        Certificate.read(file)
    path.write_text("[]")
    with pytest.raises(CertificateError, match="holds no certificate"):
        Certificate.read(file)
    body = {"schema": 1, "file": "x"}
    path.write_text(json.dumps({**body, "content_sha256": certificates._digest(body)}))
    with pytest.raises(CertificateError, match=r"cannot be read \(.*missing"):
        Certificate.read(file)


def test_a_certificate_is_not_put_beside_another_file(made, tmp_path):
    with pytest.raises(CertificateError, match=r"is for a file with SHA-256 .*original.onnx' has"):
        made[1].write(tmp_path / "original.onnx")
    with pytest.raises(CertificateError, match=r"none.onnx' cannot be read"):
        made[1].write(tmp_path / "none.onnx")


def test_a_full_disk_leaves_nothing(made, monkeypatch):
    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(certificates.os, "fsync", full_disk)
    with pytest.raises(CertificateError, match=r"cannot be written: .*No space left"):
        made[1].write(made[0])
    assert list(made[0].parent.glob("*certificate*")) == []


def test_structured_results_are_put_back_together(made, task):
    structure = {"kind": "dict", "keys": ["logits"], "children": [{"kind": "tensor"}]}
    flat = rows_of(made[0], task.data.work.select, task)
    picked = dataclasses.replace(task, logits="logits", guards={"again": scores.accuracy})
    nested = rows_of(made[0], task.data.work.select, picked, structure=structure)
    assert set(nested) == {"", "again"}
    assert np.array_equal(flat[""], nested[""])
