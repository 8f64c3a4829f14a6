"""Stored JSON, changed at random: what an attacker writes is among the changes."""

import json
import random

NAMES = (
    "os:system", "os:abort", "subprocess:Popen", "builtins:eval", "builtins:exec", "builtins:__import__", "evil:x",
    "importlib:import_module", "operator:attrgetter", "operator:call", "operator:methodcaller", "torch:no_grad",
    "torch:load", "torch:compile", "torch.hub:load", "torch:os", "torch.serialization:load", "paredown.cli.main:main",
    "paredown.measure.leftovers:kill_group", "paredown.names:importlib", "prune.Channels.__init__", "prune.__class__",
    "prune.gradual", "targets.importlib", "search.Run", "aten::save.default", "aten::from_file.default",
    "aten::relu.__class__", "aten::relu.default.__call__", "aten::set_.source_Storage", "aten::__class__.default",
    "prim::Print.default", "prims::device_put.default", "torchvision::write_file.default", "image::write_file.default",
    "paredown::__class__.default", "higher_order::wrap.default", "aten::relu.default\n", "", "a", ":", "::", ".", "::.",
    "__main__:main", "sys:exit", "pathlib:Path", "dataclasses:make_dataclass", "collections:namedtuple",
)  # fmt: skip
CODE = (
    "x\n    import os; os.system('x')\n    y",
    "x=__import__('os').system('x')",
    '"), __import__("os").system("x"), ("',
    "__class__.__init__.__globals__",
    "forward.__globals__",
    "a" * 5000,
    "lambda",
    "\u2028",
    "",
)
KEYS = (
    "type",
    "ref",
    "enum",
    "tuple",
    "set",
    "dict",
    "float",
    "node",
    "torch",
    "device",
    "slice",
    "op",
    "name",
    "target",
)
OPS = ("call_function", "call_method", "call_module", "get_attr", "placeholder", "output", "root", "__import__")


def _value(draw):
    name = draw.choice(NAMES)
    return draw.choice(
        (
            name,
            draw.choice(CODE),
            draw.choice(OPS),
            None,
            True,
            -1,
            10**30,
            1e308,
            [],
            {},
            [name],
            {draw.choice(KEYS): name},
            {draw.choice(KEYS): draw.choice(CODE)},
            {draw.choice(KEYS): [name]},
            {"enum": name, "name": draw.choice(NAMES)},
            {"type": name, draw.choice(KEYS): 1},
            {"dict": {draw.choice(CODE): {"ref": name}}},
        )
    )


def _places(data, found):
    for key in data if isinstance(data, dict) else range(len(data)):
        found.append((data, key))
        if isinstance(data[key], (dict, list)):
            _places(data[key], found)
    return found


def _change(data, draw):
    owner, key = draw.choice(_places(data, []))
    kind = draw.randrange(5)
    if kind == 0:
        owner[key] = _value(draw)
    elif kind == 1 and isinstance(owner, dict):
        owner[draw.choice((*KEYS, *CODE))] = owner.pop(key)
    elif kind == 2 and isinstance(owner, dict):
        owner[draw.choice((*KEYS, *CODE))] = _value(draw)
    elif kind == 3:
        del owner[key]
    else:
        other, place = draw.choice(_places(data, []))
        owner[key] = json.loads(json.dumps(other[place]))


def mutated(texts, count, seed):
    """So many changed copies of JSON texts, the same ones for the same seed; one to three changes each."""
    draw = random.Random(seed)  # noqa: S311 (nothing is secret)
    for _ in range(count):
        data = json.loads(draw.choice(texts))
        for _ in range(draw.randint(1, 3)):
            if data:
                _change(data, draw)
        yield data
