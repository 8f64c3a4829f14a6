"""Runs as the search would report them: a rich one, and ugly ones."""

import dataclasses
import math
import random

from paredown.measure.interval import Interval
from paredown.run.summary import (
    CandidateSummary,
    FindingSummary,
    LimitSummary,
    PairSummary,
    RoundedSummary,
    RoundingSummary,
    RunSummary,
    StepSummary,
)

ORIGINAL_MS = 0.571
ORIGINAL_SCORE = 98.33
ORIGINAL_BYTES = 312_044
ORIGINAL_MACS = 9_482_240
ORIGINAL_PARAMETERS = 77_354


def around(estimate, half, kind="confidence"):
    return Interval(estimate, estimate - half, estimate + half, kind=kind)


def history(epochs, start, end):
    rows = []
    for epoch in range(1, epochs + 1):
        share = 1 - math.exp(-2.2 * epoch / epochs)
        rows.append(
            {
                "epoch": float(epoch),
                "loss": round(0.9 * (1 - share) + 0.06 + 0.015 * math.sin(3 * epoch), 4),
                "select": round(start + (end - start) * share + 0.2 * math.sin(5 * epoch), 2),
                "lr": 0.001 * (1 - epoch / (epochs + 1)),
            }
        )
    return tuple(rows)


def step(family, keep, score):
    match family:
        case "prune":
            return StepSummary(
                f"prune.Channels(keep={keep}, importance=Taylor())",
                "prune",
                f"Kept {keep:.0%} of the channels in 9 of 11 free groups; first-order Taylor importance on 256 calibration "
                "images. 2 groups stay whole: one carries the output, one feeds a reshape that does not nest.",
                0.9,
                int(ORIGINAL_MACS * keep**1.8),
                int(ORIGINAL_PARAMETERS * keep**1.7),
            )
        case "quantize":
            return StepSummary(
                "quantize.Int8()",
                "quantize",
                "12 of 12 convolutions and linears run in int8 on this target; per-channel weights, asymmetric activations, "
                "min-max over 256 calibration images.",
                0.6,
                int(ORIGINAL_MACS * keep**1.8),
                int(ORIGINAL_PARAMETERS * keep**1.7),
            )
        case "architecture":
            return StepSummary(
                f"architecture.Slim(macs={keep})",
                "architecture",
                "Evolution over 11 widths and 3 depths, 8 generations of 12 children, scored on select without training; "
                "the winner narrows the last stage and leaves out one block.",
                7.4,
                int(ORIGINAL_MACS * keep),
                int(ORIGINAL_PARAMETERS * keep),
            )
        case "distill":
            using = "distill.Logits(temperature=4.0)"
        case "regularize":
            using = "regularize.Mixup(alpha=0.2), regularize.EMA(decay=0.99)"
        case _:
            using = ""
    return StepSummary(
        f"Train(epochs=4, using=({using},))" if using else "Train(epochs=4)",
        family,
        "AdamW at 2.1e-3, found by a range test over 40 batches; cosine schedule. Epoch 4 was kept: nothing later than the "
        "best epoch is thrown away, nothing earlier is picked.",
        5.8,
        int(ORIGINAL_MACS * keep**1.8),
        int(ORIGINAL_PARAMETERS * keep**1.7),
        history(4, score - 14, score),
    )


def candidate(name, families, keep, rng, *, role="trial", best=False, frontier=False, judged=False):
    quantized = "quantize" in families
    ratio = (keep**1.1) * (0.56 if quantized else 1.0) + 0.03
    trained = any(f in families for f in ("distill", "regularize", "train"))
    drop = (1 - keep) ** 2 * (2.2 if trained else 14) + (0.25 if quantized else 0) - (0.2 if trained else 0)
    drop += rng.gauss(0, 0.15)
    size = int(ORIGINAL_BYTES * keep**1.7 * (0.29 if quantized else 1.0)) + 4100
    score = ORIGINAL_SCORE - drop
    shown = tuple(family for family in families if family != "train")
    return CandidateSummary(
        id=name.replace(" ", "-").replace("+", "and"),
        label=name,
        families=shown,
        role=role,
        status="measured",
        steps=tuple(step(family, keep, score) for family in families),
        file=f"blobs/{rng.getrandbits(64):016x}.onnx",
        sha256=f"{rng.getrandbits(256):064x}",
        score=around(score, 1.05),
        drop=around(drop, 0.55 + 0.1 * rng.random()),
        latency=around(ORIGINAL_MS * ratio, 0.02 * ORIGINAL_MS * ratio + 0.004),
        p95=around(ORIGINAL_MS * ratio * 1.14, 0.03),
        p99=around(ORIGINAL_MS * ratio * 1.41, 0.06),
        ratio=around(ratio, 0.024 * ratio + 0.006),
        next_run=around(ratio, 0.11 * ratio, "prediction"),
        throughput=1000 / (ORIGINAL_MS * ratio),
        load=11.3,
        first=2.7,
        size=size,
        compressed=int(size * 0.9),
        memory=int(2.9e6 + 9 * size),
        macs=int(ORIGINAL_MACS * keep**1.8),
        parameters=int(ORIGINAL_PARAMETERS * keep**1.7),
        judged=judged,
        best=best,
        frontier=frontier,
        seconds=9.0 + rng.random(),
    )


def original():
    return CandidateSummary(
        id="original",
        label="original",
        families=(),
        role="original",
        status="measured",
        file="blobs/0a51.onnx",
        sha256="0a51" * 16,
        score=around(ORIGINAL_SCORE, 1.02),
        drop=around(0.0, 0.0),
        latency=around(ORIGINAL_MS, 0.011),
        p95=around(0.64, 0.03),
        p99=around(0.83, 0.08),
        ratio=around(1.0, 0.0),
        throughput=1751.0,
        load=14.0,
        first=3.1,
        size=ORIGINAL_BYTES,
        compressed=288_120,
        memory=5_912_000,
        macs=ORIGINAL_MACS,
        parameters=ORIGINAL_PARAMETERS,
        judged=True,
        frontier=True,
    )


ARMS = (
    ("prune 0.5", ("prune", "train"), 0.5),
    ("int8", ("quantize",), 1.0),
    ("distill into 0.5", ("distill",), 0.5),
    ("regularize", ("regularize",), 1.0),
    ("slim 0.45", ("architecture", "train"), 0.45),
)


def pairs(arms):
    found = []
    for i, a in enumerate(arms):
        for b in arms[i + 1 :]:
            for quantity, unit, margin, of in (
                ("latency", "%", 3.0, lambda c: 100 * c.ratio.estimate),
                ("score", "pt", 0.5, lambda c: -c.drop.estimate),
            ):
                difference = around(of(b) - of(a), 0.6 if quantity == "score" else 2.2)
                sign = 1 if quantity == "score" else -1
                better, worse = sign * difference.low, sign * difference.high
                if min(better, worse) > margin:
                    outcome = "b wins"
                elif max(better, worse) < -margin:
                    outcome = "a wins"
                elif max(abs(difference.low), abs(difference.high)) < margin:
                    outcome = "tie"
                else:
                    outcome = "cannot tell"
                p = 0.0004 if "wins" in outcome else 0.31
                found.append(PairSummary(a.label, b.label, quantity, difference, unit, outcome, p))
            smaller = "a wins" if a.size < b.size * 0.97 else "b wins" if b.size < a.size * 0.97 else "tie"
            found.append(PairSummary(a.label, b.label, "size", around(float(b.size - a.size), 0.0), "bytes", smaller))
    return tuple(found)


FINDINGS = (
    FindingSummary(
        "PD101",
        "Channels are not a multiple of 8",
        "issue",
        "Three layers were cut to 11, 13 and 27 channels. The int8 kernels of this runtime work in blocks of 8, so the "
        "file computes as if they had 16, 16 and 32. Use `prune.Channels(multiple=8)`.",
        "prune 0.5",
    ),
    FindingSummary(
        "PD204",
        "Select and judge disagree",
        "tip",
        "The original scores 98.3 % on judge and 99.1 % on select; the difference lies beyond the interval. The two splits "
        "may not come from the same source.",
    ),
    FindingSummary("PD301", "Judge was opened before", "passed", "This judge data has been opened once: now."),
    FindingSummary("PD105", "Runtime fell back to float", "passed", "All quantized operators run fused int8 kernels."),
    FindingSummary("PD402", "Energy is estimated", "not applicable", "No energy was asked for."),
)


def rounding(name):
    """Ten values, the error growing along the network, one of them with outliers."""
    rows = []
    for place in range(10):
        bad = place == 6
        snr = 46.0 - 3.1 * place - (5 if bad else 0)
        rows.append(
            RoundedSummary(
                node=f"relu_{place}" if place else "x",
                layer=f"stages.{place // 4}.{place % 4}" if place else "",
                snr_db=snr,
                own_db=46.0 - (27 if bad else 0.3 * place),
                file_db=None if place == 9 else 55.0 + place,
                cosine=1 - 10 ** (-snr / 10) / 2,
                clipped=0.031 if place == 3 else 0.0,
                tail=38.2 if bad else 1.4,
                spread=2.5,
                reason="outliers: the largest value is 38 times what 99.9 % keep below"
                if bad
                else "the steps of the range",
            )
        )
    return RoundingSummary(name, 64, tuple(rows), "relu_9", "")


def rich():
    rng = random.Random(7)  # noqa: S311 (a fixture)
    arms = [candidate(name, families, keep, rng, role="arm", judged=True) for name, families, keep in ARMS]
    best = candidate(
        "prune 0.62 + distill + int8",
        ("prune", "distill", "quantize"),
        0.62,
        rng,
        best=True,
        frontier=True,
        judged=True,
    )
    best = dataclasses.replace(best, drop=around(0.42, 0.61), score=around(97.91, 1.1))
    trials = []
    for i in range(22):
        keep = rng.choice((0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9))
        families = rng.choice(
            (
                ("prune", "train"),
                ("prune", "distill"),
                ("prune", "distill", "quantize"),
                ("prune", "quantize"),
                ("architecture", "distill", "quantize"),
                ("quantize", "regularize"),
                ("architecture", "regularize"),
                ("quantize", "distill", "regularize"),
            )
        )
        words = {"architecture": f"slim {keep}", "prune": f"prune {keep}", "quantize": "int8", "train": "train"}
        label = " + ".join(words.get(f, f) for f in families)
        trials.append(candidate(f"{label} #{i + 7}", families, keep, rng))
    trials[3] = dataclasses.replace(trials[3], frontier=True)
    failed = CandidateSummary(
        id="failed",
        label="slim 0.2 + train",
        families=("architecture",),
        role="trial",
        status="failed",
        steps=(step("architecture", 0.2, 80),),
        failure="TrainingError: the task loss became NaN in step 2 (Train), epoch 1, batch 14. "
        "Lower the rate (it was 3.2e-2) or set clip=1.0.",
        seconds=3.2,
    )
    control = dataclasses.replace(
        candidate("do nothing, train", ("train",), 1.0, rng), role="control", families=(), id="control"
    )
    everything = (original(), control, *arms, best, *trials, failed)
    return RunSummary(
        title="digits, small residual CNN",
        command="compress",
        created="2026-11-20T14:03:11+00:00",
        status="finished",
        verdict="prune 0.62 + distill + int8 meets 3 of 3 limits: 2.7 times faster, 5.9 times smaller, and no more than "
        "2 points lost.",
        met=True,
        score_name="accuracy",
        score_unit="%",
        score_higher_is_better=True,
        target="ONNX Runtime, 1 thread, batch 1",
        runtime="onnxruntime 1.31.1",
        processor="AMD EPYC 9R14 (2 cores)",
        threads=1,
        batch=1,
        seed=0,
        time_limit_s=120.0,
        time_used_s=104.2,
        data={"train": 898, "calibrate": 256, "select": 299, "judge": 600},
        candidates=everything,
        limits=(
            LimitSummary("latency", "latency ≤ 50%", ORIGINAL_MS * 0.5, best.latency, "ms", "meets"),
            LimitSummary("size", "size ≤ 80 kB", 80_000.0, around(float(best.size), 0.0), "bytes", "meets"),
            LimitSummary(
                "drop",
                "drop ≤ 2 pt",
                2.0,
                best.drop,
                "pt",
                "meets",
                binding=True,
                advice="3 points instead of 2 would allow 'prune 0.4 + int8': 3.9 times faster instead of 2.7, 24 kB.",
            ),
        ),
        pairs=pairs([*arms, best]),
        findings=FINDINGS,
        rounding=rounding(best.label),
        margins={"latency": 0.03, "score": 0.5, "size": 0.03},
        openings=1,
        versions={
            "paredown": "0.1.0",
            "torch": "2.13.0",
            "onnx": "1.23.2",
            "onnxruntime": "1.31.1",
            "python": "3.11.7",
        },
    )


def unmet():
    run = rich()
    limits = (
        dataclasses.replace(run.limits[0], outcome="cannot tell", bound=0.215, limit="latency ≤ 0.215 ms"),
        dataclasses.replace(
            run.limits[2],
            outcome="misses",
            bound=0.1,
            limit="drop ≤ 0.1 pt",
            value=around(0.72, 0.5),
            advice="0.6 points instead of 0.1 would be met by the best file.",
        ),
        LimitSummary("memory", "memory ≤ 8 MB", 8e6, None, "bytes", "cannot tell"),
    )
    return dataclasses.replace(
        run,
        met=False,
        limits=limits,
        verdict="No file is known to meet the budget; the best effort misses drop ≤ 0.1 pt, which binds.",
    )


def bare():
    """Nothing measured, nothing limited, everything failed."""
    failed = CandidateSummary(
        "t1", "int8", ("quantize",), "trial", "failed", failure="MeasureError: the runtime was killed after 60 s."
    )
    skipped = CandidateSummary("t2", "prune 0.1", ("prune",), "trial", "skipped", failure="the time was up")
    return dataclasses.replace(
        rich(),
        title="",
        status="interrupted",
        verdict="",
        met=None,
        candidates=(failed, skipped),
        limits=(),
        pairs=(),
        findings=(),
        margins={},
        versions={},
        data={},
        time_used_s=3.0,
    )


def single():
    return dataclasses.replace(
        rich(), candidates=(original(),), limits=(), pairs=(), met=None, verdict="Only the original was measured."
    )


def ugly():
    """Two hundred candidates, endless labels, markup in names, missing and infinite intervals."""
    rng = random.Random(3)  # noqa: S311 (a fixture)
    run = rich()
    nasty = "<script>alert('x')</script> & " + "prune.Channels(keep=0.5, importance=Taylor(), multiple=8) then " * 4
    many = [
        candidate(
            f"{nasty if i % 17 == 0 else 'slim'} {i}",
            ("prune", "distill", "quantize", "regularize", "architecture"),
            rng.uniform(0.05, 1),
            rng,
        )
        for i in range(200)
    ]
    many[0] = dataclasses.replace(many[0], latency=None, ratio=None)
    many[1] = dataclasses.replace(many[1], score=None, drop=None)
    many[2] = dataclasses.replace(many[2], score=Interval(math.nan, math.nan, math.nan))
    many[3] = dataclasses.replace(
        many[3], latency=Interval(0.3, -math.inf, math.inf), ratio=Interval(0.5, 0.0, math.inf)
    )
    many[4] = dataclasses.replace(many[4], id="a b'\"<c>")
    arms = [dataclasses.replace(c, role="arm", label=f"{c.label} arm") for c in many[16:26]]
    return dataclasses.replace(
        run,
        title=nasty,
        verdict="",
        met=None,
        score_higher_is_better=False,
        score_name="mean absolute error",
        score_unit="K",
        candidates=(*run.candidates[:1], *many, *arms),
        pairs=pairs(arms),
    )


def long(times=4):
    """The rich run, and its trials over and over, none of them on the frontier."""
    run = rich()
    more = [
        dataclasses.replace(c, id=f"{c.id}-{i}", label=f"{c.label} #{i}", role="trial", best=False, frontier=False)
        for i in range(times)
        for c in run.candidates
    ]
    return dataclasses.replace(run, candidates=(*run.candidates, *more))
