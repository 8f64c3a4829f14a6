"""A trial may fail; the run goes on and says why."""

import dataclasses
import os
import time
from pathlib import Path

import pytest
import torch

import paredown
from paredown import prune, quantize, targets
from paredown.errors import LedgerError, LoweringError, RecipeError
from paredown.search import Ledger, compress
from paredown.search.bench import Bench
from paredown.search.clock import Clock
from paredown.search.trials import Trials


@pytest.fixture
def trials(task, tmp_path):
    with Ledger(tmp_path / "run") as ledger:
        made = Trials(Bench(task, targets.OnnxRuntime(), ledger, Clock(60.0), seed=0))
        made.original()
        yield made


def explode(outputs, target):
    """A loss that becomes NaN as soon as it is trained on."""
    loss = torch.nn.functional.cross_entropy(outputs, target)
    return loss * float("nan") if loss.requires_grad else loss


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


@dataclasses.dataclass(frozen=True)
class Crashing(targets.OnnxRuntime):
    """A runtime that dies on quantized files."""

    def open(self, path):
        if os.environ.get("PAREDOWN_TEST_CRASH") == "yes" and Path(path).stat().st_size < 8000:
            os._exit(7)
        return super().open(path)


@dataclasses.dataclass(frozen=True)
class Hanging(targets.OnnxRuntime):
    """A runtime that never answers."""

    def open(self, path):
        if os.environ.get("PAREDOWN_TEST_HANG") == "yes":
            time.sleep(600)
        return super().open(path)


def test_a_runtime_that_crashes_fails_the_trial(task, tmp_path, monkeypatch):
    with Ledger(tmp_path / "run") as ledger:
        trials = Trials(Bench(task, Crashing(), ledger, Clock(60.0), seed=0))
        trials.original()

        def lower(self, network, path):
            made = targets.OnnxRuntime().lower(network, path)
            return dataclasses.replace(made, target=self)

        monkeypatch.setattr(Crashing, "lower", lower)
        monkeypatch.setenv("PAREDOWN_TEST_CRASH", "yes")
        failed = trials.run("arm", [quantize.Int8()])
        assert failed.state == "failed"
        assert "MeasureError" in failed.failure
        assert "exit code 7" in failed.failure
        monkeypatch.delenv("PAREDOWN_TEST_CRASH")
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
        assert ledger.get("status") == "interrupted"


def test_a_full_disk_ends_the_run_and_loses_nothing(trials, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises((LedgerError, LoweringError), match="No space"):
            trials.ledger.blobs.adopt(_written(trials.ledger.blobs.aside(".bin")))
    assert trials.run("arm", [quantize.Int8()], timing=False).state == "measured"


def _written(path):
    path.write_bytes(b"content")
    return path


def test_a_damaged_file_of_a_trial_is_made_anew(trials):
    done = trials.run("arm", [quantize.Int8()], timing=False)
    path = trials.ledger.blobs.path(done.result.file)
    content = path.read_bytes()
    path.write_bytes(b"changed")
    path.unlink()
    again = trials.run("arm", [quantize.Int8()], timing=False)
    assert trials.ledger.blobs.path(again.result.file).read_bytes() == content
    assert "made anew" in trials.ledger.events("warning")[0][2]


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


def test_a_recipe_that_fails_is_told_by_apply(task, tmp_path):
    with pytest.raises(RecipeError, match=r"gave no file: RecipeError: .*cannot be reached"):
        paredown.apply(task, [prune.Channels(allocation=prune.Global(macs=0.001))], out=tmp_path / "run")
