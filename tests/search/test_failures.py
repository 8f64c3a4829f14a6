"""A trial may fail; the run goes on and says why."""

import dataclasses
import errno
import time
from pathlib import Path

import pytest
import torch

import paredown
from paredown import distill, prune, quantize, targets
from paredown.errors import LedgerError, LoweringError, RecipeError, TrainingError
from paredown.run import entries
from paredown.search import Ledger, compress
from paredown.trial import bench
from paredown.trial.bench import Bench
from paredown.trial.clock import Clock
from paredown.trial.trials import Trials

from . import unruly


@pytest.fixture
def trials(task, tmp_path):
    with Ledger(tmp_path / "run") as ledger:
        made = Trials(Bench(task, targets.OnnxRuntime(), ledger, Clock(60.0), seed=0))
        made.original()
        yield made


def explode(outputs, target):
    """A loss that becomes NaN as soon as it is trained on; on the eight examples of a check all is well."""
    loss = torch.nn.functional.cross_entropy(outputs, target)
    return loss * float("nan") if loss.requires_grad and len(target) > 8 else loss


def test_a_loss_that_becomes_nan_fails_the_trial_with_the_reason(task, tmp_path):
    broken = dataclasses.replace(task, loss=explode)
    with Ledger(tmp_path / "run") as ledger:
        trials = Trials(Bench(broken, targets.OnnxRuntime(), ledger, Clock(60.0), seed=0))
        trials.original()
        failed = trials.run("trial", [paredown.Train(epochs=0.2, optimizer=paredown.recipe.optimizers.AdamW(lr=1e-3))])
        assert failed.state == "failed"
        assert failed.failure.startswith("TrainingError: ")
        done = trials.run("arm", [quantize.Int8()], timing=False)
        assert done.state == "measured"


def test_a_failed_trial_is_not_tried_again(trials):
    steps = [prune.Channels(allocation=prune.Global(macs=0.001))]
    first = trials.run("trial", steps)
    assert (first.state, "cannot be reached" in first.failure) == ("failed", True)
    assert trials.run("trial", steps) == first


def test_a_runtime_that_hangs_is_killed_and_fails_the_trial(task, tmp_path, monkeypatch):
    with Ledger(tmp_path / "run") as ledger:
        trials = Trials(Bench(task, unruly.Hanging(), ledger, Clock(60.0), seed=0))
        trials.original()
        start = time.monotonic()
        with monkeypatch.context() as patch:
            patch.setattr(bench, "_PATIENCE", 1)
            patch.setattr(bench, "_PATIENCE_S", 3.0)
            patch.setenv("PAREDOWN_TEST_HANG", "yes")
            failed = trials.run("arm", [quantize.Int8()])
        assert (
            time.monotonic() - start < unruly.HANG / 2
        )  # killed long before it would have answered, on the busiest machine
        assert failed.state == "failed"
        assert "was still busy (" in failed.failure
        assert "was killed" in failed.failure
        assert trials.run("trial", [prune.Channels(keep=0.5)], timing=False).state == "measured"


def test_a_runtime_that_crashes_fails_the_trial(task, tmp_path, monkeypatch):
    with Ledger(tmp_path / "run") as ledger:
        trials = Trials(Bench(task, unruly.Crashing(), ledger, Clock(60.0), seed=0))
        trials.original()
        with monkeypatch.context() as patch:
            patch.setenv("PAREDOWN_TEST_CRASH", "yes")
            failed = trials.run("arm", [quantize.Int8()])
        assert failed.state == "failed"
        assert "MeasureError" in failed.failure
        assert "exit code 7" in failed.failure
        assert trials.run("trial", [prune.Channels(keep=0.5)], timing=False).state == "measured"


def test_a_target_without_words_for_the_original_ends_the_run(task, tmp_path, monkeypatch):
    def refuse(self, network, path):
        msg = "no words"
        raise LoweringError(msg)

    monkeypatch.setattr(targets.OnnxRuntime, "lower", refuse)
    with pytest.raises(LoweringError, match="no words"):
        compress(task, paredown.Budget(size="50%", drop="5 pt"), time="5 s", out=tmp_path / "run")
    with Ledger(tmp_path / "run", writable=False) as ledger:
        assert ledger.trials()[0].failure == "LoweringError: no words"
        assert entries.STATUS.read(ledger) == "interrupted"


@pytest.mark.parametrize("call", ["write_bytes", "replace"])
def test_a_full_disk_ends_the_run_and_loses_nothing(trials, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, call, full)
        with pytest.raises(LedgerError, match=r"No space was left while writing .*Free some space.*paredown resume"):
            trials.run("arm", [quantize.Int8()], timing=False)
    assert not list((trials.ledger.directory / "aside").iterdir())
    assert trials.run("arm", [quantize.Int8()], timing=False).state == "measured"


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"changed")], ids=["gone", "changed"])
def test_damaged_files_of_a_trial_are_made_anew(trials, damage):
    train = paredown.Train(epochs=0.2, optimizer=paredown.recipe.optimizers.AdamW(lr=1e-3))
    done = trials.run("arm", [train, quantize.Int8()], timing=False)
    blobs = trials.ledger.blobs
    measured = entries.MILLISECONDS.of(done.id), entries.MILLISECONDS.of("other")
    for entry in measured:
        entry.write(trials.ledger, 1.0)
    for name in done.blobs:
        damage(blobs.path(name))
    again = trials.run("arm", [train, quantize.Int8()], timing=False)
    assert (again.result.file, again.result.rows) == (done.result.file, done.result.rows)
    assert all(blobs.open(name).stat().st_size > len(b"changed") for name in again.blobs)
    assert "made anew" in trials.ledger.events()[0].text
    assert [entry.read(trials.ledger) for entry in measured] == [None, 1.0]


def test_shared_beginnings_are_carried_out_once(trials):
    train = paredown.Train(epochs=0.5, optimizer=paredown.recipe.optimizers.AdamW(lr=1e-3))
    trials.run("trial", [prune.Channels(keep=0.5), train], timing=False)
    second = trials.run("trial", [prune.Channels(keep=0.5), train, quantize.Int8()], timing=False)
    assert [step.cached for step in second.result.steps] == [True, True, False]
    assert second.result.trained == 0.0


def test_labels_are_unique(trials):
    train = paredown.recipe.optimizers.AdamW(lr=1e-3)
    names = [
        trials.run("trial", [paredown.Train(epochs=epochs, seed=seed, optimizer=train)], timing=False).label
        for epochs, seed in ((0.2, 0), (0.4, 0), (0.4, 1))
    ]
    assert names == ["train", "train, 0.4 ep", "train #2"]


def test_a_recipe_that_fails_is_told_by_apply_and_kept(task, tmp_path):
    with pytest.raises(RecipeError, match=r"Global\(macs=0.001\) cannot be reached"):
        paredown.apply(task, [prune.Channels(allocation=prune.Global(macs=0.001))], out=tmp_path / "run")
    with Ledger(tmp_path / "run", writable=False) as ledger:
        original, failed = ledger.trials()
        assert (original.state, failed.state) == ("measured", "failed")
        assert "cannot be reached" in failed.failure
        assert entries.STATUS.read(ledger) == "interrupted"


def test_a_training_that_breaks_is_told_by_apply(task, tmp_path):
    train = paredown.Train(epochs=0.2, optimizer=paredown.recipe.optimizers.AdamW(lr=1e-3))
    with pytest.raises(TrainingError, match=r"In epoch 1, step 1, the task's loss became nan.*AdamW\(lr="):
        paredown.apply(dataclasses.replace(task, loss=explode), [train], out=tmp_path / "run")


def test_a_search_goes_on_where_every_training_breaks(task, tmp_path):
    broken = dataclasses.replace(task, loss=explode)
    budget = paredown.Budget(size="60%", drop="20 pt")
    run = compress(broken, budget, time="3 s", out=tmp_path / "run", families=[distill, quantize])
    states = {trial.label: trial.state for trial in run.record.trials}
    assert states["int8"] == "measured"
    assert "failed" in states.values()
    assert all("TrainingError" in trial.failure for trial in run.record.trials if trial.state == "failed")
    assert run.record.status == "finished"
    assert run.best.label == "int8"
