"""Looking through a ``.pt2`` archive before torch reads it: what goes to torch is data, whoever wrote the file.

``torch.export.load`` unpickles what an archive asks it to unpickle, evaluates the expressions in it, imports the classes
that its nestings name, and runs Python source made of the names of its nodes. An archive that `paredown.graph.storage`
wrote needs none of that: it holds raw tensors and one description in JSON whose every field is looked at here.
"""

import ast
import contextlib
import json
import math
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from paredown.errors import CorruptError, TrustError
from paredown.graph import graphjson

__all__ = ["check_archive", "entries", "is_compiled"]

_PLAIN = re.compile(
    r"data/weights/(weight_\d+|model_weights_config\.json)|data/constants/(tensor_\d+|model_constants_config\.json)|"
    r"models/model\.json|data/sample_inputs/model\.pt|extra/paredown\.json|archive_format|archive_version|"
    r"\.data/(version|serialization_id)|byteorder"
)
_COMPILED = "data/aotinductor/"
_MOST_JSON = 256 << 20  # bytes of a description; that of a network of 10,000 nodes has 10 MB
_BROKEN = (ValueError, RuntimeError, EOFError, IndexError, OverflowError, struct.error)  # what zipfile says of damage
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ATTRIBUTE = re.compile(r"[^\"'\\{}\x00-\x1f\x7f-\x9f]{1,1000}")  # quoted in the source that torch makes
_VERSION = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
_ENDLESS = frozenset({"Infinity", "-Infinity", "NaN"})
_FUNCTIONS = frozenset(
    {
        *("Abs", "Add", "And", "CeilDiv", "CeilToInt", "CleanDiv", "Equality", "Float", "FloatPow", "FloatTrueDiv"),
        *("FloorDiv", "FloorToInt", "GreaterThan", "Identity", "IntTrueDiv", "Integer", "LessThan", "Max", "Min"),
        *("Mod", "ModularIndexing", "Mul", "Not", "Or", "Pow", "PowByNatural", "PythonMod", "Rational", "RoundToInt"),
        *("StrictGreaterThan", "StrictLessThan", "Symbol", "ToFloat", "TruncToFloat", "TruncToInt", "Unequality"),
        "Where",
    }
)
_NESTINGS = frozenset({"builtins.tuple", "builtins.list", "builtins.dict", None})
_ITEM_BYTES: Mapping[int, int] = MappingProxyType(
    {
        **dict.fromkeys((1, 2, 12, 29, 30, 31, 32, 33), 1),
        **dict.fromkeys((3, 6, 13, 28), 2),
        **dict.fromkeys((4, 7, 9, 34), 4),
        **dict.fromkeys((5, 8, 10, 35), 8),
        11: 16,
    }
)

_KEYS = frozenset(
    {
        *(
            "arg",
            "as_bool",
            "as_bools",
            "as_complex",
            "as_device",
            "as_expr",
            "as_float",
            "as_float_lists",
            "as_floats",
        ),
        *("as_int", "as_int_lists", "as_ints", "as_layout", "as_memory_format", "as_name", "as_nested_tensors"),
        *("as_none", "as_optional_tensor", "as_optional_tensors", "as_scalar_type", "as_string", "as_strings"),
        *("as_sym_bool", "as_sym_bools", "as_sym_float", "as_sym_floats", "as_sym_int", "as_sym_ints", "as_tensor"),
        *("as_tensors", "buffer", "buffer_name", "config", "custom_obj_values", "device", "dtype", "expr_str"),
        *("forward_arg_names", "fqn", "graph", "graph_module", "guards_code", "hint", "imag", "in_spec", "index"),
        *("input_specs", "inputs", "is_hop_single_tensor_return", "is_param", "is_single_tensor_return", "kind"),
        *("layout", "major", "max_val", "metadata", "min_val", "minor", "module_call_graph", "name", "nodes"),
        *("opset_version", "out_spec", "output_specs", "outputs", "parameter", "parameter_name", "path_name"),
        *("persistent", "range_constraints", "real", "requires_grad", "schema_version", "signature", "sizes"),
        *("storage_offset", "strides", "sym_bool_values", "sym_float_values", "sym_int_values", "target"),
        *("tensor_constant", "tensor_constant_name", "tensor_meta", "tensor_values", "torch_version"),
        *("treespec_namedtuple_fields", "type", "use_pickle", "user_input", "user_output", "verifiers"),
    }
)
_EMPTY = frozenset({"custom_obj_values", "guards_code", "metadata", "treespec_namedtuple_fields"})
_MAPS = MappingProxyType(
    {
        **dict.fromkeys(("tensor_values", "sym_int_values", "sym_bool_values", "sym_float_values"), _NAME),
        **dict.fromkeys(("range_constraints", "opset_version"), _NAME),
        "config": _ATTRIBUTE,
    }
)
_WORDS = MappingProxyType(
    {
        **dict.fromkeys(("name", "as_name", "forward_arg_names"), _NAME),
        **dict.fromkeys(("parameter_name", "buffer_name", "tensor_constant_name"), _ATTRIBUTE),
        **dict.fromkeys(("as_string", "as_strings"), re.compile(r"[^\x00-\x1f]{0,1000}")),
        "path_name": re.compile(r"(weight|tensor)_\d+"),
        "type": re.compile(r"cpu"),
        "fqn": re.compile(r""),
        "verifiers": re.compile(r"TRAINING"),
        "torch_version": _VERSION,
    }
)


def is_compiled(path: Path) -> bool:
    """Whether an archive holds machine code; False as well where it is no archive."""
    with contextlib.suppress(OSError, zipfile.BadZipFile), _opened(path) as archive:
        return any(name.partition("/")[2].startswith(_COMPILED) for name in archive.namelist())
    return False


def check_archive(path: Path) -> None:
    """Look through an archive of plain tensors and a graph.

    Raises:
        TrustError: it holds anything else, or anything that torch would run; the message names it.
        zipfile.BadZipFile: it is no archive.
        OSError: it cannot be read.

    """
    with _opened(path) as archive, _refused(path):
        _one_reading(path, archive)
        held = entries(archive)
        for name, entry in held.items():
            if not _PLAIN.fullmatch(name):
                _refuse(f"the file {name!r}")
            if name == "data/sample_inputs/model.pt" and entry.file_size:
                _refuse("pickled sample inputs")
        for name in ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json"):
            config = _json(archive, held, name)
            _look(config, "")
            _check_sizes(config, held, name.rpartition("/")[0])
        _look(_json(archive, held, "models/model.json"), "")


def entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Files of an archive by their names below its one folder.

    Raises:
        TrustError: names that lead out of it, twice the same, or contents larger than the archive.

    """
    held: dict[str, zipfile.ZipInfo] = {}
    with _refused(Path(str(archive.filename))):
        for entry in archive.infolist():
            root, _, name = entry.filename.partition("/")
            if ".." in entry.filename.split("/") or "\\" in entry.filename or not root or not name:
                _refuse(f"the name {entry.filename!r}, which leads elsewhere")
            if name in held or (held and root != next(iter(held.values())).filename.partition("/")[0]):
                _refuse(f"the name {entry.filename!r} twice, or in a folder of its own")
            if (
                entry.compress_type != zipfile.ZIP_STORED
                or entry.flag_bits & 1
                or entry.file_size != entry.compress_size
            ):
                _refuse(f"{entry.filename!r} packed or encrypted")
            held[name] = entry
    return held


class _NotPlainError(Exception):
    """What was found that an archive of Paredown does not hold."""


def _refuse(what: str) -> NoReturn:
    raise _NotPlainError(what)


@contextlib.contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except (_NotPlainError, KeyError, TypeError, AttributeError, struct.error) as caught:
        error = caught if isinstance(caught, _NotPlainError) else f"a description that cannot be read ({caught!r})"
        msg = (
            f"{path} holds {error}, which an archive that Paredown wrote does not: torch might run it, so it was not "
            "given to torch. Take the file from where it was made, or capture and lower the model yourself."
        )
        raise TrustError(msg) from None


def _opened(path: Path) -> zipfile.ZipFile:
    """An archive, or the one error that says that it is none."""
    try:
        return zipfile.ZipFile(path)
    except _BROKEN as error:
        raise zipfile.BadZipFile(str(error)) from error


def _one_reading(path: Path, archive: zipfile.ZipFile) -> None:
    """Two readers see the same archive: nothing lies before it or after it, and its end says where its contents are."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - _END.size - _LOCATOR_64.size))
        tail = stream.read()
        locator, end = tail[: -_END.size], _END.unpack(tail[-_END.size :])
        start, length, after = end[6], end[5], size - _END.size
        if locator[:4] == b"PK\x06\x07":
            after = _LOCATOR_64.unpack(locator)[2]
            stream.seek(after)
            end_64 = _END_64.unpack(stream.read(_END_64.size))
            if end_64[0] != b"PK\x06\x06" or after + _END_64.size + _LOCATOR_64.size + _END.size != size:
                _refuse("two ends")
            start, length = end_64[9], end_64[8]
    first = min((entry.header_offset for entry in archive.infolist()), default=-1)
    if end[0] != b"PK\x05\x06" or start + length != after or archive.start_dir != start or first != 0:
        _refuse("something before or after its contents")


def _json(archive: zipfile.ZipFile, held: Mapping[str, zipfile.ZipInfo], name: str) -> Any:
    entry = held.get(name)
    if entry is None or entry.file_size > _MOST_JSON:
        _refuse(f"no {name}" if entry is None else f"{entry.file_size} bytes of {name}")
    try:
        return json.loads(archive.read(entry))
    except (zipfile.BadZipFile, *_BROKEN) as error:
        _refuse(f"{name} that is not JSON ({error})")


def _look(value: Any, key: str) -> None:
    """Every field has a known name, and every word in it a known form."""
    if key in _EMPTY:
        if value:
            _refuse(f"{key} {_short(value)}")
    elif isinstance(value, dict):
        _look_at_fields(value, key)
    elif isinstance(value, list):
        for item in value:
            _look(item, key)
    elif isinstance(value, str):
        _look_at_word(value, key)
    elif key == "use_pickle" and value is not False:
        _refuse("pickled tensors")


def _look_at_fields(value: Mapping[str, Any], key: str) -> None:
    names = _MAPS.get(key)
    for name, part in value.items():
        if names is not None:
            if not names.fullmatch(name):
                _refuse(f"the name {_short(name)} in {key}")
            _look(part, "")
        elif name not in _KEYS:
            _refuse(f"the field {_short(name)}")
        else:
            _look(part, name)


def _look_at_word(word: str, key: str) -> None:
    form = _WORDS.get(key)
    if key == "target":
        fits = _is_operator(word)
    elif key == "expr_str":
        fits = len(word) <= 10_000 and _is_arithmetic(word)
    elif key in {"in_spec", "out_spec"}:
        fits = _is_nesting(word)
    elif key in {"as_float", "as_floats", "as_float_lists", "real", "imag"}:
        fits = word in _ENDLESS
    else:
        fits = form is not None and form.fullmatch(word) is not None
    if not fits:
        _refuse(f"{key or 'the text'} {_short(word)}")


def _short(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) <= 80 else text[:79] + "…"


def _is_operator(target: str) -> bool:
    """An operator that stored graphs may call, in torch's spelling."""
    ours = re.sub(r"^torch\.ops\.(\w+)\.(\w+\.\w+)$", r"\1::\2", target)
    ours = re.sub(r"^_?(operator|math|torch)\.([a-z]\w*)$", r"\1:\2", ours) if ours == target else ours
    if ours == target or ours.startswith("paredown"):
        return False
    try:
        graphjson.operator_named(ours)
    except CorruptError:
        return False
    return True


def _is_arithmetic(text: str) -> bool:
    """Numbers, symbols and the functions of sizes; torch hands this to an evaluator of Python."""
    try:
        tree = ast.parse(text, mode="eval").body
        return _is_term(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_term(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=bool() | int() | float()):
            return True
        case ast.Constant(value=str(word)):
            return re.fullmatch(r"\w+|[0-9.eE+-]+", word, re.ASCII) is not None
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _is_term(operand)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            terms = [*args, *(keyword.value for keyword in keywords)]
            return name in _FUNCTIONS and all(keyword.arg for keyword in keywords) and all(map(_is_term, terms))
        case ast.Name(id=name):
            return name in {"true", "false"} or re.fullmatch(r"[suz]\d+", name) is not None
    return False


def _is_nesting(text: str) -> bool:
    """Tuples, lists and dictionaries of tensors; torch imports the classes that others name."""
    try:
        version, spec = json.loads(text)
        return version == 1 and _is_spec(spec)
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def _is_spec(spec: Mapping[str, Any]) -> bool:
    context = json.loads(spec["context"] or "null")
    plain = context is None or (isinstance(context, list) and all(isinstance(key, str | int) for key in context))
    known = set(spec) == {"type", "context", "children_spec"} and spec["type"] in _NESTINGS
    return known and plain and all(map(_is_spec, spec["children_spec"]))


def _check_sizes(config: Any, held: Mapping[str, zipfile.ZipInfo], folder: str) -> None:
    for name, payload in config["config"].items():
        meta, entry = payload["tensor_meta"], held.get(f"{folder}/{payload['path_name']}")
        sizes = [size.get("as_int") for size in meta["sizes"]]
        if entry is None or not all(type(size) is int and size >= 0 for size in sizes):
            _refuse(f"no tensor for {_short(name)}")
        if math.prod(sizes) * _ITEM_BYTES.get(meta["dtype"], 0) != entry.file_size:
            _refuse(f"{entry.file_size} bytes for the tensor {_short(name)} of sizes {_short(sizes)}")
