import dataclasses

from paredown.report.chart import chart
from paredown.report.told import notable, told

from . import summaries


def test_of_a_short_run_all_is_told():
    run = summaries.rich()
    assert told(run) == {c.id for c in run.candidates}
    assert all("rows" in point for point in chart(run)["points"])


def test_of_a_long_run_the_notable_and_the_best_scores():
    run = summaries.long()
    chosen = told(run)
    assert len(chosen) == 60 < len(run.candidates)
    assert {c.id for c in run.candidates if notable(c)} <= chosen
    others = [c for c in run.candidates if c.score and not notable(c)]
    left = [c.score.estimate for c in others if c.id not in chosen]
    assert min(c.score.estimate for c in others if c.id in chosen) >= max(left)


def test_where_less_is_better_the_lowest_scores_are_told():
    run = dataclasses.replace(summaries.long(), score_higher_is_better=False)
    others = [c for c in run.candidates if c.score and not notable(c)]
    chosen = told(run)
    left = [c.score.estimate for c in others if c.id not in chosen]
    assert max(c.score.estimate for c in others if c.id in chosen) <= min(left)


def test_every_candidate_has_its_point():
    points = chart(summaries.long())["points"]
    assert len(points) == 150
    assert {frozenset(point) for point in points if "rows" not in point} == {frozenset(("id", "glyph", "x", "y"))}
