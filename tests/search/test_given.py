"""What is given in place of a task, a budget, a target or steps is answered before anything starts."""

import re

import pytest

import paredown
from paredown import prune, quantize, targets
from paredown.errors import InputError, RecipeError
from paredown.search.given import Given

BUDGET = paredown.Budget(size="50%")


@pytest.mark.parametrize("verb", [paredown.compress, paredown.dry_run])
@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ("40%", "budget='40%' does not say of what. Type paredown.Budget(latency=\"40%\"), or size, or drop."),
        ({"size": "1 MB"}, "budget is a dict; it has to be a paredown.Budget. Type paredown.Budget(size='1 MB')."),
        (0.4, "budget=0.4 is a float; it has to be a paredown.Budget. Type paredown.Budget(latency="),
        (paredown.Budget, "budget=Budget is the class, without a limit. Type paredown.Budget(latency="),
        (None, "No budget was given, and without a limit there is nothing to search for. Type budget=paredown.Budget("),
    ],
)
def test_what_is_no_budget(task, verb, budget, words):
    with pytest.raises(InputError, match=re.escape(words)):
        verb(task, budget)


def test_what_is_no_task(task):
    def answer(given):
        with pytest.raises(InputError) as caught:
            paredown.apply(given, [quantize.Int8()])
        return str(caught.value)

    assert "Type paredown.apply(paredown.Task.load('app:task'), ...)." in answer("app:task")
    assert "Type paredown.apply(paredown.Task.load('app:task'), ...)." in answer("app.py")
    assert "task is a Sequential, a model without its data, loss and score. Type paredown.Task(model, " in answer(
        task.model
    )
    assert "task is the function make; it has to be a paredown.Task. Call it: paredown.apply(make(), ...)." in answer(
        make
    )
    assert "task is the class Task; it has to be a paredown.Task. Call it: paredown.apply(Task(), ...)." in answer(
        paredown.Task
    )
    assert "task is a Data; it has to be a paredown.Task. Type paredown.Task(model, data, ...)." in answer(task.data)


def make():
    """A task, once it is called."""


def test_everything_wrong_is_told_at_once(task):
    with pytest.raises(InputError) as caught:
        paredown.compress(task.model, "40%", target="onnx")
    assert [line.partition("=")[0].partition(" ")[0] for line in str(caught.value).splitlines()] == [
        "task",
        "budget",
        "target",
    ]
    with pytest.raises(InputError) as caught:
        paredown.compare(None, "prune", target=targets.Torch, budget="40%")
    assert str(caught.value).count("\n") == 2


def test_a_target_is_asked_for_by_every_verb(task):
    verbs = (
        lambda target: paredown.compress(task, BUDGET, target=target),
        lambda target: paredown.dry_run(task, BUDGET, target=target),
        lambda target: paredown.compare(task, prune, quantize, target=target),
        lambda target: paredown.apply(task, [quantize.Int8()], target=target),
    )
    for verb in verbs:
        with pytest.raises(InputError, match=r"Type target=paredown.targets.OnnxRuntime\(\)"):
            verb("onnxruntime")


def test_what_is_right_passes(task):
    assert Given("apply", task, None).check() == targets.OnnxRuntime()
    assert Given("compare", task, targets.Torch()).check_with(None, optional=True) == targets.Torch()
    assert Given("compress", task, None).check_with(BUDGET) == targets.OnnxRuntime()


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("int8", r"given the string 'int8', which is no step.*strings name steps on the command line only"),
        (["int8"], r"given the string 'int8', which is no step"),
        (quantize.Int8, r"given Int8 \(the class\), which is no step.* Type Int8\(\)\."),
        (3, r"given 3, which is no step"),
        ([prune], r"given the module paredown.prune, which is no step.* Type paredown.prune.\w+\(\), or paredown"),
    ],
)
def test_what_is_no_recipe(task, steps, words):
    with pytest.raises(RecipeError, match=words):
        paredown.apply(task, steps)


def test_one_family_needs_no_list():
    from paredown.search.compress import family_names

    assert family_names("prune") == family_names(prune) == family_names(["prune"]) == ("prune",)


def test_a_single_step_is_a_side():
    from paredown.search.comparing import _sorted

    families, recipes = _sorted((prune.Channels(keep=0.5), quantize.Int8(), quantize))
    assert families == ("quantize",)
    assert list(recipes.values()) == [(prune.Channels(keep=0.5),), (quantize.Int8(),)]


def test_a_missing_budget_is_answered(task):
    with pytest.raises(InputError, match=r"No budget was given.*Type budget=paredown.Budget\("):
        paredown.compress(task)
