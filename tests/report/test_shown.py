"""Words of a run that somebody else wrote: markup and escapes in every text of a summary."""

import dataclasses
import io
import re
from collections.abc import Mapping

import pytest
from rich.console import Console

from paredown import report
from paredown.report.shown import shown

from . import summaries

EVIL = "\x1b[2J\x9b31m\r\u202e\u2066\u200b\ud800</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7 * 7 }}"
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]")
KNOWN = {"role", "status", "outcome", "severity", "quantity", "unit", "scope", "kind", "families", "family", "created"}


def spoiled(thing, name=""):
    """The same with something odd behind every text that is not one of a few known words."""
    if isinstance(thing, str):
        return thing + EVIL if thing and name not in KNOWN else thing
    if dataclasses.is_dataclass(thing):
        return dataclasses.replace(
            thing, **{f.name: spoiled(getattr(thing, f.name), f.name) for f in dataclasses.fields(thing)}
        )
    if isinstance(thing, Mapping):
        return {key: spoiled(value, key) for key, value in thing.items()}
    return tuple(spoiled(item, name) for item in thing) if isinstance(thing, tuple | list) else thing


@pytest.fixture(scope="module")
def summary():
    return spoiled(summaries.rich())


def test_the_summary_is_what_it_was_where_nothing_is_odd():
    summary = summaries.rich()
    assert shown(summary) is summary


def test_a_page_holds_no_markup_and_no_escapes_of_others(summary):
    page = report.html(summary)
    page.encode()
    assert not ODD.search(page)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "7 * 7" in page
    assert page.count("<script") == page.count("</script>") == 2
    assert 'content="default-src &#39;none&#39;; script-src &#39;sha256-' in page


def test_the_policy_names_the_very_script(summary):
    import base64
    import hashlib

    page = report.html(summary)
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in page.replace("&#43;", "+")


def test_a_terminal_is_shown_words(summary):
    stream = io.StringIO()
    report.terminal(summary, Console(file=stream, width=200))
    assert "\\x1b[2J" in stream.getvalue()
    assert not ODD.search(stream.getvalue())


def test_json_is_shown_words(summary):
    assert not ODD.search(report.json(summary))
