import json

from paredown import report

from . import summaries


def test_json_is_strict_and_complete():
    text = report.json(summaries.ugly())
    data = json.loads(text, parse_constant=lambda word: (_ for _ in ()).throw(AssertionError(word)))
    assert len(data["candidates"]) == 211
    assert data["candidates"][3]["score"]["estimate"] is None
    assert data["score_unit"] == "K"


def test_json_on_one_line():
    assert "\n" not in report.json(summaries.rich(), indent=None)
