"""What strategies are asked, with a space of whole numbers."""

import dataclasses

import pytest

from paredown.architecture import Evolution, LocalSearch, RandomSearch
from paredown.recipe.move import Between, Options
from paredown.recipe.strategy import Answer, Proposal, Strategy, draws, given, propose
from paredown.search.tpe import ParzenEstimator


class Numbers:
    """Pairs of a number from 0 to 1, in hundredths, and one of four."""

    def __init__(self):
        self.evaluations = 30
        self.dimensions = {"share": Between(0.0, 1.0, 0.5), "kind": Options((0, 1, 2, 3))}

    def given(self, history):
        return [self.build({"share": 0.5, "kind": 0}), self.build({"share": 0.501, "kind": 0})]

    def build(self, point):
        return Proposal((round(point["share"], 2), self.dimensions["kind"].values[point["kind"]]), point)

    def sample(self, draw):
        return self.build({"share": float(draw.random()), "kind": int(draw.integers(4))})

    def mutate(self, proposal, draw):
        share = min(1.0, max(0.0, proposal.point["share"] + float(draw.normal(0, 0.1))))
        return self.build({"share": share, "kind": int((proposal.point["kind"] + draw.integers(2)) % 4)})


def answered(proposal):
    share, kind = proposal.candidate
    if kind == 3:
        return Answer(proposal)
    return Answer(proposal, (abs(share - 0.8) + kind, share), {"least": 0.2 - share})


def searched(strategy, seed, count=20):
    history = []
    while len(history) < count:
        proposal = propose(strategy, Numbers(), history, seed, 12)
        if proposal is None:
            break
        history.append(answered(proposal))
    return history


@dataclasses.dataclass(frozen=True)
class Upwards(Strategy):
    """A strategy in one place."""

    step: float = 0.25

    def ask(self, space, history, seed):
        share = len(history) * self.step
        return space.build({"share": share, "kind": 0}) if share <= 1.0 else None


STRATEGIES = [Evolution(8, 3), LocalSearch(patience=3), RandomSearch(), ParzenEstimator(), Upwards()]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_any_strategy_searches_any_space(strategy):
    history = searched(strategy, 1)
    assert len(history) >= 5
    assert history == searched(strategy, 1)
    for count in range(len(history)):
        assert strategy.ask(Numbers(), history[:count], 1) == history[count].proposal


@pytest.mark.parametrize("strategy", STRATEGIES[:4], ids=lambda s: type(s).__name__)
def test_another_seed_proposes_others(strategy):
    assert searched(strategy, 1) != searched(strategy, 2)


def test_what_was_answered_before_is_not_evaluated_again():
    history = []
    strategy = Evolution(8, 3)
    first = propose(strategy, Numbers(), history, 0, 12)
    history.append(answered(first))
    second = propose(strategy, Numbers(), history, 0, 12)
    assert second.candidate != first.candidate
    assert history[1] == dataclasses.replace(history[0], proposal=Numbers().given([])[1], repeated=True)
    assert given(Numbers(), history[:1]) == Numbers().given([])[1]
    assert given(Numbers(), history) is None


def test_a_space_that_is_used_up_ends():
    class Two(Numbers):
        def sample(self, draw):
            return self.build({"share": 0.5, "kind": int(draw.integers(2))})

    history = []
    while (proposal := propose(RandomSearch(), Two(), history, 0, 12)) is not None:
        history.append(answered(proposal))
    assert len({answer.candidate for answer in history}) == 2
    assert sum(answer.repeated for answer in history) >= 12
    assert propose(Upwards(), Numbers(), [answered(Numbers().build({"share": 0.1, "kind": 0}))] * 5, 0, 12) is None


def test_answers_rank_by_what_is_missed_then_by_values():
    def answer(*values, over=0.0):
        return Answer(Proposal(values), values, {"limit": over})

    best, worse, missing, failed = answer(1.0, 5.0), answer(1.0, 6.0), answer(0.1, over=0.3), Answer(Proposal("x"))
    assert sorted([failed, missing, worse, best], key=lambda a: a.rank) == [best, worse, missing, failed]
    assert [a.feasible for a in (best, missing, failed)] == [True, False, False]
    assert failed.failed


def test_draws_differ_from_ask_to_ask_and_from_seed_to_seed():
    numbers = {draws(seed, [None] * count).random() for seed in (-1, 0, 1) for count in range(5)}
    assert len(numbers) == 15


def test_guided_strategies_find_what_is_good():
    def best(strategy):
        return min(answer.rank for seed in range(3) for answer in searched(strategy, seed, 30))

    for strategy in (Evolution(8, 3), LocalSearch(patience=5), ParzenEstimator()):
        assert best(strategy)[1] < 0.1


def test_settings_of_the_estimator():
    from paredown.errors import RecipeError

    with pytest.raises(RecipeError, match=r"ParzenEstimator\(random=-1\) was given. It is a whole number, 0 or more"):
        ParzenEstimator(random=-1)
