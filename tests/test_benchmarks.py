"""The committed pages are what the committed results say: no number is typed by hand."""

from pathlib import Path

import pytest
from benchmarks import record, tables

PAGES = tables.pages(record.latest())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.parent.name + "/" + path.name)
def test_a_page_is_as_generated(path):
    assert Path(path).read_text() == PAGES[path], "run python -m benchmarks.tables"
