"""Verifying: every claim is computed again, or said not to be; changed claims are found."""

import dataclasses
import json
import shutil

import numpy as np
import onnx
import pytest
from claimed import INPUTS, WEIGHT, data_of
from measurements import energy_of, hits, latency_of, memory_of
from onnx import TensorProto, helper

from paredown import codec, scores
from paredown.data.openings import Openings
from paredown.errors import CertificateError, MeasureError
from paredown.measure import Interval, processor, quality
from paredown.targets import Artifact, Lowering, OnnxRuntime
from paredown.verdict import Certificate, Held, Measured, certificate_path, certify, verify
from paredown.verdict import certificate as certificates

pytestmark = pytest.mark.usefixtures("own_temp")

CHECKS = "paredown.verdict.checks"
EVERYTHING = ("hash", "size", "outputs", "latency", "ratio", "memory", "score", "drop")


def outcomes(verified):
    return {check.name: check.outcome for check in verified.checks}


def check(verified, name):
    return next(check for check in verified.checks if check.name == name)


@pytest.fixture
def quick(monkeypatch):
    """The stored outputs and the claimed memory without a process."""
    monkeypatch.setattr(f"{CHECKS}.outputs.probe", lambda path, inputs, target, trust: [inputs[0] @ WEIGHT])
    monkeypatch.setattr(f"{CHECKS}.resources.memory", lambda path, **_: memory_of(51_000_000))


def faked(monkeypatch, **changes):
    """Verify with a made-up latency in place of the measuring."""
    asked = []
    ratio = changes.pop("ratio", None)

    def latency(files, **settings):
        asked.append((list(files), settings))
        return {"file": latency_of(ratio if "original" in files else None, **changes)}

    monkeypatch.setattr(f"{CHECKS}.timing.latency", latency)
    return asked


def test_an_honest_certificate_holds(made, tmp_path, task, monkeypatch):
    file, certificate = made
    certificate.write(file)
    asked = faked(monkeypatch, ratio=0.5)
    found = verify(file, task=task, original=tmp_path / "original.onnx")
    assert found.holds
    assert found.complete
    assert outcomes(found) == dict.fromkeys(EVERYTHING, Held.HOLDS)
    assert asked[0][0] == ["original", "file"]
    assert found.headline == "The certificate of small.onnx holds for 8 of 8 claims."
    score, bytes_ = certificate.quality.score.estimate, certificate.size.bytes
    lines = str(found).splitlines()
    assert lines[2].startswith(f"  size: checked. claimed {bytes_:,} bytes (")
    assert "outputs: checked. claimed the stored outputs to 80 dB, found them bit for bit." in lines[3]
    assert f"score: checked. claimed accuracy {score:.4g} % [" in lines[7]
    assert f"on the 100 examples of select, found {score:.4g} % [" in lines[7]


@pytest.mark.usefixtures("quick")
def test_what_was_not_checked_says_what_it_needs(made, monkeypatch):
    file, certificate = made
    certificate.write(file)
    faked(monkeypatch, ms=1.0)
    found = verify(file)
    assert found.holds
    assert not found.complete
    assert found.headline == (
        "The certificate of small.onnx holds for 5 of 8 claims; the ratio needs --original; the score and drop need "
        "--task module:name."
    )
    assert check(found, "ratio").text == "No original was given."
    assert check(found, "score").text == "No task was given."
    assert check(found, "score").claimed.startswith("accuracy ")


def changed(file, certificate, **parts):
    """A certificate whose claims were edited and whose own hash was made anew."""
    claims = json.loads(json.dumps(certificate.to_json()))
    for name, part in parts.items():
        claims[name] = {**claims[name], **part} if isinstance(part, dict) else part
    body = {key: value for key, value in claims.items() if key != "content_sha256"}
    certificate_path(file).write_text(json.dumps({**body, "content_sha256": certificates._digest(body)}))


def divided(latency, by):
    """A latency of which every number that a reader sees is smaller."""
    told = latency.to_json() if hasattr(latency, "to_json") else dataclasses.asdict(latency)
    for name in ("p50", "p95", "p99", "next_p50"):
        told[name] = {
            key: value / by if key in {"estimate", "low", "high"} else value for key, value in told[name].items()
        }
    return told


@pytest.mark.usefixtures("quick")
def test_edited_claims_with_a_new_hash_fail(made, monkeypatch):
    file, certificate = made
    faked(monkeypatch, ms=1.0)
    changed(file, certificate, size={"bytes": 1})
    found = verify(file)
    assert check(found, "size").outcome is Held.FAILS
    assert (check(found, "size").claimed, check(found, "size").found) == ("1 bytes", f"{file.stat().st_size:,} bytes")
    assert found.headline.startswith(
        "The certificate of small.onnx does not hold: size failed; it holds for 4 of 8 claims;"
    )
    changed(file, certificate, latency=divided(certificate.latency, 100))
    found = verify(file)
    assert check(found, "latency").outcome is Held.FAILS
    assert str(check(found, "latency")) == (
        "latency: failed. claimed 0.01 ms, found a mean of 1 ms in its samples. Its own 5 samples say otherwise: the "
        "certificate was changed."
    )
    ratio = dataclasses.asdict(certificate.latency.ratio)
    changed(file, certificate, latency={"ratio": {**ratio, "estimate": 0.05, "low": 0.04, "high": 0.06}})
    assert check(verify(file), "ratio").outcome is Held.FAILS
    changed(file, certificate, size={"zlib_bytes": 1})
    assert check(verify(file), "size").outcome is Held.FAILS


@pytest.mark.usefixtures("quick")
def test_edited_samples_are_measured_again(made, monkeypatch):
    file, certificate = made
    asked = faked(monkeypatch, ms=1.0)
    samples = [value / 100 for value in certificate.latency.samples]
    changed(file, certificate, latency={**divided(certificate.latency, 100), "samples": samples})
    found = verify(file)
    assert asked
    assert check(found, "latency").outcome is Held.FAILS
    assert "p50 0.01 ms" in check(found, "latency").claimed
    assert check(found, "latency").found.startswith("1 ms [")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["next_p50", "next_run"])
def test_a_prediction_wider_than_its_samples_fails(made, monkeypatch, name):
    file, certificate = made
    faked(monkeypatch, ms=1.0)
    changed(file, certificate, latency={name: {**dataclasses.asdict(getattr(certificate.latency, name)), "high": 1e6}})
    assert Held.FAILS in {check.outcome for check in verify(file).checks if check.name in {"latency", "ratio"}}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("part", ["samples", "log_ratios"])
def test_numbers_without_their_samples_fail(made, monkeypatch, part):
    file, certificate = made
    faked(monkeypatch, ms=1.0)
    changed(file, certificate, latency={part: []})
    failed = next(check for check in verify(file).checks if check.outcome is Held.FAILS)
    assert "It stores no" in failed.text


def test_all_claims_removed_fails(made):
    file, certificate = made
    nothing = dict.fromkeys(("latency", "memory", "energy", "quality", "original", "data", "probe"))
    changed(file, certificate, **nothing)
    found = verify(file)
    assert not found.holds
    assert check(found, "outputs").text.startswith("The certificate holds no inputs and outputs to try")
    assert check(found, "score").outcome is Held.NOT_CHECKED


@pytest.mark.usefixtures("quick")
def test_claims_that_are_not_there_are_not_checked(made):
    file, certificate = made
    dataclasses.replace(certificate, latency=None, memory=None, quality=None, data=None).write(file)
    found = verify(file)
    assert found.holds
    assert not found.complete
    assert found.headline == (
        "The certificate of small.onnx holds for 3 of 5 claims; the latency and score cannot be checked here."
    )
    assert check(found, "latency").text == "The certificate claims none."
    for half in ({"quality": None}, {"data": None}):
        dataclasses.replace(certificate, latency=None, **half).write(file)
        assert check(verify(file), "score").outcome is Held.FAILS


def test_another_file_fails(made, tmp_path):
    file, certificate = made
    certificate.write(file)
    shutil.copy(tmp_path / "original.onnx", file)
    found = verify(file)
    assert not found.holds
    others = dict.fromkeys(("outputs", "latency", "memory", "score"), Held.NOT_CHECKED)
    assert outcomes(found) == {"hash": Held.FAILS, "size": Held.HOLDS, **others}


@pytest.mark.usefixtures("quick")
def test_outputs_that_are_not_the_stored_ones_fail(made):
    file, certificate = made
    certificate = dataclasses.replace(certificate, latency=None, memory=None)
    (output,) = certificate.probe.outputs
    for wrong, words in (
        ((output * 1.1,), "them to 21 dB"),
        ((output[:1],), "them to -inf dB"),
        ((np.where(output > 0, output, np.nan),), "them to -inf dB"),
        ((output, output), "1"),
    ):
        dataclasses.replace(certificate, probe=dataclasses.replace(certificate.probe, outputs=wrong)).write(file)
        found = verify(file)
        assert check(found, "outputs").outcome is Held.FAILS
        assert check(found, "outputs").found == words
        assert check(found, "latency").outcome is Held.NOT_CHECKED
    near = dataclasses.replace(certificate.probe, outputs=(output * np.float32(1 + 1e-6),))
    dataclasses.replace(certificate, probe=near).write(file)
    assert check(verify(file), "outputs").outcome is Held.HOLDS


@pytest.mark.usefixtures("quick")
def test_outputs_that_anything_would_agree_with_fail(made):
    file, certificate = made
    for hollow, words in (
        ({"floor_db": -1000.0}, "content with less than 20 dB"),
        ({"inputs": (), "outputs": ()}, "no numbers in the stored inputs"),
        ({"inputs": (INPUTS[0][:0],), "outputs": (INPUTS[0][:0] @ WEIGHT,)}, "no numbers in the stored inputs"),
    ):
        dataclasses.replace(certificate, probe=dataclasses.replace(certificate.probe, **hollow)).write(file)
        found = check(verify(file), "outputs")
        assert found.outcome is Held.FAILS
        assert words in found.text


def test_a_file_that_does_not_load_fails(tmp_path, made):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    dataclasses.replace(made[1], sha256=certificates.file_sha256(broken)).write(broken)
    found = check(verify(broken), "outputs")
    assert found.outcome is Held.FAILS
    assert "does not run here" in found.text


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
        certificate, target=told, weight_bits=8, processor=elsewhere, latency=None, quality=None, data=None
    )
    claim.write(file)
    assert Certificate.read(file).weight_bits == 8
    found = verify(file)
    assert found.holds
    assert not found.complete
    assert found.headline.startswith("The certificate of small.onnx holds for 3 of 6 claims, with a warning; the ")
    sums = check(found, "sums")
    assert sums.outcome is Held.WARNS
    assert (sums.claimed, sums.found) == ("8-bit weights in 8 bits", "room for 7 bits in the sums of this processor")
    assert f"may overflow on {processor()}. It was certified on Whole 8" in sums.text
    assert "others may not; its score here tells (`--task module:name`)" in sums.text
    assert "Make the file again on this machine, or with `target=targets.OnnxRuntime(weight_bits=7)`" in sums.text
    wrong = dataclasses.replace(claim.probe, outputs=(claim.probe.outputs[0] * 2,))
    dataclasses.replace(claim, probe=wrong).write(file)
    found = verify(file)
    assert (check(found, "outputs").outcome, check(found, "sums").outcome) == (Held.FAILS, Held.WARNS)
    assert "That may be why its outputs are others." in check(found, "sums").text


@pytest.mark.usefixtures("quick", "narrow")
def test_7_bit_sums_hold_everywhere(made):
    file, certificate = made
    dataclasses.replace(certificate, weight_bits=7, latency=None).write(file)
    found = verify(file)
    assert str(check(found, "sums")) == (
        "sums: checked. claimed 8-bit weights in 7 bits, found room for 7 bits in the sums of this processor."
    )


def test_sums_that_really_overflow(tmp_path):
    weight = np.full((64, 2), 127, dtype=np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "sums",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, ["n", 2])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    file = tmp_path / "sums.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    inputs = np.full((2, 64), 255, dtype=np.uint8)
    artifact = Artifact(file, OnnxRuntime(), certificates.file_sha256(file), Lowering({}, 1, weight_bits=8))
    made = certify(artifact, Measured("sums"), inputs=[inputs])
    assert made.weight_bits == 8
    exact = certificates.Probe((inputs,), (inputs.astype(np.int32) @ weight.astype(np.int32),), 20.0)
    dataclasses.replace(made, probe=exact).write(file)
    whole = OnnxRuntime().capabilities.int8.sum_bits == 8
    expected = (Held.HOLDS, Held.HOLDS) if whole else (Held.FAILS, Held.WARNS)
    found = verify(file)
    assert (check(found, "outputs").outcome, check(found, "sums").outcome) == expected


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"ratio": 0.5}, ("ratio", Held.HOLDS, "0.500 [")),
        ({"ratio": 0.3}, ("ratio", Held.HOLDS, "0.300 [")),
        ({"ratio": 0.7}, ("ratio", Held.FAILS, "0.700 [")),
        ({"ms": 1.0}, ("latency", Held.HOLDS, "1 ms [")),
        ({"ms": 0.2}, ("latency", Held.HOLDS, "0.2 ms [")),
        ({"ms": 1.5}, ("latency", Held.NOT_CHECKED, "1.5 ms [")),
        ({"ms": 3.0}, ("latency", Held.FAILS, "3 ms [")),
    ],
)
def test_latency_again(made, monkeypatch, changes, claim):
    name, outcome, words = claim
    file, certificate = made
    certificate.write(file)
    faked(monkeypatch, **changes)
    found = check(verify(file, original=file.with_name("original.onnx") if "ratio" in changes else None), name)
    assert found.outcome is outcome
    assert found.found.startswith(words)
    if outcome is Held.NOT_CHECKED:
        assert (
            found.text
            == "It is slower here; a busier machine looks the same. The ratio to the original tells them apart."
        )
        assert found.needs == "--original"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"processor": dataclasses.replace(processor(), model="Slow 2")}, "It was measured on Slow 2"),
        ({"runtime": "onnxruntime 0.1"}, "It was measured with onnxruntime 0.1; this is onnxruntime"),
        ({"target": codec.encode(OnnxRuntime(threads=2))}, "measured with 1 threads and batches of 1; the certified t"),
    ],
)
def test_times_of_other_places_are_not_checked(made, change, words):
    file, certificate = made
    dataclasses.replace(certificate, **change).write(file)
    found = verify(file, original=file.with_name("original.onnx"))
    for name in ("latency", "ratio"):
        assert check(found, name).outcome is Held.NOT_CHECKED
        assert check(found, name).claimed
        assert words in check(found, name).text
    assert found.holds


@pytest.mark.usefixtures("quick")
def test_another_original_is_not_compared_with(made, task, monkeypatch):
    file, certificate = made
    asked = faked(monkeypatch, ms=1.0)
    dataclasses.replace(certificate, original=certificates.Original("o", "0" * 64, 1)).write(file)
    found = verify(file, original=file.with_name("original.onnx"), task=task)
    assert asked[0][0] == ["file"]
    assert check(found, "latency").outcome is Held.HOLDS
    for name in ("ratio", "drop"):
        assert check(found, name).outcome is Held.NOT_CHECKED
        assert "is not the original that was certified against" in check(found, name).text


@pytest.mark.usefixtures("quick")
def test_a_crash_while_timing_fails(made, monkeypatch):
    file, certificate = made
    certificate.write(file)

    def crash(*_, **__):
        msg = "was ended by SIGSEGV"
        raise MeasureError(msg)

    monkeypatch.setattr(f"{CHECKS}.timing.latency", crash)
    assert check(verify(file), "latency").outcome is Held.FAILS


@pytest.mark.usefixtures("quick")
def test_more_memory_than_certified_fails(made, monkeypatch):
    file, certificate = made
    dataclasses.replace(certificate, latency=None, memory=memory_of(10_000_000)).write(file)
    found = check(verify(file), "memory")
    assert found.outcome is Held.FAILS
    assert (found.claimed, found.found) == ("10.0 MB over an empty process", "51.0 MB")
    elsewhere = dataclasses.replace(processor(), model="Slow 2")
    dataclasses.replace(certificate, processor=elsewhere).write(file)
    assert check(verify(file), "memory").outcome is Held.NOT_CHECKED

    def crash(*_, **__):
        msg = "was ended by SIGSEGV"
        raise MeasureError(msg)

    monkeypatch.setattr(f"{CHECKS}.resources.memory", crash)
    dataclasses.replace(certificate, latency=None).write(file)
    assert check(verify(file), "memory").outcome is Held.FAILS


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("mj", "estimated", "outcome"),
    [(1.0, False, Held.HOLDS), (10.0, False, Held.FAILS), (1.0, True, Held.NOT_CHECKED)],
)
def test_energy_is_read_again_where_there_are_counters(made, monkeypatch, mj, estimated, outcome):
    file, certificate = made
    monkeypatch.setattr(f"{CHECKS}.resources.energy", lambda path, **_: energy_of(mj, estimated=estimated))
    dataclasses.replace(certificate, latency=None, energy=energy_of(1.0, estimated=False)).write(file)
    assert check(verify(file), "energy").outcome is outcome


@pytest.mark.usefixtures("quick")
def test_an_edited_score_fails_with_the_task(made, task, monkeypatch):
    faked(monkeypatch, ms=1.0)
    file, certificate = made
    true = certificate.quality.score
    for lie in (
        Interval(99.0, 98.0, 99.5),
        Interval(true.estimate + 3, true.low, true.high),  # within its own interval, and not what the file has
        Interval(true.estimate, 0.0, 100.0),
    ):
        dataclasses.replace(certificate, quality=dataclasses.replace(certificate.quality, score=lie)).write(file)
        assert check(verify(file), "score").outcome is Held.NOT_CHECKED
        assert check(verify(file, task=task), "score").outcome is Held.FAILS
    dataclasses.replace(certificate, quality=dataclasses.replace(certificate.quality, n=7)).write(file)
    assert (
        check(verify(file), "score").text
        == "It was made of 7 examples and is said of 100: the certificate was changed."
    )
    elsewhere = dataclasses.replace(certificate.data, fingerprint="0")
    dataclasses.replace(certificate, data=elsewhere).write(file)
    found = check(verify(file, task=task), "score")
    assert found.outcome is Held.NOT_CHECKED
    assert "holds other examples" in found.text


@pytest.mark.usefixtures("quick")
def test_an_edited_drop_fails_with_task_and_original(made, task, monkeypatch):
    faked(monkeypatch, ratio=0.5)
    file, certificate = made
    lie = dataclasses.replace(certificate.quality, drop=Interval(-20.0, -21.0, -19.0))
    dataclasses.replace(certificate, quality=lie).write(file)
    found = verify(file, task=task, original=file.with_name("original.onnx"))
    assert (check(found, "score").outcome, check(found, "drop").outcome) == (Held.HOLDS, Held.FAILS)
    assert check(found, "drop").claimed == "-20 % lost [-21, -19]"
    assert check(found, "drop").found.startswith("0 % [")


@pytest.mark.usefixtures("quick")
def test_opening_judge_is_counted_once_for_a_file(made, task, monkeypatch, tmp_path):
    faked(monkeypatch, ms=1.0)
    file, certificate = made
    judge = task.data.judge
    rows = hits(150, 0)
    claim = dataclasses.replace(
        certificate, data=data_of(judge, "judge", 150), quality=quality(rows, rows, scores.accuracy)
    )
    claim.write(file)
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "cache"))
    for _ in range(2):
        assert check(verify(file, task=task), "score").outcome is Held.HOLDS
        assert Openings().count(judge.fingerprint) == 1
    dataclasses.replace(claim, data=dataclasses.replace(claim.data, fingerprint="0")).write(file)
    assert check(verify(file, task=task), "score").outcome is Held.NOT_CHECKED


@pytest.mark.usefixtures("quick")
def test_judge_stays_sealed_where_nothing_can_be_counted(made, task, monkeypatch, tmp_path):
    faked(monkeypatch, ms=1.0)
    file, certificate = made
    rows = hits(150, 0)
    claim = dataclasses.replace(
        certificate, data=data_of(task.data.judge, "judge", 150), quality=quality(rows, rows, scores.accuracy)
    )
    claim.write(file)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "file" / "cache"))
    found = check(verify(file, task=task), "score")
    assert found.outcome is Held.NOT_CHECKED
    assert "judge stays sealed: its opening was not recorded" in found.text


@pytest.mark.usefixtures("quick")
def test_foreign_targets_are_not_built_from_a_file(made):
    file, certificate = made
    dataclasses.replace(certificate, target={"type": "os:path"}, latency=None).write(file)
    with pytest.raises(CertificateError, match=r"'os:path', which is not Paredown's own.*target="):
        verify(file)
    assert verify(file, target=OnnxRuntime()).holds


def test_the_whole_way_on_a_real_runtime(made, task):
    file, certificate = made
    certificate.write(file)
    found = verify(file, task=task, original=file.with_name("original.onnx"), pairs=(2, 2))
    claims = set(outcomes(found).items()) - {("ratio", Held.FAILS)}  # 0.5 was made up, the two take the same time
    assert {name for name, outcome in claims if outcome is Held.HOLDS} >= {"hash", "size", "outputs", "memory", "score"}
    assert check(found, "latency").outcome is Held.HOLDS
    assert check(found, "drop").outcome is Held.HOLDS
