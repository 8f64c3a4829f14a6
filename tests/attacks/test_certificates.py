"""Certificates that were made up: read, refused or failed, and never anything else."""

import copy
import dataclasses
import json
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paredown import codec, measure
from paredown.cli import exits, main
from paredown.errors import CertificateError
from paredown.measure import Interval, Latency, Memory, Quality, Size
from paredown.targets import OnnxRuntime
from paredown.verdict import Certificate, certificate_path
from paredown.verdict import certificate as certificates
from paredown.verdict.verify import verify

ONE = Interval(1.0, 0.9, 1.1)


def sealed(body):
    """A certificate whose own hash is right, whatever it says."""
    body = {key: value for key, value in body.items() if key != "content_sha256"}
    return {**body, "content_sha256": certificates._digest(body)}


@pytest.fixture(scope="module")
def honest():
    """What a certificate says, all of it."""
    latency = Latency(
        ONE, ONE, ONE, ONE, ONE, ONE, ONE, 1000.0, 3.0, 2.0, 1, 1, 5, 10, 1000, noisy=False, answered=True,
        samples=(1.0, 1.1), log_ratios=(0.0, 0.1), looks=(5,), session="s", group=0, runtime="r", processor="p",
    )  # fmt: skip
    return Certificate(
        "small.onnx", "0" * 64, "2026-01-01", codec.encode(OnnxRuntime()), "onnxruntime", measure.processor(), Size(3, 2, 2),
        latency, Memory(3, 1, 2, 0, 1, 3), None, Quality(ONE, ONE, ONE, ONE, 9, "m", (1, 2), 0.5),
        certificates.Original("original.onnx", "1" * 64, 9), certificates.Data("judge", "f", 9, "accuracy", "%", True),
        plans=({"reason": "r"},), margins={"latency": 0.03, "score": None},
        probe=certificates.Probe((np.ones((2, 3), np.float32),), (np.ones((2, 1), np.float32),), 80.0),
    ).to_json()  # fmt: skip


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**310)
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def places(thing, so_far=()):
    """Paths to everything in a certificate."""
    yield so_far
    items = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    for key, value in items:
        yield from places(value, (*so_far, key))


def put(thing, path, value):
    """The same with another value at a place, or without what is there."""
    changed = copy.deepcopy(thing)
    owner = changed
    for key in path[:-1]:
        owner = owner[key]
    if value is mock.DEFAULT:
        del owner[path[-1]]
    else:
        owner[path[-1]] = value
    return changed


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_changed_at_random_it_is_read_or_refused(honest, data):
    body = honest
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path in places(body) if path and path != ("schema",)]))
        body = put(body, path, data.draw(VALUES | st.just(mock.DEFAULT)))
    try:
        text = json.dumps(sealed(body))
    except ValueError:  # infinite numbers, which `json` writes and a certificate cannot hold
        text = json.dumps(body)
    try:
        read = Certificate.from_json(json.loads(text))
    except CertificateError:
        return
    assert json.loads(json.dumps(read.to_json()))  # what is read can be written, so every part has its type


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_verifying_what_was_changed_at_random_ends_in_words(honest, tmp_path, monkeypatch, data):
    """Whatever is claimed, verifying tells line by line, or refuses with an error of Paredown's own."""
    checks = "paredown.verdict.checks"
    monkeypatch.setattr(f"{checks}.outputs.probe", lambda path, inputs, **_: [np.ones((2, 1), np.float32)])
    monkeypatch.setattr(f"{checks}.resources.memory", lambda path, **_: Memory(3, 1, 2, 0, 1, 3))
    file = tmp_path / "small.onnx"
    file.write_bytes(b"abc")
    body = put(honest, ("sha256",), certificates.file_sha256(file))
    numbers = [
        path for path in places(body) if path and path[0] in {"latency", "quality", "size", "probe", "data", "memory"}
    ]
    body = put(body, data.draw(st.sampled_from(numbers)), data.draw(SCALARS | st.floats(0, 2) | st.just(mock.DEFAULT)))
    try:
        text = json.dumps(sealed(body))
    except ValueError:
        return
    certificate_path(file).write_text(text)
    try:
        told = verify(file, target=OnnxRuntime())
    except CertificateError:
        return
    assert len(str(told).splitlines()) == 1 + len(told.checks)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("size", "bytes"), "3", "size: bytes: '3' where int belongs"),
        (("size", "bytes"), True, "True where int belongs"),
        (("size", "bytes"), 10**30, "where int belongs"),
        (("size",), [], r"size: \[\] where dict belongs"),
        (("size", "more"), 1, "fields of Size that are missing or unknown: 'more'"),
        (("size", "bytes"), mock.DEFAULT, "fields of Size that are missing or unknown: 'bytes'"),
        (("latency", "p50"), None, "p50: None where dict belongs"),
        (("latency", "p50", "estimate"), "much", "'much' where a number belongs"),
        (("latency", "samples"), {"0": 1.0}, "samples: .* where list belongs"),
        (("quality", "discordant"), [1, 2, 3], "3 values where 2 belong"),
        (("margins",), [], r"\[\] where dict belongs"),
        (("probe", "inputs", 0, "dtype"), "object", "numbers of the kind 'object'"),
        (("probe", "inputs", 0, "dtype"), "S1000000000", "numbers of the kind"),
        (("probe", "inputs", 0, "dtype"), "no such", "numbers of the kind 'no such'"),
        (("probe", "inputs", 0, "dtype"), 7, "numbers of the kind 7"),
        (("probe", "inputs", 0, "shape"), [1 << 40], "an array of .* bytes, more than"),
        (("probe", "inputs", 0, "shape"), [-1], r"a shape '\[-1\]'"),
        (("probe", "inputs", 0, "shape"), [7], "numbers of another count"),
        (("probe", "inputs", 0, "zlib_base64"), "AAAA", "numbers that cannot be unpacked"),
        (("probe", "inputs", 0, "zlib_base64"), None, "numbers that cannot be unpacked"),
        (("surprise",), 1, "missing or unknown: 'surprise'"),
    ],
)
def test_what_is_not_of_its_type_is_refused(honest, path, value, words):
    with pytest.raises(CertificateError, match=rf"cannot be read \(.*{words}.*Take it from where"):
        Certificate.from_json(sealed(put(honest, path, value)))


def test_what_unpacks_to_more_than_it_says_is_not_unpacked(honest):
    import base64
    import zlib

    bomb = base64.b64encode(zlib.compress(bytes(1 << 28), 9)).decode()
    with pytest.raises(CertificateError, match="numbers of another count"):
        Certificate.from_json(sealed(put(honest, ("probe", "inputs", 0, "zlib_base64"), bomb)))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"schema": 1, "a": NaN}', '{"schema": 1, "a": "\\ud800"}', "\xff"])
def test_text_that_is_no_certificate(tmp_path, text):
    certificate_path(tmp_path / "small.onnx").write_bytes(text.encode("latin-1"))
    with pytest.raises(CertificateError):
        Certificate.read(tmp_path / "small.onnx")


def test_escape_sequences_in_a_certificate_do_not_reach_the_terminal(honest, tmp_path, capsys):
    file = tmp_path / "small.onnx"
    file.write_bytes(b"abc")
    evil = "\x1b[2J\x9b31m\u202e"
    body = put(put(honest, ("data", "score"), evil), ("processor", "model"), evil)
    body = put(body, ("sha256",), certificates.file_sha256(file))
    certificate_path(file).write_text(json.dumps(sealed(body)))
    for words in (["verify", str(file)], ["verify", str(file), "--json"]):
        exits.guarded(main.app, words)
        told = capsys.readouterr()
        assert not set("\x1b\x9b\u202e") & set(told.out + told.err)
    assert not set("\x1b\x9b\u202e") & set(str(verify(file)))


def test_every_interval_has_its_type(honest):
    read = Certificate.from_json(sealed(honest))
    for value in (read.latency.p50, read.quality.drop):
        assert {type(part) for part in dataclasses.astuple(value)[:4]} == {float}
