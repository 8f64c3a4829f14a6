"""What a finished search writes, prints and returns."""

import dataclasses
import errno
import re

import pytest

from paredown.cli import exits, searches
from paredown.errors import InputError
from paredown.measure.interval import Interval
from paredown.run.summary import LimitSummary, RunSummary

LIMIT = LimitSummary("size", "size ≤ 1 kB", 1000.0, Interval(900.0, 900.0, 900.0), "B", "meets")
RUN = RunSummary(
    title="pictures",
    command="compress",
    created="2026-11-20T14:03:11+00:00",
    status="finished",
    verdict="It is so.",
    met=True,
    score_name="accuracy",
    score_unit="%",
    score_higher_is_better=True,
    target="ONNX Runtime, 1 thread, batch 1",
    runtime="onnxruntime 1.31.1",
    processor="a processor",
    threads=1,
    batch=1,
    seed=0,
    time_limit_s=10.0,
    time_used_s=9.0,
    data={"judge": 64},
    candidates=(),
    limits=(LIMIT,),
    pairs=(),
    findings=(),
)


@pytest.mark.parametrize(
    ("met", "limits", "code"),
    [
        (True, (LIMIT,), exits.OK),
        (False, (LIMIT,), exits.NOT_MET),
        (None, (LIMIT,), exits.NOT_MET),
        (None, (), exits.OK),
    ],
)
def test_the_code_says_whether_the_budget_is_met(met, limits, code, tmp_path, capsys):
    run = dataclasses.replace(RUN, met=met, limits=limits)
    assert searches._show(run, tmp_path, as_json=False) == code
    told = capsys.readouterr()
    assert "It is so." in told.out
    assert str(tmp_path / "report.html") in told.err
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("It is so.") >= 1


def test_json_is_all_there_is_on_stdout(tmp_path, capsys, as_json):
    searches._show(RUN, tmp_path, as_json=True, page=tmp_path / "page.html")
    assert as_json(capsys.readouterr().out)["verdict"] == "It is so."
    assert (tmp_path / "page.html").is_file()


def test_a_page_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("paredown.trust.writing.os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*deep/page.html'"):
        searches._show(RUN, tmp_path, as_json=True, page=tmp_path / "deep" / "page.html")


def test_ctrl_c_and_sigterm_say_how_to_go_on(tmp_path, capsys):
    with pytest.raises(exits.Interrupted), searches._resumable(tmp_path):
        raise KeyboardInterrupt
    with pytest.raises(SystemExit), searches._resumable(tmp_path):
        raise SystemExit(143)
    assert f"paredown resume {tmp_path}" in capsys.readouterr().err


def test_a_run_directory_has_task_and_date():
    assert re.fullmatch(r"runs/resnet-20-cifar-10-\d{8}-\d{6}", searches.directory("ResNet-20, CIFAR-10").as_posix())
    assert searches.directory("¿?").name.startswith("task-")


def test_guards_become_limits():
    budget = searches._budget({"drop": "1pt"}, ["worst=2pt"])
    assert set(budget.guards) == {"worst"}
    with pytest.raises(InputError, match="A guard is NAME=LIMIT"):
        searches._budget({"drop": "1pt"}, ["worst"])
