import pytest

from paredown.targets import OnnxRuntime
from paredown.targets.saturation import weight_bits


@pytest.mark.parametrize(
    ("flags", "bits"),
    [
        ("fpu sse4_2 avx avx2 fma", 7),
        ("avx2 avx512f avx512bw", 7),
        ("avx2 avx512f avx512_vnni", 8),
        ("avx2 avx_vnni", 8),
        ("fpu sse4_2", 8),
    ],
)
def test_weights_have_the_room_that_sums_have(tmp_path, flags, bits):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nmodel name : some\nflags : {flags}\n")
    assert weight_bits(cpuinfo) == bits


def test_other_processors_have_room_for_all(tmp_path):
    assert weight_bits(tmp_path / "none") == 8
    arm = tmp_path / "cpuinfo"
    arm.write_text("processor : 0\nFeatures : fp asimd asimddp\n")
    assert weight_bits(arm) == 8


def test_the_target_knows_its_processor():
    assert OnnxRuntime().capabilities.int8.weight_bits == weight_bits()


@pytest.mark.parametrize("here", [7, 8])
@pytest.mark.parametrize("told", [7, 8])
def test_the_target_can_be_told_of_another_processor(monkeypatch, here, told):
    monkeypatch.setattr("paredown.targets.saturation.weight_bits", lambda: here)
    found = OnnxRuntime(weight_bits=told).capabilities
    assert (found.int8.weight_bits, found.int8.sum_bits) == (told, here)
