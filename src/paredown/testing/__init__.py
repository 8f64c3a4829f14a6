"""Contract checks for techniques and targets, ours and yours.

::

    import pytest
    from paredown.testing import transform_checks
    from mine import MyPruning

    @pytest.mark.parametrize("check", transform_checks(MyPruning(keep=0.5)), ids=str)
    def test_contract(check):
        check()

`paredown.testing.blocks` has small networks with the structure of well-known ones; `paredown.testing.networks` draws
random ones for property tests (it needs hypothesis).
"""

from paredown.testing.bench import Bench, Quarters, small_bench
from paredown.testing.check import Check
from paredown.testing.edge_target import EdgeTarget
from paredown.testing.ingredient_checks import ingredient_checks
from paredown.testing.mock_target import MockTarget
from paredown.testing.target_checks import target_checks
from paredown.testing.transform_checks import transform_checks

__all__ = [
    "Bench",
    "Check",
    "EdgeTarget",
    "MockTarget",
    "Quarters",
    "ingredient_checks",
    "small_bench",
    "target_checks",
    "transform_checks",
]
