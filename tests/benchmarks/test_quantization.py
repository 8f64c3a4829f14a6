"""The benchmark of post-training quantizers, on a network of no one, and without peers."""

import pytest
import torch
from benchmarks.checkpoints import silero
from benchmarks.pages import quantization as page
from benchmarks.quantization import bench, cases, files
from torch import nn

import paredown
from paredown import quantize


@pytest.fixture
def task():
    torch.manual_seed(0)
    inputs = torch.randn(600, 3, 8, 8)
    labels = (inputs.mean((1, 2, 3)) > 0).long()
    data = paredown.Data((inputs[:200], labels[:200]), judge=(inputs[200:], labels[200:]), batch_size=50)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 2)).eval()
    return paredown.Task(model, data, nn.functional.cross_entropy, paredown.scores.accuracy)


def broken(_source, out, batches=()):
    out.write_text(f"{len(batches)} batches")


def copied(source, out, batches=()):
    out.write_bytes(source.read_bytes())


@pytest.fixture
def peers(monkeypatch):
    """One that changes nothing, one whose file is none, and one that never becomes a file."""
    monkeypatch.setattr(files, "PEERS", {"copies": copied, "breaks": broken})
    monkeypatch.setattr(files, "OVERFLOWING", {})
    monkeypatch.setattr(files, "DYNAMIC", {})
    monkeypatch.setattr(files, "OURS", {cases.CHOSEN: quantize.Calibrate(of=[quantize.Int8()])})
    monkeypatch.setattr(files, "converted", lambda model, _example, _batches: model)

    def refuses(_module, _example, _out):
        msg = "no such operator"
        raise RuntimeError(msg)

    monkeypatch.setattr(files, "exported", refuses)


@pytest.mark.usefixtures("peers")
def test_files_are_scored_and_timed_beside_each_other(task, tmp_path):
    case = cases.Case("one layer", lambda _: task, {"4 bits": quantize.Int8(weight_bits=4)})
    result = bench.measured(case, tmp_path, pairs=(2, 2))
    found = {file["label"]: file for file in result["files"]}
    assert list(found) == ["float", cases.CHOSEN, "4 bits", "copies"]
    assert found["float"]["ratio"] is None
    assert found["copies"]["quality"]["drop"]["estimate"] == 0
    assert found[cases.CHOSEN]["kernels"]["QLinearConv"] == 1
    assert found[cases.CHOSEN]["chosen"].startswith("quantize.Int8() has the least loss on select")
    assert found[cases.CHOSEN]["size"] < found["float"]["size"]
    assert [(pair["a"], pair["b"], pair["quantity"]) for pair in result["pairs"]] == [
        ("copies", cases.CHOSEN, "score"),
        ("copies", cases.CHOSEN, "latency"),
    ]
    failed = {row["label"]: row for row in result["failed"]}
    assert set(failed) == {"breaks", files.TORCHAO}
    assert failed["breaks"]["in_pytorch"] is None
    assert failed[files.TORCHAO]["failure"] == "RuntimeError: no such operator"
    assert failed[files.TORCHAO]["in_pytorch"] == pytest.approx(found["float"]["quality"]["score"]["estimate"])
    text = page.section(
        [{"quantization": [result], "runtime": "r", "calibration": 512, "threads": 1, "file": "results/x.json"}]
    )
    assert "| one layer | copies |" in text
    assert "% in PyTorch | – | – | – | – | – | RuntimeError: no such operator |" in text
    assert f"- *{cases.CHOSEN}*: quantize.Int8() has the least loss" in text


def test_a_file_that_is_slow_is_told_why(monkeypatch):
    finding = {"label": "Int8", "finding": "It takes 1.1 of the original's time: conversions.", "chosen": ""}
    numbers = {"estimate": 1.0, "low": 0.9, "high": 1.1}
    file = {
        **finding, "quality": {"score": numbers, "drop": numbers}, "p50": numbers, "ratio": numbers, "size": 1000,
        "seconds": 1.0, "kernels": {"QLinearConv": 3, "Conv": 1, "QuantizeLinear": 2},
    }  # fmt: skip
    pair = {"a": "theirs", "b": "Int8", "quantity": "latency", "difference": numbers, "unit": "%", "outcome": "a wins"}
    case = {"title": "net", "files": [file], "failed": [], "processor": "p", "pairs": [pair]}
    text = page.section([{"quantization": [case], "runtime": "r", "calibration": 512, "file": "results/x.json"}])
    assert "- *Int8*: It takes 1.1 of the original's time: conversions." in text
    assert "| net | theirs | – | – | 1.00 % (0.90 … 1.10) | theirs |" in text
    assert "| 3, 1; 2 |" in text


def test_a_stream_reads_what_it_wrote_itself(tmp_path, monkeypatch):
    """A file whose states go another way parts from the network although each of its steps is right."""
    torch.manual_seed(0)
    model = silero.Silero().eval()
    with torch.no_grad():
        model.final_conv.weight.mul_(50)  # decisions on both sides
    samples = torch.randn(60 * silero.NEW)
    monkeypatch.setattr(silero, "load", lambda _: model)
    monkeypatch.setattr(silero, "audio", lambda _: (samples, None))
    network = paredown.capture(model, torch.randn(2, 576), torch.randn(2, 128), torch.randn(2, 128))
    file = cases.TARGET.lower(network, tmp_path / "same.onnx")
    assert cases.streamed(tmp_path, file.path).tolist() == [[1.0]] * 30
    with torch.no_grad():
        model.lstm_cell.bias_hh.add_(2.0)
    assert cases.streamed(tmp_path, file.path).mean() < 1.0


@pytest.mark.parametrize("name", cases.CASES)
def test_every_case_says_what_it_needs(name, tmp_path):
    case = cases.CASES[name]
    assert case.title
    assert all(isinstance(step, quantize.Int8 | quantize.DynamicInt8) for step in case.more.values())
    with pytest.raises((FileNotFoundError, OSError)):
        case.task(tmp_path)
