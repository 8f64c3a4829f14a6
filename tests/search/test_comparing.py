"""Head-to-heads, single recipes and dry runs, with real files."""

import pytest
import torch
from benchmarks import evidence

import paredown
from paredown import prune, quantize
from paredown.errors import InputError, RecipeError
from paredown.recipe.optimizers import AdamW
from paredown.run import entries
from paredown.search import Ledger, resume
from paredown.verdict import Certificate

SHORT = paredown.Train(epochs=0.5, optimizer=AdamW(lr=1e-3))


def test_families_and_recipes_side_by_side(task, tmp_path):
    run = paredown.compare(task, quantize, [prune.Channels(keep=0.5), SHORT], time="8 s", out=tmp_path / "run")
    labels = {candidate.label for candidate in run.candidates}
    assert labels == {"original", "do nothing", "int8", "uniform prune ×0.5 → train"}
    pairs = run.compare(quantize, [prune.Channels(keep=0.5), SHORT])
    assert {pair.quantity for pair in pairs.pairs} == {"score", "latency", "size"}
    assert pairs.scope == "files"
    assert run.summary().command == "compare"
    assert run.summary().met is None
    assert "head-to-heads" in run.summary().verdict
    assert resume(tmp_path / "run").best.label == run.best.label


def test_three_seeds_speak_of_recipes(task, tmp_path):
    sides = {"half": [prune.Channels(keep=0.5), SHORT], "more": [prune.Channels(keep=0.75), SHORT]}
    run = paredown.compare(task, sides, time="5 s", out=tmp_path / "run", seeds=3)
    labels = [candidate.label for candidate in run.candidates]
    assert [f"half, seed {seed}" in labels for seed in range(3)] == [True] * 3
    pair = next(pair for pair in run.comparison.pairs if {pair.a, pair.b} == {"half", "more"})
    assert pair.scope == "recipes"
    files = {candidate.artifact.sha256 for candidate in run.candidates if candidate.label.startswith("half")}
    assert len(files) == 3
    stored = {**run.summary().to_json(), "evidence": evidence.of_run(run)}
    assert [pair["outcome"] for pair in evidence.pairs(stored)] == [str(pair.outcome) for pair in run.comparison.pairs]


@pytest.mark.parametrize(
    ("sides", "settings", "error", "words"),
    [
        ((quantize,), {}, InputError, r"takes two or more sides.*paredown\.prune, paredown\.quantize"),
        ((quantize, prune), {"seeds": 0}, InputError, "seeds=0"),
        ((quantize, 3), {}, InputError, "3 is neither a family nor a recipe"),
        ((quantize, torch), {}, InputError, "families=torch was given"),
        ((quantize, [quantize.Int8(), quantize.Int8()]), {}, RecipeError, "cannot stand there"),
    ],
)
def test_what_cannot_be_compared(task, tmp_path, sides, settings, error, words):  # noqa: PLR0917 (pytest passes them by name)
    with pytest.raises(error, match=words):
        paredown.compare(task, *sides, time="5 s", out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_one_recipe_through_the_whole_way(task, tmp_path):
    applied = paredown.apply(task, [prune.Channels(keep=0.5), SHORT, quantize.Int8()])
    assert applied.measurement.quality.n == 90
    assert applied.measurement.latency.ratio is not None
    assert applied.artifact.path.is_file()
    assert applied.network.eval()(task.data.work.select.example(0)[0][None]).shape == (1, 3)
    path = applied.save(tmp_path / "small.onnx")
    certificate = Certificate.read(path)
    assert certificate.data.split == "judge"
    assert [step["type"] for step in certificate.recipe["tuple"]] == ["prune.Channels", "recipe.Train", "quantize.Int8"]
    assert len(certificate.plans) == 2
    assert [step.family for step in applied.summary().candidates[-1].steps] == ["prune", "train", "quantize"]


def test_a_dry_run_trains_nothing_and_leaves_nothing(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fits = []
    monkeypatch.setattr(paredown.Train, "fit", lambda *_, **__: fits.append(1))
    found = paredown.dry_run(task, paredown.Budget(latency="50%", drop="2 pt"), time="5 min")
    assert fits == []
    assert {"int8", "regularize"} <= {plan.label for plan in found.candidates}
    assert {plan.role for plan in found.candidates} == {"arm", "control", "trial"}
    assert 0 < found.seconds <= 300
    assert found.disk > 1000
    assert "MB" in str(found)
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "cache"])


def test_nothing_but_the_ledger_is_needed_to_read_a_run(task, tmp_path):
    run = paredown.compare(task, {"a": [quantize.Int8()], "b": []}, time="3 s", out=tmp_path / "run")
    with Ledger(tmp_path / "run", writable=False) as ledger:
        assert entries.STATUS.read(ledger) == "finished"
    assert [candidate.label for candidate in run.candidates][-2:] == ["a", "b"]
