"""What is recorded of a trained model's use of time: true numbers, and no other number changed by them."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from support.cells import apart_from_times, cell, cells
from torch import Tensor, nn

from harness.catalog import find_model, find_task
from harness.execute import group
from harness.execute.run import run_cell, run_group
from harness.prepare.modules import Where, load_splits
from harness.records.kinds import from_json, to_json
from harness.records.store import Store
from harness.train import insight
from harness.train.evaluate import loss_of
from models.spec import ScaleUse
from tasks import text
from tasks.spec import SequenceShape, Split, Splits, TaskSpec
from tasks.text import LanguageModel

VOCABULARY = 5


class Reader(nn.Module):
    """A tanh recurrence in float64, whose scales are its two units: which is the larger?"""

    def __init__(self, shape: Any, width: int = 3) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.per_step = shape.per_step
        self.rnn = nn.RNN(shape.inputs, width, batch_first=True, dtype=torch.float64)
        self.out = nn.Linear(width, shape.outputs, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        h = self.rnn(x)[0]
        return self.out(h if self.per_step else h[:, -1])

    def scale_use(self, x: Tensor) -> ScaleUse:
        h = self.rnn(x)[0][:, :, :2]
        return ScaleUse(("first", "second"), (h >= h.amax(2, keepdim=True)).double(), "share", exclusive=True)


SHAPES = {
    "label": SequenceShape(7, 2, 3),
    "per step": SequenceShape(7, 2, 3, per_step=True),
    "number": SequenceShape(7, 2, 2),
    "text": SequenceShape(7, 4, 4, per_step=True, carried=True, vocabulary=VOCABULARY),
}


def made(kind: str, rows: int = 5) -> tuple[nn.Module, nn.Module, Splits, TaskSpec]:
    """A framed model, the model inside, data and the task."""
    shape = SHAPES[kind]
    inner = module = Reader(shape)
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(rows, 7, shape.inputs, generator=generator, dtype=torch.float64)
    y = torch.randint(shape.outputs, (rows, 7) if shape.per_step else (rows,), generator=generator)
    words: tuple[str, ...] = ()
    if kind == "number":
        y = torch.randn(rows, shape.outputs, generator=generator, dtype=torch.float64)
    if kind == "text":
        x = torch.randint(VOCABULARY, (rows, 7), generator=generator)
        y = torch.randint(VOCABULARY, (rows, 7), generator=generator)
        module = LanguageModel(inner, vocabulary=VOCABULARY, embedding=4).double()
        words = tuple("abcde")
    split = Split(x, y)
    task = TaskSpec("mine", "Mine", shape, lambda seed, root: None, "accuracy", True)
    return module.eval(), inner, Splits(split, split, split, words=words), task


def by_differences(module: nn.Module, inner: nn.Module, splits: Splits) -> Tensor:
    """|d loss_i / d x_{i,t}| from one changed number after the other, mean over sequences, (time,)."""
    x, y = splits.test
    entering = module.embedding(x).detach() if isinstance(module, LanguageModel) else x

    def loss(row: int, entered: Tensor) -> float:
        outputs = inner(entered[None])
        if isinstance(module, LanguageModel):
            outputs = module._logits(outputs)
        answer = y[row : row + 1]
        if outputs.ndim == 3:
            outputs, answer = outputs[:, -1], answer[:, -1]
        return float(loss_of(outputs, answer))

    total = torch.zeros(x.shape[1], dtype=torch.float64)
    for row, sequence in enumerate(entering):
        squares = torch.zeros_like(sequence)
        for place in range(sequence.numel()):
            step = torch.zeros_like(sequence)
            step.view(-1)[place] = 1e-6
            squares.view(-1)[place] = ((loss(row, sequence + step) - loss(row, sequence - step)) / 2e-6) ** 2
        total += squares.sum(1).sqrt()
    return total / len(x)


# ----------------------------------------------------------------------------- gradient


@pytest.mark.parametrize("at_once", [insight.AT_ONCE, 14, 1])
@pytest.mark.parametrize("kind", SHAPES)
def test_gradient_agrees_with_finite_differences(monkeypatch, kind, at_once):
    monkeypatch.setattr(insight, "AT_ONCE", at_once)
    module, inner, splits, task = made(kind)
    with torch.no_grad():
        wanted = by_differences(module, inner, splits)
    seen = insight.gradients(module, inner, splits, torch.arange(5), task)
    torch.testing.assert_close(seen, wanted, rtol=1e-6, atol=1e-9)
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not inner._forward_pre_hooks


def test_gradient_is_that_of_the_sequences_asked_for():
    module, inner, splits, task = made("label")
    one = [insight.gradients(module, inner, splits, torch.tensor([row]), task) for row in range(3)]
    together = insight.gradients(module, inner, splits, torch.arange(3), task)
    torch.testing.assert_close(together, sum(one) / 3)


def test_no_gradient_reaches_what_the_last_answer_does_not_read():
    module, inner, splits, task = made("per step")
    inner.forward = lambda x: x[:, :, :1].roll(2, 1) * torch.ones(3, dtype=torch.float64).cumsum(0)
    seen = insight.gradients(module, inner, splits, torch.arange(5), task)
    assert (seen > 0).tolist() == [False] * 4 + [True] + [False] * 2


def test_small_gradients_do_not_vanish_when_they_are_squared():
    module, inner, splits, task = made("label")
    module.float()
    split = Split(splits.test.x.float(), splits.test.y)
    small = inner.forward
    inner.forward = lambda x: small(x) * 1e-30
    seen = insight.gradients(module, inner, Splits(split, split, split), torch.arange(5), task)
    assert 0 < seen[-1] < 1e-28


def test_a_hard_choice_passes_no_gradient():
    spec, task = find_model("asgru"), find_task("sfc", "smoke")
    module = spec.build(task.shape, 4).eval()
    with torch.no_grad():
        module.W_z.mul_(100), module.U_z.mul_(100)
        module.cell.weight_x.zero_()
    x = torch.randn(3, 40, 1)
    split = Split(x, torch.zeros(3, dtype=torch.int64))
    assert not insight.gradients(module, module, Splits(split, split, split), torch.arange(3), task).any()


def test_long_sequences_share_values():
    assert [insight._bin(steps) for steps in (1, 128, 129, 784, 1000, 6000)] == [1, 1, 2, 7, 8, 47]
    series = torch.arange(300, dtype=torch.float64)
    assert insight._binned(series)[:3] == [1, 4, 7]
    assert len(insight._binned(series)) == 100
    assert insight._binned(torch.arange(301.0))[-2:] == [298, 300]


def test_numbers_are_short_and_finite():
    found = insight._rounded(
        torch.tensor([1 / 3, 12345.6, 1e-30, 0, 1.23456e30, float("nan"), float("inf")], dtype=torch.float64)
    )
    assert found == [0.3333, 12350, 1e-30, 0, 1.235e30, None, None]
    assert [type(value) for value in found[1:5]] == [int, float, int, float]


# ----------------------------------------------------------------------------- scales


@pytest.mark.parametrize("at_once", [insight.AT_ONCE, 14])
def test_use_of_scales_is_averaged_over_sequences_and_by_class(monkeypatch, at_once):
    monkeypatch.setattr(insight, "AT_ONCE", at_once)
    module, inner, splits, task = made("label", rows=9)
    task = replace(task, class_names=("x", "y"))
    use = inner.scale_use(splits.test.x).use
    found = insight._scales(module, inner, splits, torch.arange(4), task)
    assert (found["labels"], found["meaning"], found["exclusive"]) == (["first", "second"], "share", True)
    assert found["mean"] == use[:4].mean(0).t().tolist()
    torch.testing.assert_close(found["overall"], use[:4].mean((0, 1)).tolist(), rtol=1e-3, atol=0)
    y = splits.test.y
    assert [entry["name"] for entry in found["classes"]] == ["x", "y", "2"]
    for label, entry in enumerate(found["classes"]):
        assert entry["sequences"] == int((y == label).sum())
        torch.testing.assert_close(entry["use"], use[y == label].mean((0, 1)).tolist(), rtol=1e-3, atol=0)
    example = found["example"]
    assert example["chosen"] == use[0].argmax(1).tolist()
    assert (example["steps"], example["class"]) == (7, ["x", "y", "2"][int(y[0])])
    assert "signal" not in example  # there are two numbers a step


def test_classes_are_looked_for_all_over_the_test_set(monkeypatch):
    monkeypatch.setattr(insight, "CLASS_SEQUENCES", 4)
    module, inner, splits, task = made("label", rows=9)
    split = Split(splits.test.x, torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2]))
    found = insight._scales(module, inner, Splits(split, split, split), torch.arange(2), task)
    assert [(entry["name"], entry["sequences"]) for entry in found["classes"]] == [("0", 2), ("1", 1), ("2", 1)]


@pytest.mark.parametrize("kind", ["number", "per step"])
def test_without_one_label_a_sequence_there_are_no_classes(kind):
    module, inner, splits, task = made(kind)
    found = insight._scales(module, inner, splits, torch.arange(5), task)
    assert "classes" not in found
    assert "class" not in found["example"]


def test_many_classes_are_left_out():
    module, inner, splits, task = made("label")
    task = replace(task, shape=replace(task.shape, outputs=insight.CLASSES + 1))
    assert "classes" not in insight._scales(module, inner, splits, torch.arange(5), task)


def test_the_example_of_a_text_is_in_words():
    module, inner, splits, task = made("text")
    found = insight._scales(module, inner, splits, torch.arange(5), task)
    use = inner.scale_use(module.embedding(splits.test.x)).use
    assert found["mean"] == use.mean(0).t().tolist()
    assert found["example"] == {
        "steps": 7,
        "words": ["abcde"[token] for token in splits.test.x[0].tolist()],
        "chosen": use[0].argmax(1).tolist(),
    }


def test_a_long_example_is_cut(monkeypatch):
    monkeypatch.setattr(insight, "SIGNAL_STEPS", 3)
    module, inner, splits, task = made("label")
    inner.scale_use = lambda x: ScaleUse(("one",), x[:, :, :1].abs(), "size")
    found = insight._scales(module, inner, splits, torch.arange(5), task)
    sizes = splits.test.x[0, :3, 0].abs()
    assert found["example"] == {"steps": 3, "class": str(int(splits.test.y[0])), "use": [insight._rounded(sizes)]}


# ----------------------------------------------------------------------------- with a run


def checked(found: dict[str, Any], steps: int, labels: int) -> None:
    for series in (*found["gradient"].values(), *(found["scales"]["mean"] if labels else ())):
        assert len(series) == steps // found["bin"]
        assert all(value >= 0 for value in series)
    if labels:
        assert len(found["scales"]["labels"]) == len(found["scales"]["mean"]) == labels


@pytest.mark.parametrize(
    ("model", "labels"), [("gru", 0), ("aslstm", 4), ("hm-lstm", 2), ("tp-rnn-m", 6), ("clockwork", 4), ("slstm", 0)]
)
def test_a_record_has_it_and_comes_back_as_it_was(where, model, labels):
    record = run_cell(cell(model), where)
    assert (record.status, record.notes) == ("ok", "")
    assert record.insight is not None
    checked(record.insight, 40, labels)
    assert (record.insight["sequences"], record.insight["steps"]) == (40, 40)
    assert (record.insight["scales"] is None) == (labels == 0)
    if labels:
        first = load_splits("sfc", "smoke", 0, where).test.x[0, :, 0]
        assert record.insight["scales"]["example"]["signal"] == insight._rounded(first)
    assert from_json(to_json(record), "here") == record == Store(where.results).find_run(record.cell)
    assert len(to_json(record).splitlines()) < 250


def test_a_run_on_a_text_has_words_and_no_classes(where, tmp_path, monkeypatch):
    monkeypatch.setattr(text.fetch, "folder", lambda name, root: tmp_path)
    generator = torch.Generator().manual_seed(1)
    for part, count in (("train", 7_000), ("valid", 1_100), ("test", 1_100)):
        tokens = torch.randint(220, (count,), generator=generator).tolist()
        (tmp_path / f"wiki.{part}.tokens").write_text(" ".join(f"w{token}" for token in tokens))
    load_splits.cache_clear()
    record = run_cell(cell("aslstm", task="wikitext-2"), where)
    load_splits.cache_clear()
    assert (record.status, record.reason, record.notes) == ("ok", "", "")
    checked(record.insight, 16, 4)
    example = record.insight["scales"]["example"]
    words = (tmp_path / "wiki.test.tokens").read_text().split()[:16]
    assert [known for known, word in zip(example["words"], words, strict=True) if known not in (word, "<unk>")] == []
    assert len(set(example["words"])) > 5
    assert sorted(example) == ["chosen", "steps", "words"]
    assert "classes" not in record.insight["scales"]


def test_it_is_made_of_the_best_checkpoint_at_its_progress(where, monkeypatch):
    """By hand: the weights that training kept, in a module of the same seed."""
    kept: list[Any] = []
    whole = insight.insight
    monkeypatch.setattr(insight, "insight", lambda *given: kept.append(given) or whole(*given))
    record = run_cell(cell("hm-lstm"), where)
    ((spec, task, width, splits, _, weights, progress),) = kept
    assert progress == record.best_step / record.curve[-1].step
    module = spec.build(task.shape, width).eval()
    module.load_state_dict(weights)
    module.set_progress(progress)
    seen = insight.gradients(module, module, splits, torch.arange(40), task)
    assert record.insight["gradient"]["trained"] == insight._binned(seen)
    module.set_progress(0.0)
    assert insight._binned(insight.gradients(module, module, splits, torch.arange(40), task)) != insight._binned(seen)
    again = whole(spec, task, width, splits, where, spec.build(task.shape, width).state_dict(), 0.0)
    assert again["gradient"]["initial"] == record.insight["gradient"]["initial"] != again["gradient"]["trained"]


@pytest.mark.parametrize("model", ["aslstm@evaluation=sample", "asgru", "Plain"])
@pytest.mark.parametrize("seeds", [1, 2])
def test_it_changes_no_number(where, tmp_path, monkeypatch, model, seeds):
    group_of = cells(model, seeds)
    stream = torch.get_rng_state()
    records = run_group(group_of, where)
    assert torch.equal(torch.get_rng_state(), stream)
    assert [record.insight is not None for record in records] == [True] + [False] * (seeds - 1)
    monkeypatch.setattr(group, "with_insight", lambda record, *rest: record)
    without = run_group(group_of, Where(tmp_path / "without"))
    assert all(record.insight is None for record in without)
    assert apart_from_times([replace(record, insight=None) for record in records]) == apart_from_times(without)


def test_seeds_that_train_together_have_the_insight_of_the_first_alone(where, tmp_path):
    together = run_group(cells("aslstm", 2), where)
    alone = run_cell(together[0].cell, Where(tmp_path / "alone"))
    assert (together[0].replicas, alone.replicas) == (2, 1)
    for name, series in alone.insight["gradient"].items():
        assert together[0].insight["gradient"][name] == pytest.approx(series, rel=0.02)
    assert together[0].insight["gradient"]["initial"] == alone.insight["gradient"]["initial"]
    assert together[1].insight is None


class NoHook(nn.Module):
    """It calls itself for a batch in two halves, so what enters it is not one tensor."""

    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        self.top = nn.Sequential(nn.Linear(shape.inputs * shape.length, width), nn.Linear(width, shape.outputs))

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 20 and torch.is_grad_enabled():
            return torch.cat([self(part) for part in x.split(20)])
        return self.top(x.flatten(1))


class WrongUse(NoHook):
    def forward(self, x: Tensor) -> Tensor:
        return self.top(x.flatten(1))

    def scale_use(self, x: Tensor) -> ScaleUse:
        return ScaleUse(("one", "two"), x, "nothing")


class NoUse(WrongUse):
    def scale_use(self, x: Tensor) -> None:
        return None


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("NoHook", "ValueError: the model was called 3 times for one batch"),
        ("WrongUse", "ValueError: scale_use gives (40, 40, 1) for (40, 40) steps and 2 labels"),
    ],
)
def test_what_goes_wrong_costs_the_insight_alone(where, model, said):
    record = run_cell(cell(f"test_insight:{model}"), where)
    assert (record.status, record.insight) == ("ok", None)
    assert record.test_metric is not None
    assert record.notes.startswith(f"no insight into test_insight:{model}: {said}")


def test_a_model_may_have_nothing_to_tell_of_its_scales(where):
    record = run_cell(cell("test_insight:NoUse"), where)
    assert record.notes == ""
    assert record.insight["scales"] is None


@pytest.mark.parametrize("model", ["GivesNaN", "Raises"])
def test_a_run_that_did_not_go_well_has_none(where, model):
    record = run_cell(cell(model), where)
    assert record.status != "ok"
    assert record.insight is None
    assert "insight" not in record.notes
