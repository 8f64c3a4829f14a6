"""The training loop."""

import dataclasses
import random
import threading
import time

import numpy as np
import pytest
import torch
from tests.recipe.conftest import pictures

import paredown
from paredown.data import Split
from paredown.errors import RecipeError, TrainingError
from paredown.recipe import SGD, AdamW, Constant, EarlyStop, Evidence, Hook, Ingredient, Train
from paredown.recipe.randomness import derive

QUICK = Train(epochs=2, optimizer=AdamW(lr=1e-2), device="cpu")


@dataclasses.dataclass(frozen=True)
class Spy(Ingredient):
    """Calls functions at the places of a hook."""

    calls: tuple = ()

    def start(self, context):
        hook = Hook()
        for name, function in self.calls:
            setattr(hook, name, function(context))
        return hook


def spying(**calls):
    return Spy(tuple(calls.items()))


def states(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_it_learns(network, evidence):
    result = Train(epochs=8, optimizer=AdamW(lr=1e-2), device="cpu").fit(network, evidence)
    assert evidence.score(network) < 50
    assert evidence.score(result.network) > 70
    assert result.history[-1]["select"] <= evidence.score(result.network) + 1e-9
    assert not result.network.training
    assert result.steps == 80
    assert result.stopped == "end"
    assert not result.stopped_early


def test_nothing_that_was_given_changes(network, evidence, model):
    original = network.copy()
    before = network.fingerprint(), original.fingerprint(), states(model)
    QUICK.fit(network, evidence, original=original)
    assert (network.fingerprint(), original.fingerprint()) == before[:2]
    assert all(torch.equal(tensor, before[2][name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_it_is_repeatable_and_follows_the_seed(network, evidence):
    first = QUICK.fit(network, evidence).network.fingerprint()
    torch.manual_seed(5)
    assert QUICK.fit(network, evidence).network.fingerprint() == first
    assert dataclasses.replace(QUICK, seed=1).fit(network, evidence).network.fingerprint() != first


def test_random_numbers_outside_are_as_if_nothing_had_happened(network, evidence):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    QUICK.fit(network, evidence)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert random.getstate() == before[2]


def test_it_equals_a_loop_written_by_hand(network, evidence, task):
    train = Train(
        epochs=2, optimizer=SGD(lr=0.05, weight_decay=0.0), schedule=Constant(), clip=None, early=None, device="cpu"
    )
    result = train.fit(network, evidence)
    twin = network.copy().train().to(memory_format=torch.channels_last)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(0, "train"))
        optimizer = torch.optim.SGD(twin.parameters(), lr=0.05, momentum=0.9, nesterov=True, fused=True)
        for epoch in range(2):
            for inputs, target in task.data.work.train.batches(32, shuffle_seed=derive(0, "order", epoch)):
                optimizer.zero_grad()
                task.loss(twin(inputs.contiguous(memory_format=torch.channels_last)), target).backward()
                optimizer.step()
    assert twin.eval().fingerprint() == result.network.fingerprint()


def test_a_step_without_fabrics_wrappers_is_the_same_step(network, evidence, monkeypatch):
    settings = dataclasses.replace(QUICK, clip=0.3)
    short = settings.fit(network, evidence).network.fingerprint()
    monkeypatch.setattr("paredown.recipe.loop.plain", lambda _: False)
    assert settings.fit(network, evidence).network.fingerprint() == short


def test_gradients_are_clipped(network, evidence):
    norms = []

    def before_step(update):
        norms.append(torch.stack([p.grad.norm() for p in update.network.parameters()]).norm().item())

    for clip in (None, 0.3):
        train = dataclasses.replace(QUICK, epochs=0.2, clip=clip, using=[spying(before_step=lambda _: before_step)])
        train.fit(network, evidence)
    assert min(norms[:2]) > 0.4
    assert max(norms[2:]) <= 0.3001


def test_batch_norm_statistics_are_trained(network, evidence):
    result = dataclasses.replace(QUICK, early=None).fit(network, evidence)
    assert not torch.equal(result.network.get_buffer("body.1.running_mean"), network.get_buffer("body.1.running_mean"))
    assert int(result.network.get_buffer("body.1.num_batches_tracked")) == 20


def test_quantizers_are_trained(network, evidence):
    from paredown.graph.fakequantize import Grid, insert_after
    from paredown.graph.formats import UINT8

    node = next(node for node in network.nodes() if node.name == "relu")
    insert_after(network, node, "body.2", Grid(torch.tensor(0.01), torch.tensor(0.0), UINT8))
    network.recompile()
    result = QUICK.fit(network, evidence)
    moved = result.network.get_parameter("body.2_scale")
    assert moved != network.get_parameter("body.2_scale")
    assert 0.004 < moved < 0.02  # in proportion to its size; 20 plain steps of 0.01 would reach 0.2
    assert evidence.score(result.network) > evidence.score(network)


def test_history_has_a_row_per_epoch(network, evidence):
    history = dataclasses.replace(QUICK, epochs=2.5).fit(network, evidence).history
    assert [row["epoch"] for row in history] == [1.0, 2.0, 2.5]
    assert [row["step"] for row in history] == [10.0, 20.0, 25.0]
    assert all(set(row) == {"epoch", "step", "task", "loss", "select", "lr", "seconds"} for row in history)
    assert history[0]["lr"] > history[1]["lr"] > history[2]["lr"]
    assert 0 < history[0]["seconds"] < history[2]["seconds"]


def test_the_best_weights_come_back_and_patience_ends_it(network, task):
    scores = iter([10.0, 30.0, 20.0, 20.0, 20.0, 20.0])
    seen = []

    class Scripted(Evidence):
        def evaluate(self, network):
            seen.append(network.get_parameter("head.bias").detach().clone())
            return next(scores)

    evidence = Scripted(task.data.work, task.objective)
    settings = dataclasses.replace(QUICK, epochs=20, early=EarlyStop(patience=2), schedule=Constant())
    result = settings.fit(network, evidence)
    assert result.stopped == "patience"
    assert result.stopped_early
    assert len(result.history) == 4
    assert torch.equal(result.network.get_parameter("head.bias"), seen[1])
    assert not torch.equal(seen[1], seen[3])


def test_a_schedule_comes_down_before_patience_ends_it(network, task):
    scores = iter([10.0, 30.0, 20.0, 20.0, 40.0])
    seen = []

    class Scripted(Evidence):
        def evaluate(self, network):
            seen.append(network.get_parameter("head.bias").detach().clone())
            return next(scores)

    evidence = Scripted(task.data.work, task.objective)
    result = dataclasses.replace(QUICK, epochs=20, early=EarlyStop(patience=2)).fit(network, evidence)
    assert result.stopped == "patience"
    assert [row["epoch"] for row in result.history] == [1.0, 2.0, 3.0, 4.0, 5.0]
    rates = [row["lr"] for row in result.history]
    assert rates[3] > 0.8 * rates[1]
    assert rates[4] < 0.01 * rates[1]
    assert torch.equal(result.network.get_parameter("head.bias"), seen[4])


def test_ingredients_are_told_how_far_a_shortened_training_is(network, task):
    scores = iter([10.0, 30.0, 20.0, 20.0, 40.0])
    told = []

    class Scripted(Evidence):
        def evaluate(self, _):
            return next(scores)

    listener = spying(before_step=lambda _: lambda update: told.append((update.done, update.left)))
    evidence = Scripted(task.data.work, task.objective)
    train = dataclasses.replace(QUICK, epochs=20, early=EarlyStop(patience=2), using=[listener])
    steps = train.fit(network, evidence).steps
    assert len(told) == steps
    planned = train.steps(evidence.work)
    assert told[0] == (1 / planned, planned - 1)
    turn = 4 * steps // 5
    assert told[turn - 1] == (turn / planned, planned - turn)
    assert told[turn][1] == steps - turn - 1
    assert told[-1] == (1.0, 0)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_schedule_that_is_nearly_down_just_ends(network, task):
    scores = iter([30.0, 20.0, 20.0, 20.0, 20.0])

    class Scripted(Evidence):
        def evaluate(self, network):
            return next(scores)

    evidence = Scripted(task.data.work, task.objective)
    result = dataclasses.replace(QUICK, epochs=5, early=EarlyStop(patience=3)).fit(network, evidence)
    assert (result.stopped, len(result.history)) == ("end", 5)


def test_lower_can_be_better(network, task):
    scores = iter([3.0, 1.0, 2.0])
    seen = []

    class Scripted(Evidence):
        def evaluate(self, network):
            seen.append(network.get_parameter("head.bias").detach().clone())
            return next(scores)

    error = dataclasses.replace(paredown.scores.of(lambda outputs, _: outputs[:, 0]), higher_is_better=False)
    evidence = Scripted(task.data.work, dataclasses.replace(task.objective, score=error))
    result = dataclasses.replace(QUICK, epochs=3).fit(network, evidence)
    assert torch.equal(result.network.get_parameter("head.bias"), seen[1])


def test_without_early_stopping_the_last_weights_are_kept(network, evidence, monkeypatch):
    monkeypatch.setattr(Evidence, "evaluate", lambda *_: pytest.fail("select was looked at"))
    history = dataclasses.replace(QUICK, early=None).fit(network, evidence).history
    assert "select" not in history[0]


def test_a_deadline_ends_it_in_time_with_a_finished_schedule(network, evidence):
    began = time.monotonic()
    endless = dataclasses.replace(QUICK, epochs=10_000, early=EarlyStop(patience=10_000))
    result = endless.fit(network, evidence, deadline=began + 1.0)
    assert result.stopped == "deadline"
    assert time.monotonic() - began < 1.5
    assert 5 < result.steps < 100_000
    assert result.history[-1]["lr"] < 0.1 * result.lr
    assert evidence.score(result.network) > 60


def test_a_deadline_that_has_passed_gives_the_network_back(network, evidence):
    result = QUICK.fit(network, evidence, deadline=time.monotonic() - 1)
    assert result.network.fingerprint() == network.fingerprint()
    assert result.network is not network
    assert (result.steps, result.history, result.stopped) == (0, (), "deadline")


def test_a_far_deadline_changes_nothing(network, evidence):
    free = QUICK.fit(network, evidence)
    timed = QUICK.fit(network, evidence, deadline=time.monotonic() + 3600)
    assert timed.network.fingerprint() == free.network.fingerprint()


def rooted(outputs, target):
    """A loss that is finite where its gradient is not."""
    return torch.nn.functional.cross_entropy(outputs, target) + (outputs - outputs.detach()).abs().sum().sqrt()


@pytest.mark.parametrize("early", [None, EarlyStop()])
def test_weights_that_the_last_step_spoils_are_not_returned(network, evidence, early):
    spoiling = Evidence(evidence.work, dataclasses.replace(evidence.objective, loss=rooted))
    train = dataclasses.replace(QUICK, epochs=0.01, early=early)
    with pytest.raises(TrainingError, match=r"After epoch 1.*not finite in '.*though every loss was.*`batch_size=32`"):
        train.fit(network, spoiling)


def test_a_score_that_is_no_number_is_worse_than_any_other(network, evidence):
    scores = iter([float("nan"), 1.0, float("nan"), 0.5])
    evidence.evaluate = lambda _: next(scores)
    kept = []
    spy = spying(after_step=lambda _: lambda network: kept.append(states(network)))
    train = Train(epochs=4, optimizer=AdamW(lr=1e-2), device="cpu", using=[spy])
    result = train.fit(network, evidence)
    second = kept[len(kept) // 2 - 1]
    assert all(torch.equal(tensor, second[name]) for name, tensor in result.network.state_dict().items())


def test_what_is_no_network_or_no_evidence_is_refused(network, evidence, model):
    with pytest.raises(
        RecipeError, match=r"given a \w+ and a Evidence. What is trained is.*paredown.capture\(model, example\)"
    ):
        QUICK.fit(model, evidence)
    with pytest.raises(RecipeError, match=r"given a Network and a dict. Data, loss and.*paredown.Evidence.of\(task\)"):
        QUICK.fit(network, {})


def test_what_does_not_fit_is_told_before_the_search_for_a_rate(network, evidence, monkeypatch):
    def refuse(context):
        raise RecipeError(str(context.steps))

    monkeypatch.setattr("paredown.recipe.loop.range_test", lambda *_: pytest.fail("searched"))
    with pytest.raises(RecipeError):
        Train(device="cpu", using=[spying(term=refuse)]).fit(network, evidence)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_names_epoch_step_and_term(network, evidence, task, broken):
    calls = iter(range(100))
    objective = dataclasses.replace(
        task.objective, loss=lambda outputs, target: task.loss(outputs, target) * (broken if next(calls) >= 12 else 1)
    )
    with pytest.raises(TrainingError, match=rf"epoch 2, step 13, the task's loss became {broken}.*lr=1e-4"):
        QUICK.fit(network, Evidence(task.data.work, objective))


def test_a_term_that_is_not_finite_is_named(network, evidence):
    spy = spying(term=lambda _: lambda step: torch.tensor(float("inf")) if step.number == 3 else None)
    with pytest.raises(TrainingError, match="epoch 1, step 4, the term of Spy became inf"):
        dataclasses.replace(QUICK, using=[spy]).fit(network, evidence)


def test_mixed_precision_trains(network, evidence):
    result = Train(epochs=8, optimizer=AdamW(lr=1e-2), precision="bf16-mixed", device="cpu").fit(network, evidence)
    assert all(p.dtype == torch.float32 for p in result.network.parameters())
    assert evidence.score(result.network) > 65


@pytest.mark.parametrize("clip", [None, 1.0, 0.05])
@pytest.mark.parametrize("twice", [False, True])
def test_gradients_of_half_precision_come_unscaled_and_clipped_also_where_a_step_goes_twice(
    monkeypatch, network, evidence, clip, twice
):
    """A CPU stands in for a GPU: what is scaled is scaled alike."""
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.precision import MixedPrecision

    from paredown.recipe import loop

    seen, real = {}, loop.fabric_for

    def fabric(settings):
        if settings.precision != "16-mixed":
            return real(settings)
        scaler = torch.amp.GradScaler("cpu")
        return Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler=scaler)])

    monkeypatch.setattr(loop, "fabric_for", fabric)
    for precision in ("32-true", "16-mixed"):
        norms = seen[precision] = []

        def look(update, norms=norms):
            if twice:
                update.again()
            norms.append(float(torch.stack([p.grad.norm() for p in update.network.parameters()]).norm()))

        train = Train(
            epochs=0.4,
            optimizer=SGD(lr=1e-2),
            precision=precision,
            clip=clip,
            early=None,
            device="cpu",
            using=[spying(before_step=lambda _, look=look: look)],
        )
        seen[precision, "weights"] = train.fit(network, evidence).network.get_parameter("head.weight").detach()
    assert len(seen["16-mixed"]) == 4
    assert seen["16-mixed"] == pytest.approx(seen["32-true"], rel=0.1)
    assert clip is None or max(seen["16-mixed"]) <= clip * 1.001
    torch.testing.assert_close(seen["16-mixed", "weights"], seen["32-true", "weights"], rtol=0.0, atol=2e-3)


def test_half_precision_needs_a_gpu(network, evidence):
    with pytest.raises(RecipeError, match=r'needs a GPU.*precision="bf16-mixed"'):
        dataclasses.replace(QUICK, precision="16-mixed").fit(network, evidence)


def test_devices_that_are_not_there_are_named(network, evidence):
    with pytest.raises(RecipeError, match=r"device='cuda:99'.*this machine has .*1 x cpu.*device='auto'"):
        dataclasses.replace(QUICK, device="cuda:99").fit(network, evidence)
    with pytest.raises(RecipeError, match=r"device='gpu'.*no such device.*'cuda'"):
        dataclasses.replace(QUICK, device="gpu").fit(network, evidence)


def test_several_devices_need_their_processes(network, evidence):
    with pytest.raises(RecipeError, match=r"devices=2.*1 process.*torchrun --nproc-per-node=2"):
        dataclasses.replace(QUICK, devices=2).fit(network, evidence)


def test_frozen_parameters_stay(network, evidence):
    network.get_parameter("head.weight").requires_grad_(False)
    result = QUICK.fit(network, evidence)
    assert torch.equal(result.network.get_parameter("head.weight"), network.get_parameter("head.weight"))
    assert not torch.equal(result.network.get_parameter("head.bias"), network.get_parameter("head.bias"))
    assert not result.network.get_parameter("head.weight").requires_grad


def test_a_network_without_trainable_parameters_is_refused(network, evidence):
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(RecipeError, match=r"Nothing can be trained.*requires_grad_\(True\)"):
        QUICK.fit(network, evidence)


def test_progress_is_told(network, evidence):
    told = []

    class Told:
        def update(self, text, done, total):
            told.append((text, done, total))

    QUICK.fit(network, evidence, progress=Told())
    assert [done for _, done, _ in told] == list(range(1, 21))
    assert {total for *_, total in told} == {20}
    assert "loss" in told[-1][0]


def test_hooks_are_called_in_order(network, evidence):
    order = []

    def note(word, result=None):
        return lambda _: lambda *args: (order.append(word), result if result != "same" else args[:2])[1]

    def spy(name):
        return spying(
            batch=note(f"{name} batch", "same"),
            loss=lambda _: lambda loss, *_: (order.append(f"{name} loss"), loss)[1],
            term=note(f"{name} term"),
            before_step=note(f"{name} before"),
            after_step=note(f"{name} after"),
            epoch_end=note(f"{name} epoch end"),
        )

    one_step = Train(epochs=1, batch_size=320, using=[spy("a"), spy("b")], optimizer=AdamW(lr=1e-3), device="cpu")
    one_step.fit(network, evidence)
    places = ("batch", "loss", "term", "before", "after", "epoch end")
    assert order == [f"{name} {place}" for place in places for name in "ab"]


def test_weights_and_terms_make_the_loss(network, evidence):
    two = spying(loss_weight=lambda _: lambda: 0.25, term=lambda _: lambda step: step.outputs.sum() * 0 + 3.0)
    half = spying(loss_weight=lambda _: lambda: 0.5)
    row = dataclasses.replace(QUICK, epochs=1, using=[two, half]).fit(network, evidence).history[0]
    assert row["Spy"] == pytest.approx(3.0)
    assert row["loss"] == pytest.approx(row["task"] * 0.125 + 3.0, rel=1e-5)


def test_ingredients_draw_numbers_of_their_own(network, evidence):
    drawn = {}

    def draw(name):
        return lambda _: (
            lambda x, t, generator: (drawn.setdefault(name, float(torch.rand((), generator=generator))), (x, t))[1]
        )

    dataclasses.replace(QUICK, using=[spying(batch=draw("a")), spying(batch=draw("b"))]).fit(network, evidence)
    alone = dict(drawn)
    drawn.clear()
    dataclasses.replace(QUICK, using=[spying(batch=draw("a"))]).fit(network, evidence)
    assert drawn["a"] == alone["a"] != alone["b"]


def test_a_step_knows_which_examples_it_is_made_on(network, evidence):
    train = evidence.work.train

    def term(step):
        for row, index in zip(step.inputs, step.examples.tolist(), strict=True):
            assert torch.equal(row, train.example(index)[0])
        seen.append(step.examples)

    seen = []
    dataclasses.replace(QUICK, using=[spying(term=lambda _: term)]).fit(network, evidence)
    assert len(seen) == 20
    assert torch.equal(torch.cat(seen[:10]).sort().values, torch.arange(320))
    assert not torch.equal(seen[0], seen[10])


def test_hooks_leave_in_reverse_order_and_once(network, evidence):
    order = []
    spies = [spying(leave=lambda _, name=name: lambda _: order.append(name)) for name in "ab"]
    dataclasses.replace(QUICK, using=spies).fit(network, evidence)
    assert order == ["b", "a"]


def test_again_repeats_forward_and_backward_where_the_weights_are(network, evidence):
    gradients = []

    def before_step(update):
        parameter = next(update.network.parameters())
        gradients.append(parameter.grad.clone())
        update.again()
        gradients.append(parameter.grad.clone())
        with torch.no_grad():
            parameter.add_(0.5)
        update.again()
        gradients.append(parameter.grad.clone())

    still = network.copy()
    for node in still.nodes():  # without dropout, so that the same weights give the same gradients
        if "dropout" in node.name:
            node.args = (node.args[0], 0.0, *node.args[2:])
    still.recompile()
    one_step = Train(
        epochs=0.1, using=[spying(before_step=lambda _: before_step)], optimizer=AdamW(lr=1e-3), device="cpu"
    )
    one_step.fit(still, evidence)
    assert torch.equal(gradients[0], gradients[1])
    assert not torch.equal(gradients[1], gradients[2])


def test_forward_runs_the_student_once_more(network, evidence):
    def term(step):
        return ((step.forward(step.inputs) - step.outputs) ** 2).mean()  # R-Drop: two draws of dropout

    row = dataclasses.replace(QUICK, using=[spying(term=lambda _: term)]).fit(network, evidence).history[-1]
    assert row["Spy"] > 0


def test_modules_of_an_ingredient_are_trained_along(network, evidence):
    projector = torch.nn.Linear(4, 2)
    before = projector.weight.detach().clone()
    spy = spying(
        trained=lambda _: lambda: (projector,), term=lambda _: lambda step: projector(step.outputs).pow(2).mean()
    )
    dataclasses.replace(QUICK, using=[spy]).fit(network, evidence)
    assert not torch.equal(projector.weight, before)


def test_finish_gives_what_is_evaluated_and_returned(network, task):
    seen = []

    class Noting(Evidence):
        def evaluate(self, network):
            seen.append(float(network.get_parameter("head.bias").detach().abs().sum()))
            return super().evaluate(network)

    @torch.no_grad()
    def finish(network):
        network.get_parameter("head.bias").zero_()

    @dataclasses.dataclass(frozen=True)
    class Zeroing(Ingredient):
        def start(self, context):
            class Zero(Hook):
                def finish(self, network):
                    finish(network)

            return Zero()

    live = []
    spy = spying(
        after_step=lambda _: lambda network: live.append(float(network.get_parameter("head.bias").detach().abs().sum()))
    )
    evidence = Noting(task.data.work, task.objective)
    for early in (EarlyStop(), None):
        result = dataclasses.replace(QUICK, using=[Zeroing(), spy], early=early).fit(network, evidence)
        assert float(result.network.get_parameter("head.bias").detach().abs().sum()) == 0.0
    assert seen == [0.0, 0.0]
    assert min(live) > 0.0  # training went on with its own weights


def test_seconds_per_step_are_measured_on_a_copy(network, evidence):
    before = network.fingerprint()
    seconds = QUICK.seconds_per_step(network, evidence)
    assert 1e-5 < seconds < 1.0
    assert network.fingerprint() == before


class Photos(torch.utils.data.Dataset):
    """Reads examples one by one, and notes on which thread."""

    def __init__(self, draw=None):
        self.inputs, self.targets = pictures(320, 0)
        self.draw, self.threads = draw, set()

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        self.threads.add(threading.current_thread() is threading.main_thread())
        shift = self.draw() if self.draw else 0.0
        return torch.from_numpy(self.inputs[index]) + shift, int(self.targets[index])


@pytest.mark.parametrize("draw", [None, lambda: 0.1 * float(torch.rand(()))], ids=["plain", "augmented"])
def test_a_dataset_that_is_read_one_by_one_trains_like_one_in_memory(data, task, network, evidence, draw):
    def trained(dataset):
        held = dataclasses.replace(data.work, train=Split(dataset, name="train", batch_size=32))
        return QUICK.fit(network, Evidence(held, task.objective)).network

    first, second = Photos(draw), Photos(draw)
    weights = [states(trained(one)) for one in (first, second)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert first.threads == ({True, False} if draw is None else {True})
    if draw is None:
        known = states(QUICK.fit(network, evidence).network)
        assert all(torch.equal(weights[0][name], known[name]) for name in known)
