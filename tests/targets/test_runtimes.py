import dataclasses

import pytest

from paredown import targets
from paredown.quantize.others import others
from paredown.targets import OnnxRuntime, Torch, option


def test_the_usual_runtime_comes_first():
    assert type(targets.default()) is OnnxRuntime
    assert targets.runtimes() == (OnnxRuntime, Torch)


def test_a_file_tells_its_runtime_by_its_suffix():
    assert targets.of("models/small.onnx") == OnnxRuntime()
    assert targets.of("models/small.pt2") == Torch()
    assert targets.of("models/small.txt") is None


def test_runtimes_are_found_by_what_they_can():
    assert targets.having(lambda able: able.int8.operators) == (OnnxRuntime,)
    assert targets.having(lambda able: "float32" in able.formats) == (OnnxRuntime, Torch)


def test_messages_name_the_runtimes_that_can():
    assert others(lambda able: able.int8.operators).startswith("`targets.OnnxRuntime()` can: use it as the target")
    assert "`targets.OnnxRuntime()` and `targets.Torch()` can: use one" in others(lambda able: able.formats)
    assert others(lambda _: False).startswith("No runtime has that today")


def test_options_are_fields_with_a_sentence():
    bits, compiled = (*option.of(OnnxRuntime), *option.of(Torch))
    assert (bits.name, bits.kind, bits.least, bits.most) == ("weight_bits", int, 7, 8)
    assert (compiled.name, compiled.kind, compiled.least) == ("compiled", bool, None)
    assert bits.help.endswith(".")
    assert OnnxRuntime().weight_bits is None

    @dataclasses.dataclass(frozen=True)
    class Plain(Torch):
        other: int = 3

    assert [found.name for found in option.of(Plain)] == ["compiled"]


@pytest.mark.parametrize(
    ("bits", "words"),
    [(7, "with `target=targets.OnnxRuntime(weight_bits=7)`"), (4, "with `quantize.Int8(weight_bits=4)`")],
)
def test_what_to_type_for_fewer_bits(bits, words):
    assert OnnxRuntime().within(bits).startswith(words)
    assert Torch().within(bits) == f"with `quantize.Int8(weight_bits={bits})`"
