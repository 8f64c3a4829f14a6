"""Every finding both ways, and where it does not apply."""

import dataclasses
import re
from pathlib import Path

import numpy as np
from measurements import energy_of, file, hits, latency_of

from paredown import scores
from paredown.graph.capabilities import Capabilities, Int8Kernels
from paredown.measure import Size, proportions, quality
from paredown.targets import Lowering, OnnxRuntime
from paredown.testing import MockTarget
from paredown.verdict import Margins, Measured
from paredown.verdict.findings import FileContext, RunContext, check

ORIGINAL = file("original")
PAGES = Path(__file__).parents[2] / "docs" / "findings"


def of_file(code, **facts):
    context = FileContext(**{"measured": file("small", 0.4), "original": ORIGINAL, **facts})
    return next(found for found in check(context) if found.code == code)


def of_run(code, **facts):
    return next(found for found in check(RunContext(**facts)) if found.code == code)


def told(finding):
    return str(finding.severity), finding.text


ALIGNED = Capabilities("ONNX Runtime", channel_multiple=8)


def test_pd101_channels():
    original = {"conv1": 32, "conv2": 64}
    severity, text = told(
        of_file("PD101", capabilities=ALIGNED, channels={"conv1": 13, "conv2": 64}, original_channels=original)
    )
    assert severity == "tip"
    assert "1 of 1 layers that were cut are not a multiple of 8 wide: conv1 (13)" in text
    many = {f"c{i}": 13 for i in range(7)}
    assert ", ..." in of_file("PD101", capabilities=ALIGNED, channels=many).text
    assert (
        of_file("PD101", capabilities=ALIGNED, channels={"conv1": 16}, original_channels=original).severity == "passed"
    )
    for facts in (
        {},
        {"capabilities": Capabilities("any"), "channels": {"conv1": 13}},
        {"capabilities": ALIGNED, "channels": original, "original_channels": original},
    ):
        assert of_file("PD101", **facts).severity == "not applicable"


def test_pd102_int8():
    int8 = Lowering({}, 10, ("conv3 (aten.conv2d) of layer.3",), conversions=5)
    slow = file("small", 0.99)
    severity, text = told(of_file("PD102", measured=slow, lowering=int8))
    assert severity == "issue"
    assert "0.99 of the original's time" in text
    assert "1 of 10 nodes are still computed in float: conv3" in text
    assert "5 conversions between float and 8 bits are left" in text
    assert "PD103" in of_file("PD102", measured=slow, lowering=Lowering({}, 10)).text
    mixed = Lowering({}, 10, floats={"Erf": 2, "LayerNormalization": 3})
    text = of_file("PD102", measured=slow, lowering=mixed).text
    assert "5 operators beside 10 quantized ones are float: 3 LayerNormalization, 2 Erf. `quantize.Mixed()`" in text
    slow_adder = Capabilities("t", Int8Kernels(sum_bits=7))
    assert "(VNNI)" in of_file("PD102", measured=slow, lowering=mixed, capabilities=slow_adder).text
    asked = Capabilities("t", Int8Kernels(weight_bits=7))  # the target asks for it, the processor does not
    assert "(VNNI)" not in of_file("PD102", measured=slow, lowering=mixed, capabilities=asked).text
    assert of_file("PD102", lowering=int8).severity == "passed"
    assert of_file("PD102", lowering=Lowering()).severity == "not applicable"
    assert of_file("PD102", lowering=int8, measured=Measured("x")).severity == "not applicable"


def test_pd102_is_silent_where_the_interval_decides_nothing():
    """0.95 of the time, give or take a tenth: nobody knows whether the file is faster."""
    severity, text = told(
        of_file("PD102", measured=Measured("s", latency_of(0.95, spread=0.1)), lowering=Lowering({}, 3))
    )
    assert severity == "not applicable"
    assert text.startswith("It takes 0.95 of the original's time [0.8")
    assert text.endswith("which does not say whether it is faster (see PD108).")


def test_pd103_fixed_cost():
    severity, text = told(of_file("PD103", measured=file("small", 0.9), macs=25, original_macs=100))
    assert severity == "tip"
    assert "25% of the multiplications take 90% of the time, so at least 8" in text
    assert of_file("PD103", macs=25, original_macs=100).severity == "passed"
    assert of_file("PD103", macs=95, original_macs=100).severity == "not applicable"
    assert of_file("PD103", macs=95).severity == "not applicable"


def test_pd104_select_and_judge():
    def of(wrong, n=1000):
        return quality(hits(n, wrong), hits(n, wrong), scores.accuracy)

    severity, text = told(of_run("PD104", select=of(10), judge=of(100)))
    assert severity == "issue"
    assert "scores 99 on select and 90 on judge: 9 apart where chance explains 2" in text
    assert of_run("PD104", select=of(95), judge=of(100)).severity == "passed"
    assert of_run("PD104", select=of(95)).severity == "not applicable"


def test_pd105_opened_before():
    assert told(of_run("PD105", openings=3))[0] == "issue"
    assert "opened 3 times" in of_run("PD105", openings=3).text
    assert of_run("PD105", openings=1).severity == "passed"
    assert of_run("PD105", openings=0).severity == "not applicable"


def test_pd106_few_examples():
    original = hits(200, 20)
    few = file("small", 0.4, hits(200, 24), original)
    severity, text = told(of_file("PD106", measured=few, margins=Margins(score=0.5)))
    assert severity == "tip"
    assert text.startswith("200 examples give the drop to within")
    assert "examples a file that loses nothing would be called a tie four times out of five" in text
    enough = file("small", 0.4, hits(20_000, 2002), hits(20_000, 2000))
    severity, text = told(of_file("PD106", measured=enough, margins=Margins(score=0.5)))
    assert severity == "passed"
    assert text.endswith("and that tells.")
    worse = file("small", 0.4, hits(200, 100), original)  # few examples, and yet beyond doubt
    assert of_file("PD106", measured=worse, unit="%").severity == "passed"
    assert of_file("PD106", measured=few, unit="%").severity == "tip"
    assert of_file("PD106", measured=Measured("x")).severity == "not applicable"
    assert of_file("PD106", measured=ORIGINAL).severity == "not applicable"


def test_pd106_knows_margins_of_any_unit():
    """Half a per cent of the score where it is no per cent: 300 examples with errors that differ by half are too few."""
    generator = np.random.default_rng(0)
    errors = generator.exponential(1.0, (300, 1))
    small = Measured(
        "small", quality=quality(errors * generator.exponential(1.0, (300, 1)), errors, scores.squared_error)
    )
    original = Measured("original", quality=quality(errors, errors, scores.squared_error))
    assert of_file("PD106", measured=small, original=original, unit="m²").severity == "tip"


def test_pd106_promises_what_so_many_examples_do():
    """With the examples it asks for, a file that loses nothing is called a tie in four of five cases, not in one of four."""
    generator = np.random.default_rng(1)
    rows = [np.ones((600, 1)) for _ in range(2)]
    rows[0][:12], rows[1][12:24] = 0, 0  # 4 % are answered differently
    text = of_file("PD106", measured=file("small", 0.4, *rows), margins=Margins(score=0.5)).text
    needed = int(re.search(r"about (\d+) examples", text)[1])
    ties = 0
    for lost, won, _ in generator.multinomial(needed, [0.02, 0.02, 0.96], 400):
        known = proportions.PairedShares(int(won), int(lost), needed, 100.0)
        ties += known.interval(0.90).low > -0.5 and known.interval(0.90).high < 0.5
    assert 0.76 * 400 <= ties <= 0.92 * 400  # Tango's interval at 600 is a little wider than one over the root says


def test_pd107_energy():
    guessed = file("small", 0.4, energy=energy_of(1.5, estimated=True))
    assert told(of_file("PD107", measured=guessed))[0] == "tip"
    assert "1.5 mJ" in of_file("PD107", measured=guessed).text
    assert of_file("PD107", measured=file("s", 0.4, energy=energy_of(1.5, estimated=False))).severity == "passed"
    assert of_file("PD107").severity == "not applicable"


def test_pd108_undecided():
    open_ = Measured("small", latency_of(0.5, answered=False))
    severity, text = told(of_file("PD108", measured=open_))
    assert severity == "tip"
    assert text.startswith("After 5 pairs the ratio is 0.4")
    assert of_file("PD108").severity == "passed"
    assert of_file("PD108", measured=ORIGINAL).severity == "not applicable"


def test_pd109_in_process():
    severity, text = told(of_run("PD109", reference=""))
    assert severity == "tip"
    assert "name it as module:name" in text
    severity, text = told(of_run("PD109", reference="app:task"))
    assert severity == "passed"
    assert "the task is known as app:task" in text
    assert of_run("PD109").severity == "not applicable"


def test_pd110_noise():
    def of(**changes):
        return of_file("PD110", measured=Measured("small", latency_of(0.5, **changes)))

    assert of(dropped=900, noisy=True).severity == "issue"
    severity, text = told(of(dropped=300))
    assert severity == "tip"
    assert text.startswith("300 of 1000 samples (30%) were disturbed and left out; p95 and p99")
    assert of(dropped=10).severity == "passed"
    assert of_file("PD110", measured=Measured("x")).severity == "not applicable"


def test_pd111_assumed():
    severity, text = told(of_run("PD111", assumptions=("Select was carved from judge.",)))
    assert severity == "tip"
    assert text.startswith("Select was carved from judge. Give Data(")
    assert of_run("PD111", assumptions=()).severity == "passed"
    assert of_run("PD111").severity == "not applicable"


def test_pd112_sparse():
    small = dataclasses.replace(file("small", 1.0), size=Size(1000, 420, 400))
    facts = {"sparsity": 0.62, "capabilities": ALIGNED}
    severity, text = told(of_file("PD112", measured=small, **facts))
    assert severity == "tip"
    assert text.startswith(
        "62% of the parameters are zeros of sparse weights. The file has 100% of the original's bytes"
    )
    assert "on disk and 80% when both are compressed, and takes 1.00 of its time [0.99, 1.01]. ONNX Runtime mul" in text
    assert of_file("PD112", sparsity=0.5).severity == "passed"
    severity, text = told(of_file("PD112", measured=Measured("small", size=small.size), sparsity=0.5))
    assert severity == "tip"
    assert "Its time was not compared. A runtime for dense weights multiplies" in text
    for none in ({}, {"sparsity": 0.0}, {"sparsity": 0.5, "measured": Measured("small", latency_of(0.5))}):
        assert of_file("PD112", **none).severity == "not applicable"


def test_pd113_sums():
    whole, seven = Lowering({}, 2, weight_bits=8), Lowering({}, 2, weight_bits=7)
    narrow = Capabilities("ONNX Runtime", Int8Kernels(sum_bits=7))  # what the target is told changes no processor
    severity, text = told(of_file("PD113", lowering=whole, capabilities=narrow, target=OnnxRuntime()))
    assert severity == "issue"
    assert text.startswith("Its weights take 8 bits, and sums have room for 7 on this processor: they may overflow")
    assert "on this machine, or with `target=targets.OnnxRuntime(weight_bits=7)` (`--weight-bits 7`)." in text
    for facts in ({}, {"capabilities": Capabilities("ONNX Runtime")}):
        severity, text = told(of_file("PD113", lowering=whole, target=OnnxRuntime(), **facts))
        assert severity == "tip"
        assert "On x86 processors without VNNI sums have room for 7 and may overflow. Where the file goes to" in text
        assert "make it with `target=targets.OnnxRuntime(weight_bits=7)`" in text
    assert "make it with `quantize.Int8(weight_bits=7)`" in of_file("PD113", lowering=whole, target=MockTarget()).text
    assert "make it with weights of 7 bits" in of_file("PD113", lowering=whole).text
    severity, text = told(of_file("PD113", lowering=seven, capabilities=narrow))
    assert severity == "passed"
    assert text == "Its weights take 7 bits, which sums have room for on every processor."
    for none in ({}, {"lowering": Lowering()}):
        assert of_file("PD113", **none).severity == "not applicable"


def test_pd114_lost():
    severity, text = told(of_run("PD114", lost=tuple(f"'mean {n}': only updated while training" for n in range(7))))
    assert severity == "tip"
    assert text.startswith("'mean 0': only updated while training; 'mean 1'")
    assert "; and 2 more. Trainings of this run do without" in text
    assert of_run("PD114", lost=()).severity == "passed"
    assert of_run("PD114").severity == "not applicable"


def test_pd115_constant():
    severity, text = told(of_file("PD115", constant=tuple(f"relu_{n}" for n in range(7))))
    assert severity == "tip"
    assert text.startswith("relu_0, relu_1, relu_2, relu_3, relu_4 and 2 more: always the same on the calibration data")
    assert of_file("PD115", constant=()).severity == "passed"
    assert of_file("PD115").severity == "not applicable"


def test_all_are_given_every_time_and_have_a_page():
    found = check(FileContext(Measured("x"), Measured("original"))) + check(RunContext())
    assert {str(finding.severity) for finding in found} == {"not applicable"}
    codes = [finding.code for finding in found]
    assert len(set(codes)) == len(codes) >= 13
    root = Path(__file__).parents[2]
    for finding in found:
        page = (root / finding.page).read_text(encoding="utf-8")
        assert page.startswith(f"# {finding.code}: {finding.title}\n")
        assert all(f"\n## {part}\n" in page for part in ("What was seen", "Why it matters", "What to do"))
        assert (finding.candidate == "x") == (finding in check(FileContext(Measured("x"), Measured("original"))))
    assert sorted(path.stem for path in PAGES.glob("pd*.md")) == sorted(code.lower() for code in codes)


def test_a_finding_on_one_line():
    assert str(of_file("PD101")) == "PD101 not applicable [small]: The widths of the layers are not known."
