import pytest

from paredown.codec import decode, encode
from paredown.errors import InputError
from paredown.graph.formats import INT8, UINT8, IntFormat, PerChannel, PerGroup, PerTensor


@pytest.mark.parametrize(
    ("form", "name", "smallest", "largest"),
    [
        (INT8, "int8", -128, 127),
        (UINT8, "uint8", 0, 255),
        (IntFormat(4, signed=True), "int4", -8, 7),
        (IntFormat(2, signed=False), "uint2", 0, 3),
    ],
)
def test_limits_and_names(form, name, smallest, largest):
    assert (form.name, form.quant_min, form.quant_max) == (name, smallest, largest)


@pytest.mark.parametrize("thing", [INT8, PerTensor(), PerChannel(1), PerGroup(32)])
def test_value_objects_survive_storage(thing):
    assert decode(encode(thing)) == thing


def test_impossible_sizes_are_refused():
    with pytest.raises(InputError, match=r"IntFormat\(bits=1\) was given; 2 to 16 bits can be simulated. Type"):
        IntFormat(1, signed=True)
    with pytest.raises(InputError, match=r"PerGroup\(1\) was given; a group holds 2 numbers or more. Type"):
        PerGroup(1)
