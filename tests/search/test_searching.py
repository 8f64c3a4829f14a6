"""How a search spends its time, on a pretended clock."""

import pytest

from paredown.budget import Budget
from paredown.prune.moves import CHANNELS, LATENCY
from paredown.quantize.moves import INT8
from paredown.recipe import Train
from paredown.recipe.picks import Picks
from paredown.recipe.training import TRAIN
from paredown.run.ledger import Skipped, Unmade
from paredown.search.arms import arms
from paredown.search.plan import allocate
from paredown.search.training import CAREFUL_RATE, FINE_RATE, RATE

from .pretend import PACE, Prober, world

BUDGET = Budget(latency="60%", drop="1 pt")
CUT = Picks.of(CHANNELS, TRAIN, INT8).sized(0.465)
EPOCH = PACE.epoch(CUT)


def trainings(steps):
    return [step for step in steps if isinstance(step, Train)]


def skipped(made):
    return [f"{event.name}: {event.reason}" for event in made.ledger.events() if isinstance(event, Skipped)]


def trained(made):
    return [(role, name, trainings(steps)) for role, name, steps in made.made if trainings(steps)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Starts a pretended run of so many seconds."""
    opened = []

    def begin(seconds, **settings):
        context = world(tmp_path / f"run {len(opened)}", seconds, monkeypatch, **settings)
        opened.append(context)
        return context.__enter__()

    yield begin
    for context in opened:
        context.__exit__(None, None, None)


def test_short_trainings_take_a_fixed_rate_and_no_range_test(run):
    made = run(1e5, level=1e9)
    search = made.searching(BUDGET)
    search._rates.look()
    cut = search.train("one", "trial", CUT, 3 * EPOCH, 0.0)
    whole = search.train("two", "arm", Picks.of(TRAIN), 20.0, 0.0)
    assert len(made.tests) == 1  # the coarse one of the original
    assert trainings(made.made[0][2])[0].optimizer.lr == cut.picks.rates[0] == RATE
    assert whole.picks.rates == (FINE_RATE,)


def test_a_network_is_tested_once_whatever_is_trained_on_it(run):
    made = run(1e5)
    search = made.searching(BUDGET)
    first = search.train("one", "trial", CUT, 9 * EPOCH, 0.0)
    assert len(made.tests) == 1
    search.train("two", "trial", first.picks.longer(), 12 * EPOCH, 0.0)
    search.train("three", "trial", CUT, 9.5 * EPOCH, 0.0)
    assert len(made.tests) == 1
    search.train("four", "arm", Picks.of(TRAIN), 9 * PACE.epoch(Picks.of(TRAIN)), 0.0)
    assert len(made.tests) == 2


def test_the_planned_seconds_of_range_tests_are_those_that_are_spent(run):
    made = run(1e5)
    search = made.searching(BUDGET)
    planned = search._rates.seconds(CUT, search.space.before(CUT))
    seconds = 9 * EPOCH
    before = made.time
    done = search.train("one", "trial", CUT, seconds, 0.0)
    assert made.account.seconds["range tests"] == pytest.approx(planned) == sum(made.tests)
    assert seconds * 0.88 < made.time - before - PACE.overhead < seconds
    assert done.picks.epochs[0] < seconds / EPOCH - planned / EPOCH
    assert search._rates.seconds(CUT, search.space.before(CUT)) == 0.0


def test_a_fixed_cost_does_not_shrink_later_trainings(run):
    made = run(1e5, fixed=60.0)
    search = made.searching(BUDGET)
    search.train("one", "trial", CUT, 1.0 * EPOCH, 0.0)
    later = search.train("two", "trial", Picks.of(CHANNELS, TRAIN).sized(0.465), 5 * EPOCH, 0.0)
    assert later.picks.epochs[0] >= 4.0  # of 5; taken for slow steps, the fixed cost would leave 1.2


def test_steps_that_really_are_slow_do(run):
    made = run(1e5, slow=3.0)
    search = made.searching(BUDGET)
    search.train("one", "trial", CUT, 2.0 * EPOCH, 0.0)
    later = search.train("two", "trial", Picks.of(CHANNELS, TRAIN).sized(0.465), 6 * EPOCH, 0.0)
    assert 1.5 < later.picks.epochs[0] < 2.5


def test_a_training_that_finds_less_time_than_planned_is_shortened_not_skipped(run):
    made = run(100.0)
    search = made.searching(BUDGET)
    made.time = 60.0  # 40 seconds are left of the 181 that were planned
    done = search.train("last rung", "trial", CUT, 181.0, 0.0)
    assert done is not None
    assert 98.0 < made.time <= 101.0


def test_what_would_be_overhead_for_the_most_part_is_left(run):
    made = run(100.0)
    search = made.searching(BUDGET)
    made.time = 97.0
    assert search.train("late", "trial", CUT, 50.0, 0.0) is None
    assert "late: no time left for it" in skipped(made)
    assert search.train("first", "trial", CUT, 50.0, 0.0, forced=True) is not None


def test_a_short_run_rounds_to_8_bits_and_trains_one_candidate_with_all_the_rest(run):
    seconds = 8 * PACE.epoch(Picks.of(TRAIN))
    made = run(seconds)
    made.searching(BUDGET).run()
    assert [name for _, name, steps in made.made if not trainings(steps)] == ["int8"]
    ((role, _, (training,)),) = trained(made)
    assert role == "trial"
    assert training.using == ()
    recipe = [type(step).__name__ for step in made.made[-1][2]]
    assert recipe == ["Channels", "Train", "Int8"]
    assert 0.97 * seconds < made.time < 1.01 * seconds
    assert training.epochs > (seconds - 10) / EPOCH
    told = skipped(made)
    assert "prune: about 8 epochs fit into this time, and one candidate gets them all" in told


def test_a_longer_run_trains_arms_and_several_candidates_and_one_the_longest(run):
    seconds = 60 * PACE.epoch(Picks.of(TRAIN))
    made = run(seconds)
    made.searching(BUDGET).run()
    roles = [role for role, _, _ in trained(made)]
    assert roles.count("arm") == 4
    assert roles.count("trial") > 3
    assert 0.97 * seconds < made.time < 1.01 * seconds
    longest = max(sum(step.epochs for step in steps) for _, _, steps in trained(made))
    assert longest > 20
    assert sum(made.tests) < 0.05 * seconds


def test_time_for_some_arms_goes_to_the_first_of_them(run):
    made = run(12 * PACE.epoch(Picks.of(TRAIN)))
    search = made.searching(BUDGET)
    search.run()
    wanted = [plan.name for plan in arms(made.space, Prober(made.space)) if plan.picks.trains]
    allocation = allocate(made.seconds, PACE, tuple(wanted))
    assert 0 < len(allocation.arms) < len(wanted)
    assert [name for role, name, _ in trained(made) if role == "arm"] == ["prune 46%"]
    told = skipped(made)
    assert "regularize: no time left to train it for long enough to judge it" in told


def test_networks_that_bear_little_are_trained_carefully(run):
    made = run(1e5)
    search = made.searching(BUDGET)
    search._rates.look()
    search._rates.look()
    assert made.tests == pytest.approx([10 * 4 / 3 * PACE.step])  # once, and coarsely
    cut = search.train("one", "trial", CUT, 3 * EPOCH, 0.0)
    whole = search.train("two", "arm", Picks.of(TRAIN), 20.0, 0.0)
    (own,) = whole.picks.rates
    assert own < FINE_RATE
    assert cut.picks.rates == (pytest.approx(8 * own),)


def test_a_run_that_is_too_short_even_for_a_coarse_test_keeps_the_fixed_rates(run):
    made = run(40.0)
    search = made.searching(BUDGET)
    search._rates.look()
    assert made.tests == []
    assert search.train("one", "trial", CUT, 10.0, 0.0).picks.rates == (CAREFUL_RATE,)
    assert search.train("two", "arm", Picks.of(TRAIN), 10.0, 0.0).picks.rates == (FINE_RATE,)


def test_the_other_trainings_of_a_recipe_are_part_of_its_time(run):
    made = run(1e5)
    search = made.searching(BUDGET)
    both = Picks.of(CHANNELS, TRAIN, INT8, TRAIN).sized(0.465)
    alone = search.train("one", "trial", CUT, 3 * EPOCH, 0.0).picks.epochs[0]
    shared = search.train("two", "trial", both, 3 * EPOCH, 0.0).picks.epochs[0]
    assert 1.3 * shared == pytest.approx(alone, rel=0.1)
    later = search.train("three", "trial", both.longer(), 3 * EPOCH, 0.0)
    assert later.picks.epochs[-1] == pytest.approx(alone, rel=0.1)


def test_moves_that_are_not_possible_are_written_down_with_the_reason_once(run):
    made = run(100.0)
    search = made.searching(BUDGET, refused={CHANNELS: "it broke", LATENCY: "not asked for"})
    search._tell_refusals()
    search._tell_refusals()
    told = [(event.recipe, event.reason) for event in made.ledger.events() if isinstance(event, Unmade)]
    assert told == [("prune", "it broke")]
