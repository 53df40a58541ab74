"""Training and evaluating on one long text, whose state goes on from piece to piece."""

import io
import itertools
import math
from functools import partial
from typing import Any

import pytest
import torch
from support.recording import Emulated, Uncaptured
from support.training import training as of_tensors
from torch import Tensor, nn
from torch.nn import functional as F

from harness.protocol import Protocol
from harness.seeds import global_stream
from harness.train.evaluate import evaluate, in_streams
from harness.train.loop import Training
from harness.train.replicas import Alone, Stacked
from tasks.spec import Split, Splits

VOCABULARY, STEPS, UNITS = 7, 3, 4


class Reader(nn.Module):
    """A tanh recurrence over token embeddings, one answer a step."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, UNITS, dtype=torch.float64)
        self.U = nn.Linear(UNITS, UNITS, dtype=torch.float64)
        self.out = nn.Linear(UNITS, VOCABULARY, dtype=torch.float64)

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        return (torch.zeros(batch, UNITS, dtype=torch.float64),)

    def forward(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> Any:
        (h,) = self.initial_state(len(x)) if state is None else state
        outputs = []
        for e in self.embedding(x).unbind(1):
            h = torch.tanh(e + self.U(h))
            outputs.append(self.out(h))
        answers = torch.stack(outputs, 1)
        return answers if state is None else (answers, (h,))


def text(pieces: int, seed: int = 0) -> Split:
    tokens = torch.randint(VOCABULARY, (pieces * STEPS + 1,), generator=torch.Generator().manual_seed(seed))
    return Split(tokens[:-1].view(pieces, STEPS), tokens[1:].view(pieces, STEPS))


def data() -> Splits:
    return Splits(text(11), text(5, 1), text(7, 2))


def readers(*seeds: int) -> list[nn.Module]:
    made = []
    for seed in seeds:
        with global_stream(seed, "init"):
            made.append(Reader())
    return made


def training(modules: list[nn.Module], seeds: list[int], **changes: Any) -> Training:
    usual = {"batch": 2, "max_steps": 13, "evaluations": 4, "learning_rate": 0.05, "clip": 0.5, "carried": True}
    usual |= {"metric": "perplexity", "classes": VOCABULARY}
    return of_tensors(modules, seeds, data(), **(usual | changes))


def by_hand(module: nn.Module, settings: Protocol) -> list[float]:
    """Truncated back-propagation over two streams of five pieces; the eleventh piece is left over."""
    x, y = data().train
    optimizer = torch.optim.Adam(module.parameters(), lr=settings.learning_rate)
    losses = []
    for step in range(settings.max_steps or 0):
        place = step % 5
        if place == 0:
            h = torch.zeros(2, UNITS, dtype=torch.float64)
        rows = [place, 5 + place]
        answers, (h,) = module(x[rows], (h.detach(),))
        loss = F.cross_entropy(answers.reshape(-1, VOCABULARY), y[rows].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), settings.clip)
        rate = settings.learning_rate_at(step, 11)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("seeds", [[4], [4, 9]])
def test_training_agrees_with_truncated_back_propagation_by_hand(seeds):
    ours = training(readers(*seeds), seeds)
    points = list(ours)
    for place, seed in enumerate(seeds):
        (module,) = readers(seed)
        losses = by_hand(module, ours.protocol)
        for name, value in module.state_dict().items():
            torch.testing.assert_close(ours.model.weights(place)[name], value, rtol=1e-9, atol=1e-12)
        first = points[0][place]
        assert first.train_loss == pytest.approx(sum(losses[: first.step]) / first.step)


def test_the_state_matters_and_is_forgotten_at_the_beginning_of_the_text():
    seen = []

    class Recorded(Reader):
        def forward(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> Any:
            if self.training and state is not None:
                seen.append(bool(state[0].any()))
            return super().forward(x, state)

    list(training([Recorded()], [0], max_steps=11))
    assert seen == [False, True, True, True, True, False, True, True, True, True, False]


@pytest.mark.parametrize("seeds", [[3], [3, 5]])
def test_a_run_goes_on_from_the_middle_of_a_text_as_an_undisturbed_one(seeds):
    whole = training(readers(*seeds), seeds)
    list(whole)
    first = training(readers(*seeds), seeds)
    first.stop = lambda: first.step == 8
    list(first)
    stored = io.BytesIO()
    torch.save([first.state(place) for place in range(len(seeds))], stored)
    stored.seek(0)
    second = training(readers(*seeds), seeds)
    second.restore(torch.load(stored, weights_only=False))
    list(second)
    for place in range(len(seeds)):
        for name, value in whole.model.weights(place).items():
            assert torch.equal(second.model.weights(place)[name], value)


def in_one_stream(module: nn.Module, split: Split) -> Tensor:
    """The cross-entropy of each token, (pieces, steps), the state carried through the whole text."""
    with torch.no_grad():
        answers, _ = module(split.x.reshape(1, -1), module.initial_state(1))
    return F.cross_entropy(answers[0], split.y.flatten(), reduction="none").view(split.y.shape)


def test_perplexity_is_that_of_the_whole_text_read_in_one_stream():
    (module,), split = readers(1), text(7, 2)
    wanted = math.exp(in_one_stream(module, split).mean())
    model = Alone(module, torch.device("cpu"))
    begin = tuple(s[None] for s in module.initial_state(1))
    assert evaluate(model, *split, "perplexity", begin, 1) == [pytest.approx(wanted, rel=1e-12)]


def test_each_stream_begins_anew_and_every_piece_counts_once():
    """Seven pieces in three streams: of three, two and two pieces."""
    seeds = [1, 2]
    modules, split = readers(*seeds), text(7, 2)
    parts = [Split(split.x[a:b], split.y[a:b]) for a, b in ((0, 3), (3, 5), (5, 7))]
    wanted = [
        math.exp(torch.cat([in_one_stream(module, part).flatten() for part in parts]).mean()) for module in modules
    ]
    stacked = Stacked(modules, seeds, torch.device("cpu"))
    begin = tuple(s.repeat(2, 1, 1) for s in modules[0].initial_state(3))
    assert evaluate(stacked, *split, "perplexity", begin, 3) == pytest.approx(wanted, rel=1e-12)
    alone = Alone(modules[0], torch.device("cpu"))
    begin = tuple(s[None] for s in modules[0].initial_state(3))
    assert evaluate(alone, *split, "perplexity", begin, 3) == pytest.approx(wanted[:1], rel=1e-12)


@pytest.mark.parametrize("seeds", [[4], [4, 9]])
def test_validation_and_test_read_their_text_from_the_beginning_wherever_training_stands(seeds):
    """After 13 steps it stands in the middle of its text, with a state."""
    ours = training(readers(*seeds), seeds)
    last = list(ours)[-1]
    assert all(state.any() for state in ours.carried)
    begin = tuple(s.repeat(len(seeds), 1, 1) for s in readers(0)[0].initial_state(2))
    valid = evaluate(ours.model, *ours.splits.valid, "perplexity", begin, 2)
    assert [last[place].valid_metric for place in range(len(seeds))] == valid
    tested = ours.test()
    assert tested == evaluate(ours.model, *ours.splits.test, "perplexity", begin, 2)


@pytest.mark.parametrize(("pieces", "streams"), [(1, 5), (5, 1), (12, 4), (13, 4), (15, 4)])
def test_streams_read_every_piece_once_and_in_order(pieces, streams):
    steps = [rows.tolist() for rows in in_streams(pieces, streams)]
    assert sorted(row for rows in steps for row in rows) == list(range(pieces))
    for earlier, later in itertools.pairwise(steps):
        assert later == [row + 1 for row in earlier[: len(later)]]


def test_a_perplexity_beyond_all_numbers_is_infinite():
    class Sure(Reader):
        def forward(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> Any:
            answers, state = super().forward(x, state)
            return torch.zeros_like(answers).index_fill_(2, torch.tensor([0]), 1e6), state

    module, split = Sure(), text(4)
    begin = tuple(s[None] for s in module.initial_state(1))
    assert evaluate(Alone(module, torch.device("cpu")), *split, "perplexity", begin, 1) == [math.inf]


def test_the_best_checkpoint_has_the_lowest_perplexity():
    run = training(readers(0), [0])
    metrics = [points[0].valid_metric for points in run]
    assert run.replicas[0].best == min(metrics)


def test_a_partial_function_that_reads_a_text_can_carry_too():
    """initial_state is asked of the module, so a stranger's needs no class of ours."""
    module = readers(0)[0]
    module.initial_state = partial(Reader.initial_state, module)
    assert len(list(training([module], [0]))) == 6


@pytest.mark.parametrize("seeds", [[4], [4, 9]])
def test_a_recorded_step_carries_the_state_as_one_that_runs(seeds, recordable_optimizers):
    """Across the beginning of the text, which is no part of the step."""
    plain, recorder = training(readers(*seeds), seeds, recorder=Uncaptured("embedding")), Emulated()
    list(plain)
    recorded = training(readers(*seeds), seeds, recorder=recorder)
    list(recorded)
    assert recorder.replayed > 5
    for place in range(len(seeds)):
        for name, value in plain.model.weights(place).items():
            torch.testing.assert_close(recorded.model.weights(place)[name], value, rtol=1e-12, atol=1e-12)
