import dataclasses
import enum
import functools
import sys
import types
import typing
from pathlib import Path

import pytest

from paredown import codec, names, prune, targets
from paredown.errors import InputError
from paredown.graph import Capabilities
from paredown.recipe import Train, Transform
from paredown.recipe.run import StepRecord
from paredown.run import entries as run_entries
from paredown.run import settings as run_settings
from paredown.run.ledger import Decision, Measurement, Setting, diary
from paredown.run.results import TrialResult
from paredown.run.settings import About, Settings
from paredown.search import entries as search_entries
from paredown.search.space import Space
from paredown.targets import Target

STORED = (Path(__file__).parent / "stored" / "v0_1" / "names.txt").read_text(encoding="utf-8").split()
"""Every name that version 0.1 could store."""


@dataclasses.dataclass(frozen=True)
class Plain:
    size: int = 1


@dataclasses.dataclass(frozen=True)
class Cut(Transform):
    depth: Plain = Plain()

    def plan(self, network, evidence):
        raise NotImplementedError

    def apply(self, network, plan):
        raise NotImplementedError


class Colour(enum.Enum):
    RED = 1


class NoDataclass:
    pass


def teacher():
    raise NotImplementedError


def test_own_types_have_names_without_files():
    assert names.name_of(prune.Channels) == "prune.Channels"
    assert names.name_of(targets.OnnxRuntime) == "targets.OnnxRuntime"
    assert names.name_of(Train) == "recipe.Train"
    assert names.name_of(Settings) == "run.Settings"
    assert names.type_of("run.About") is About
    assert names.type_of("search.About") is About


def test_a_name_of_version_0_1_means_the_same_type_wherever_it_lies_now():
    assert names.type_of("paredown.prune.channels:Channels") is prune.Channels
    assert names.type_of("paredown.search.settings:Settings") is Settings
    assert names.type_of("paredown.targets.onnxruntime:OnnxRuntime") is targets.OnnxRuntime


@pytest.mark.parametrize("name", STORED)
def test_whatever_version_0_1_stored_is_found(name):
    assert names.type_of(name).__name__ == name.partition(":")[2]


def test_a_renamed_class_is_found_by_its_former_name(monkeypatch):
    monkeypatch.setattr(names, "_FORMER", {"prune.Filters": "prune.Channels"})
    assert names.type_of("prune.Filters") is prune.Channels
    assert names.type_of("paredown.prune.filters:Filters") is prune.Channels
    assert codec.decode({"type": "prune.Filters", "keep": 0.25}) == prune.Channels(keep=0.25)
    assert names.name_of(prune.Channels) == "prune.Channels"


@pytest.mark.parametrize("name", sorted(names._INNER))
def test_every_inner_name_is_the_name_of_its_type(name):
    assert names.name_of(names.type_of(name)) == name


def _parts(kind):
    """Types of Paredown's in the annotation of a field."""
    if isinstance(kind, type) and kind.__module__.startswith("paredown."):
        yield kind
    for inner in typing.get_args(kind):
        yield from _parts(inner)


def _inside(kind, found):
    if kind not in found and (dataclasses.is_dataclass(kind) or issubclass(kind, enum.Enum)):
        found.add(kind)
        hints = typing.get_type_hints(kind, vars(sys.modules[kind.__module__]))
        for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
            for part in _parts(hints[field.name]):
                _inside(part, found)


def test_whatever_a_ledger_keeps_has_a_name():
    """A type that is stored and has no name would only be noticed by a run."""
    found = set()
    for module in (run_entries, search_entries, run_settings):
        for entry in vars(module).values():
            if isinstance(entry, (Setting, Decision, Measurement)):
                for kind in _parts(entry.type if isinstance(entry.type, type) else tuple[entry.type]):
                    _inside(kind, found)
    for kind in (StepRecord, TrialResult, Capabilities):
        _inside(kind, found)
    found |= {kind for kind in vars(diary).values() if isinstance(kind, type) and kind.__base__ is diary.Event}
    assert len(found) > 20
    for kind in found - {Target}:  # the contract itself is never stored
        assert names.type_of(names.name_of(kind)) is kind


@pytest.mark.parametrize("room", names._ROOMS)
def test_every_public_type_of_a_room_has_its_name(room):
    module = sys.modules[f"paredown.{room}"]
    for key in module.__all__:
        thing = getattr(module, key)
        if isinstance(thing, type) and (dataclasses.is_dataclass(thing) or issubclass(thing, enum.Enum)):
            assert names.type_of(names.name_of(thing)) is thing


@pytest.mark.parametrize(
    "name",
    [
        "prune.gradual", "prune.channels", "prune.Channels.keep", "prune.__class__", "prune.", ".Channels", "", "names.sys",
        "targets.importlib", "search.Run", "graph.Network", "paredown.names:sys", "paredown.codec:importlib",
        "paredown:codec", "errors.InputError",
    ],
)  # fmt: skip
def test_what_is_not_in_the_table_is_refused_by_name(name):
    with pytest.raises(
        InputError, match=r"is stored, and no type of Paredown that may be stored|is not imported|cannot be"
    ):
        names.type_of(name)


def test_users_own_things_come_back_from_modules_that_are_imported():
    step = Cut(Plain(3))
    encoded = codec.encode((step, Colour.RED, teacher))
    assert encoded["tuple"][0]["type"] == f"{__name__}:Cut"
    assert codec.decode(encoded) == (step, Colour.RED, teacher)
    assert codec.users_modules(encoded) == {__name__}
    assert names.room(f"{__name__}:Cut") == __name__.rpartition(".")[2]


def test_a_module_that_is_not_imported_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "evil_module.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nx = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    for stored in ({"ref": "evil_module:x"}, {"type": "evil_module:x"}, {"enum": "evil_module:x", "name": "A"}):
        with pytest.raises(
            InputError, match=r"'evil_module:x' is stored, and 'evil_module' is not imported.*Import evil_module"
        ):
            codec.decode({"tuple": [1, {"dict": {"a": stored}}]})
    assert not (tmp_path / "ran").exists()
    assert "evil_module" not in sys.modules


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "os:abort",
        "subprocess:run",
        "shutil:rmtree",
        "torch:compile",
        "torch.hub:load",
        "numpy:load",
        "pytest:main",
    ],
)
def test_functions_of_python_and_of_packages_are_never_taken(name):
    __import__(name.partition(":")[0])
    with pytest.raises(InputError, match=f"{name!r} cannot be a stored function"):
        codec.decode({"ref": name})


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("subprocess:Popen", "is neither a dataclass nor an enumeration"),
        ("pathlib:Path", "is neither a dataclass nor an enumeration"),
        (f"{__name__}:NoDataclass", "is neither a dataclass nor an enumeration"),
        (f"{__name__}:Transform", "is neither a dataclass nor an enumeration that this module defines"),
        (f"{__name__}:sys", "is neither a dataclass nor an enumeration"),
        (f"{__name__}:nothing", "is neither a dataclass nor an enumeration"),
        ("uuid:SafeUUID", "belongs to Python or to an installed package"),
        ("torch.export.graph_signature:InputKind", "belongs to Python or to an installed package"),
    ],
)
def test_other_types_are_refused(name, why):
    __import__(name.partition(":")[0])
    with pytest.raises(InputError, match=f"{name!r} cannot be a stored type: it {why}"):
        names.type_of(name)


def test_a_technique_of_an_installed_package_is_found(monkeypatch):
    monkeypatch.setattr(names, "_of_user", lambda _: False)
    assert names.type_of(f"{__name__}:Cut") is Cut
    with pytest.raises(InputError, match="belongs to Python or to an installed package, and is no technique"):
        names.type_of(f"{__name__}:Plain")


def test_a_module_is_not_asked_for_what_it_does_not_hold(monkeypatch):
    module = types.ModuleType("obliging")
    module.__getattr__ = lambda name: pytest.fail(f"asked for {name}")
    monkeypatch.setitem(sys.modules, "obliging", module)
    with pytest.raises(InputError, match="'obliging:anything' cannot be a stored type"):
        names.type_of("obliging:anything")


def test_what_could_not_be_found_again_is_refused_when_it_is_stored():
    @dataclasses.dataclass(frozen=True)
    class Inside:
        pass

    with pytest.raises(InputError, match=r"has no importable name.*Define it with `def name"):
        codec.encode(Inside())
    with pytest.raises(InputError, match="has no importable name"):
        codec.encode(lambda: 1)
    with pytest.raises(InputError, match=r"'functools:wraps' cannot be a stored function.*which may call it"):
        codec.encode(functools.wraps)
    with pytest.raises(InputError, match="The class Plain cannot be stored with the run"):
        codec.encode(Plain)
    with pytest.raises(
        InputError, match=r"paredown.search.space.Space has no stored name.*`_INNER` of paredown/names.py"
    ):
        names.name_of(Space)
