"""Certificates: bound to the file, hard to change by hand, and checked again on a real runtime."""

import dataclasses
import json
import math
import shutil
import sys

import numpy as np
import onnx
import pytest
import torch
from measurements import energy_of, hits, latency_of, memory_of
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from paredown import codec, scores
from paredown.data import Data
from paredown.errors import CertificateError, MeasureError
from paredown.measure import Interval, Quality, processor, quality
from paredown.targets import Artifact, Lowering, OnnxRuntime
from paredown.task import Task
from paredown.verdict import Certificate, Held, Measured, certificate_path, certify, rows_of, verify
from paredown.verdict import certificate as certificates


@pytest.fixture(autouse=True)
def own_temp(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


WEIGHT = np.array([[1.0, -1.0], [0.5, 2.0], [-1.0, 0.0]], dtype=np.float32)


def onnx_file(path, weight=WEIGHT):
    """A linear classifier from three numbers to two classes."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return Artifact(path, OnnxRuntime(), certificates.file_sha256(path))


INPUTS = [np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)]


@pytest.fixture(scope="module")
def task():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 3, generator=generator)
    target = (inputs @ torch.from_numpy(WEIGHT)).argmax(1)
    target[:20] = 1 - target[:20]
    return Task(
        nn.Linear(3, 2),
        Data((inputs, target), select=(inputs[:100], target[:100]), judge=(inputs[50:], target[50:])),
        nn.functional.cross_entropy,
        scores.accuracy,
    )


def data_of(split, name, n):
    return certificates.Data(
        name, split.fingerprint() if name == "select" else split.fingerprint, n, "accuracy", "%", True
    )


@pytest.fixture(scope="module")
def certified(tmp_path_factory, task):
    """A file and an original with a certificate that claims everything, made once on the real runtime."""
    place = tmp_path_factory.mktemp("certified")
    original = onnx_file(place / "original.onnx", 2 * WEIGHT)
    return place, full(onnx_file(place / "small.onnx"), original, task)


@pytest.fixture
def made(tmp_path, certified):
    """Copies of the file and the original, and what is certified of the file; the certificate is not written yet."""
    place, certificate = certified
    for name in ("small.onnx", "original.onnx"):
        shutil.copy(place / name, tmp_path / name)
    return tmp_path / "small.onnx", certificate


def full(artifact, original, task):
    select = task.data.work.select
    rows = rows_of(artifact, select, task)[""]
    measured = Measured(
        "small",
        latency_of(0.5, runtime=artifact.target.version()),
        quality(rows, rows.copy(), scores.accuracy),
        None,
        memory_of(1000),
        energy_of(1.0, estimated=True),
    )
    return certify(
        artifact,
        measured,
        inputs=INPUTS,
        original=original,
        data=data_of(select, "select", len(select)),
        recipe=(OnnxRuntime(threads=2),),
        plans=({"technique": "prune.Channels", "reason": "because", "decisions": {"keep": [1, 2]}},),
    )


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


VERIFY = sys.modules["paredown.verdict.verify"]


def outcomes(verified):
    return {check.name: check.outcome for check in verified.checks}


@pytest.fixture
def quick(monkeypatch):
    """The stored outputs without a process."""
    monkeypatch.setattr(VERIFY, "probe", lambda path, inputs, target: [inputs[0] @ WEIGHT])


def faked(monkeypatch, **changes):
    """Verify with a made-up latency in place of the measuring."""
    asked = []
    ratio = changes.pop("ratio", None)

    def latency(files, **settings):
        asked.append((list(files), settings))
        return {"file": latency_of(ratio if "original" in files else None, **changes)}

    monkeypatch.setattr(VERIFY, "latency", latency)
    return asked


def test_an_honest_certificate_holds(made, tmp_path, task, monkeypatch):
    file, certificate = made
    certificate.write(file)
    asked = faked(monkeypatch, ratio=0.5)
    found = verify(file, task=task, original=tmp_path / "original.onnx")
    assert found.holds
    assert outcomes(found) == dict.fromkeys(("hash", "parity", "latency", "quality"), Held.HOLDS)
    assert asked[0][0] == ["original", "file"]
    assert "bit for bit" in str(found)
    assert str(found).startswith("The certificate of small.onnx holds.")
    assert f"accuracy {certificate.quality.score.estimate:.4g} % on 100 examples; certified" in str(found)


def test_another_file_fails(made, tmp_path):
    file, certificate = made
    certificate.write(file)
    shutil.copy(tmp_path / "original.onnx", file)
    found = verify(file)
    assert not found.holds
    assert outcomes(found) == {
        "hash": Held.FAILS,
        "parity": Held.NOT_CHECKED,
        "latency": Held.NOT_CHECKED,
        "quality": Held.NOT_CHECKED,
    }


def test_outputs_that_are_not_the_stored_ones_fail(made, quick):
    file, certificate = made
    certificate = dataclasses.replace(certificate, latency=None)
    (output,) = certificate.probe.outputs
    for wrong, words in (
        ((output * 1.1,), r"gives other outputs: to 21 dB, at least 80 dB"),
        ((output[:1],), "-inf dB"),
        ((np.where(output > 0, output, np.nan),), "-inf dB"),
        ((output, output), "1 outputs instead of 2"),
    ):
        dataclasses.replace(certificate, probe=dataclasses.replace(certificate.probe, outputs=wrong)).write(file)
        found = verify(file)
        assert outcomes(found)["parity"] is Held.FAILS
        assert words in found.checks[1].text
        assert outcomes(found)["latency"] is Held.NOT_CHECKED
    near = dataclasses.replace(certificate.probe, outputs=(output * np.float32(1 + 1e-6),))
    dataclasses.replace(certificate, probe=near).write(file)
    assert outcomes(verify(file))["parity"] is Held.HOLDS


def test_a_file_that_does_not_load_fails(tmp_path, made):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    dataclasses.replace(made[1], sha256=certificates.file_sha256(broken)).write(broken)
    found = verify(broken)
    assert outcomes(found)["parity"] is Held.FAILS
    assert "does not run here" in found.checks[1].text


def test_what_was_not_claimed_is_not_checked(made):
    file, certificate = made
    dataclasses.replace(certificate, probe=None, latency=None, quality=None).write(file)
    found = verify(file)
    assert found.holds
    assert set(outcomes(found).values()) == {Held.HOLDS, Held.NOT_CHECKED}


@pytest.fixture
def narrow(monkeypatch):
    """A processor without VNNI."""
    monkeypatch.setattr("paredown.targets.saturation.weight_bits", lambda: 7)


@pytest.mark.usefixtures("quick", "narrow")
def test_8_bit_sums_that_may_overflow_here_are_a_warning(made):
    file, certificate = made
    elsewhere = dataclasses.replace(processor(), model="Whole 8")
    told = codec.encode(OnnxRuntime(weight_bits=8))
    claim = dataclasses.replace(
        certificate, target=told, weight_bits=8, processor=elsewhere, latency=None, quality=None
    )
    claim.write(file)
    assert Certificate.read(file).weight_bits == 8
    found = verify(file)
    assert found.holds
    assert found.headline == "The certificate of small.onnx holds, with a warning."
    assert outcomes(found)["sums"] is Held.WARNS
    text = found.checks[2].text
    assert text.startswith(
        "Its 8-bit weights take 8 bits, and sums in ONNX Runtime's kernels have room for 7 on this pr"
    )
    assert f"{processor()}: they may overflow. It was certified on Whole 8" in text
    assert (
        "The stored outputs agree as far as asked, others may not; its score here tells (`--task module:name`)" in text
    )
    assert "Make the file again on this machine, or with `target=targets.OnnxRuntime(weight_bits=7)`" in text
    wrong = dataclasses.replace(claim.probe, outputs=(claim.probe.outputs[0] * 2,))
    dataclasses.replace(claim, probe=wrong).write(file)
    found = verify(file)
    assert (outcomes(found)["parity"], outcomes(found)["sums"]) == (Held.FAILS, Held.WARNS)
    assert "That may be why its outputs are others." in found.checks[2].text
    assert found.headline == "The certificate of small.onnx does not hold."


@pytest.mark.usefixtures("quick", "narrow")
def test_7_bit_sums_hold_everywhere(made):
    file, certificate = made
    dataclasses.replace(certificate, weight_bits=7, latency=None).write(file)
    found = verify(file)
    assert str(found.checks[2]) == "sums: holds. Its 8-bit weights take 7 bits, which sums have room for here."
    assert found.headline == "The certificate of small.onnx holds."


def test_sums_that_really_overflow(tmp_path):
    weight = np.full((64, 2), 127, dtype=np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "sums",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, ["n", 2])],
        [numpy_helper.from_array(weight, "w")],
    )
    file = tmp_path / "sums.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    inputs = np.full((2, 64), 255, dtype=np.uint8)
    artifact = Artifact(file, OnnxRuntime(), certificates.file_sha256(file), Lowering({}, 1, weight_bits=8))
    made = certify(artifact, Measured("sums"), inputs=[inputs])
    assert made.weight_bits == 8
    exact = certificates.Probe((inputs,), (inputs.astype(np.int32) @ weight.astype(np.int32),), 20.0)
    dataclasses.replace(made, probe=exact).write(file)
    whole = OnnxRuntime().capabilities.int8_sum_bits == 8
    expected = {"parity": Held.HOLDS, "sums": Held.HOLDS} if whole else {"parity": Held.FAILS, "sums": Held.WARNS}
    found = outcomes(verify(file))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("changes", "outcome", "words"),
    [
        ({"ratio": 0.5}, Held.HOLDS, "0.500 of the original's time"),
        ({"ratio": 0.3}, Held.HOLDS, "0.300"),
        ({"ratio": 0.7}, Held.FAILS, "0.700"),
        ({"ms": 1.0}, Held.HOLDS, "p50 1 ms"),
        ({"ms": 2.0}, Held.NOT_COMPARABLE, "give the original's file as well"),
    ],
)
def test_latency_again(made, monkeypatch, changes, outcome, words):
    file, certificate = made
    certificate.write(file)
    faked(monkeypatch, **changes)
    found = verify(file, original=file.with_name("original.onnx") if "ratio" in changes else None)
    assert outcomes(found)["latency"] is outcome
    assert words in found.checks[2].text
    assert "not re-checked" in found.checks[3].text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"processor": dataclasses.replace(processor(), model="Slow 2")}, "It was certified on Slow 2"),
        ({"runtime": "onnxruntime 0.1"}, "It was certified with onnxruntime 0.1; this is onnxruntime"),
        ({"original": certificates.Original("o", "0" * 64, 1)}, "is not the original that was certified against"),
    ],
)
def test_other_places_are_not_compared(made, quick, change, words):
    file, certificate = made
    dataclasses.replace(certificate, **change).write(file)
    found = verify(file, original=file.with_name("original.onnx"))
    assert outcomes(found)["latency"] is Held.NOT_COMPARABLE
    assert words in found.checks[2].text
    assert found.holds


def test_a_crash_while_timing_fails(made, quick, monkeypatch):
    file, certificate = made
    certificate.write(file)

    def crash(*_, **__):
        msg = "was ended by SIGSEGV"
        raise MeasureError(msg)

    monkeypatch.setattr(VERIFY, "latency", crash)
    assert outcomes(verify(file))["latency"] is Held.FAILS


def test_quality_again(made, quick, task, monkeypatch):
    faked(monkeypatch, ms=1.0)
    file, certificate = made
    lies = dataclasses.replace(certificate.quality, score=Interval(99.0, 98.0, 99.5))
    dataclasses.replace(certificate, quality=lies).write(file)
    assert outcomes(verify(file, task=task))["quality"] is Held.FAILS
    elsewhere = dataclasses.replace(certificate.data, fingerprint="0")
    dataclasses.replace(certificate, data=elsewhere).write(file)
    assert outcomes(verify(file, task=task))["quality"] is Held.NOT_COMPARABLE


def test_judge_is_opened_only_when_somebody_counts(made, quick, task, monkeypatch):
    faked(monkeypatch, ms=1.0)
    file, certificate = made
    judge = task.data.judge
    rows = hits(150, 0)
    claim = dataclasses.replace(
        certificate, data=data_of(judge, "judge", 150), quality=quality(rows, rows, scores.accuracy)
    )
    claim.write(file)
    assert outcomes(verify(file, task=task))["quality"] is Held.NOT_CHECKED
    counted = []
    found = verify(file, task=task, register=lambda name: counted.append(name) or len(counted))
    assert counted == [judge.fingerprint]
    assert outcomes(found)["quality"] is Held.HOLDS
    dataclasses.replace(claim, data=dataclasses.replace(claim.data, fingerprint="0")).write(file)
    assert outcomes(verify(file, task=task))["quality"] is Held.NOT_COMPARABLE


def test_foreign_targets_are_not_built_from_a_file(made, quick):
    file, certificate = made
    dataclasses.replace(certificate, target={"type": "os:path"}, latency=None).write(file)
    with pytest.raises(CertificateError, match=r"'os:path', which is not Paredown's own.*target="):
        verify(file)
    assert verify(file, target=OnnxRuntime()).holds


def test_the_whole_way_on_a_real_runtime(made, task):
    file, certificate = made
    certificate.write(file)
    found = verify(file, task=task, pairs=(2, 2))
    assert found.holds
    assert outcomes(found)["quality"] is Held.HOLDS
    assert "expected between" in found.checks[2].text


def test_structured_results_are_put_back_together(made, task):
    structure = {"kind": "dict", "keys": ["logits"], "children": [{"kind": "tensor"}]}
    flat = rows_of(made[0], task.data.work.select, task)
    picked = dataclasses.replace(task, logits="logits", guards={"again": scores.accuracy})
    nested = rows_of(made[0], task.data.work.select, picked, structure=structure)
    assert set(nested) == {"", "again"}
    assert np.array_equal(flat[""], nested[""])
