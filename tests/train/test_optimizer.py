"""What a model says of its training beside the protocol: of single parameters, and a loss of its own."""

import math
from typing import Any

import pytest
import torch
from support.cells import after
from support.recording import Emulated, Uncaptured
from support.training import SHAPE, data, ended, saved, training
from torch import Tensor, nn

from harness.errors import BenchError
from harness.train.evaluate import loss_of
from harness.train.optimizer import Optimizer
from harness.train.replicas import Alone, Stacked, difference
from models.engine.replicas import exponential
from tasks.text import LanguageModel

SAID = {"told": {"rate": 0.25, "decay": 0.3, "l2": 0.1, "most": 0.02, "low": -0.4, "high": 0.3}}


class Told(nn.Module):
    """A linear classifier of the mean over time of x told, which is kept small by a loss of its own and drops noise."""

    def __init__(self, seed: int = 0, said: Any = None, penalised: bool | str = False) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.told = nn.Parameter(torch.randn(SHAPE.inputs, 4, dtype=torch.float64) / 3)
        self.free = nn.Parameter(torch.randn(4, dtype=torch.float64))
        self.classifier = nn.Linear(4, SHAPE.outputs, dtype=torch.float64)
        self.said, self.penalised, self.noisy = said, penalised, True

    def trained_as(self) -> Any:
        return self.said or {}

    def forward(self, x: Tensor, *, penalty: bool = False) -> Any:
        h = (x @ self.told).mean(1) * self.free
        if self.training and self.noisy:
            h = h * exponential(h)
        answers = self.classifier(h)
        return (answers, 0.1 * h.square().sum(1).mean()) if penalty else answers


def stepped(name: str, said: dict[str, Any], clip: float = 0.0, recordable: bool = False) -> tuple[Told, list[Tensor]]:
    """Five steps along gradients that are as large as they like, and these gradients, of `told` and `free`."""
    module, source = Told(said=said), torch.Generator().manual_seed(3)
    optimizer = Optimizer(Alone(module, torch.device("cpu")), name, [0.05], clip, recordable)
    given = [torch.randn(5, *leaf.shape, generator=source, dtype=torch.float64) for leaf in (module.told, module.free)]
    for step, gradients in enumerate(zip(*given, strict=True)):
        optimizer.set_rates([0.05 / (1 + step)])
        optimizer.zero_grad()
        module.told.grad, module.free.grad = (gradient.clone() for gradient in gradients)
        optimizer.step()
    return module, given


def by_torch(kind: type[torch.optim.Optimizer], given: list[Tensor], factor: float = 1.0, **options: Any) -> Tensor:
    """`told` after the same steps by an optimizer of torch's own."""
    module = Told()
    optimizer = kind([module.told], lr=0.05, **options)
    for step, gradient in enumerate(given[0]):
        optimizer.param_groups[0]["lr"] = 0.05 * factor / (1 + step)
        module.told.grad = gradient.clone()
        optimizer.step()
    return module.told


@pytest.mark.parametrize(
    ("name", "said", "kind", "options"),
    [
        ("adam", {"rate": 0.25}, torch.optim.Adam, {"factor": 0.25}),
        ("adam", {"l2": 0.3}, torch.optim.Adam, {"weight_decay": 0.3}),
        ("adam", {"decay": 0.3}, torch.optim.AdamW, {"weight_decay": 0.3}),
        ("adam", {"rate": 0.5, "decay": 0.3}, torch.optim.AdamW, {"weight_decay": 0.3, "factor": 0.5}),
        (
            "rmsprop",
            {"rate": 0.25, "l2": 0.3},
            torch.optim.RMSprop,
            {"alpha": 0.9, "weight_decay": 0.3, "factor": 0.25},
        ),
    ],
)
def test_a_parameter_is_trained_as_torch_does_with_the_same_numbers_and_others_as_before(name, said, kind, options):
    module, given = stepped(name, {"told": said})
    torch.testing.assert_close(module.told, by_torch(kind, given, **options), rtol=1e-12, atol=1e-12)
    assert torch.equal(module.free, stepped(name, {})[0].free)
    assert not torch.equal(module.told, stepped(name, {})[0].told)


def test_entries_are_cut_before_the_clipping_by_norm():
    module, (of_told, of_free) = stepped("rmsprop", {"told": {"most": 0.2}}, clip=1.0)
    cut = of_told.clamp(-0.2, 0.2)
    norms = (cut.square().sum((1, 2)) + of_free.square().sum(1)).sqrt()
    clipped = cut * (1 / (norms + 1e-6)).clamp(max=1).view(-1, 1, 1)
    torch.testing.assert_close(module.told, by_torch(torch.optim.RMSprop, [clipped], alpha=0.9), rtol=1e-12, atol=1e-12)


def test_bounds_hold_after_each_step():
    module, _ = stepped("adam", {"told": {"low": -0.01, "high": 0.005}})
    assert (module.told.min(), module.told.max()) == (-0.01, 0.005)


@pytest.mark.usefixtures("recordable_optimizers")
def test_rates_on_the_device_give_the_same():
    for name in ("adam", "rmsprop"):
        on_host, on_device = (stepped(name, SAID, 0.5, recordable)[0] for recordable in (False, True))
        torch.testing.assert_close(on_device.told, on_host.told, rtol=1e-5, atol=0)  # counts in float32 there


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"other": {}}, "trained_as speaks of 'other', and the model trains no parameter of that name"),
        (
            {"told": {"speed": 1}},
            "trained_as says 'speed' of 'told'; it can say rate, decay, l2, most, low, high, step",
        ),
        ({"told": {"rate": -1.0}}, "trained_as of 'told': rate, decay and l2 must be at least 0 and finite"),
        ({"told": {"decay": math.nan}}, "trained_as of 'told': rate, decay and l2 must be at least 0 and finite"),
        ({"told": {"low": 1.0, "high": 1.0}}, "trained_as of 'told': 'most' must be above 0, and 'low' below 'high'"),
    ],
)
def test_what_cannot_be_said_is_refused_in_a_sentence(said, sentence):
    with pytest.raises(BenchError) as error:
        stepped("adam", said)
    assert str(error.value) == sentence


def rolled(weight: Tensor, gradient: Tensor, memory: Tensor, rate: Any) -> tuple[Tensor, Tensor]:
    memory = 0.9 * memory + gradient
    return weight - rate * memory, memory


@pytest.mark.usefixtures("recordable_optimizers")
@pytest.mark.parametrize("recordable", [False, True])
def test_a_step_of_the_models_own_takes_the_place_of_the_optimizers(recordable):
    module, given = stepped("adam", {"told": {"rate": 0.5, "step": rolled}}, recordable=recordable)
    told = Told()
    by_hand = torch.optim.SGD([told.told], lr=0.025, momentum=0.9)
    for step, gradient in enumerate(given[0]):
        by_hand.param_groups[0]["lr"] = 0.025 / (1 + step)
        told.told.grad = gradient.clone()
        by_hand.step()
    torch.testing.assert_close(module.told, told.told, rtol=1e-12, atol=1e-12)
    assert torch.equal(module.free, stepped("adam", {}, recordable=recordable)[0].free)


RATES = [(0.02, 0.02), (0.02, 0.005)]


@pytest.mark.parametrize("rates", RATES, ids=["one rate", "two rates"])
@pytest.mark.parametrize("said", [SAID, {"told": {"rate": 0.5, "step": rolled}}], ids=["numbers", "step"])
def test_seeds_train_together_and_go_on_as_alone(said, rates):
    def begin(first: int, stop: Any = lambda: False) -> Any:
        modules = [Told(first + k, said, True) for k in (0, 1)]
        x, y = data().train
        assert difference(modules, [0, 1], x[:4], y[:4], nn.functional.cross_entropy) == ""
        return training(modules, [0, 1], data(40), max_steps=14, stop=stop, rates=rates)

    whole = begin(0)
    expected = ended(whole, 0)
    first = begin(0, after(7))
    ended(first, 0)
    second = begin(10)
    second.restore([saved(first, place) for place in (0, 1)])
    rest = ended(second, 2)
    assert [point.train_loss for point in rest[-1].values()] == [p.train_loss for p in expected[-1].values()]
    for place in (0, 1):
        alone = training([Told(place, said, True)], [place], data(40), max_steps=14, learning_rate=rates[place])
        curve = ended(alone, place)
        for name, value in alone.model.weights(0).items():
            assert torch.equal(second.model.weights(place)[name], whole.model.weights(place)[name])
            torch.testing.assert_close(value, whole.model.weights(place)[name], rtol=1e-10, atol=1e-10)
        assert curve[-1][0].train_loss == pytest.approx(expected[-1][place].train_loss, rel=1e-10)


def test_a_loss_of_its_own_is_trained_and_not_counted_in_what_is_measured():
    found = {}
    for penalised in (False, True):
        module = Told(penalised=penalised)
        module.noisy = False
        run = training([module], [0], data(40), max_steps=1, evaluations=1, learning_rate=0.0)
        found[penalised] = ended(run, 0)[-1][0]
    _, penalty = module(data(40).train.x[run.rows[0]], penalty=True)
    assert penalty > 0
    assert found[True].train_loss == pytest.approx(found[False].train_loss + penalty.item())
    assert found[True].valid_metric == found[False].valid_metric


def test_what_an_optimizer_keeps_is_of_the_replica_however_it_trains():
    """So that a checkpoint of a group goes on alone, and the other way round."""
    together, alone = (
        training([Told(k) for k in some], some, data(40), max_steps=8, rates=(0.02, 0.005)[: len(some)])
        for some in ([0, 1], [0])
    )
    for run in (together, alone):
        ended(run, 0)
    kept = [
        [{name: value.shape for name, value in one.items()} for one in saved(run, 0)["optimizer"]]
        for run in (together, alone)
    ]
    assert kept[0] == kept[1]
    assert [one["exp_avg"] for one in kept[0]] == [leaf.shape for leaf in alone.model.leaves]


@pytest.mark.usefixtures("recordable_optimizers")
@pytest.mark.parametrize("rates", RATES, ids=["one rate", "two rates"])
def test_steps_of_a_told_model_can_be_replayed(rates):
    recorder, plain = Emulated(), Uncaptured()
    weights = []
    for chosen in (recorder, plain):
        modules = [Told(seed, SAID, True) for seed in (0, 1)]
        run = training(modules, [0, 1], data(40), max_steps=14, recorder=chosen, rates=rates)
        ended(run, 0)
        assert run.update.note == ""
        weights.append(run.model.weights(1)["told"])
    assert recorder.replayed > 0
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("count", [1, 3])
def test_a_loss_of_a_models_own_may_be_told_the_targets(count):
    class Missing(Told):
        def forward(self, x: Tensor, *, penalty: Tensor | None = None) -> Any:
            answers = super().forward(x)
            return answers if penalty is None else (answers, (answers.mean(1) - penalty).square().mean())

    modules = [Missing(seed, penalised="targets").eval() for seed in range(count)]
    x, y = data(40).train
    rows = torch.arange(4 * count).view(count, 4)
    model = Alone(modules[0], x.device) if count == 1 else Stacked(modules, range(count), x.device)
    found = model.scores(loss_of, x[rows], y[rows])
    for place, module in enumerate(modules):
        answers, penalty = module(x[rows[place]], penalty=y[rows[place]])
        assert found[place].item() == pytest.approx((loss_of(answers, y[rows[place]]) + penalty).item())


class Carrying(Told):
    """One answer a step, and a state that counts them."""

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        return (torch.zeros(batch, 1, dtype=torch.float64),)

    def forward(self, x: Tensor, state: Any = None, *, penalty: bool = False) -> Any:
        answers = x @ self.told * self.free
        more = [] if state is None else [(state[0] + x.shape[1],)]
        more += [answers.square().mean()] if penalty else []
        return (answers, *more) if more else answers


def test_a_task_that_puts_something_around_a_model_hands_on_what_it_says():
    model = LanguageModel(Carrying(said=SAID, penalised=True), vocabulary=4, embedding=4).double()
    model.model.told = nn.Parameter(torch.ones(4, 4, dtype=torch.float64))
    assert model.trained_as() == {"model.told": SAID["told"]}
    words = torch.tensor([[0, 1, 3]])
    outputs, (count,), penalty = model(words, model.initial_state(1), penalty=True)
    assert (outputs.shape, count.item()) == ((1, 3, 4), 3)
    assert model(words, penalty=True)[1] == penalty
    score = nn.functional.mse_loss
    alone, y = Alone(model, torch.device("cpu")), torch.zeros_like(outputs)
    carried = tuple(state[None] for state in model.initial_state(1))
    trained, _ = alone.scores_and_state(score, words[None], y[None], carried)
    judged, _ = alone.scores_and_state(score, words, y, carried, shared=True)
    assert trained.item() == pytest.approx((judged + penalty).item())
    assert penalty > 0
