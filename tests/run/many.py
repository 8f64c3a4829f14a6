"""A finished run of as many trials as wanted, written through the ledger as a search writes it, without searching."""

import dataclasses
import hashlib
import math
import random

import numpy as np

from paredown import codec, distill, prune, quantize, regularize, scores, targets
from paredown.budget import Budget
from paredown.measure import Interval, Latency, Memory, Quality, Size
from paredown.recipe import Train
from paredown.run import entries, settings
from paredown.run.chosen import Chosen
from paredown.run.labels import label, step_family, title
from paredown.run.ledger import Ledger
from paredown.run.results import TrialResult
from paredown.run.settings import About, Settings
from paredown.run.summary import StepSummary
from paredown.targets import Lowering
from paredown.verdict import Arm, Measured, compare, decide
from paredown.verdict.findings import Finding, Severity

ARMS = 6
FINALS = 12
EXAMPLES = 400
_MS, _BYTES, _MACS, _PARAMETERS = 0.571, 312_044, 9_482_240, 77_354
_WIDTHS = (16, 16, 32, 32, 64, 64, 128, 128, 64)


def content(name):
    """The bytes of a trial's file, by its label."""
    return f"stands for the file of {name}".encode()


def _around(value, half, kind="confidence"):
    return Interval(value, value - half, value + half, kind=kind)


def _hex(rng):
    return f"{rng.getrandbits(256):064x}"


def _quality(score, drop):
    wide = _around(score, 1.1), _around(drop, 0.6), _around(score, 0.9), _around(drop, 0.5)
    return Quality(*wide, EXAMPLES, "Wilson, Tango", (7, 5), 0.77)


def _latency(ratio, group):
    ms = _MS * ratio
    close, logs = ([ms * factor for factor in (0.98, 1.0, 1.01, 1.02, 0.99)], [math.log(ratio)] * 5)
    return Latency(
        p50=_around(ms, 0.02 * ms), p95=_around(1.1 * ms, 0.03), p99=_around(1.4 * ms, 0.05),
        ratio=None if group < 0 else _around(ratio, 0.02 * ratio),
        ratio_bounds=None if group < 0 else _around(ratio, 0.016 * ratio),
        next_run=None if group < 0 else _around(ratio, 0.1 * ratio, "prediction"),
        next_p50=_around(ms, 0.1 * ms, "prediction"), throughput=1000 / ms, load_ms=11.3, first_ms=2.7, batch=1,
        threads=1, pairs=5, dropped=10, taken=1000, noisy=False, answered=True, samples=tuple(close),
        log_ratios=() if group < 0 else tuple(logs), looks=(5,), session="s", group=group,
        runtime="onnxruntime 1.31.1", processor="a processor, 2 cores",
    )  # fmt: skip


def _plan(step, rng, keep):
    """What a plan of this technique holds for a network of nine layers, in its length and depth."""
    reason = f"{title(step)}: {keep:.0%} of the indices stay in {len(_WIDTHS)} groups."
    name = f"{step_family(step)}.{type(step).__name__}"
    if isinstance(step, quantize.Int8):
        nodes = [{"node": f"relu_{i}", "name": f"relu_{i}", "users": (f"conv2d_{i}",)} for i in range(len(_WIDTHS))]
        weights = [{"parameter": f"{3 * i}.weight", "bias": f"{3 * i}.bias"} for i in range(len(_WIDTHS))]
        scales = {f"relu_{i}.{what}": _hex(rng) for i in range(len(_WIDTHS)) for what in ("scale", "zero_point")}
        decisions = {"folded": [f"batch_norm_{i}" for i in range(9)], "activations": nodes, "weights": weights}
        return {"technique": name, "reason": reason, "decisions": decisions, "tensors": scales, "complete": True}
    kept = {str(3 * i): sorted(rng.sample(range(w), max(1, int(keep * w)))) for i, w in enumerate(_WIDTHS)}
    tensors = {f"{3 * i + 1}.{what}": _hex(rng) for i in range(9) for what in ("running_mean", "running_var")}
    return {"technique": name, "reason": reason, "decisions": {"kept": kept}, "tensors": tensors, "complete": True}


def _history(epochs, score):
    names = {"step": 42.0, "task": 1.8, "distill.Logits": 11.13, "loss": 11.31, "lr": 0.0084, "seconds": 2.27}
    return tuple({"epoch": e + 1.0, **names, "select": score - 3 * (epochs - e - 1)} for e in range(epochs))


def _steps(recipe, rng, keep, score):
    macs, parameters = int(_MACS * keep**1.8), int(_PARAMETERS * keep**1.7)
    return tuple(
        StepSummary(title(step), step_family(step), "", 4.9, macs, parameters, _history(3, score))
        if isinstance(step, Train)
        else StepSummary(title(step), step_family(step), "Kept what matters most.", 0.4, macs, parameters, plan=_plan(step, rng, keep))
        for step in recipe
    )  # fmt: skip


def _recipe(number, rng):
    """Step by step what a search proposes: cut, trained, rounded, each with its own settings."""
    keep = round(0.15 + 0.8 * rng.random(), 3)
    using = ((distill.Logits(),), (regularize.Mixup(),), ())[number % 3]
    cut = prune.Channels(importance=(prune.Taylor(), prune.L2())[number % 2], allocation=prune.Global(macs=keep))
    rounded = (quantize.Int8(),) if number % 4 else ()
    return (cut, Train(epochs=2.0 + number % 5, using=using, seed=number), *rounded), keep


def _trial(number, rng):
    recipe, keep = _recipe(number, rng)
    small = 0.3 if len(recipe) == 3 else 1.0
    drop = 12 * (1 - keep) ** 2 + rng.gauss(0, 0.3)
    ratio = keep**1.1 * (0.6 if small < 1 else 1.0) + 0.03
    size = int(_BYTES * small * keep**1.7)
    return recipe, _result(recipe, rng, keep, 98.3 - drop, drop, ratio, size)


def _result(recipe, rng, keep, score, drop, ratio, size):  # noqa: PLR0917
    quality = _quality(score, drop)
    operators = {"Conv": 9, "QLinearConv": 9, "Relu": 9, "Add": 4, "GlobalAveragePool": 1, "Gemm": 1}
    return TrialResult(
        file=f"{_hex(rng)}.onnx", network=f"{_hex(rng)}.pt2", rows={"": f"{_hex(rng)}.npz"},
        size=Size(size, int(0.9 * size), int(0.85 * size)), macs=int(_MACS * keep**1.8),
        parameters=int(_PARAMETERS * keep**1.7), steps=_steps(recipe, rng, keep, score), quality=quality,
        ms=_MS * ratio, latency=_latency(ratio, 0 if recipe else -1), lowering=Lowering(operators, 9), trained=4.9,
        channels={f"layers.{i}": width for i, width in enumerate(_WIDTHS)},
    )  # fmt: skip


def _about():
    data = {"train": 4000, "calibrate": 512, "select": EXAMPLES, "judge": EXAMPLES}
    versions = {"paredown": "0.1.0", "torch": "2.13.0", "onnxruntime": "1.31.1"}
    about = "r", "many", "2026-11-20T14:03:11+0000", "accuracy", "%", True, "onnxruntime 1.31.1", "a processor"
    return About(*about, data, "work", "select", "judge", versions)


def write(directory, trials=1000, seed=0, *, finished=True):
    """A ``compress`` in a directory; gives the label of its best file, where it is finished.

    The files themselves are not there (see `content`): what reads the run for a page has no use for them.
    """
    rng = random.Random(seed)  # noqa: S311 (made-up numbers)
    budget = Budget(latency="60%", drop="2pt")
    names = ("prune", "quantize", "distill", "regularize", "architecture")
    with Ledger(directory) as ledger, ledger.together():
        settings._ABOUT.write(ledger, _about())
        asked = Settings("compress", budget, targets.OnnxRuntime(), 600.0, seed, names)
        settings._SETTINGS.write(ledger, asked)
        done = [("original", "original", (), _result((), rng, 1.0, 98.3, 0.0, 1.0, _BYTES))]
        for number in range(1, trials):
            recipe, result = _trial(number, rng)
            done.append(("arm" if number <= ARMS else "trial", f"{label(recipe)} #{number}", recipe, result))
        keys = [_hex(rng) for _ in done]
        for key, (role, name, recipe, made) in zip(keys, done, strict=True):
            result = dataclasses.replace(made, file=f"{hashlib.sha256(content(name)).hexdigest()}.onnx")
            ledger.start(key, role, name, codec.encode(recipe))
            ledger.finish(key, result, 9.5, [result.file])
        if not finished:
            entries.STATUS.write(ledger, "interrupted")
            return None
        return _end(ledger, budget, names, list(zip(keys, done, strict=True)))


def _end(ledger, budget, names, trials):
    first, *others = trials
    feasible = [t for t in others if t[1][3].quality.drop.high < 2 and t[1][3].latency.ratio.high < 0.6]
    finals = [first, *others[:ARMS], *feasible[: FINALS - ARMS]]
    measured = {key: _final(done) for key, done in finals}
    best = min(feasible, key=lambda trial: trial[1][3].latency.ratio.estimate)
    measured[best[0]] = _final(best[1])
    entries.CHOSEN.once(ledger, lambda: Chosen(best[0], tuple(measured)))
    for key, value in measured.items():
        entries.FINAL.of(key).write(ledger, value)
    original, chosen = measured[first[0]], measured[best[0]]
    verdict = decide(budget, chosen, original, score=scores.accuracy, frontier=tuple(measured.values()))
    entries.VERDICT.write(ledger, verdict)
    rows = np.ones((EXAMPLES, 1))
    arms = [Arm(value.label, (value,), (rows,)) for value in list(measured.values())[1 : ARMS + 1]]
    entries.COMPARISON.write(ledger, compare(arms, score=scores.accuracy))
    entries.ARMS.write(ledger, {name: key for name, (key, _) in zip(names, others, strict=False)})
    title = "too few examples for this margin"
    entries.FINDINGS.write(
        ledger, [Finding("PD106", title, Severity.TIP, "Take more examples.", m.label) for m in measured.values()]
    )
    ledger.open_judge("judge", "r")
    entries.SECONDS_USED.write(ledger, 598.0)
    entries.STATUS.write(ledger, "finished")
    return best[1][1]


def _final(done):
    role, name, _, result = done
    memory = Memory(20_000_000, 14_000_000, 6_000_000, 1_000, 1, 3)
    latency = result.latency if role != "original" else _latency(1.0, -1)
    return Measured(name, latency, result.quality, result.size, memory)
