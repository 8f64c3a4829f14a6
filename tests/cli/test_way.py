"""The whole way on a tiny task: apply, report, verify, profile, bench."""

import re

import pytest

from paredown import codec, targets
from paredown.cli import demo, exits, searches
from paredown.verdict import Certificate


def test_apply_then_report_then_verify(paredown, as_json, tmp_path, monkeypatch):
    out = tmp_path / "run"
    recipe = "prune:keep=0.5", "int8"
    code, text, err = paredown("apply", "tiny:task", *recipe, "--weight-bits", 7, "--out", out, "--json")
    assert code == 0, err
    summary = as_json(text)
    best = next(c for c in summary["candidates"] if c["best"])
    assert [step["title"].partition("(")[0] for step in best["steps"]] == ["prune.Channels", "quantize.Int8"]
    assert summary["status"] == "finished"
    assert summary["target"].endswith(", 8-bit weights within 7 bits")
    certificate = Certificate.read(out / "best.onnx")
    assert codec.decode(certificate.target) == targets.OnnxRuntime(weight_bits=7)
    assert certificate.weight_bits <= 7
    assert "Run running" not in (out / "report.html").read_text(encoding="utf-8")

    code, text, err = paredown("report", out, "--out", tmp_path / "page.html")
    assert code == 0
    assert "int8" in text
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")

    monkeypatch.setattr(
        "paredown.targets.saturation.weight_bits", lambda: 4
    )  # a processor with less room than this one
    code, text, err = paredown("verify", out / "best.onnx")
    assert code == 0, text
    assert re.search(r"The certificate of best\.onnx holds for \d of \d claims, with a warning;", text)
    assert "✓ outputs: checked. claimed the stored outputs to 20 dB" in text
    assert "! sums: warning. claimed 8-bit weights in" in text
    code, text, err = paredown("verify", out / "best.onnx", "--strict")
    assert code == 1

    data = bytearray((out / "best.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (out / "best.onnx").write_bytes(data)
    code, text, err = paredown("verify", out / "best.onnx", "--json")
    assert code == 1
    assert as_json(text)["holds"] is False


def test_profile_shows_cost_and_what_can_be_cut(paredown, as_json):
    code, text, err = paredown("profile", "tiny:task", "--json")
    assert code == 0, err
    found = as_json(text)
    assert found["total"]["macs"] == sum(node["macs"] for node in found["nodes"])
    assert any(group["frozen_by"] is None and group["size"] == 16 for group in found["groups"])
    assert found["latency"]["p50"]["estimate"] > 0


def test_targets_are_listed(paredown, as_json):
    code, text, _ = paredown("targets", "--json")
    assert code == 0
    assert {"onnxruntime", "torch"} <= {row["target"] for row in as_json(text)}
    assert "onnxruntime" in paredown("targets")[1]


@pytest.mark.parametrize("name", ["train", "select", "judge"])
def test_the_demo_has_its_digits(name):
    images, labels = demo.digits()[name]
    assert len(images) == len(labels) == {"train": 897, "select": 300, "judge": 600}[name]
    assert images.shape[1:] == (1, 16, 16)
    assert 0 <= float(images.min()) < float(images.max()) <= 1


def test_the_demo_network_learns():
    parts = demo.digits()
    images, labels = (part[:256] for part in parts["train"])
    model = demo.train(demo.network(), images, labels, epochs=20)  # 80 steps; the demo itself makes 140
    assert float((model(images).argmax(1) == labels).float().mean()) > 0.8
    assert all(weight.is_contiguous() for weight in model.parameters())
    assert not model.training


def test_a_demonstration_that_ran_has_succeeded_whatever_its_verdict(paredown, monkeypatch):
    monkeypatch.setattr("paredown.task.Task.load", lambda reference: reference)
    monkeypatch.setattr(searches, "compress_task", lambda *_: exits.NOT_MET)
    code, text, _ = paredown("demo")
    assert code == exits.OK
    assert "s in all." in text
