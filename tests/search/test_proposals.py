"""Proposals: promising ones first, the same for the same seed and results, different afterwards."""

import dataclasses

import numpy as np
import pytest

from paredown import prune
from paredown.architecture import Evolution, LocalSearch, RandomSearch
from paredown.architecture.moves import SHALLOW
from paredown.prune.moves import CHANNELS
from paredown.quantize.moves import INT8
from paredown.recipe.strategy import Answer, propose
from paredown.recipe.training import TRAIN
from paredown.search.space import Proposals
from paredown.search.tpe import TRIES, ParzenEstimator, trial_seed

from .pretend import space


def share(picks, aim):
    return round(aim * 0.6, 3) if picks.quantized else round(aim * 0.3, 3)


def answered(proposal, number):
    drop, cost = 3.0 * (1 - proposal.candidate.size) + len(proposal.candidate.picks) * 0.1, proposal.candidate.size
    if number % 5 == 0:
        return Answer(proposal)
    return Answer(proposal, (drop, cost), {"drop": drop - 1.0, "latency": cost - 0.5})


def history_of(seed, count, some=None, strategy=None):
    proposals, history, found = Proposals(some or space(), share), [], 0
    while found < count:
        proposal = propose(strategy or ParzenEstimator(), proposals, history, seed, TRIES)
        if proposal is None:
            break
        found += 1
        history.append(answered(proposal, found))
    return history


def asked(seed, count, some=None):
    return [answer.candidate for answer in history_of(seed, count, some) if not answer.repeated]


def only(*families):
    return dataclasses.replace(space(), families=frozenset(families))


def importance(picks):
    return picks.picks[0].chosen["importance"]


def steps(picks):
    return tuple(move for move in picks.moves if move.shapes or move is TRAIN)


def test_the_same_seed_and_results_give_the_same_proposals():
    first, again, other = asked(1, 14), asked(1, 14), asked(2, 14)
    assert first == again
    assert first != other
    assert first[:6] == other[:6]  # the given ones


def test_what_is_asked_follows_from_the_history_alone():
    history, proposals = history_of(1, 16), Proposals(space(), share)
    for count in (0, 5, 13, len(history) - 1):
        assert ParzenEstimator().ask(proposals, history[:count], 1) == history[count].proposal


def test_the_first_proposals_prune_by_norm_train_plainly_and_with_a_teacher_and_quantize():
    first, second = asked(0, 2)
    assert steps(first) == steps(second) == (CHANNELS, TRAIN, INT8)
    assert importance(first) == importance(second) == prune.L2()
    assert (first.taught, second.taught) == (False, True)
    assert first.size == second.size == share(first, 0.93)


def test_without_a_teacher_the_first_proposals_are_plain():
    found = asked(0, 6, only("prune", "quantize"))
    assert len(set(found)) == 6
    assert not any(picks.taught for picks in found)


def test_blocks_go_as_a_whole_so_both_neighbours_of_the_limit_come_early():
    deep = [picks for picks in asked(0, 4) if steps(picks) == (SHALLOW, TRAIN, INT8)]
    assert [picks.size for picks in deep] == [share(deep[0], 0.93), share(deep[0], 1.0)]


def test_orders_vary_and_nothing_is_proposed_twice():
    found = asked(0, 20)
    assert len(set(found)) == len(found) == 20
    assert len({steps(picks) for picks in found}) >= 5


def test_an_interrupted_search_goes_on_as_if_it_had_not_been():
    # All there is to remember is what was answered; the sampler's state is not stored.
    whole = asked(3, 12)
    assert asked(3, 9) == whole[:9]
    assert asked(3, 12)[9:] == whole[9:]


def test_a_small_space_ends():
    found = asked(0, 30, only("quantize"))
    assert 1 <= len(found) < 30
    nothing = only("distill")
    assert nothing.orders() == ()
    assert asked(0, 5, nothing) == []


@pytest.mark.parametrize("strategy", [Evolution(8, 3), LocalSearch(), RandomSearch()], ids=lambda s: type(s).__name__)
def test_strategies_of_architecture_search_propose_recipes_too(strategy):
    history = history_of(4, 20, strategy=strategy)
    recipes = [space().recipe(answer.candidate) for answer in history if not answer.repeated]
    assert len(recipes) == 20
    assert history == history_of(4, 20, strategy=strategy)


def test_neighbours_differ_in_one_dimension():
    proposals, draw = Proposals(space(), share), np.random.default_rng(0)
    for _ in range(40):
        one = proposals.sample(draw)
        other = proposals.mutate(one, draw)
        assert sum(one.point[name] != other.point[name] for name in one.point) <= 1
        assert set(one.point) == set(proposals.dimensions) == {"order", "aim", "importance of prune", "using"}


def test_every_ask_has_its_own_seed():
    assert len({trial_seed(seed, number) for seed in range(10) for number in range(10)}) == 100
