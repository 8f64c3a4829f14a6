"""The algebra: unification refines atoms as reshapes and concatenations ask for it."""

import pytest

from paredown.graph.axes.algebra import Algebra
from paredown.graph.axes.dims import Dim, Kind, Misfit, divide, factors, find, leaves, segments


@pytest.fixture
def algebra():
    return Algebra()


def sizes(dims):
    return [dim.size for dim in dims]


def test_a_product_splits_an_atom(algebra):
    atom, outer, inner = Dim(24), Dim(4), Dim(6)
    algebra.unify(atom, algebra.product([outer, inner]))
    assert [find(f) for f in factors(atom)] == [find(outer), find(inner)]


def test_two_products_refine_each_other(algebra):
    left, right = algebra.product([Dim(2), Dim(12)]), algebra.product([Dim(8), Dim(3)])
    algebra.unify(left, right)
    assert sizes(factors(left)) == sizes(factors(right)) == [2, 4, 3]
    assert list(leaves(left)) == list(leaves(right))


def test_products_that_do_not_nest_are_frozen_where_they_do_not(algebra):
    one, two = [Dim(2), Dim(4), Dim(6), Dim(5)], [Dim(2), Dim(6), Dim(4), Dim(5)]
    algebra.unify(algebra.product(one), algebra.product(two))
    for dims in (one, two):
        assert [find(dim).frozen is None for dim in dims] == [True, False, False, True]
    assert find(one[0]) is find(two[0])
    assert find(one[3]) is find(two[3])
    assert one[1].frozen.why == "does not nest with the axes it meets"


def test_a_varying_axis_that_is_elsewhere_is_frozen_with_what_it_passed(algebra):
    sympy = pytest.importorskip("sympy")
    batch = sympy.Symbol("s", positive=True, integer=True)
    one, two = [Dim(batch), Dim(4), Dim(8)], [Dim(4), Dim(batch), Dim(8)]
    algebra.unify(algebra.product(one), algebra.product(two))
    assert [find(dim).frozen is None for dim in (*one, *two)] == [False, False, True] * 2
    assert find(one[2]) is find(two[2])


def test_sums_that_do_not_nest_are_frozen(algebra):
    sympy = pytest.importorskip("sympy")
    batch = sympy.Symbol("s", positive=True, integer=True)
    one, two = [Dim(batch), Dim(4)], [Dim(4), Dim(batch)]
    algebra.unify(algebra.sum(one), algebra.sum(two))
    assert all(dim.frozen for dim in (*one, *two))


def test_sizes_that_differ_do_not_fit(algebra):
    with pytest.raises(Misfit, match="3 and 4 indices"):
        algebra.unify(Dim(3), Dim(4))


def test_two_sums_refine_each_other(algebra):
    left, right = algebra.sum([Dim(2), Dim(5)]), algebra.sum([Dim(4), Dim(3)])
    algebra.unify(left, right)
    assert sizes(segments(left)) == [2, 2, 3]
    assert list(leaves(left)) == list(leaves(right))


def test_a_sum_of_equal_segments_is_a_product(algebra):
    # Concatenate two halves, then shuffle: both halves become one atom.
    one, two = Dim(6), Dim(6)
    joined = algebra.sum([one, two])
    groups, each = Dim(2), Dim(6)
    algebra.unify(joined, algebra.product([groups, each]))
    assert find(one) is find(two) is find(each)
    assert find(joined).kind is Kind.PRODUCT


def test_a_sum_of_multiples_keeps_its_segments_free(algebra):
    joined = algebra.sum([Dim(8), Dim(4)])
    first, rest = algebra.split(joined, 3)
    assert sizes(segments(first)) == [2, 1]
    assert rest.size == 4
    assert all(leaf.frozen is None for leaf in leaves(joined))


def test_segments_that_are_no_multiples_are_taken_one_by_one(algebra):
    one, two, three = Dim(4), Dim(2), Dim(6)
    joined = algebra.sum([one, two, three])
    first, rest = algebra.split(joined, 2)
    assert first.frozen.why == "takes its segments one by one"
    assert list(leaves(three)) == list(leaves(rest)) == [*leaves(one), *leaves(two)]


def test_taking_a_part_of_a_product_takes_outer_indices(algebra):
    whole = algebra.product([Dim(6), Dim(5)])
    left, right = algebra.part(whole, 10)
    assert sizes(factors(left)) == [2, 5]
    assert sizes(factors(right)) == [4, 5]
    assert factors(left)[1] is factors(right)[1]


def test_taking_a_part_inside_an_inner_atom_unrolls_the_outer(algebra):
    heads, each = Dim(3), Dim(4)
    left, _ = algebra.part(algebra.product([heads, each]), 6)
    assert heads.frozen is not None
    assert sizes(segments(left)) == [2, 2, 2]
    assert find(segments(left)[0]) is find(segments(left)[2])


def test_freezing_reaches_atoms_made_later(algebra):
    atom = algebra.leaf(12, "is an input")
    algebra.unify(atom, algebra.product([Dim(3), Dim(4)]))
    assert all(leaf.frozen.why == "is an input" for leaf in leaves(atom))


def test_the_first_reason_stays(algebra):
    atom = algebra.leaf(12, "is an input")
    algebra.freeze(atom, "is an output")
    assert atom.frozen.why == "is an input"


def test_regrouping_freezes_only_the_region_that_does_not_nest(algebra):
    axes = [Dim(2), Dim(4), Dim(6), Dim(5)]
    out = algebra.regroup(axes, [2, 6, 4, 5])
    assert sizes(out) == [2, 6, 4, 5]
    assert [axis.frozen is None for axis in axes] == [True, False, False, True]
    assert out[0] is axes[0]
    assert out[3] is axes[3]


def test_regrouping_keeps_single_indices(algebra):
    axes = [Dim(1), Dim(6), Dim(1)]
    out = algebra.regroup(axes, [2, 1, 3])
    assert sizes(out) == [2, 1, 3]
    assert list(leaves(axes[1])) == [out[0], out[2]]


@pytest.mark.parametrize(("size", "by", "quotient"), [(12, 4, 3), (12, 5, None), (0, 3, 0)])
def test_division_is_whole_or_none(size, by, quotient):
    assert divide(size, by) == quotient


def test_symbolic_sizes_divide(algebra):
    sympy = pytest.importorskip("sympy")
    batch = sympy.Symbol("s", positive=True, integer=True)
    assert divide(12 * batch, batch) == 12
    assert divide(12 * batch, 4) == 3 * batch
    assert divide(batch, 2) is None
    merged = algebra.regroup([Dim(batch), Dim(4), Dim(4), Dim(8)], [16 * batch, 8])
    assert sizes(factors(merged[0])) == [batch, 4, 4]


def test_printing_a_term_shows_its_structure(algebra):
    heads = Dim(3)
    heads.label = "heads"
    assert repr(algebra.sum([algebra.product([heads, Dim(4)]), algebra.leaf(5, "x")])) == "((heads3*4)+5!)"
