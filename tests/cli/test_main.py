import importlib.metadata

import pytest

from paredown.cli import searches

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
    )
    reference, limits, guards, place, order = seen[0]
    assert code == 3
    assert (reference, list(limits.items())) == ("app:task", [("drop", "0.5pt"), ("size", "1MB"), ("latency", "40%")])
    assert guards == ["worst=1pt"]
    assert place == searches.Place("onnxruntime", 2, 1)
    assert order == searches.Order(time="30min", out=None, seed=0, as_json=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compress", "tiny:task", "--latency", "50"), "latency='50' has no unit"),
        (("compress", "tiny:task"), "budget"),
        (("compress", "tiny:task", "--latency", "50%", "--guard", "worst"), "A guard is NAME=LIMIT"),
        (("compress", "tiny:job", "--latency", "50%"), "module 'tiny' has no 'job'"),
        (("compress", "tinny:task", "--latency", "50%"), "there is no module 'tinny'"),
        (("compress", "tiny:task", "--latency", "50%", "--target", "onnx"), "There is no target 'onnx'"),
        (("compress", "tiny:task", "--latency", "50%", "--time", "soon"), "soon"),
        (("apply", "tiny:task", "prun"), "there is no step 'prun'. Did you mean prune?"),
        (("apply", "tiny:task", "int8", "int8"), "the network is quantized already"),
        (("compare", "tiny:task", "prune", "quantise"), "Did you mean quantize"),
        (("bench", "none.onnx"), "There is no file none.onnx"),
        (("verify", "none.onnx"), "There is no file 'none.onnx'"),
    ],
)
def test_bad_input_is_told_before_any_work(paredown, tmp_path, words, message):
    code, out, err = paredown(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") <= 3
    assert not (tmp_path / "runs").exists()


def test_no_run_is_no_traceback(paredown, tmp_path):
    for command in ("report", "resume"):
        code, out, err = paredown(command, tmp_path / "none")
        assert (code, out) == (1, "")
        assert "none" in err
    assert not (tmp_path / "none").exists()
