"""Splits by purpose: forms, carving, the seal, and everything that is refused."""

import dataclasses
import random
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from paredown.data import Data, Sealed, Split
from paredown.errors import DataError


def arrays(n=200, classes=4, seed=0, shape=(3,)):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, generator=generator), torch.arange(n) % classes


def _draw():
    return float(torch.rand(())), random.random(), np.random.rand()  # noqa: NPY002, S311


def _seed():
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002


class Images(Dataset):
    """Random augmentation on every read; example i holds i plus noise."""

    def __init__(self, n=200, classes=4, noise=0.1, offset=0):
        self.n, self.classes, self.noise, self.offset = n, classes, noise, offset
        self.reads = 0

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        self.reads += 1
        return torch.full((2,), i + self.offset + self.noise * sum(_draw())), i % self.classes


def inputs_of(split):
    return torch.cat([inputs for inputs, _ in split.batches()])


FORMS = {
    "tensors": arrays,
    "arrays": lambda: tuple(t.numpy() for t in arrays()),
    "dataset": lambda: TensorDataset(*arrays()),
    "loader": lambda: DataLoader(TensorDataset(*arrays()), batch_size=32, shuffle=True),
    "list": lambda: list(zip(*arrays(), strict=True)),
    "labels": lambda: {"x": arrays()[0], "labels": arrays()[1]},
    "tuple inputs": lambda: ((arrays()[0], arrays()[0]), arrays()[1]),
    "split": lambda: Split(arrays()),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_becomes_the_same_batches(form):
    split = Split(FORMS[form](), name="train")
    inputs, target = next(split.batches(size=10))
    first = inputs["x"] if isinstance(inputs, dict) else inputs[0] if isinstance(inputs, tuple) else inputs
    assert torch.equal(first, arrays()[0][:10])
    assert torch.equal(target, arrays()[1][:10])
    assert len(split) == 200
    assert torch.equal(split.targets(), arrays()[1])


def test_batches_are_limited_shuffled_and_repeatable():
    split = Split(arrays())
    assert [len(t) for _, t in split.batches(size=30, limit=70)] == [30, 30, 10]
    one, two, other = (torch.cat([x for x, _ in split.batches(shuffle_seed=s)]) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(one.sum(0).round(decimals=3), other.sum(0).round(decimals=3))


@pytest.mark.parametrize("seed", [None, 3])
def test_the_order_is_the_one_of_the_batches(seed):
    split = Split(arrays())
    batches = torch.cat([inputs for inputs, _ in split.batches(size=30, shuffle_seed=seed)])
    assert torch.equal(arrays()[0][torch.from_numpy(split.order(seed))], batches)
    ordered = torch.cat([x for x, _ in split.ordered(split.order(seed)[::-1].copy(), 7)])
    assert torch.equal(ordered, batches.flip(0))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single core
def test_the_loader_keeps_its_collation_batch_size_and_workers():
    def collate(examples):
        return {"x": torch.stack([x for x, _ in examples]) * 2, "labels": torch.tensor([y for _, y in examples])}

    loader = DataLoader(TensorDataset(*arrays()), batch_size=17, collate_fn=collate, num_workers=2)
    data = Data(loader, judge=arrays(seed=1))
    assert data.work.batch_size == 17
    assert data.work.train.workers == 2
    inputs, target = next(data.work.train.batches())
    assert torch.equal(inputs["x"], arrays()[0][:17] * 2)
    assert torch.equal(target, arrays()[1][:17])
    own = DataLoader(data.work.train.dataset, batch_size=17, collate_fn=data.work.train.collate)
    assert torch.equal(next(iter(own))[0]["x"], inputs["x"])


def test_a_loader_of_some_examples_has_no_others():
    """Two loaders over one dataset, each with a sampler of its part, is how many hold out validation data."""
    whole = TensorDataset(*arrays())
    parts = [list(range(5, len(whole), 2)), list(range(0, len(whole), 2))]
    loaders = [DataLoader(whole, batch_size=16, sampler=SubsetRandomSampler(part)) for part in parts]
    data = Data(loaders[0], select=loaders[1], judge=arrays(seed=1))
    for split, part in zip((data.work.train, data.work.select), parts, strict=True):
        assert torch.equal(inputs_of(split), arrays()[0][part])
    assert not [finding for finding in data.findings if "sampler" in finding.lower()]


class Backwards(BatchSampler):
    def __iter__(self):
        return reversed(list(super().__iter__()))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("WeightedRandomSampler", lambda n: {"sampler": WeightedRandomSampler([1.0] * n, n)}),
        ("RandomSampler", lambda n: {"sampler": RandomSampler(range(n), replacement=True)}),
        ("Backwards", lambda n: {"batch_sampler": Backwards(SequentialSampler(range(n)), 8, drop_last=False)}),
        ("", lambda n: {"shuffle": True, "drop_last": True, "batch_size": 8}),
        ("", lambda n: {"batch_size": None}),
    ],
    ids=["weighted", "with replacement", "batches", "shuffled", "no batches"],
)
def test_a_sampler_that_is_not_used_is_told(name, settings):
    examples = TensorDataset(*arrays())
    data = Data(DataLoader(examples, **settings(len(examples))), judge=arrays(seed=1))
    assert len(data.work.train) == len(examples)
    told = [finding for finding in data.findings if "loader" in finding]
    begin = f"the {name} of train's loader is not used: a pass sees every example once, in a seeded order."
    assert [finding.startswith(begin) for finding in told] == ([True] if name else [])


def test_worker_processes_give_the_same_batches():
    plain = Split(Images(60), seed=3)
    loaded = Split(DataLoader(Images(60), batch_size=20, num_workers=1), seed=3)
    assert torch.equal(inputs_of(plain), inputs_of(loaded))


def test_numpy_doubles_become_floats_and_small_integers_targets():
    split = Split((np.zeros((4, 2)), np.array([0, 1, 0, 1], dtype=np.uint8)))
    inputs, target = next(split.batches())
    assert inputs.dtype == torch.float32
    assert target.dtype == torch.int64


def test_calibrate_is_a_stratified_sample_of_train():
    x, y = arrays(3000, 3)
    y[:] = torch.tensor([0] * 2400 + [1] * 300 + [2] * 300)
    work = Data((x, y), judge=arrays(seed=1)).work
    assert len(work.calibrate) == 512
    assert work.calibrate.targets().bincount().tolist() == [410, 51, 51]
    known = {tuple(row) for row in x.tolist()}
    assert all(tuple(row) in known for row in inputs_of(work.calibrate).tolist())
    again = Data((x, y), judge=arrays(seed=1)).work
    assert again.fingerprint() == work.fingerprint()
    assert Data((x, y), judge=arrays(seed=1), seed=5).work.calibrate.fingerprint() != work.calibrate.fingerprint()


def test_select_is_half_of_judge_stratified_and_disjoint():
    data = Data(arrays(), judge=arrays(100, seed=1))
    judge = data.judge.open(lambda _: 1)
    assert len(data.work.select) == len(judge) == 50
    assert data.work.select.targets().bincount().tolist() in ([12, 13, 12, 13], [13, 12, 13, 12], [13, 13, 12, 12])
    mine = {tuple(row) for row in inputs_of(data.work.select).tolist()}
    theirs = {tuple(row) for row in inputs_of(judge).tolist()}
    assert not mine & theirs
    assert mine | theirs == {tuple(row) for row in arrays(100, seed=1)[0].tolist()}
    assert "half of judge became select, carved from the held-out data: 50 of 100" in data.findings[0]


def test_judge_is_carved_from_select_where_only_that_is_given():
    data = Data(arrays(), select=arrays(100, seed=1))
    assert (len(data.work.select), data.judge.count) == (50, 50)
    assert "judge was carved from select: 50 of 100" in data.findings[0]


def test_both_are_carved_from_train_with_a_warning():
    data = Data(arrays(500))
    assert (len(data.work.train), len(data.work.select), data.judge.count) == (400, 50, 50)
    assert "has memorised them" in data.findings[0]
    parts = [data.work.train, data.work.select, data.judge.open(lambda _: 1)]
    assert len({tuple(row) for part in parts for row in inputs_of(part).tolist()}) == 500


def test_nothing_is_carved_where_all_is_given():
    data = Data(arrays(), calibrate=arrays(20), select=arrays(30), judge=arrays(40))
    assert data.findings == ()
    assert repr(data) == "Data(train=200, calibrate=20, select=30, Sealed(40 examples))"


def test_augmentation_stays_random_in_train_and_still_elsewhere():
    data = Data(Images(), judge=Images(offset=1000))
    assert not torch.equal(inputs_of(data.work.train), inputs_of(data.work.train))
    for split in (data.work.calibrate, data.work.select):
        assert torch.equal(inputs_of(split), inputs_of(split))
    assert data.work.train.fingerprint() == Data(Images(), judge=Images(offset=1000)).work.train.fingerprint()


def test_reading_under_seeds_leaves_the_random_state_alone():
    split = Split(Images(), seed=0)
    _seed()
    want = _draw()
    _seed()
    next(split.batches())
    assert _draw() == want


def test_examples_are_read_only_when_needed():
    train = Images()
    train.targets = [i % 4 for i in range(200)]
    Data(train, judge=arrays(shape=(2,)))
    assert train.reads == 0


def _inside(thing):
    """Where attributes, slots, properties, fields, bound methods and containers lead."""
    yield from getattr(thing, "__dict__", {}).values()
    for cls in type(thing).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        yield from (getattr(thing, slot, None) for slot in ((slots,) if isinstance(slots, str) else slots))
        yield from (getattr(thing, name) for name, value in vars(cls).items() if isinstance(value, property))
    if dataclasses.is_dataclass(thing):
        yield from (getattr(thing, field.name) for field in dataclasses.fields(thing))
    if isinstance(thing, types.MethodType):
        yield thing.__self__
    if isinstance(thing, dict):
        yield from [*thing.keys(), *thing.values()]
    if isinstance(thing, (list, tuple, set)):
        yield from thing


def reachable(root):
    """Every object there is a way to."""
    ends = (type, types.ModuleType, types.FunctionType, str, bytes, int, float, torch.Tensor, np.ndarray, property)
    seen, stack = {}, [root]
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if not isinstance(thing, ends):
            stack += list(_inside(thing))
    return list(seen.values())


def _values(things):
    found = set()
    for thing in things:
        if isinstance(thing, torch.Tensor) and thing.is_floating_point():
            whole = torch.empty(0, dtype=thing.dtype).set_(thing.untyped_storage())  # the storage, not only the view
            found |= set(whole.tolist())
    return found


@pytest.mark.parametrize("kind", ["tensors", "carved dataset", "random_split", "loader of a subset"])
def test_nothing_leads_from_work_to_judge(kind):
    x = torch.arange(400.0)[:, None].repeat(1, 2)
    y = torch.arange(400) % 4
    whole = [(row.clone(), int(label)) for row, label in zip(x, y, strict=True)]
    match kind:
        case "tensors":
            data = Data((x[:200], y[:200]), judge=(x[200:], y[200:]))
        case "carved dataset":
            data = Data(whole[:200], judge=whole[200:])
        case "random_split":
            data = Data(
                Subset(whole, range(200)), select=Subset(whole, range(200, 300)), judge=Subset(whole, range(300, 400))
            )
        case _:
            loaders = [DataLoader(Subset(TensorDataset(x, y), list(part))) for part in (range(200), range(200, 400))]
            data = Data(loaders[0], judge=loaders[1])
    data.check()
    data.work.fingerprint()
    secret = set(inputs_of(data.judge.open(lambda _: 1))[:, 0].tolist())
    mine = set(inputs_of(data.work.select)[:, 0].tolist())
    assert secret
    assert not secret & mine
    things = reachable(data.work)
    assert len(things) > 20
    assert not any(isinstance(thing, (Sealed, Data)) for thing in things)
    assert not secret & _values(things)
    assert not any(isinstance(thing, list) and len(thing) >= 400 for thing in things)


def test_the_seal_has_no_way_around():
    data = Data(arrays(), judge=arrays(seed=1))
    for misuse in (len, iter, list, lambda s: s[0]):
        with pytest.raises(TypeError, match=r"no len|not iterable|not subscriptable"):
            misuse(data.judge)
    assert not hasattr(data.judge, "batches")
    assert not hasattr(data.judge, "dataset")
    assert not any(isinstance(thing, Split) for thing in reachable(data.judge))


def test_opening_is_recorded_before_anything_is_handed_out():
    data = Data(arrays(), judge=arrays(seed=1))
    openings = []

    def register(fingerprint):
        openings.append(fingerprint)
        return len(openings)

    assert len(data.judge.open(register)) == data.judge.count
    data.judge.open(register)
    assert openings == [data.judge.fingerprint] * 2

    def broken(_):
        msg = "disk full"
        raise OSError(msg)

    with pytest.raises(OSError, match="disk full"):
        data.judge.open(broken)


@pytest.mark.parametrize("answer", [None, 0, True, "1"])
def test_an_opening_that_was_not_recorded_is_refused(answer):
    with pytest.raises(DataError, match="judge stays sealed: its opening was not recorded"):
        Data(arrays(), judge=arrays()).judge.open(lambda _: answer)


def test_fingerprints_are_of_content():
    x, y = arrays()
    assert Split((x, y)).fingerprint() == Split((x.clone(), y.clone())).fingerprint()
    assert Split((x, y)).fingerprint() == Split(TensorDataset(x, y)).fingerprint()
    other = x.clone()
    other[7, 1] += 1e-3
    assert Split((other, y)).fingerprint() != Split((x, y)).fingerprint()
    assert Split((x, y.flip(0))).fingerprint() != Split((x, y)).fingerprint()
    assert Split((x[:199], y[:199])).fingerprint() != Split((x, y)).fingerprint()


def test_fingerprints_of_large_splits_look_at_a_bounded_choice():
    big = Images(6000, noise=0)
    Split(big, seed=0).fingerprint()
    assert big.reads == 4096
    assert Split(Images(6000, noise=0), seed=0).fingerprint() != Split(Images(6001, noise=0), seed=0).fingerprint()


def test_subsample_draws_less_training_data():
    data = Data(arrays(400), judge=arrays(100, seed=1))
    small = data.subsample(0.25)
    assert small.work.train.targets().bincount().tolist() == [25] * 4
    assert data.subsample(per_class=3).work.train.targets().bincount().tolist() == [3] * 4
    assert small.work.select is data.work.select
    assert small.judge is data.judge
    kept = {tuple(row) for row in inputs_of(small.work.train).tolist()}
    assert {tuple(row) for row in inputs_of(small.work.calibrate).tolist()} <= kept
    assert data.subsample(0.25, seed=1).work.fingerprint() != small.work.fingerprint()
    counts = data.subsample(0.25, stratified=False).work.train.targets().bincount()
    assert counts.sum() == 100
    assert counts.tolist() != [25] * 4
    own = Data(arrays(400), calibrate=arrays(40), judge=arrays(100)).subsample(0.1)
    assert len(own.work.calibrate) == 40


@pytest.mark.parametrize("form", [arrays, Images])
def test_corrupted_labels_are_always_other_classes(form):
    data = Data(form(), judge=arrays(100, seed=1))
    before = data.work.train.targets()
    wrong = data.corrupt_labels(0.3, seed=1)
    after = torch.cat([target for _, target in wrong.work.train.batches()])
    assert int((before != after).sum()) == 60
    assert set(after.tolist()) <= {0, 1, 2, 3}
    assert torch.equal(after, wrong.work.train.targets())
    assert torch.equal(data.work.train.targets(), before)
    assert wrong.work.select is data.work.select
    clean = {tuple(x.tolist()): int(y) for x, y in (wrong.work.train.example(i) for i in range(200))}
    calibrate = [wrong.work.calibrate.example(i) for i in range(200)]
    if form is arrays:
        assert all(clean[tuple(x.tolist())] == int(y) for x, y in calibrate)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: d.subsample(), r"give one of the two: subsample\(0.1\)"),
        (lambda d: d.subsample(0.1, per_class=3), r"give one of the two"),
        (lambda d: d.subsample(1.5), r"a share lies above 0 and up to 1"),
        (lambda d: d.subsample(per_class=0), r"it is 1 or more"),
        (lambda d: d.subsample(per_class=1000), r"class 0 of train has only 50 examples"),
        (lambda d: d.corrupt_labels(2.0), r"a share lies between 0 and 1"),
        (
            lambda _: Data((torch.zeros(9, 1), torch.zeros(9)), judge=arrays()).corrupt_labels(0.1),
            r"targets are no classes",
        ),
        (
            lambda _: Data((torch.zeros(9, 1), torch.zeros(9)), judge=arrays()).subsample(per_class=2),
            r"targets are no classes",
        ),
    ],
)
def test_experiments_out_of_range_are_refused(call, words):
    with pytest.raises(DataError, match=words):
        call(Data(arrays(), judge=arrays()))


class Stream(IterableDataset):
    def __iter__(self):
        return iter([])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, r"train is missing. Type Data\(train, judge=test\)"),
        (torch.zeros(3, 2), r"train: inputs without targets were given. Type train=\(inputs, targets\)"),
        (Stream(), r"train: an IterableDataset has no length and no index"),
        (3, r"train: a int was given; a split is a Dataset, a DataLoader, or a pair"),
        ("train.csv", r"train: the path 'train.csv' was given; .* Read it first, then type train=\(inputs, targets\)"),
        (Path("train"), r"train: the path 'train' was given"),
        (TensorDataset, r"train: the class TensorDataset was given; .* Type train=TensorDataset\(\.\.\.\)"),
        (
            ([[1.0], [2.0]], [0, 1]),
            r"train: a pair of lists was given; .* Type train=\(torch.tensor\(inputs\), torch.tensor",
        ),
        (
            iter([1]),
            r"train: a list_iterator, which is empty after one pass, was given; .* Type train=loader, or train=list",
        ),
        ((DataLoader([1]), DataLoader([1])), r"train: a tuple of DataLoaders was given; .* type train=loader"),
        ((torch.zeros(3, 2), torch.zeros(4)), r"train: inputs and targets have different lengths \(3, 4\)"),
        ((torch.zeros(3, 2), torch.tensor(1.0)), r"train: a single number was given"),
        ((np.array(["a", "b"]), np.zeros(2)), r"train: an array of <U1 was given; numbers are needed"),
        ({"x": torch.zeros(3)}, r"a dict with the keys x and no labels"),
        ((torch.zeros(1, 2), torch.zeros(1)), r"train has 1 examples and has to be divided in two"),
    ],
)
def test_forms_that_cannot_be_used(given, words):
    with pytest.raises(DataError, match=words):
        Data(given)


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(DataError, match=r"Data\(batch_size=0\) was given. It is 1 or more"):
        Data(arrays(), batch_size=0)


def test_all_unusable_forms_are_told_at_once():
    with pytest.raises(DataError, match=r"(?s)train: a int.*judge: the path 'x'"):
        Data(3, judge="x")


@pytest.mark.parametrize(
    ("example", "form"),
    [((1, 2, 3), "a tuple of 3"), (torch.zeros(2), "a Tensor"), ({"x": 1}, "a dict with the keys x")],
)
def test_examples_of_another_form(example, form):
    data = Data([example] * 4, calibrate=arrays(), select=arrays(), judge=arrays())
    with pytest.raises(DataError, match=rf"train: An example is {form}.*it has to be \(inputs, target\)"):
        data.check()


def spoiled(value, where=5):
    x, y = arrays()
    x[where, 1] = value
    return x, y


def regression(n=20, value=None):
    y = torch.randn(n, 1)
    if value is not None:
        y[3] = value
    return torch.randn(n, 3), y


class Broken(Images):
    def __getitem__(self, i):
        if i == 7:
            msg = "file not found: 7.png"
            raise FileNotFoundError(msg)
        return super().__getitem__(i)


class Ragged(Images):
    def __getitem__(self, i):
        return torch.zeros(3 if i == 4 else 2), i % 4


class Pictures(Images):
    def __getitem__(self, i):
        return object(), i % 4


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ({"train": arrays(0)}, "train is empty"),
        ({"judge": arrays(0), "select": arrays()}, "judge is empty"),
        ({"train": spoiled(float("nan"))}, r"train: NaN in inputs at index 5\."),
        ({"select": spoiled(float("inf"), [5, 9]), "judge": arrays()}, r"select: infinity in inputs at indices 5, 9\."),
        (
            {"judge": spoiled(float("nan"), range(9)), "select": arrays()},
            r"judge: NaN in inputs at indices 0, 1, 2 and 6 more",
        ),
        ({"train": arrays(classes=1)}, r"train has only one class \(0\) in 200 examples"),
        ({"judge": (arrays()[0], torch.full((200,), 3)), "select": arrays()}, r"judge has only one class \(3\)"),
        ({"train": (arrays()[0], arrays()[1] - 1)}, r"train: a negative class at indices 0, 4, 8 and 47 more"),
        ({"train": (arrays()[0], arrays()[1] * 10**6)}, r"class 3000000 at index 3. Give real numbers as floats"),
        ({"judge": arrays(shape=(4,))}, r"select: inputs has shape \[4\] \(index 0\) where train has \[3\]"),
        (
            {"judge": (arrays()[0].double(), arrays()[1])},
            r"judge: inputs is float64 \(index 0\) where train has float32",
        ),
        ({"judge": (arrays()[0], arrays()[1].float())}, r"judge: target is float32 \(index 0\) where train has int64"),
        (
            {"judge": ((arrays()[0], arrays()[0]), arrays()[1])},
            r"judge has inputs\[0\], inputs\[1\], target where train has inputs, target",
        ),
        ({"train": Broken()}, r"FileNotFoundError: file not found: 7.png in reading at index 7"),
        ({"train": Ragged()}, r"train: shape \[3\] where index 0 has \[2\] in inputs at index 4"),
        ({"train": Pictures()}, r"train: inputs of an example is a object; tensors, arrays and numbers are needed"),
    ],
)
def test_data_that_cannot_work_is_told_with_split_and_index(splits, words):
    splits = {"train": arrays(), "judge": arrays(seed=1)} | splits
    if isinstance(splits["train"], tuple) and len(splits["train"][0]) == 0:
        splits |= {"calibrate": arrays(), "select": arrays()}
    if isinstance(splits["train"], Broken):
        splits["train"].targets = [i % 4 for i in range(200)]
    with pytest.raises(DataError, match=words):
        Data(**splits).check()


def test_nan_in_real_targets():
    data = Data(regression(value=float("nan")), select=regression(), judge=regression())
    with pytest.raises(DataError, match=r"train: NaN in target at index 3"):
        data.check()


def test_an_example_that_cannot_be_read_at_all():
    class Nothing(Images):
        def __getitem__(self, i):
            msg = "no such folder"
            raise OSError(msg)

    train = Nothing()
    train.targets = [0, 1] * 100
    with pytest.raises(DataError, match=r"train: example 0 cannot be read \(OSError: no such folder\)"):
        Data(train, calibrate=arrays(), select=arrays(), judge=arrays()).check()


def test_all_problems_are_told_at_once():
    data = Data(spoiled(float("nan")), select=arrays(classes=1), judge=arrays(shape=(4,)))
    with pytest.raises(DataError) as caught:
        data.check()
    text = str(caught.value)
    assert "train: NaN" in text
    assert "select has only one class" in text
    assert "judge: inputs has shape [4]" in text


def test_ragged_examples_are_fine_with_a_collation_of_their_own():
    def collate(examples):
        return torch.nn.utils.rnn.pad_sequence([x for x, _ in examples], batch_first=True), torch.tensor(
            [y for _, y in examples]
        )

    def words(n, seed):
        lengths = np.random.default_rng(seed).integers(2, 9, n)
        return DataLoader(
            [(torch.ones(int(k)), i % 2) for i, k in enumerate(lengths)], collate_fn=collate, batch_size=4
        )

    data = Data(words(40, 0), judge=words(40, 1))
    data.check()
    inputs, target = next(data.work.select.batches())
    assert inputs.shape[0] == len(target) == 4


def test_good_data_pass_and_are_looked_through_once():
    train = Images(noise=0)
    data = Data(train, judge=Images(offset=1000, noise=0))
    data.check()
    reads = train.reads
    data.check()
    assert train.reads == reads
    assert len(data.findings) == 1


def test_leaks_and_unseen_classes_become_findings():
    x, y = arrays()
    new, _ = arrays(100, seed=1)
    new[:5] = x[:5]
    data = Data((x, y), select=arrays(seed=2), judge=(new, torch.arange(100) % 6))
    data.check()
    text = "\n".join(data.findings)
    assert "5 of 100 different examples of judge that were looked at are also in train" in text
    assert "judge has classes that train has not: 4, 5" in text


@pytest.mark.parametrize(("others", "named"), [(1, {}), (2, {}), (3, {"judge": 0})])
def test_a_test_split_is_not_taken_for_calibration(others, named):
    rows = (torch.randn(40, 4), torch.arange(40) % 2)
    with pytest.raises(
        DataError, match=rf"given {1 + others} splits by position.*Type paredown.Data\(train, judge=test\)"
    ):
        Data(rows, *[rows] * others, **dict.fromkeys(named, rows))


def test_all_four_splits_may_stand_in_their_order():
    sizes = (40, 30, 20, 10)
    data = Data(*[(torch.randn(n, 4), torch.arange(n) % 2) for n in sizes])
    assert (len(data.work.train), len(data.work.calibrate), len(data.work.select), data.judge.count) == sizes
