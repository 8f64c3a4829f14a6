"""Head-to-heads: planted differences are found, twins are not called different, and Holm is paid."""

import itertools

import numpy as np
import pytest
from measurements import file, hits, latency_of, memory_of

from paredown import scores
from paredown.errors import InputError
from paredown.measure import Size
from paredown.verdict import Arm, Margins, Measured, Result, compare, holm


def pair_of(a, b, **settings):
    """The outcome per quantity of one head-to-head."""
    return {pair.quantity: pair for pair in compare({"a": a, "b": b}, **settings).pairs}


def test_latency_wins_ties_and_doubts():
    fast, slow = Measured("f", latency_of(0.4)), Measured("s", latency_of(0.5))
    found = pair_of(fast, slow)["latency"]
    assert found.outcome is Result.A_WINS
    assert found.difference.estimate == pytest.approx(25.0)
    assert (found.unit, found.margin) == ("%", pytest.approx(3.0))
    assert found.p_holm <= 0.05
    assert pair_of(slow, fast)["latency"].outcome is Result.B_WINS
    assert pair_of(fast, Measured("t", latency_of(0.402)))["latency"].outcome is Result.TIE
    unsure = Measured("u", latency_of(0.41, session="other", spread=0.1))
    assert pair_of(fast, unsure)["latency"].outcome is Result.CANNOT_TELL


def test_pairs_of_the_same_rounds_are_compared_one_by_one():
    """Both scatter by 30 %, together: paired it is clear, as if from different rounds it is not."""
    a, b = latency_of(0.5, spread=0.3), latency_of(0.6, spread=0.3)
    assert pair_of(Measured("a", a), Measured("b", b))["latency"].outcome is Result.A_WINS
    apart = latency_of(0.6, spread=0.3, group=1)
    assert pair_of(Measured("a", a), Measured("b", apart))["latency"].outcome is Result.CANNOT_TELL
    elsewhere = latency_of(0.6, spread=0.3, session="t")
    assert pair_of(Measured("a", a), Measured("b", elsewhere))["latency"].outcome is Result.CANNOT_TELL


def test_the_baseline_can_be_an_arm():
    original, small = Measured("o", latency_of()), Measured("s", latency_of(0.5))
    assert pair_of(original, small)["latency"].outcome is Result.B_WINS
    assert pair_of(small, original)["latency"].difference.estimate == pytest.approx(100.0)
    alone = Measured("x", latency_of(ms=4.0, session="t"))
    assert pair_of(original, alone)["latency"].outcome is Result.A_WINS


def test_scores_win_tie_and_doubt():
    files = {"a": Measured("a"), "b": Measured("b")}

    def outcome(a, b, score=scores.accuracy):
        (pair,) = compare(files, score=score, rows={"a": a, "b": b}).pairs
        return pair

    assert outcome(hits(wrong=100), hits(wrong=150)).outcome is Result.A_WINS
    found = outcome(hits(wrong=150), hits(wrong=100))
    assert found.outcome is Result.B_WINS
    assert found.difference.estimate == pytest.approx(5.0)
    assert (found.unit, found.margin, found.scope) == ("pt", 0.5, "files")
    assert outcome(hits(10_000, 1000), hits(10_000, 1001)).outcome is Result.TIE
    assert outcome(hits(wrong=100), hits(wrong=108)).outcome is Result.CANNOT_TELL
    assert outcome(hits(200, 10), hits(200, 10)).outcome is Result.CANNOT_TELL  # too few examples for half a point


def test_scores_that_are_no_share():
    generator = np.random.default_rng(0)
    truth = generator.exponential(1.0, (400, 1))
    files = {"a": Measured("a"), "b": Measured("b")}

    def outcome(a, b):
        (pair,) = compare(files, score=scores.squared_error, rows={"a": a, "b": b}).pairs
        return pair

    assert outcome(truth, 1.5 * truth).outcome is Result.A_WINS  # a larger error is worse
    assert outcome(1.5 * truth, truth).outcome is Result.B_WINS
    assert outcome(truth, truth * (1 + 1e-4)).outcome is Result.TIE
    noisy = truth * np.exp(generator.normal(0, 0.5, truth.shape))
    assert outcome(truth, noisy / noisy.mean() * truth.mean()).outcome is Result.CANNOT_TELL


def test_a_share_that_should_be_low():
    score = scores.of(lambda outputs, target: outputs, name="misses", higher_is_better=False, binary=True)
    rows = {"a": hits(wrong=900), "b": hits(wrong=600)}
    (pair,) = compare({"a": Measured("a"), "b": Measured("b")}, score=score, rows=rows).pairs
    assert pair.difference.estimate == pytest.approx(0.3)
    assert pair.outcome is Result.A_WINS


def test_sizes_and_memory_are_counted():
    small = Measured("s", size=Size(1000, 1, 1), memory=memory_of(5_000_000, 100_000))
    large = Measured("l", size=Size(1200, 1, 1), memory=memory_of(8_000_000, 100_000))
    found = pair_of(small, large)
    assert {name: pair.outcome for name, pair in found.items()} == {"size": Result.A_WINS, "memory": Result.A_WINS}
    assert found["size"].p_holm is None
    assert found["size"].difference.estimate == pytest.approx(20.0)
    again = pair_of(large, small)
    assert again["size"].outcome is again["memory"].outcome is Result.B_WINS
    twin = Measured("t", size=Size(1005, 1, 1), memory=memory_of(5_010_000, 9_000_000))
    found = pair_of(small, twin)
    assert (found["size"].outcome, found["memory"].outcome) == (Result.TIE, Result.CANNOT_TELL)
    assert "memory" not in pair_of(small, Measured("z", size=Size(5, 1, 1), memory=memory_of(0)))


def test_many_claims_are_dearer_than_one():
    """The same clear enough difference, alone and among fifteen."""
    arms = {
        "a": Measured("a", latency_of(0.5, spread=0.02)),
        "b": Measured("b", latency_of(0.535, spread=0.02, session="t")),
    }
    assert compare(arms).pairs[0].outcome is Result.A_WINS
    crowd = {f"x{i}": Measured("x", latency_of(0.4, spread=0.5, session=f"x{i}")) for i in range(5)}
    crowded = compare({**arms, **crowd}).pairs[0]
    assert crowded.p_holm > compare(arms).pairs[0].p_holm
    assert crowded.outcome is Result.CANNOT_TELL


def test_holm_keeps_the_error_of_the_whole_family():
    """Ten true nulls and a few false ones: any true one is called in at most 5 % of families."""
    generator = np.random.default_rng(1)
    wrong = 0
    for _ in range(2000):
        p_values = [*generator.uniform(size=10), *generator.uniform(0, 1e-3, size=3)]
        wrong += min(holm(p_values)[:10]) <= 0.05
    assert wrong <= 0.065 * 2000
    assert holm([]) == []
    assert holm([0.5, 0.5]) == [1.0, 1.0]


def test_twins_are_not_called_different():
    """Two models that are equally good but wrong on different examples: called in at most 5 %."""
    generator = np.random.default_rng(2)
    called = 0
    for _ in range(200):
        rows = {name: (generator.random((1000, 1)) < 0.9).astype(float) for name in "ab"}
        (pair,) = compare({name: Measured(name) for name in "ab"}, score=scores.accuracy, rows=rows).pairs
        called += pair.outcome in {Result.A_WINS, Result.B_WINS}
    assert called <= 0.05 * 200


def test_planted_differences_in_score_are_found():
    generator = np.random.default_rng(3)
    found = 0
    for _ in range(60):
        rows = {
            name: (generator.random((2000, 1)) < share).astype(float) for name, share in {"a": 0.92, "b": 0.86}.items()
        }
        (pair,) = compare({name: Measured(name) for name in "ab"}, score=scores.accuracy, rows=rows).pairs
        found += pair.outcome is Result.A_WINS
    assert found >= 54


def recipes(shares, seed=0, n=1000, between=0.002):
    generator = np.random.default_rng(seed)
    rows = [(generator.random((n, 1)) < share + generator.normal(0, between)).astype(float) for share in shares]
    return tuple(rows)


def test_recipes_need_three_seeds():
    files = tuple(Measured("f", latency_of(0.5 + 0.001 * i, session=str(i))) for i in range(3))
    slower = tuple(Measured("g", latency_of(0.6 + 0.001 * i, session=f"g{i}")) for i in range(3))
    arms = [Arm("a", files, recipes([0.95] * 3)), Arm("b", slower, recipes([0.85] * 3, seed=9))]
    found = compare(arms, score=scores.accuracy)
    assert found.scope == "recipes"
    assert {pair.quantity: pair.outcome for pair in found.pairs} == {"score": Result.A_WINS, "latency": Result.A_WINS}
    two = compare([Arm("a", files[:2]), arms[1]])
    assert two.scope == "files"
    assert two.of("score") == ()


def test_the_original_needs_no_seeds():
    """It was trained once; what is said of it against recipes is about files, the rest is not."""
    arms = [
        Arm("original", (Measured("o", latency_of()),)),
        Arm("a", tuple(Measured("f", latency_of(0.5 + 0.001 * i, session=str(i))) for i in range(3))),
        Arm("b", tuple(Measured("g", latency_of(0.6 + 0.001 * i, session=f"g{i}")) for i in range(3))),
    ]
    found = compare(arms)
    assert found.scope == "recipes"
    assert [pair.scope for pair in found.pairs] == ["files", "files", "recipes"]


def test_an_arm_without_chance_needs_no_seeds():
    """Rounding without training gives one file, whatever the seed: it meets recipes with the one it has."""
    rounded = Arm("int8", (Measured("r", latency_of(0.5, session="r")),), recipes([0.95]), fixed=True)
    original = Arm("original", (Measured("o", latency_of()),), recipes([0.95], seed=3), fixed=True)
    trained = tuple(Measured("f", latency_of(0.6 + 0.001 * i, session=str(i))) for i in range(3))
    pruned = Arm("prune", trained, recipes([0.85] * 3, seed=9))
    found = compare([rounded, original, pruned], score=scores.accuracy)
    by_names = {(pair.a, pair.b, pair.quantity): pair for pair in found.pairs}
    assert by_names["int8", "original", "score"].scope == "files"  # chance had no say in either
    for quantity in ("score", "latency"):
        assert by_names["int8", "prune", quantity].scope == "recipes"
        assert by_names["int8", "prune", quantity].outcome is Result.A_WINS
    assert by_names["original", "prune", "latency"].outcome is Result.B_WINS
    scattered = Arm("prune", trained, recipes([0.97, 0.9, 0.83], seed=9))
    (pair,) = compare([rounded, scattered], score=scores.accuracy).of("score")
    assert pair.outcome is Result.CANNOT_TELL


def test_what_a_seed_does_to_all_arms_cancels_in_pairs():
    """Seeds move both arms by points, the second is better by two points with every seed."""
    generator = np.random.default_rng(0)
    levels = [0.95, 0.90, 0.85]
    rows = [(generator.random((4000, 1)) < level).astype(float) for level in levels]
    better = []
    for row in rows:
        wrong = np.flatnonzero(row[:, 0] == 0)
        changed = row.copy()
        changed[generator.permutation(wrong)[:80]] = 1  # 2 points
        better.append(changed)
    arms = [Arm("a", (Measured("f"),) * 3, tuple(rows)), Arm("b", (Measured("g"),) * 3, tuple(better))]
    (apart,) = compare(arms, score=scores.accuracy).pairs
    (paired,) = compare(arms, score=scores.accuracy, paired=True).pairs
    assert apart.outcome is Result.CANNOT_TELL
    assert paired.outcome is Result.B_WINS
    assert paired.difference.estimate == pytest.approx(apart.difference.estimate)
    assert paired.difference.low < 2.0 < paired.difference.high
    fewer = Arm("b", (Measured("g"),) * 4, (*better, better[0]))  # other numbers of seeds have no pairs
    (unequal,) = compare([arms[0], fewer], score=scores.accuracy, paired=True).pairs
    assert unequal.outcome is Result.CANNOT_TELL


def test_the_noise_of_a_single_file_is_not_forgotten():
    def between(spread):
        one = Arm("a", (Measured("r", latency_of(0.5, spread=spread, session="r")),), fixed=True)
        many = tuple(Measured("f", latency_of(0.5 + 0.001 * i, session=str(i))) for i in range(3))
        (pair,) = compare([one, Arm("b", many)]).pairs
        return pair.difference.high - pair.difference.low

    assert between(0.2) > 3 * between(0.001)


def test_seeds_that_scatter_leave_recipes_undecided():
    a = Arm("a", (Measured("f"),) * 3, recipes([0.95, 0.90, 0.85]))
    b = Arm("b", (Measured("g"),) * 3, recipes([0.93, 0.88, 0.80], seed=5))
    (pair,) = compare([a, b], score=scores.accuracy).pairs
    assert pair.scope == "recipes"
    assert pair.outcome is Result.CANNOT_TELL
    assert pair.difference.low < pair.difference.estimate < pair.difference.high


def test_every_two_arms_meet():
    arms = {name: file(name, 0.5) for name in "abcd"}
    found = compare(arms)
    assert [(pair.a, pair.b) for pair in found.of("latency")] == list(itertools.combinations("abcd", 2))
    assert str(found).startswith("Scope: files.\nlatency: b against a +0 %")
    assert "margin 3 %: tie" in str(found)
    assert found.margins == Margins()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: compare({"a": Measured("a")}), r"Arms \['a'\] were to be compared; that takes two"),
        (lambda: compare([Arm("a", (Measured("a"),)), Arm("a", (Measured("a"),))]), "different labels"),
        (
            lambda: compare({"a": Measured("a"), "b": Measured("b")}, rows={"a": hits(10), "b": hits(20)}),
            r"different numbers of examples \(a: \[10\], b: \[20\]\).*same split",
        ),
        (lambda: Margins(latency=3.0), r"Margins\(latency=3.0\).*Type Margins\(latency=0.03\)"),
        (lambda: Margins(score=-1.0), r"Margins\(score=-1.0\).*Type Margins\(score=0.5\)"),
    ],
)
def test_what_cannot_be_compared(make, words):
    with pytest.raises(InputError, match=words):
        make()
