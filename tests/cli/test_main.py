import importlib.metadata
import os

import pytest

from paredown.cli import searches
from paredown.cli.place import Place
from paredown.search import Ledger

COMMANDS = ("demo", "compress", "compare", "apply", "profile", "bench", "report", "resume", "verify", "targets")


def test_help_lists_every_command(paredown):
    code, out, _ = paredown("--help")
    assert code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in out
    assert "3 budget not met" in " ".join(out.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(paredown, command):
    code, out, _ = paredown(command, "--help")
    assert code == 0
    assert "--json" in out


def test_version(paredown):
    assert paredown("--version")[:2] == (0, f"paredown {importlib.metadata.version('paredown')}\n")


def test_limits_keep_the_order_in_which_they_were_typed(paredown, monkeypatch):
    seen = []

    def compress(*given):
        seen.append(given)
        return 3

    monkeypatch.setattr(searches, "compress", compress)
    code, _, _ = paredown(
        "compress",
        "app:task",
        "--drop",
        "0.5pt",
        "--size",
        "1MB",
        "--latency",
        "40%",
        "--guard",
        "worst=1pt",
        "--threads",
        2,
        "--weight-bits",
        7,
    )
    reference, limits, guards, place, order = seen[0]
    assert code == 3
    assert (reference, list(limits.items())) == ("app:task", [("drop", "0.5pt"), ("size", "1MB"), ("latency", "40%")])
    assert guards == ["worst=1pt"]
    assert place == Place("onnxruntime", 2, 1, {"weight_bits": 7})
    assert order == searches.Order(time="30min", out=None, seed=0, as_json=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compress", "tiny:task", "--latency", "50"), '--latency \'50\' has no unit. Type --latency "50%" or "2 ms".'),
        (("compress", "tiny:task", "--latency", "-5ms"), "--latency '-5ms' is negative; a limit is a positive amount"),
        (("compress", "tiny:task", "--drop", "100pt"), "--drop '100pt' allows the whole score to be lost"),
        (("compress", "tiny:task", "--latency", "2MB"), "'MB' is no unit of latency"),
        (("compress", "tiny:task"), 'Type --latency "50%" --drop "0.5 pt".'),
        (("compress", "tiny:task", "--latency", "50%", "--guard", "worst"), "A guard is NAME=LIMIT"),
        (("compress", "tiny:job", "--latency", "50%"), "module 'tiny' has no 'job'"),
        (
            ("compress", "model.onnx", "--latency", "50%"),
            "app.py and type app:task. To time it as it is, type paredown bench",
        ),
        (
            ("apply", "tiny.py:task", "int8"),
            "'tiny.py:task' does not point at a task. Type module:name, for example tiny:task",
        ),
        (("compress", "tiny", "--latency", "50%"), "for example tiny:task"),
        (("compress", "tinny:task", "--latency", "50%"), "there is no module 'tinny'"),
        (("compress", "tiny:task", "--latency", "50%", "--target", "onnx"), "There is no target 'onnx'"),
        (("compress", "tiny:task", "--latency", "50%", "--time", "soon"), 'Type --time "30 min"'),
        (("apply", "tiny:task", "prun"), "there is no step 'prun'. Did you mean prune"),
        (("apply", "tiny:task", "int8", "int8"), "the network is quantized already"),
        (("apply", "tiny:task", "int8", "slim"), "This order would do: [architecture.Slim("),
        (("apply", "tiny:keywords", "int8"), "Give the inputs by name: ({'pixels': ..., 'mask': ...}, target)"),
        (("apply", "tiny:shapes", "int8"), "The model cannot be run on a batch of [8, 1, 8, 8] float32"),
        (
            ("apply", "tiny:differing", "int8"),
            "judge: inputs has shape [1, 6, 6] (index 0) where train has [1, 8, 8]",
        ),
        (("apply", "tiny:empty", "int8"), "select is empty. Give it at least two examples"),
        (("apply", "tiny:one_class", "int8"), "judge has only one class (0) in 32 examples"),
        (("apply", "tiny:too_many_classes", "int8"), "train has class 5 at index 1; the model's 2 outputs"),
        (("apply", "tiny:nan", "int8"), "train: NaN in inputs at index 7. Leave these examples out"),
        (("apply", "tiny:branches", "int8"), "Branches cannot be captured at "),
        (("compress", "tiny:branches", "--size", "50%"), "in forward `if x.sum() > 0:`"),
        (("profile", "tiny:branches"), "Use torch.where(condition, a, b)"),
        (("compare", "tiny:task", "prune", "quantise"), "Did you mean quantize"),
        (("bench", "none.onnx"), "There is no file none.onnx"),
        (("verify", "none.onnx"), "There is no file 'none.onnx'"),
    ],
)
def test_bad_input_is_told_before_any_work(paredown, tmp_path, words, message):
    code, out, err = paredown(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") <= 5
    assert not (tmp_path / "runs").exists()


def test_a_training_that_breaks_is_told_and_leaves_the_run(paredown, tmp_path):
    code, out, err = paredown("apply", "tiny:exploding", "train:epochs=1", "--out", tmp_path / "run")
    assert (code, out) == (1, "")
    assert "In epoch 1, step 1, the task's loss became nan." in err
    code, out, _ = paredown("report", tmp_path / "run")
    assert "TrainingError" in out
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_run_directory_that_cannot_be_written(paredown, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = paredown("apply", "tiny:task", "int8", "--out", tmp_path / "file" / "run")
    assert (code, out) == (1, "")
    assert "cannot be written" in err
    assert "--out runs/other" in err


def test_a_run_directory_in_use(paredown, tmp_path):
    with Ledger(tmp_path / "run"):
        code, out, err = paredown("apply", "tiny:task", "int8", "--out", tmp_path / "run")
    assert (code, out) == (1, "")
    assert f"is in use by process {os.getpid()} on" in err


def test_a_damaged_ledger_is_named(paredown, tmp_path):
    Ledger(tmp_path / "run").close()
    (tmp_path / "run" / "ledger.sqlite").write_bytes(b"this is no database" * 300)
    for words in (("report",), ("resume",), ("apply", "tiny:task", "int8", "--out")):
        code, out, err = paredown(*words, tmp_path / "run")
        assert (code, out) == (1, "")
        assert "ledger.sqlite is damaged" in err


def test_no_run_is_no_traceback(paredown, tmp_path):
    for command in ("report", "resume"):
        code, out, err = paredown(command, tmp_path / "none")
        assert (code, out) == (1, "")
        assert "none" in err
    assert not (tmp_path / "none").exists()
