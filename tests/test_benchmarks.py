"""The committed pages are what the committed results say: no number is typed by hand."""

from pathlib import Path

import pytest
import torch
from benchmarks import chapters, record, tables
from benchmarks.pages import overhead, pairs, step_speed
from benchmarks.training import page as training
from benchmarks.training.arms import Bench
from benchmarks.training.case import Case
from torch import nn

import paredown
from paredown import distill, regularize
from paredown.recipe import AdamW, Train

PAGES = tables.pages(record.latest())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.parent.name + "/" + path.name)
def test_a_page_is_as_generated(path):
    assert Path(path).read_text() == PAGES[path], "run python -m benchmarks.tables"


def test_training_arms_are_judged_beside_their_control(tmp_path):
    torch.manual_seed(0)
    inputs = torch.randn(360, 6)
    targets = (inputs[:, :1] * inputs[:, 1:2]).tanh()
    data = paredown.Data((inputs[:200], targets[:200]), judge=(inputs[200:], targets[200:]), batch_size=50)

    def network(width=4):
        return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 1))

    task = paredown.Task(network(16).eval(), data, nn.functional.mse_loss, paredown.scores.root_squared_error)
    case = Case(
        "a product of two numbers",
        lambda _: task,
        network,
        Train(epochs=2, optimizer=AdamW(lr=1e-2), early=None),
        {"averaged": (regularize.EMA(),), "noise": (regularize.GaussianNoise(std=0.5),)},
        lambda teacher, *_: {"outputs": (distill.Logits(teacher),)},
        teaching=Train(epochs=4, optimizer=AdamW(lr=1e-2), early=None),
        teachers=2,
    )
    result = Bench(case, tmp_path, tmp_path).run(seeds=3)
    assert result["scope"] == "recipes"
    assert result["macs"]["student"] < result["macs"]["teacher"] / 3
    assert set(result["judge"]) == {"teacher", "control", "regularized", "distilled", "both"}
    assert all(len(scores) == 3 for label, scores in result["judge"].items() if label != "teacher")
    assert len(set(result["judge"]["teacher"])) == 2
    assert {(pair["a"], pair["b"]) for pair in result["pairs"]} >= {("control", "distilled"), ("control", "both")}
    page = training.section([{"training": {**result, "threads": 1}, "runtime": "r", "file": "f"}])
    assert page.count("a product of two numbers") == 6
    told = pairs.section({"distillation_pairs": {**result, "device": "d", "precision": "p"}, "file": "f"})
    assert told.count("\n| ") == 2 + 5  # a head, its rule, the teacher and four arms


def test_what_the_loop_costs_is_told_by_case():
    case = {"case": "tiny", "by_hand_ms": 1.0, "train_ms": 1.04, "overhead_percent": 4.0}
    page = overhead.section({"overhead": [case], "torch": "2", "processor": "p", "file": "f"})
    assert "| tiny | 1.000 | 1.040 | 4.0 % |" in page


def test_a_step_is_told_as_a_share_of_float32():
    seconds = {"bfloat16": [0.5, 0.4], "float32": [0.2, 0.3], "float32, compiled": [0.1, 0.2]}  # as JSON sorts them
    case = {"case": "tiny", "seconds": seconds, "compiling": 12.4}
    page = step_speed.section({"step_speed": [case], "torch": "2", "threads": 1, "processor": "p", "file": "f"})
    assert "| tiny | 200.0 (1.00) | 400.0 (2.00) | 100.0 (0.50) | 12 s |" in page


def test_the_page_leads_to_every_section_and_knows_every_result():
    page = PAGES[tables.PAGE]
    links = [line.partition("(#")[2].rstrip(")") for line in page.splitlines() if line.startswith("  - [")]
    headings = [line.removeprefix("### ") for line in page.splitlines() if line.startswith("### ")]
    assert links == [chapters._anchor(heading) for heading in headings]
    assert len(set(links)) == len(links)
    assert chapters._anchor("What `Train` costs, by hand: 4-bit") == "what-train-costs-by-hand-4-bit"
    with pytest.raises(LookupError, match=r"novel: in no chapter of the page. Name it in `benchmarks/chapters.py`"):
        chapters.arrange([("blocks", "## Blocks\n"), ("novel", "## Novel\n")])
