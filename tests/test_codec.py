import math

import pytest

from paredown import codec, prune, quantize
from paredown.errors import InputError, RecipeError
from paredown.verdict import Outcome

OLD = {
    "tuple": [
        {"type": "paredown.prune.channels:Channels", "keep": 0.5},
        {
            "dict": {
                "type": "paredown.prune.channels:Channels",
                "a": {"enum": "paredown.verdict.decide:Outcome", "name": "MEETS"},
            }
        },
        {"type": "my_module:Cut", "teacher": {"ref": "other_module:teacher"}},
    ]
}


def test_values_come_back():
    things = (math.inf, -math.inf, None, {"a": (1, [2.5])}, frozenset({1, 2}), Outcome.MEETS, prune.Channels(keep=0.25))
    assert codec.decode(codec.encode(things)) == things


def test_what_is_encoded_is_encoded_as_it_is():
    encoded = codec.encode((prune.Channels(),))
    assert codec.encode(codec.Encoded(encoded)) == encoded


def test_old_names_are_written_as_they_are_now_and_only_where_they_are_names():
    now = codec.contemporary(OLD)["tuple"]
    assert now[0] == {"type": "prune.Channels", "keep": 0.5}
    assert now[1]["dict"]["type"] == "paredown.prune.channels:Channels"  # the value of a key that is called so
    assert now[1]["dict"]["a"] == {"enum": "verdict.Outcome", "name": "MEETS"}
    assert now[2] == OLD["tuple"][2]
    assert codec.contemporary([OLD, 1]) == [codec.contemporary(OLD), 1]


def test_modules_of_the_users_own_are_those_of_names_only():
    assert codec.users_modules(OLD) == {"my_module", "other_module"}
    assert codec.users_modules({"dict": {"ref": "evil:x", "type": "evil:y"}}) == frozenset()
    assert codec.users_modules({"type": "prune.Channels", "ref": "evil:x"}) == frozenset()


def test_a_fingerprint_is_of_content():
    assert codec.fingerprint(prune.Channels()) == codec.fingerprint(prune.Channels())
    assert codec.fingerprint(prune.Channels()) != codec.fingerprint(quantize.Int8())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"what": 1}, "Cannot read stored settings {'what': 1}: no known form"),
        ({"float": "one"}, "'one' was stored as a number"),
        ({"set": [[1]]}, "was stored as a set"),
        ({"enum": "verdict.Outcome", "name": "MAYBE"}, "'verdict.Outcome' was stored with the member 'MAYBE'"),
        ({"enum": "prune.Channels", "name": "keep"}, "'prune.Channels' was stored with the member 'keep'"),
        ({"type": "verdict.Outcome"}, "'verdict.Outcome' was stored with the run but is no dataclass any more"),
        ({"type": "prune.Channels", "other": 1}, "'prune.Channels' was stored with other fields than it has now"),
        ({"type": "prune.Importance"}, "'prune.Importance' was stored with other fields than it has now"),
    ],
)
def test_what_cannot_be_read_is_told(data, words):
    with pytest.raises(InputError, match=words):
        codec.decode(data)


def test_a_setting_out_of_range_is_told_in_its_own_words():
    with pytest.raises(RecipeError, match=r"prune.Channels\(keep=5\) was given"):
        codec.decode({"type": "prune.Channels", "keep": 5})


def test_endless_nesting_is_told():
    data = 1
    for _ in range(100_000):
        data = [data]
    with pytest.raises(InputError, match="nested too deep"):
        codec.decode(data)


def test_what_is_no_setting_cannot_be_stored():
    with pytest.raises(InputError, match=r"object cannot be stored with the run. Settings are numbers"):
        codec.encode(object())
