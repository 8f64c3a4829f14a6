import pytest
import typer

from paredown.cli import exits
from paredown.errors import BudgetError, MeasureError, TaskError


def app_that(ends):
    app = typer.Typer(add_completion=False)

    @app.callback()
    def root():
        pass

    @app.command()
    def go():
        return ends()

    return app


def raising(error):
    def end():
        raise error

    return app_that(end)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (BudgetError("no unit"), 2, "paredown: error: no unit\n"),
        (
            BudgetError("Type size=\"1 MB\"\nguards['f1']: drop='2'"),
            2,
            "paredown: error: Type --size \"1 MB\"\nguards['f1']: drop=",
        ),
        (TaskError("no task"), 2, "paredown: error: no task\n"),
        (MeasureError("it hung"), 1, "paredown: error: it hung\n"),
        (PermissionError(13, "Permission denied", "/run"), 1, "paredown: error: /run: Permission denied.\n"),
        (ZeroDivisionError("oh"), 1, "paredown: unexpected error: ZeroDivisionError: oh\n"),
        (KeyboardInterrupt(), 130, "paredown: interrupted: nothing was left behind.\n"),
    ],
)
def test_every_error_is_one_message_and_a_code(error, code, message, capsys, monkeypatch):
    monkeypatch.delenv("PAREDOWN_TRACEBACK", raising=False)
    assert exits.guarded(raising(error), ["go"]) == code
    told = capsys.readouterr()
    assert told.err.startswith(message)
    assert "Traceback" not in told.err
    assert told.out == ""


def test_an_interrupted_run_says_how_to_go_on(tmp_path, capsys):
    assert exits.guarded(raising(exits.Interrupted(tmp_path)), ["go"]) == 130
    assert f"Go on with: paredown resume {tmp_path}" in capsys.readouterr().err
    assert exits.guarded(raising(exits.Interrupted(tmp_path / "none")), ["go"]) == 130
    assert "nothing was started" in capsys.readouterr().err


@pytest.mark.parametrize("code", [exits.OK, exits.FAILED, exits.NOT_MET])
def test_commands_return_their_code(code):
    assert exits.guarded(app_that(lambda: code), ["go"]) == code


def test_wrong_usage_is_bad_input(capsys):
    app = app_that(lambda: 0)
    assert exits.guarded(app, ["stay"]) == 2
    assert exits.guarded(app, ["go", "--fast"]) == 2
    assert "No such option: --fast" in capsys.readouterr().err


def test_a_traceback_only_where_asked_for(monkeypatch):
    with pytest.raises(MeasureError):
        exits.guarded(raising(MeasureError("it hung")), ["go", "--traceback"])
    monkeypatch.setenv("PAREDOWN_TRACEBACK", "1")
    with pytest.raises(MeasureError):
        exits.guarded(raising(MeasureError("it hung")), ["go"])
