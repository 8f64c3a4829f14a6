import dataclasses
import re
from html.parser import HTMLParser

import pytest

from paredown import report
from paredown.report.compared import forest
from paredown.run.summary import FindingSummary

from . import summaries

VOID = {"meta", "link", "br", "hr", "img", "input"}
SHAPES = {"circle", "path", "rect", "use", "polyline", "line"}


class Reader(HTMLParser):
    """Collects text, attributes, and every tag that is closed in the wrong place."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.attributes, self.words = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, key, value) for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, key, value) for key, value in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.words.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    return reader, re.sub(r"[\s\u202f]+", " ", " ".join(reader.words))


@pytest.fixture(scope="module", params=["rich", "unmet", "bare", "single", "ugly"])
def page(request):
    return report.html(getattr(summaries, request.param)())


def test_page_is_well_formed_and_loads_nothing(page):
    reader, _ = read(page)
    assert reader.wrong == []
    assert reader.open == []
    loaded = [
        a for a in reader.attributes if a[1] in ("src", "href", "action", "data", "poster", "srcset", "xlink:href")
    ]
    assert loaded
    assert all(value.startswith(("#", "data:,")) for _, _, value in loaded)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", page)
    assert set(re.findall(r"https?://[^\s\"'<>)]*", page)) <= {"http://www.w3.org/2000/svg"}


def test_every_inner_link_has_its_target(page):
    reader, _ = read(page)
    names = {value for _, key, value in reader.attributes if key == "id"}
    wanted = {value[1:] for _, key, value in reader.attributes if key == "href" and value.startswith("#")}
    assert wanted <= names


def test_names_cannot_become_markup():
    page = report.html(summaries.ugly())
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_page_says_what_the_run_said():
    _, words = read(report.html(summaries.rich()))
    for sentence in (
        "2.7 times faster, 5.9 times smaller",
        "Budget met",
        "2.77 × faster [2.66, 2.89] 0.206 ms, was 0.571 ms",
        "What binds: drop ≤ 2 pt. 3 points instead of 2 would allow",
        "PD101 Channels are not a multiple of 8",
        "TrainingError: the task loss became NaN in step 2",
        "AMD EPYC 9R14",
        "1 time, this run included",
        "prune.Channels(keep=0.62, importance=Taylor())",
        "loss 0.581 → 0.152",
    ):
        assert sentence in words


def test_outcomes_are_words_and_shapes():
    _, words = read(report.html(summaries.unmet()))
    assert "Budget not met" in words
    for outcome in ("cannot tell", "misses", "wins", "loses"):
        assert outcome in words
    for icon in ("yes", "no", "tie", "unknown"):
        assert f'href="#i-{icon}"' in report.html(summaries.unmet())


def test_a_run_without_anything_says_so():
    _, words = read(report.html(summaries.bare()))
    assert "Nothing has been measured yet." in words
    assert "Run interrupted" in words
    assert "the runtime was killed after 60 s" in words
    _, words = read(report.html(summaries.single()))
    assert "Only the original was measured." in words
    assert "No budget set" in words


@pytest.mark.parametrize("run", [summaries.rich(), summaries.ugly()], ids=["rich", "ugly"])
def test_a_headline_is_made_where_the_run_has_none(run):
    _, words = read(report.html(dataclasses.replace(run, verdict="")))
    assert "no verdict was reached yet" in words
    _, words = read(report.html(dataclasses.replace(run, verdict="", limits=(), met=None)))
    assert "no budget was set" in words


def test_page_stays_small():
    rich = summaries.rich()
    assert len(report.html(dataclasses.replace(rich, candidates=rich.candidates[:12]))) < 150_000
    assert len(report.html(rich)) < 220_000


def test_findings_with_one_code_are_told_together_the_best_files_first():
    best = next(c.label for c in summaries.rich().candidates if c.best)

    def about(name):
        return FindingSummary("PD106", "too few examples for this margin", "tip", f"text about {name}", name)

    told = (about("int8"), about(best), about("other"))
    page = report.html(dataclasses.replace(summaries.rich(), findings=told))
    section = page[page.index('id="findings"') :]
    assert section.count("too few examples for this margin") == 1
    assert section.index(f"text about {best}") < section.index("and 2 more") < section.index("text about int8")
    assert "text about other" in section


def test_rounding_is_shown_with_the_worst_first_and_all_in_order():
    run = summaries.rich()
    _, text = read(report.html(run))
    section = text.partition("What stands out")[2]
    assert 0 < section.index("relu_9") < section.index("relu_8")
    everything = text.partition("All 10 rounded values")[2]
    assert 0 < everything.index("relu_1") < everything.index("relu_9")
    assert "The first below 20 dB is stages.2.1: relu_9." in text
    assert "rounded values" not in read(report.html(dataclasses.replace(run, rounding=None)))[1]
    odd = dataclasses.replace(run.rounding, first_in_file="relu_3", first="")
    _, text = read(report.html(dataclasses.replace(run, rounding=odd)))
    assert "No value falls below 20 dB. The file first differs from the network at stages.0.3: relu_3." in text


def words_of(summary):
    reader = Reader()
    reader.feed(report.html(summary))
    return " ".join(reader.words)


def test_the_page_says_what_the_time_went_into():
    run = dataclasses.replace(
        summaries.rich(), time_used_s=200.0, purposes={"training": 100.0, "lowering": 40.0, "capture": 0.1}
    )
    words = words_of(run)
    assert "training 50 %, other 30 %, lowering 20 %" in words
    assert "Time went into" in words
    assert "Time went into" not in words_of(summaries.rich())


def test_what_was_trained_too_little_is_said_to_be_so_and_not_compared():
    note = "trained 0.2 epochs (78 steps), not enough to judge"
    run = summaries.rich()
    arm = next(c for c in run.candidates if c.role == "arm" and c.status == "measured" and not c.best)
    candidates = tuple(dataclasses.replace(c, note=note) if c is arm else c for c in run.candidates)
    noted = dataclasses.replace(run, command="compress", candidates=candidates)
    assert arm.id in [row.id for row in forest(run).rows]
    assert arm.id not in [row.id for row in forest(noted).rows]
    assert words_of(noted).count(note) == 2  # in the table, and beside what was done to it
    asked = dataclasses.replace(noted, command="compare")
    assert arm.id in [row.id for row in forest(asked).rows]
