"""Every second of a run is put down once."""

import pytest

from paredown.run.account import Account, Purpose


class Watch:
    """A clock that is set by hand."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


@pytest.fixture
def watch():
    return Watch()


def test_what_is_spent_inside_of_another_purpose_is_not_that_ones(watch):
    account = Account(now=watch)
    watch.time = 5.0
    with account.spent(Purpose.JUDGING):
        watch.time += 1.0
        with account.spent(Purpose.LOWERING):
            watch.time += 10.0
        watch.time += 2.0
    watch.time += 100.0
    assert account.seconds == {"judging": 3.0, "lowering": 10.0}


def test_it_is_up_to_date_in_the_middle_and_after_an_error(watch):
    account = Account(now=watch)

    def fail():
        with account.spent(Purpose.CAPTURE):
            watch.time += 4.0
            assert account.seconds == {"capture": 4.0}
            watch.time += 1.0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    watch.time += 9.0
    assert account.seconds == {"capture": 5.0}


def test_seconds_move_between_purposes_and_come_from_earlier_processes(watch):
    account = Account(now=watch)
    account.include({"training": 30.0})
    with account.spent(Purpose.TRANSFORMS):
        watch.time += 10.0
        account.move(7.0, Purpose.TRANSFORMS, Purpose.TRAINING)
    assert account.seconds == {"training": 37.0, "cutting and rounding": 3.0}
