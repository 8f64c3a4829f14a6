"""Proposals: promising ones first, the same for the same seed and results, different afterwards."""

from paredown import prune
from paredown.search.proposals import Proposer, trial_seed
from paredown.search.space import Move, Space


def share(sketch, aim):
    return round(aim * 0.6, 3) if sketch.quantized else round(aim * 0.3, 3)


def outcome(sketch):
    return 3.0 * (1 - sketch.macs) + len(sketch.order) * 0.1, sketch.macs


def asked(seed, count, space=None):
    proposer = Proposer(space or Space(), share, seed)
    found = []
    for _ in range(count):
        proposal = proposer.ask()
        if proposal is None:
            break
        found.append(proposal.sketch)
        drop, cost = outcome(proposal.sketch)
        if len(found) % 5 == 0:
            proposer.fail(proposal.number)
        else:
            proposer.tell(proposal.number, drop, cost, {"drop": drop - 1.0, "latency": cost - 0.5})
    return found


def test_the_same_seed_and_results_give_the_same_proposals():
    first, again, other = asked(1, 14), asked(1, 14), asked(2, 14)
    assert first == again
    assert first != other
    assert first[:6] == other[:6]  # the given ones


def test_the_first_proposals_prune_by_norm_train_plainly_and_with_a_teacher_and_quantize():
    first, second = asked(0, 2)
    assert first.order == second.order == (Move.PRUNE, Move.TRAIN, Move.INT8)
    assert first.importance == second.importance == prune.L2()
    assert (first.using, second.distilled) == ((), True)
    assert first.macs == second.macs == share(first, 0.93)


def test_without_a_teacher_the_first_proposals_are_plain():
    found = asked(0, 6, Space(families=frozenset({"prune", "quantize"})))
    assert len(set(found)) == 6
    assert not any(sketch.distilled for sketch in found)


def test_blocks_go_as_a_whole_so_both_neighbours_of_the_limit_come_early():
    deep = [sketch for sketch in asked(0, 4) if sketch.order == (Move.SHALLOW, Move.TRAIN, Move.INT8)]
    assert [sketch.macs for sketch in deep] == [share(deep[0], 0.93), share(deep[0], 1.0)]


def test_orders_vary_and_nothing_is_proposed_twice():
    found = asked(0, 20)
    assert len(set(found)) == len(found) == 20
    assert len({sketch.order for sketch in found}) >= 5


def test_an_interrupted_search_goes_on_as_if_it_had_not_been():
    # All there is to remember is what was told; the sampler's state is not stored.
    whole = asked(3, 12)
    assert asked(3, 9) == whole[:9]
    assert asked(3, 12)[9:] == whole[9:]


def test_a_small_space_ends():
    space = Space(families=frozenset({"quantize"}))
    found = asked(0, 30, space)
    assert 1 <= len(found) < 30
    assert asked(0, 5, Space(families=frozenset({"distill"}), int8=False)) == []


def test_every_trial_has_its_own_seed():
    assert len({trial_seed(seed, number) for seed in range(10) for number in range(10)}) == 100
