"""Which dimension holds the classes, and which places have one."""

import pytest
import torch

from paredown.recipe.classes import class_axis, counted


@pytest.mark.parametrize(
    ("outputs", "target", "axis"),
    [
        ((6, 3), (6,), 1),
        ((6, 3, 4, 5), (6, 4, 5), 1),
        ((6, 7, 3), (6, 7), 2),
        ((6,), (6,), None),
        ((6, 3), (6, 3), None),
        ((6, 1), (6,), None),  # one score, of a yes or no
        ((6, 1, 4, 5), (6, 4, 5), None),
    ],
)
def test_the_axis_is_the_one_that_the_targets_lack(outputs, target, axis):
    assert class_axis(torch.zeros(outputs), torch.zeros(target, dtype=torch.long)) == axis
    assert class_axis(torch.zeros(outputs), torch.zeros(target)) is None


def test_places_whose_target_is_no_class_do_not_count():
    target = torch.tensor([0, 2, 3, 255, -1, -100])
    assert counted(target, 3).tolist() == [True, True, False, False, False, False]
    assert counted(target[:4].to(torch.uint8), 3).tolist() == [True, True, False, False]
