"""What version 0.1 wrote is read by this one: a run directory, and a file with its certificate."""

import shutil
import sys
from pathlib import Path

import pytest

import paredown
from paredown import codec, distill, prune, quantize, regularize, targets
from paredown.graph.network import Network
from paredown.report import html
from paredown.run.ledger import Ledger
from paredown.run.settings import begin, reference, stored
from paredown.search import Run
from paredown.verdict import Certificate
from paredown.verdict.verify import Held

V0_1 = Path(__file__).parent / "v0_1"
RECIPE = (
    prune.Channels(keep=0.5, importance=prune.Taylor()),
    paredown.Train(epochs=1, using=[distill.Logits(), regularize.Mixup()]),
    quantize.Int8(),
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(V0_1 / "run", tmp_path / "run"))


def test_what_is_tested_is_of_version_0_1():
    text = (V0_1 / "run" / "ledger.sqlite").read_bytes()
    assert b"paredown.prune.channels:Channels" in text
    assert b"paredown.search.settings:Settings" in text
    assert sum(file.stat().st_size for file in V0_1.rglob("*") if file.is_file()) < 200_000


def test_its_run_opens(run):
    opened = Run(run)
    assert opened.best.steps == RECIPE
    assert opened.best.target == targets.OnnxRuntime()
    assert opened.compare(RECIPE, "original").pairs
    summary = opened.summary()
    trial = next(candidate for candidate in summary.candidates if candidate.role == "trial")
    assert trial.families == ("prune", "distill", "regularize", "quantize")
    assert trial.judged
    assert trial.steps[0].family == "prune"
    assert "prune.Channels" in html(summary)
    assert opened.best.artifact.sha256 == opened.best.artifact.path.stem


def test_its_networks_load(run):
    networks = [Network.load(file) for file in run.rglob("*.pt2")]
    assert len(networks) == 3
    assert any("fake_quantize" in str(node.target) for network in networks for node in network.nodes())


def test_it_can_be_gone_on_with(run, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    with Ledger(run, writable=False) as ledger:
        assert reference(ledger) == "striped:task"
    with Ledger(run) as ledger:
        settings, about = stored(ledger)
        assert settings.recipes["recipe"] != codec.encode(RECIPE)
        now = {**vars(settings), "recipes": {"recipe": codec.encode(RECIPE)}}
        begin(ledger, type(settings)(**now), paredown.Task.load("striped:task"))  # refuses other settings
        assert about.title == "stripes"
        other = {**now, "recipes": {"recipe": codec.encode(RECIPE[:2])}}
        with pytest.raises(paredown.errors.InputError, match=r"other settings \(recipes differ\)"):
            begin(ledger, type(settings)(**other), paredown.Task.load("striped:task"))
    sys.modules.pop("striped", None)


def test_its_certificate_holds(tmp_path, monkeypatch):
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "cache"))
    for file in V0_1.glob("small.onnx*"):
        shutil.copyfile(file, tmp_path / file.name)
    found = paredown.verify(tmp_path / "small.onnx", pairs=(2, 2), time_limit=1.0)
    outcomes = {check.name: check.outcome for check in found.checks}
    assert outcomes["hash"] is Held.HOLDS
    assert outcomes["outputs"] is Held.HOLDS
    certificate = Certificate.read(tmp_path / "small.onnx")
    assert codec.decode(certificate.recipe) == RECIPE
    assert codec.decode(certificate.target) == targets.OnnxRuntime()
