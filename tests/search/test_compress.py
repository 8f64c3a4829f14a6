"""The whole way on a tiny network: real training, real files, real processes."""

import dataclasses
import json

import pytest
import torch

import paredown
from paredown import architecture, prune, quantize
from paredown.errors import BudgetError, CaptureError, InputError, LoweringError, RecipeError
from paredown.run.reading import read
from paredown.run.summary import RunSummary
from paredown.search import Ledger, Run, compress
from paredown.targets import OnnxRuntime
from paredown.verdict import Certificate, Comparison, Margins, verify

from .toy import examples

BUDGET = paredown.Budget(latency="80%", drop="10 pt")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, model):
    """One short run that the tests of this file look at."""
    from torch.nn import functional as F

    directory = tmp_path_factory.mktemp("compress")
    data = paredown.Data(train=examples(192, 1), select=examples(90, 2), judge=examples(90, 3), batch_size=32)
    task = paredown.Task(model, data, F.cross_entropy, paredown.scores.accuracy, name="tiny")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    patch = pytest.MonkeyPatch()
    patch.setenv("PAREDOWN_CACHE", str(directory / "cache"))
    told = []

    class Told:
        def update(self, text, done, total):
            told.append((text, done, total))

    run = compress(task, BUDGET, time="20 s", out=directory / "run", progress=Told())
    yield run, task, told, before
    patch.undo()


def test_a_run_ends_with_file_verdict_frontier_and_comparison(finished):
    run, *_ = finished
    assert run.best.judged
    assert [limit.quantity for limit in run.verdict.limits] == ["latency", "drop"]
    assert run.verdict.binding in {"latency", "drop"}
    assert run.frontier
    labels = {candidate.label for candidate in run.candidates}
    assert {"original", "do nothing", "int8"} <= labels
    assert any(len(candidate.steps) > 1 for candidate in run.candidates)
    assert {pair.quantity for pair in run.comparison.pairs} >= {"score", "latency", "size"}


def test_the_users_model_is_bit_identical(finished):
    _, task, _, before = finished
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.model.state_dict().items())
    assert not task.model.training


def test_the_original_has_lost_exactly_nothing_and_its_twin_may_have(finished):
    run, *_ = finished
    with Ledger(run.directory, writable=False) as ledger:
        original, twin = (next(t for t in ledger.trials() if t.label == name) for name in ("original", "do nothing"))
    assert (original.result.quality.drop.low, original.result.quality.drop.high) == (0.0, 0.0)
    assert twin.result.quality.drop.low < 0.0 < twin.result.quality.drop.high


def test_judge_is_opened_exactly_once(finished):
    run, task, *_ = finished
    with Ledger(run.directory, writable=False) as ledger:
        assert ledger.openings() == 1
        assert ledger.openings(task.data.judge.fingerprint) == 1
    assert run.summary().openings == 1


def test_the_saved_file_is_certified_and_verified(finished, tmp_path):
    run, task, *_ = finished
    path = run.best.save(tmp_path / "best")
    assert path == tmp_path / "best.onnx"
    certificate = Certificate.read(path)
    assert certificate.sha256 == run.best.artifact.sha256
    assert certificate.data.split == "judge"
    assert certificate.quality.n == 90
    result = verify(path, task=task)
    assert {check.name: str(check.outcome) for check in result.checks}["hash"] == "checked"


def test_a_file_that_was_changed_is_not_saved(finished, tmp_path):
    run, *_ = finished
    path = run.best.artifact.path
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    with pytest.raises(paredown.errors.CorruptError, match="changed after it was written"):
        run.best.save(tmp_path / "best.onnx")
    path.write_bytes(content)
    assert not (tmp_path / "best.onnx").exists()


def test_the_summary_comes_from_the_directory_alone(finished):
    run, *_ = finished
    summary = Run(run.directory).summary()
    assert isinstance(summary, RunSummary)
    assert summary == run.summary()
    assert json.dumps(summary.to_json())
    by_role = {candidate.role for candidate in summary.candidates}
    assert {"original", "control", "arm", "trial"} <= by_role
    best = next(candidate for candidate in summary.candidates if candidate.best)
    assert best.judged
    assert best.latency is not None
    assert (run.directory / best.file).is_file()
    assert [limit.binding for limit in summary.limits].count(True) == 1
    assert len({candidate.label for candidate in summary.candidates}) == len(summary.candidates)


def test_the_rounding_of_a_quantized_best_file_is_looked_at_inside(finished):
    run, *_ = finished
    found, best = run.summary().rounding, next(c for c in run.summary().candidates if c.best)
    assert (found is not None) == ("quantize" in best.families)
    if found is not None:
        assert found.candidate == best.label
        assert found.examples
        assert all(node.file_db is not None and node.file_db > 30 for node in found.nodes)
        assert all(node.reason for node in found.nodes)


def test_the_report_is_written(finished, tmp_path):
    run, *_ = finished
    path = run.report(tmp_path / "deep" / "report.html")
    assert "tiny" in path.read_text(encoding="utf-8")


def test_families_recipes_and_candidates_can_be_compared(finished):
    run, *_ = finished
    by_recipe = run.compare((quantize.Int8(),), run.best)
    assert all({pair.a, pair.b} <= {"int8", run.best.label} for pair in by_recipe.pairs)
    with pytest.raises(InputError, match="takes two or more"):
        run.compare(quantize)
    with pytest.raises(InputError, match=r"was not compared in this run; .*'original'"):
        run.compare(quantize, [prune.Channels(keep=0.123)])


def test_a_technique_that_was_trained_too_little_is_refused_with_the_reason(finished, monkeypatch):
    run, *_ = finished
    told = Run(run.directory)
    monkeypatch.setattr(told, "_record", dataclasses.replace(run.record, comparison=Comparison((), "files", Margins())))
    monkeypatch.setattr(
        "paredown.search.run.short_of", lambda result: "trained 0.2 epochs (78 steps), not enough to judge"
    )
    with pytest.raises(
        InputError, match=r"quantize was not compared in this run \(trained 0.2 epochs \(78 steps\), not"
    ):
        told.compare(quantize, prune)


def test_every_second_is_put_down_once(finished):
    run, *_ = finished
    spent = run.record.purposes
    assert {"capture", "timing steps", "training", "lowering", "predicting", "measuring", "judging"} <= set(spent)
    assert min(spent.values()) >= 0.0
    assert 0.7 * run.record.seconds < sum(spent.values()) <= run.record.seconds
    assert run.summary().purposes == spent


def test_the_seconds_of_trainings_are_those_of_their_steps(finished):
    run, *_ = finished
    trained = [trial.result for trial in run.record.trials if trial.state == "measured" and trial.result.made]
    stepping = sum(result.stepping for result in trained)
    assert all(0 < result.stepping < result.trained for result in trained)
    assert run.record.purposes["training"] == pytest.approx(stepping, rel=0.01)


def test_no_training_of_a_search_looks_for_its_rate_alone(finished):
    run, *_ = finished
    trainings = [step for candidate in run.candidates for step in candidate.steps if isinstance(step, paredown.Train)]
    assert trainings
    assert all(isinstance(training.optimizer.lr, float) for training in trainings)


def test_progress_is_time(finished):
    _, _, told, _ = finished
    assert all(0 <= done <= total == 20.0 for _, done, total in told)
    assert any("int8" in text for text, _, _ in told)


def test_typed_again_the_same_run_is_found_finished(finished):
    run, task, *_ = finished
    trials = [(trial.id, trial.seconds) for trial in run.record.trials]
    again = compress(task, BUDGET, time="20 s", out=run.directory)
    assert [(trial.id, trial.seconds) for trial in again.record.trials] == trials
    assert again.best.label == run.best.label
    assert again.record.openings == 1


def test_other_settings_do_not_belong_into_the_same_directory(finished):
    run, task, *_ = finished
    with pytest.raises(InputError, match=r"other settings \(budget differ\).*another directory"):
        compress(task, paredown.Budget(size="50%", drop="10 pt"), time="20 s", out=run.directory)
    with pytest.raises(InputError, match=r"\(target differ\)"):
        compress(task, BUDGET, target=OnnxRuntime(weight_bits=7), time="20 s", out=run.directory)
    other = dataclasses.replace(task, data=paredown.Data(train=(torch.randn(60, 3, 8, 8), torch.arange(60) % 3)))
    with pytest.raises(InputError, match=r"\(data differ\)"):
        compress(other, BUDGET, time="20 s", out=run.directory)


def test_an_impossible_budget_still_gives_the_best_effort(task, tmp_path):
    run = compress(
        task, paredown.Budget(size="1 B", drop="5 pt"), time="1 s", out=tmp_path / "run", families=[quantize]
    )
    assert run.verdict.met is False
    assert run.verdict.binding == "size"
    assert run.best.save(tmp_path / "best.onnx").is_file()
    assert run.summary().met is False


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"time": "soon"}, BudgetError, "time='soon'"),
        ({"families": []}, InputError, r"No family was given.*prune, quantize"),
        ({"families": [torch]}, InputError, "families=torch was given"),
        (
            {"budget": paredown.Budget(size="50%", guards={"worst": "1 pt"})},
            InputError,
            r"guards worst, and the task has no such score",
        ),
        ({"budget": paredown.Budget(size="50%", drop="1 mse")}, BudgetError, "drop"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(task, tmp_path, settings, error, words):
    with pytest.raises(error, match=words):
        compress(task, **{"budget": BUDGET, "time": "20 s", "out": tmp_path / "run", **settings})
    assert not (tmp_path / "run").exists()


class Branches(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3)) if x.sum() > 0 else -x.mean((2, 3))


def test_a_model_that_cannot_be_captured_leaves_no_directory(task, tmp_path):
    with pytest.raises(CaptureError, match=r"Branches cannot be captured at .*Use torch.where"):
        compress(dataclasses.replace(task, model=Branches()), BUDGET, time="20 s", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_runtime_that_is_not_installed_leaves_no_directory(task, tmp_path, monkeypatch):
    def missing(self):
        msg = "The target OnnxRuntime needs the package 'onnxruntime', which is not installed here."
        raise LoweringError(msg)

    monkeypatch.setattr(paredown.targets.OnnxRuntime, "version", missing)
    with pytest.raises(LoweringError, match="is not installed here"):
        compress(task, BUDGET, time="20 s", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_reading_a_run_that_was_ended_before_it_had_begun(tmp_path):
    Ledger(tmp_path / "run").close()
    with pytest.raises(InputError, match="ended before it had begun"):
        read(tmp_path / "run")


def test_an_impossible_order_is_refused_before_any_work(task, tmp_path):
    with pytest.raises(RecipeError, match="This order would do"):
        paredown.apply(task, [quantize.Int8(), architecture.Slim(macs=0.5)], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_not_searched_on(finished):
    run, task, *_ = finished
    before = [candidate.label for candidate in run.summary().candidates]
    again = compress(task, BUDGET, time="20 s", out=run.directory)
    assert [candidate.label for candidate in again.summary().candidates] == before
    assert again.summary().status == "finished"
