"""Which dimension holds the classes, and which places have one."""

import pytest
import torch

from paredown.recipe.classes import class_axis, counted

WHOLE, REAL = torch.long, torch.float32


@pytest.mark.parametrize(
    ("outputs", "target", "dtype", "axis"),
    [
        ((4, 3), (4,), WHOLE, 1),
        ((4, 3, 5, 6), (4, 5, 6), WHOLE, 1),
        ((4, 5, 3), (4, 5), WHOLE, 2),
        ((4, 1), (4,), WHOLE, None),  # one score: yes or no
        ((4, 1, 5, 6), (4, 5, 6), WHOLE, None),
        ((4, 5, 1), (4, 5), WHOLE, None),
        ((4, 1, 3), (4, 1), WHOLE, 2),
        ((4, 3), (4,), REAL, None),
        ((4, 3), (4, 3), WHOLE, None),
        ((4,), (4,), WHOLE, None),
        ((4, 3), (5,), WHOLE, None),
    ],
)
def test_it_is_the_one_that_targets_lack(outputs, target, dtype, axis):
    assert class_axis(torch.zeros(outputs), torch.zeros(target, dtype=dtype)) == axis


def test_several_tensors_have_none():
    assert class_axis((torch.zeros(4, 3),), torch.zeros(4).long()) is None
    assert class_axis(torch.zeros(4, 3), {"y": torch.zeros(4).long()}) is None


def test_places_whose_target_is_no_class_do_not_count():
    target = torch.tensor([0, 2, 3, 255, -1, -100])
    assert counted(target, 3).tolist() == [True, True, False, False, False, False]
    assert counted(target[:4].to(torch.uint8), 3).tolist() == [True, True, False, False]
