"""What findings are told of a run."""

from types import SimpleNamespace

from paredown.search.explaining import _constant


def result(*plans):
    return SimpleNamespace(steps=[SimpleNamespace(plan=plan) for plan in plans])


def test_values_that_never_changed_are_taken_from_the_plans_of_all_steps():
    inside = {"decisions": {"chosen": 0, "int8": {"constant": ["relu", "add"], "folded": []}}}
    assert _constant(result({}, inside, {"decisions": {"constant": ["relu", "mul"]}})) == ("relu", "add", "mul")
    assert _constant(result({"decisions": {"constant": []}})) == ()
    assert _constant(result({}, {"decisions": {"kept": {}}})) is None
