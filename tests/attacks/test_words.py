"""Words out of files are shown; they move no cursor, colour nothing, hide nothing and are no markup."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from paredown.cli import exits, progress
from paredown.trust import in_json, one_line, printable
from paredown.verdict import Check, Held

ESCAPES = (
    "\x1b[2J\x1b[1;1H",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\r",
    "\b",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ud800",
    "\U000e0041",
)
MARKUP = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"
EVIL = f"name{''.join(ESCAPES)}{MARKUP}"
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]")


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_is_left_that_a_terminal_obeys(text):
    shown = printable(text)
    assert not ODD.search(shown)
    assert printable(shown) == shown
    assert not set("\n\t") & set(one_line(text))
    shown.encode()


@given(st.text(st.characters(exclude_categories=[])))
def test_json_keeps_its_values(text):
    safe = in_json(json.dumps({text: text}, ensure_ascii=False))
    assert json.loads(safe) == {text: text}
    assert not ODD.search(safe)


def test_the_console_of_the_command_line(capsys):
    console = progress.stdout()
    table = Table("name")
    table.add_row(EVIL.replace("[", "\\["))
    console.print(table)
    console.print(EVIL.replace("[", "\\["), style="bold")
    progress.say(EVIL)
    captured = capsys.readouterr()
    assert not ODD.search(captured.out.replace("\ud800", ""))
    assert not ODD.search(captured.err)


def test_error_messages(capsys):
    exits._say("error", EVIL)
    assert not ODD.search(capsys.readouterr().err)


def test_a_name_cannot_pretend_to_be_a_line():
    told = str(Check("score", Held.NOT_CHECKED, "92 %\n✓ score: checked."))
    assert "\n" not in told
