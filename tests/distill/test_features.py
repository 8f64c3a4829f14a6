"""Distillation from values inside: taps, maps between widths, weights."""

import dataclasses
import functools
from typing import ClassVar

import pytest
import torch
from torch import nn

import paredown
from paredown import distill, prune, quantize
from paredown.distill.relations import heads_of
from paredown.errors import RecipeError
from paredown.recipe import AdamW, Evidence, Ingredient, Train
from paredown.recipe.taps import Taps
from paredown.testing import zoo
from paredown.testing.bench import Quarters, small_bench

BENCH = functools.cache(small_bench)
TRAIN = Train(epochs=1, optimizer=AdamW(lr=1e-2), device="cpu", early=None)


def quarters(width, seed=1):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Quarters(width).eval()


@functools.cache
def captured(width):
    return paredown.capture(quarters(width), torch.zeros(2, 1, 6, 6))


@dataclasses.dataclass(frozen=True)
class Watched(Ingredient):
    """Another ingredient, with its hook, its parameters at the start, and every step kept."""

    inner: Ingredient
    kept: list = dataclasses.field(default_factory=list, compare=False)

    def start(self, context):
        hook = self.inner.start(context)
        before = [p.detach().clone() for module in hook.trained() for p in module.parameters()]
        self.kept.append((hook, before))
        term, kept = hook.term, self.kept

        def watched(step):
            value = term(step)
            kept.append((step, value.detach().clone()))
            return value

        hook.term = watched
        return hook


def fit(ingredient, train=TRAIN, network=None, original=None):
    bench = BENCH()
    using = ingredient if isinstance(ingredient, list) else [ingredient]
    return dataclasses.replace(train, using=using).fit(network or bench.network, bench.evidence(), original=original)


def value_inside(module, path, inputs):
    found = []
    handle = module.get_submodule(path).register_forward_hook(lambda *args: found.append(args[2].clone()))
    with torch.no_grad():
        module(inputs)
    handle.remove()
    return found[0]


@pytest.mark.parametrize("weight", [None, 2.0])
@pytest.mark.parametrize("form", ["network", "module"])
def test_the_term_compares_what_the_modules_return(form, weight):
    teacher = quarters(16)
    given = captured(16) if form == "network" else teacher
    watched = Watched(distill.Features(at="block", loss=distill.AT(), teacher=given, weight=weight))
    fit(watched)
    for step, term in watched.kept[1:3]:
        expected = distill.AT()(step.taps["block"], value_inside(teacher, "block", step.inputs))
        torch.testing.assert_close(
            term, (distill.AT.usual if weight is None else weight) * expected, rtol=1e-4, atol=1e-6
        )


def test_the_value_in_front_of_an_in_place_operator_is_the_one_that_was_there():
    class Ruthless(nn.Sequential):
        """Overwrites what its first layer computed."""

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        teacher = Ruthless(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(288, 4)).eval()
    watched = Watched(distill.Features(at="stem.1", to="0", loss=distill.FitNets(), teacher=teacher))
    fit(watched)
    step, term = watched.kept[1]
    expected = nn.functional.mse_loss(step.taps["stem.1"], teacher[0](step.inputs))
    assert (teacher[0](step.inputs) < 0).any()
    torch.testing.assert_close(term, expected)


def test_pairs_are_added_up_in_order():
    watched = Watched(
        distill.Features(at=("stem", "block"), to=("block", "stem"), loss=distill.SP(), teacher=captured(16))
    )
    fit(watched)
    step, term = watched.kept[1]
    expected = sum(
        distill.SP.usual * distill.SP()(step.taps[at], value_inside(quarters(16), to, step.inputs))
        for at, to in (("stem", "block"), ("block", "stem"))
    )
    torch.testing.assert_close(term, expected, rtol=1e-4, atol=1e-5)


def test_a_glob_means_every_module_it_meets():
    hook, _ = watch(distill.Features(at="block.*", loss=distill.SP(), teacher=quarters(16)))
    assert hook._pairs._at == [f"block.{i}" for i in range(5)] == hook._pairs._to


def watch(ingredient, **settings):
    watched = Watched(ingredient)
    fit(watched, **settings)
    return watched.kept[0]


def test_joined_taps_have_their_channels_side_by_side():
    watched = Watched(distill.Features(at="block.0+block.3", loss=distill.FitNets(), teacher=captured(8)))
    fit(watched)
    step, term = watched.kept[1]
    teacher = [value_inside(quarters(8), path, step.inputs) for path in ("block.0", "block.3")]
    expected = nn.functional.mse_loss(torch.cat([step.taps["block.0"], step.taps["block.3"]], 1), torch.cat(teacher, 1))
    torch.testing.assert_close(term, expected, rtol=1e-4, atol=1e-6)


def test_the_empty_path_is_the_outputs():
    watched = Watched(distill.Features(loss=distill.Cosine(), teacher=captured(16)))
    fit(watched)
    step, term = watched.kept[1]
    expected = distill.Cosine()(step.outputs, quarters(16)(step.inputs))
    torch.testing.assert_close(term, expected, rtol=1e-4, atol=1e-6)


def test_the_channels_of_a_series_can_be_said_to_come_first():
    models = [Tokens(width).eval() for width in (8, 12)]
    watched = Watched(distill.Features(at="enter", loss=distill.CWD(), teacher=models[1], axis=1))
    fit(watched, network=paredown.capture(models[0], torch.zeros(2, 1, 6, 6)))
    step, term = watched.kept[1]
    pooled = nn.functional.adaptive_avg_pool1d(value_inside(models[1], "enter", step.inputs), 8)
    expected = distill.CWD.usual * distill.CWD()(step.taps["enter"], pooled)
    torch.testing.assert_close(term, expected, rtol=1e-4, atol=1e-6)


def test_finer_places_are_averaged_down():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        teacher = nn.Sequential(nn.Conv2d(1, 5, 3, 2, padding=1), nn.Flatten(), nn.Linear(45, 4)).eval()
    watched = Watched(distill.Features(at="block", to="0", loss=distill.AT(), teacher=teacher))
    fit(watched)
    step, term = watched.kept[1]
    pooled = nn.functional.adaptive_avg_pool2d(step.taps["block"], 3)
    torch.testing.assert_close(
        term, distill.AT.usual * distill.AT()(pooled, teacher[0](step.inputs)), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    "loss", [distill.FitNets(), distill.VID(), distill.MGD(), distill.CWD(), distill.Cosine()], ids=repr
)
def test_the_map_between_widths_is_learned_and_dropped(loss):
    watched = Watched(distill.Features(at="block", loss=loss, teacher=captured(16)))
    result = fit(watched)
    hook, before = watched.kept[0]
    after = [p for module in hook.trained() for p in module.parameters()]
    assert before
    assert all(not torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert result.network.state_dict().keys() == BENCH().network.state_dict().keys()
    assert [n.name for n in result.network.nodes()] == [n.name for n in BENCH().network.nodes()]


def test_the_map_is_one_linear_layer_per_place():
    hook, before = watch(distill.Features(at="block", teacher=captured(16)))
    assert [tuple(p.shape) for p in before] == [(16, 8), (16,)]
    match = hook.trained()[0][0]
    value = torch.randn(2, 8, 3, 3)
    layer = match.projector.linear
    expected = nn.functional.conv2d(value, layer.weight[:, :, None, None], layer.bias)
    torch.testing.assert_close(match.projector(value), expected)


def test_equal_widths_learn_no_map():
    assert watch(distill.Features(at="block", teacher=captured(8), project=False))[1] == []


def test_a_map_that_has_no_weight_leaves_the_training_as_it_is():
    train = dataclasses.replace(TRAIN, clip=None)
    plain = fit([], train)
    silent = fit(distill.Features(at="block", teacher=captured(16), weight=0.0), train)
    assert silent.network.fingerprint() == plain.network.fingerprint()


def test_maps_begin_the_same_every_time_and_other_than_those_of_another_ingredient():
    first, again = (fit(distill.Features(at="block", teacher=captured(16))).network for _ in range(2))
    assert first.fingerprint() == again.fingerprint()
    one, two = (Watched(distill.Features(at="block", teacher=captured(16))) for _ in range(2))
    fit([one, two])
    assert not torch.equal(one.kept[0][1][0], two.kept[0][1][0])


def test_the_student_comes_to_resemble_its_teacher_inside():
    def apart(network):
        inputs = next(BENCH().task.data.work.select.batches(48))[0]
        taps = Taps(network)
        taps.add("block")
        with torch.no_grad():
            value = network.graph_module(inputs)[-1]
        taps.remove()
        return distill.AT()(value, value_inside(quarters(16), "block", inputs)).item()

    train = dataclasses.replace(TRAIN, epochs=8)
    plain, taught = (
        fit(using, train).network
        for using in ([], distill.Features(at="block", loss=distill.AT(), teacher=captured(16), weight=1e3))
    )
    assert apart(taught) < 0.5 * apart(plain)


def test_the_teacher_learns_nothing():
    teacher = captured(16)
    before = teacher.fingerprint(), [n.name for n in teacher.nodes()]
    fit(distill.Features(at="block", teacher=teacher))
    assert (teacher.fingerprint(), [n.name for n in teacher.nodes()]) == before
    assert all(p.grad is None and p.requires_grad for p in teacher.parameters())


class Counted(nn.Module):
    """Says how often it ran."""

    runs: ClassVar[list] = []

    def __init__(self):
        super().__init__()
        self.inner = quarters(16)

    def forward(self, x):
        self.runs.append(len(x))
        return self.inner(x)


def test_ingredients_with_the_same_teacher_share_one_run_per_batch():
    teacher = Counted()
    using = [
        distill.Logits(teacher=teacher),
        distill.Features(at="block", to="inner.block", loss=distill.AT(), teacher=teacher),
        distill.Features(at="stem", to="inner.stem", loss=distill.SP(), teacher=teacher),
    ]
    Counted.runs.clear()
    result = fit(using)
    assert Counted.runs.count(16) == result.steps
    assert all(result.history[0][name] > 0 for name in ("distill.Logits", "distill.Features", "distill.Features 2"))


def test_two_ingredients_with_other_teachers_do_not_mix_them_up():
    small, big = captured(8), captured(16)
    first, second = (Watched(distill.Features(loss=distill.FitNets(), teacher=t)) for t in (small, big))
    fit([first, second])
    for watched, width in ((first, 8), (second, 16)):
        step, term = watched.kept[1]
        torch.testing.assert_close(term, nn.functional.mse_loss(step.outputs, quarters(width)(step.inputs)))


def test_it_works_in_mixed_precision():
    ingredient = distill.Features(at="block", loss=distill.FitNets(), teacher=captured(16))
    half = fit(ingredient, dataclasses.replace(TRAIN, precision="bf16-mixed")).history[0]["distill.Features"]
    assert half == pytest.approx(fit(ingredient).history[0]["distill.Features"], rel=0.05)


@pytest.mark.parametrize("change", [prune.Channels(keep=0.5), quantize.Int8()], ids=["pruned", "quantized"])
def test_a_student_made_from_its_teacher_is_tapped_at_the_same_paths(change):
    bench = BENCH()
    evidence = bench.evidence()
    student = change.apply(bench.network, change.plan(bench.network, evidence))
    watched = Watched(distill.Features(at=("stem", "block")))
    result = fit(watched, network=student, original=bench.network)
    step, term = watched.kept[1]
    widths = [step.taps[path].shape[1] for path in ("stem", "block")]
    learned = [tuple(p.shape) for p in watched.kept[0][1]]
    assert term > 0
    assert learned == [shape for width in widths if width != 8 for shape in ((8, width), (8,))]
    assert bool(learned) == isinstance(change, prune.Channels)
    assert [n.name for n in result.network.nodes()] == [n.name for n in student.nodes()]


def test_a_loss_of_the_users_own_is_taken():
    @dataclasses.dataclass(frozen=True)
    class Largest(distill.FeatureLoss):
        def __call__(self, student, teacher):
            return (student.amax() - teacher.amax()).square()

    watched = Watched(distill.Features(at="block", loss=Largest(), teacher=captured(16)))
    fit(watched)
    assert watched.kept[1][1] > 0


class Tokens(nn.Module):
    """One layer of attention over rows of a picture, classes from the mean."""

    def __init__(self, width):
        super().__init__()
        self.enter = nn.Linear(6, width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        x = self.enter(x[:, 0])
        q, k, v = self.query(x), self.key(x), self.value(x)
        return self.head((q @ k.transpose(1, 2) / k.shape[-1] ** 0.5).softmax(-1).matmul(v).mean(1))


@pytest.mark.parametrize(
    ("at", "loss"),
    [
        ("query+key+value", distill.MiniLM(heads=2)),
        ("query+key+value", distill.MiniLM(heads=1, version=1)),
        ("query+key", distill.TinyBERT(heads=2)),
        ("enter", distill.FitNets()),
    ],
)
def test_attention_is_distilled_across_widths(at, loss):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        models = [Tokens(width).eval() for width in (8, 12)]
    small, big = (paredown.capture(model, torch.zeros(2, 1, 6, 6)) for model in models)
    watched = Watched(distill.Features(at=at, loss=loss, teacher=models[1]))
    fit(watched, network=small)
    values = [term for _, term in watched.kept[1:]]
    assert all(value > 0 for value in values)
    step, term = watched.kept[1]
    if "+" in at:
        student = torch.cat([step.taps[path] for path in at.split("+")], 2).transpose(1, 2)
        teacher = torch.cat([value_inside(models[1], path, step.inputs) for path in at.split("+")], 2).transpose(1, 2)
        torch.testing.assert_close(term, loss(student, teacher), rtol=1e-3, atol=1e-6)
    same = Watched(distill.Features(at=at, loss=loss, teacher=big))
    fit(same, network=small)
    torch.testing.assert_close(same.kept[1][1], term, rtol=1e-3, atol=1e-6)


class Sentences(nn.Module):
    """Attention over embedded tokens, the padding left out; takes ids and mask by name."""

    def __init__(self, width):
        super().__init__()
        self.table = nn.Embedding(10, width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.head = nn.Linear(width, 4)

    def forward(self, ids, mask):
        x = self.table(ids)
        q, k, v = self.query(x), self.key(x), self.value(x)
        allowed = (mask > 0)[:, None, :]
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return self.head((y * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True))


@functools.cache
def sentences():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 6, (64, 1), generator=generator)
    mask = (torch.arange(5) < lengths).float()
    inputs = {"ids": torch.randint(1, 10, (64, 5), generator=generator) * mask.long(), "mask": mask}
    target = inputs["ids"][:, 0] % 4
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        small, big = Sentences(8).eval(), Sentences(12).eval()
    split = ({**inputs}, target)
    data = paredown.Data(split, calibrate=split, select=split, judge=split, batch_size=16)
    task = paredown.Task(small, data, nn.functional.cross_entropy, paredown.scores.accuracy)
    return task, paredown.capture(small, **{name: value[:2] for name, value in inputs.items()}), big


@pytest.mark.parametrize(
    ("at", "loss"),
    [("query+key+value", distill.MiniLM(heads=2)), ("query+key", distill.TinyBERT(heads=2)), ("value", distill.SP())],
)
def test_places_that_pad_are_nothing_on_both_sides(at, loss):
    task, network, big = sentences()
    watched = Watched(distill.Features(at=at, loss=loss, teacher=big, mask="mask"))
    dataclasses.replace(TRAIN, using=[watched]).fit(network, Evidence.of(task))
    step, term = watched.kept[1]
    mask = step.inputs["mask"][:, None]
    student = torch.cat([step.taps[path] for path in at.split("+")], 2).transpose(1, 2) * mask
    with torch.no_grad():
        x = big.table(step.inputs["ids"])
        teacher = torch.cat([big.get_submodule(path)(x) for path in at.split("+")], 2).transpose(1, 2) * mask
    assert 0 < mask.sum() < mask.numel()
    torch.testing.assert_close(term, loss.usual * loss(student, teacher), rtol=1e-3, atol=1e-6)


def test_a_mask_that_is_not_there_or_does_not_fit_is_refused():
    task, network, big = sentences()

    def start(**settings):
        features = distill.Features(teacher=big, **settings)
        dataclasses.replace(TRAIN, using=[features]).fit(network, Evidence.of(task))

    with pytest.raises(RecipeError, match=r"mask='msk'\).*inputs of this task have 'ids', 'mask'.*leave mask out"):
        start(at="value", mask="msk")
    with pytest.raises(RecipeError, match=r"mask='mask'\).*shape \[2, 5\].*'head' has places \[\].*Leave mask out"):
        start(at="head", mask="mask")
    with pytest.raises(RecipeError, match=r"mask='mask'\).*this task have no names"):
        fit(distill.Features(at="block", mask="mask"))


@pytest.mark.parametrize("form", ["unbind", "chunk", "split"])
def test_queries_keys_and_values_made_by_one_layer_are_taken_apart(form):
    network = zoo.captured("VisionTransformer", form=form).copy()
    bigger = zoo.captured("VisionTransformer", form=form, width=24).copy()
    inputs = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    values = []
    for net in (network, bigger):
        taps = Taps(net)
        taps.add("layers.1.attention.qkv")
        values.append(net.graph_module(inputs)[-1].transpose(1, 2))
    assert [value.shape[1] for value in values] == [48, 72]
    q, k, _ = heads_of(values[0], 3, 4, "here")
    for head in range(4):
        block = values[0].transpose(1, 2)[:, :, 4 * head : 4 * head + 4]
        torch.testing.assert_close(q[:, head], block)
        torch.testing.assert_close(k[:, head], values[0].transpose(1, 2)[:, :, 16 + 4 * head : 20 + 4 * head])
    assert distill.MiniLM(heads=4)(*values) > 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.Features(at="blok"), r"no module or node 'blok' to tap in this network.*nearest are 'block'"),
        (
            lambda: distill.Features(at="block", to="layer", teacher=captured(16)),
            r"no module or node 'layer' to tap in the teacher.*`to=`.*nearest",
        ),
        (
            lambda: distill.Features(at="block", to="blocks", teacher=quarters(16)),
            r"no module or node 'blocks' to tap in the teacher.*'block'",
        ),
        (lambda: distill.Features(at="layer*"), r"no module or node 'layer\*' to tap"),
        (
            lambda: distill.Features(at="block.*", to="block", teacher=captured(16)),
            r"5 taps of the student, 'block.0'.*and 1 of the teacher, 'block'.*as many `to=` as `at=`",
        ),
        (lambda: distill.Features(at="block.*+stem", teacher=captured(16)), r"'block.\*\+stem' are to be joined.*'block.\*': 5"),
        (lambda: distill.Features(at="block+head"), r"'block\+head' to join, and they have places \[6, 6\], \[\].*one by one"),
        (
            lambda: distill.Features(at="block", teacher=captured(16), project=False),
            r"project=False\).*'block' of the student has 8 channels, 'block' of the teacher 16.*Leave project out.*RKD",
        ),
        (lambda: distill.Features(at="head", loss=distill.AT()), r"AT looks at places, and 'head'.*\[2, 4\].*FitNets"),
        (
            lambda: distill.Features(at="head", to="block"),
            r"FitNets goes place by place, and 'head' of the student has places \[\].*\[6, 6\].*RKD",
        ),
        (
            lambda: distill.Features(at="block", teacher=distill.Ensemble((captured(8), captured(16)))),
            r"'block' of a distill.Ensemble was asked for. An ensemble of 2 has outputs.*Original",
        ),
        (lambda: distill.Features(at="block", axis=4), r"Features\(axis=4\).*'block' has the shape \[2, 8, 6, 6\]"),
        (
            lambda: distill.Features(at="block", loss=distill.MiniLM(heads=4)),
            r"MiniLM\(heads=4\) was given, for a value of 8 channels",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_training(make, words):
    with pytest.raises(RecipeError, match=words):
        fit(make())


def test_a_value_that_is_not_made_of_real_numbers_is_refused():
    class Largest(nn.Module):
        def forward(self, x):
            return x.argmax(1)

    class Picks(Quarters):
        def __init__(self):
            super().__init__()
            self.pick = Largest()

        def forward(self, x):
            return super().forward(x) + 0.0 * self.pick(x)[:, None, 0, 0]

    network = paredown.capture(Picks().eval(), torch.zeros(2, 1, 6, 6))
    with pytest.raises(RecipeError, match=r"tap 'pick', whose value is torch.int64 \[2, 6, 6\]. Only single tensors"):
        fit(distill.Features(at="pick"), network=network)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.Features(at=()), r"was given no taps.*at='layer3'"),
        (lambda: distill.Features(at="a", to=()), r"was given no taps"),
        (lambda: distill.Features(weight=-1.0), r"distill.Features\(weight=-1.0\).*0 or more"),
        (lambda: distill.Features(loss=distill.DKD()), r"Features\(loss=DKD.*distill.AT\(\).*distill.Outputs"),
        (lambda: distill.Features(loss=distill.AT), r"Features\(loss=<class.*distill.AT\(\)"),
    ],
)
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()
