"""A stranger's function or TaskSpec becomes a task."""

import random

import numpy as np
import pytest
import torch
from support import unusual

from harness import catalog, strangers
from harness.errors import BenchError
from harness.prepare.modules import Where, forget, load_splits
from tasks.spec import SequenceShape, Split, Splits, TaskSpec

X = torch.randn(8, 5, 2, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(8) % 2


def plain(data_seed, data_root):
    return [(X, LABELS)] * 3


@pytest.fixture
def task(monkeypatch):
    """task(function, **attributes) -> the spec of what then is support.unusual:task."""

    def found(function=plain, options="", data_root=None, **attributes):
        forget()

        def copy(data_seed, data_root):
            return function(data_seed, data_root)

        for name, value in attributes.items():
            setattr(copy, name, value)
        monkeypatch.setattr(unusual, "task", copy, raising=False)
        return catalog.find_task(f"support.unusual:task{options}", data_root=data_root)

    return found


class Odd(BaseException):
    """What `except Exception` does not catch."""


class Mute(Exception):
    def __str__(self):
        return str(1 / 0)


@pytest.mark.parametrize("error", [Odd("one\ntwo"), Mute(), GeneratorExit(), StopIteration(), SystemExit(0), OSError()])
def test_a_task_that_raises_anything_is_one_line(task, error):
    def raises(data_seed, data_root):
        raise error

    with pytest.raises(BenchError, match=r"^support\.unusual:task does not give its data: \w+: .*$") as found:
        task(raises)
    assert str(found.value).isprintable()


def test_a_task_that_cannot_say_its_title_or_chance_is_a_sentence(task):
    for attribute in ("title", "chance", "classes", "metric"):
        with pytest.raises(BenchError, match=r"^the task support\.unusual:task cannot be made: ZeroDivisionError"):
            task(**{attribute: type("Silent", (), {"__str__": lambda self: 1 / 0, "__repr__": lambda self: 1 / 0})()})


def test_ctrl_c_in_a_task_is_the_users(task):
    def interrupted(data_seed, data_root):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        task(interrupted)


@pytest.mark.parametrize("make", [float, np.float32, np.float64, np.array, torch.tensor, lambda x: np.array([x])[0]])
def test_numbers_of_any_library_are_numbers(task, make):
    spec = task(chance=make(0.5), target=make(0.75))
    assert (type(spec.chance), spec.chance, type(spec.target), spec.target) == (float, 0.5, float, 0.75)


@pytest.mark.parametrize("value", ["0.5", True, float("nan"), torch.tensor(float("inf")), np.ones(3), 50, -0.1, [0.5]])
def test_what_can_be_no_chance_is_a_sentence(task, value):
    with pytest.raises(BenchError, match=r"task: chance is .* but must be a number from 0 to 1, as accuracy is"):
        task(chance=value)


def test_the_range_of_a_number_is_that_of_its_metric(task):
    assert task(metric="perplexity", chance=50).chance == 50.0
    with pytest.raises(BenchError, match="from 1, as perplexity is"):
        task(metric="perplexity", target=0.5)


@pytest.mark.parametrize(
    ("metric", "nearest"), [("Accuracy", "accuracy"), ("f1", "mse"), ("ppl", "perplexity"), ("", "mse"), (3, "mse")]
)
def test_a_metric_that_nobody_computes_is_refused_with_the_nearest(task, metric, nearest):
    with pytest.raises(
        BenchError, match=rf"no metric called '{metric}'; the nearest is '\w+', all are accuracy, "
    ) as error:
        task(metric=metric)
    assert metric in ("f1", "", 3) or f"'{nearest}'" in str(error.value)


@pytest.mark.parametrize(
    ("metric", "higher"), [(None, True), ("accuracy", True), ("cross_entropy", False), ("perplexity", False)]
)
def test_only_of_accuracy_more_is_better(task, metric, higher):
    spec = task(**({} if metric is None else {"metric": metric}))
    assert (spec.metric, spec.higher_is_better) == (metric or "accuracy", higher)


def test_real_targets_are_measured_by_mse(task):
    spec = task(lambda seed, root: [(X, X[:, 0, 0])] * 3)
    assert (spec.metric, spec.higher_is_better, spec.shape.outputs) == ("mse", False, 1)


def test_the_number_of_classes_can_be_said(task):
    assert task().shape.outputs == 2
    assert task(classes=np.int64(5)).shape.outputs == 5
    for wrong in (1, 2.5, True, "5"):
        with pytest.raises(BenchError, match=r"classes is .* but must be a whole number of at least 2"):
            task(classes=wrong)


def test_a_plain_function_has_no_options(task):
    with pytest.raises(BenchError, match=r"the task support\.unusual:task has no options"):
        task(options="@length=3")


def test_the_folder_of_the_data_reaches_the_function_always(task, tmp_path):
    roots = []

    def load(data_seed, data_root):
        roots.append(data_root)
        (data_root / "there").touch()
        return plain(data_seed, data_root)

    task(load, data_root=tmp_path)
    assert roots == [tmp_path]
    with pytest.raises(
        BenchError, match=r"does not give its data: TypeError.*; it got no folder of data, which --data"
    ):
        task(load)


def test_data_are_made_once_however_often_they_are_looked_at(task, tmp_path):
    calls = []

    def load(data_seed, data_root):
        calls.append(data_seed)
        return plain(data_seed, data_root)

    spec = task(load)
    name, where = "support.unusual:task", Where(tmp_path)
    for _ in range(3):
        spec = catalog.find_task(name, "smoke")
        load_splits(name, "smoke", 0, where)
        strangers.data_digest(spec, 0, None)
    assert calls == [0]
    spec.load(1, None)
    assert calls == [0, 1]
    forget()
    catalog.find_task(name)
    assert calls == [0, 1, 0]


def test_what_draws_from_a_global_generator_is_the_same_each_time(task):
    def load(data_seed, data_root):
        x = torch.rand(8, 5, 1) + np.random.rand() + random.random()
        return [(x, LABELS)] * 3

    torch.manual_seed(5)
    states = torch.get_rng_state(), np.random.get_state()[1], random.getstate()
    first, other = task(load).load(0, None).train.x, task(load).load(1, None).train.x
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]
    assert torch.equal(task(load).load(0, None).train.x, first)
    assert not torch.equal(first, other)


def test_what_a_function_raises_is_a_sentence_with_its_place(task):
    with pytest.raises(BenchError, match=r"task does not give its data: ZeroDivisionError: .*test_strangers\.py:\d+"):
        task(lambda seed, root: 1 / 0)


# ----------------------------------------------------------------------------- a TaskSpec of a stranger's


@pytest.fixture
def given(monkeypatch):
    """given(**changes) -> the spec of a task whose TaskSpec is so."""

    def found(value=None, **changes):
        forget()
        facts = {"name": "own", "title": "Own", "shape": SequenceShape(5, 2, 2), "load": plain, "metric": "accuracy"}
        spec = TaskSpec(**(facts | {"higher_is_better": True} | changes)) if value is None else value
        monkeypatch.setattr(unusual, "spec", spec, raising=False)
        return catalog.find_task("support.unusual:spec")

    return found


def test_the_data_of_a_spec_come_in_any_form_and_once(given):
    calls = []

    def load(seed, root):
        calls.append(seed)
        split = Split(X.numpy(), LABELS.bool())
        return Splits(split, split, split, more={"noisy": split}, words=("a",))

    spec = given(load=load)
    for _ in range(2):
        splits = spec.load(0, None)
    assert calls == [0]
    assert torch.equal(splits.train.x, X)
    assert splits.more["noisy"].y.dtype == torch.int64
    assert splits.words == ("a",)


def test_tokens_stay_tokens(given):
    tokens = torch.arange(20).reshape(4, 5) % 3
    shape = SequenceShape(5, 2, 3, per_step=True, vocabulary=3)
    spec = given(
        shape=shape, load=lambda s, r: [(tokens.int().numpy(), tokens)] * 3, metric="perplexity", higher_is_better=False
    )
    assert torch.equal(spec.load(0, None).train.x, tokens)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metric": "F1"}, "there is no metric called 'F1'"),
        ({"higher_is_better": False}, "higher_is_better is False, but its metric is accuracy"),
        ({"chance": 50}, "chance is 50"),
        ({"value": 7}, "gives a int; a task is a function"),
        ({"value": lambda: 7}, "gives a int; a task is a function"),
        ({"value": lambda one: 7}, "missing 1 required positional argument"),
        ({"value": torch.nn.Linear}, "missing 2 required positional arguments"),
    ],
)
def test_what_is_no_task_is_a_sentence(given, changes, sentence):
    with pytest.raises(BenchError, match=sentence):
        given(**changes)


def test_labels_beyond_the_classes_of_a_spec_are_refused(given):
    with pytest.raises(BenchError, match="y of the training data has the label 2 in row 0"):
        given(load=lambda s, r: [(X, LABELS + 2)] * 3).load(0, None)


def test_a_callable_of_any_kind_is_a_loader(given):
    class Made:
        def __call__(self, data_seed, data_root):
            return plain(data_seed, data_root)

    def with_default(data_seed, data_root=None):
        return plain(data_seed, data_root)

    for value in (Made(), with_default):
        assert given(value).shape == SequenceShape(5, 2, 2)
