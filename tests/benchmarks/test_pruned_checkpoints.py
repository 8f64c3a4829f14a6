"""The benchmark that cuts networks of other people, on a network of no one."""

import pytest
import torch
from benchmarks import pruned_checkpoints
from benchmarks.checkpoints.tasks import decibels_off, imitates, joined, same_class, same_decision, same_face
from benchmarks.pages import checkpoints
from torch import nn

import paredown
from paredown.graph import total
from paredown.recipe import Evidence, Train


class Steps(nn.Module):
    """``(numbers [n, 6], state [n, 4])`` to ``(chance [n, 1], state [n, 4])``."""

    def __init__(self):
        super().__init__()
        self.first, self.cell, self.last = nn.Linear(6, 64), nn.GRUCell(64, 4), nn.Linear(4, 1)

    def forward(self, numbers, state):
        state = self.cell(self.first(numbers).relu(), state)
        return self.last(state).sigmoid(), state


def test_a_network_imitates_itself_and_is_cut():
    torch.manual_seed(0)
    score = paredown.scores.of(same_decision, name="same decision", unit="%", binary=True)
    inputs = (torch.randn(160, 6), torch.randn(160, 4))
    task = imitates(Steps().eval(), inputs, score, name="steps", several=True)
    task.check()
    assert (len(task.data.work.train), len(task.data.work.select)) == (80, 40)
    network = paredown.capture(task.model, *(part[:2] for part in inputs))
    evidence = Evidence.of(task, pruned_checkpoints.TARGET.capabilities)
    cut = pruned_checkpoints.CUT.on(network, evidence)
    assert total(cut).macs <= pruned_checkpoints.SHARE * total(network).macs
    trained = Train(epochs=2, early=None).fit(cut, evidence).network
    assert [tuple(result.shape) for result in trained(*(part[:3] for part in inputs))] == [(3, 1), (3, 4)]


def test_the_page_says_what_holds_a_network_but_not_the_natural():
    score = {"estimate": 90.0, "low": 80.0, "high": 95.0}
    arm = {"macs": 50, "parameters": 40, "size": 30, "ratio": score, "score": score}
    run = {
        "candidates": [
            {**arm, "label": label, **sizes}
            for label, sizes in (
                ("original", {"macs": 100, "parameters": 100, "size": 100}),
                ("cut", {}),
                ("cut, recovered", {}),
            )
        ],
        "score_unit": "%", "target": "t", "runtime": "r", "processor": "p",
    }  # fmt: skip
    frozen = ["placeholder (node x) is an input", "aten.lstm_cell.default (node cell in cell) is its gates"]
    case = {"title": "steps", "run": run, "groups": 1, "frozen": frozen}
    page = checkpoints.section([{"pruned_checkpoint": case, "share": 0.5, "file": "results/x.json"}])
    assert "| [steps](results/x.json) | 1 | 50% | 40% | 30% |" in page
    assert page.rstrip().endswith("| aten.lstm_cell.default is its gates |")


def test_scores_say_what_was_the_same():
    before, after = torch.tensor([[0.2, 0.9], [0.7, 0.1]]), torch.tensor([[0.6, 0.9], [0.8, 0.1]])
    assert same_decision(after, before).tolist() == [0.0, 1.0]
    assert same_class(after, before).tolist() == [1.0, 1.0]
    assert decibels_off(after, before).tolist() == pytest.approx([0.2, 0.05])
    assert joined((before, after)).shape == (2, 4)


def test_a_face_is_the_same_where_it_was():
    def said(chance, *corners):
        return torch.tensor([[[1 - chance, chance, *corners], [0.9, 0.1, 0.0, 0.0, 1.0, 1.0]]])

    here, near, away = (0.0, 0.0, 0.4, 0.4), (0.05, 0.0, 0.4, 0.4), (0.5, 0.5, 0.9, 0.9)
    sure = said(0.9, *here)
    assert [same_face(said(*other), sure).tolist() for other in ((0.8, *near), (0.8, *away), (0.6, *here))] == [
        [1.0], [0.0], [0.0],
    ]  # fmt: skip
    assert same_face(said(0.6, *away), said(0.5, *here)).tolist() == [1.0]
    assert same_face(sure, said(0.5, *here)).tolist() == [0.0]
