"""Data in any natural form become tensors, or a sentence that names split and row."""

import re

import numpy as np
import pytest
import torch

from harness import forms
from harness.errors import BenchError
from tasks.spec import SequenceShape, Split, Splits, TaskSpec

N, T, F = 6, 5, 2
X = torch.arange(N * T * F, dtype=torch.float32).reshape(N, T, F) / 7
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
TARGETS = torch.linspace(-1, 1.5, N)[:, None]


def given(change_x=lambda x: x, change_y=lambda y: y, y=LABELS):
    return [(change_x(X.clone()), change_y(y.clone())) for _ in range(3)]


def made(value, **facts):
    return forms.tensors("mine", value, **facts)[0]


def refused(value, sentence, **facts):
    with pytest.raises(BenchError, match=re.escape(sentence)):
        made(value, **facts)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: x.numpy(),
        lambda x: x.double(),
        lambda x: x.tolist(),
        lambda x: list(x),
        lambda x: [row.numpy() for row in x],
        lambda x: np.asfortranarray(x.numpy()),
        lambda x: x.numpy().astype(">f8"),
        lambda x: x.numpy()[::-1][::-1],
        lambda x: x.requires_grad_(),
        lambda x: x.to_sparse(),
        lambda x: np.ma.masked_invalid(x.numpy()),
    ],
)
def test_inputs_in_any_form_of_the_same_numbers_are_the_same_tensors(change):
    for x, _ in made(given(change)):
        assert x.dtype == torch.float32
        assert torch.equal(x.detach(), X)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool])
def test_inputs_of_any_kind_of_number_are_real_numbers(kind):
    whole = (X * 7).long() % 2
    for x, _ in made([(whole.to(kind), LABELS)] * 3):
        assert x.dtype == torch.float32
        assert torch.equal(x, whole.float())


def test_inputs_without_an_axis_of_inputs_have_one():
    assert torch.equal(made([(X[:, :, 0], LABELS)] * 3).train.x, X[:, :, :1])


@pytest.mark.parametrize(
    "change",
    [
        *(lambda y, kind=kind: y.to(kind) for kind in (torch.int8, torch.uint8, torch.int16, torch.int32)),
        *(lambda y, kind=kind: y.numpy().astype(kind) for kind in ("uint16", "uint32", "uint64", ">i4")),
        lambda y: y[:, None],
        lambda y: y.tolist(),
        lambda y: list(y.numpy()),
    ],
)
def test_labels_of_any_kind_of_whole_number_are_labels(change):
    for _, y in made(given(change_y=change)):
        assert y.dtype == torch.int64
        assert torch.equal(y, LABELS)


def test_labels_may_be_yes_and_no():
    assert made([(X, LABELS > 0)] * 3).train.y.tolist() == [0, 1, 1, 0, 1, 1]


def test_labels_of_each_step():
    steps = torch.arange(N * T).reshape(N, T) % 3
    for y in (steps, steps.int(), steps[..., None]):
        assert torch.equal(made([(X, y)] * 3).train.y, steps)


def test_targets_in_any_form():
    for y in (TARGETS, TARGETS[:, 0], TARGETS.double(), TARGETS.numpy(), TARGETS[:, 0].tolist()):
        assert torch.equal(made([(X, y)] * 3).train.y, TARGETS)


def test_whole_numbers_as_targets_must_be_called_so():
    whole = TARGETS.round()
    refused([(X, whole)] * 3, "mine: y are whole numbers written as torch.float32")
    assert torch.equal(made([(X, whole)] * 3, metric="mse").train.y, whole)
    refused([(X, LABELS.float())] * 3, "accuracy needs labels", metric="accuracy")
    refused([(X, LABELS)] * 3, "mse needs real targets", metric="mse")


def test_sequences_of_different_lengths_are_padded_in_front():
    rows = [torch.ones(length, F) for length in (1, 3, 2)]
    wide = [(rows, [0, 1, 1]), ([row.numpy() for row in rows], [0, 1, 0]), (torch.ones(2, 4, F), [0, 1])]
    splits, clause = forms.tensors("mine", wide)
    assert clause == "1 to 4 steps, padded in front"
    assert splits.train.x.shape == (3, 4, F)
    assert splits.train.x[..., 0].tolist() == [[0, 0, 0, 1], [0, 1, 1, 1], [0, 0, 1, 1]]
    assert torch.equal(splits.train.x, splits.valid.x)
    flat = made([([[1.0], [2.0, 3.0]], [0, 1])] * 3)
    assert flat.train.x.tolist() == [[[0.0], [1.0]], [[2.0], [3.0]]]
    refused([(rows, [[0], [0, 1, 1], [1, 1]])] * 3, "y of the training data is a list of parts of different lengths")
    refused([(rows, torch.zeros(3, 3).long())] * 3, "sequences of different lengths cannot have an answer at each")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (7, "mine must give three pairs (x, y), for training, validation and test, but gives a int"),
        ([(X, LABELS)] * 2, "gives a list of 2 with 2, 2 parts"),
        ([(X, LABELS, 1)] * 3, "gives a list of 3 with 3, 3, 3 parts"),
        ({"train": (X, LABELS)}, "must give three pairs"),
        ([(X[0, 0], LABELS)] * 3, "x of the training data is (2,), but must be"),
        ([(X[..., None], LABELS)] * 3, "x of the training data is (6, 5, 2, 1)"),
        ([(X[:0], LABELS[:0])] * 3, "and not empty"),
        ([(X[:, :0], LABELS)] * 3, "and not empty"),
        ([(X, LABELS)] * 2 + [(X, LABELS[:0])], "y of the test data is (0,)"),
        ([(X, torch.tensor(3))] * 3, "y of the training data is ()"),
        ([(X.to(torch.complex64), LABELS)] * 3, "x of the training data are complex numbers"),
        ([(np.array([["a"] * T] * N), LABELS)] * 3, "x of the training data holds str"),
        ([(["abc", "de"], LABELS[:2])] * 3, "x of the training data holds str"),
        ([(X, ["yes", "no"] * 3)] * 3, "y of the training data holds str"),
        ([(X, np.array([None] * N))] * 3, "y of the training data holds object"),
        ([([X[0], X[1][:2, :1]], LABELS[:2])] * 3, "a list whose sequences are not all (time, inputs)"),
        ([(X, LABELS), (X[:4], LABELS), (X, LABELS)], "the validation data have 4 sequences x, but 6 answers y"),
        ([(X, LABELS), (X, LABELS), (X[..., :1], LABELS)], "1 inputs in the test data, but 2 in training"),
        (
            [(X, LABELS), (X, TARGETS), (X, LABELS)],
            "y of the validation data is (6, 1) torch.float32, in training (6,)",
        ),
        ([(X, torch.eye(3).repeat(2, 1).long())] * 3, "y of the training data is (6, 3), but labels are (6,)"),
    ],
)
def test_what_can_be_no_data_is_a_sentence(value, sentence):
    refused(value, sentence)


def labels(*last):
    return [(X, LABELS), (X, LABELS), (X, torch.tensor([0, 1, 2, *last]))]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (labels(0, -1, 2), "y of the test data has the label -1 in row 4; labels are whole numbers from 0"),
        (labels(-100, 0, 0), "the label -100 in row 3"),
        (labels(4, 1, 1), "no sequence has the label 3, but some have 4"),
        ([(X, LABELS + 1)] * 3, "no sequence has the label 0, but some have 3"),
        (labels(0, 1, 10**9), "no sequence has the label 3, but some have 1000000000"),
        ([(X, LABELS * 0)] * 3, "all labels are 0"),
    ],
)
def test_labels_that_are_no_classes_are_named(value, sentence):
    refused(value, sentence)


def test_where_the_number_of_classes_is_said_some_may_be_missing():
    assert made(labels(4, 1, 1), classes=5).test.y.max() == 4
    refused(labels(4, 1, 1), "has the label 4 in row 3; labels are whole numbers from 0 to 3", classes=4)


# ------------------------------------------------------------------------------------- whatever the task


def task(metric="accuracy", outputs=3, **shape):
    return TaskSpec("mine", "Mine", SequenceShape(T, F, outputs, **shape), lambda s, r: None, metric, True)


def splits_with(x=X, y=LABELS):
    return Splits(Split(X, LABELS if not y.is_floating_point() else TARGETS), Split(X, y), Split(x, y))


def holed(tensor, place, value):
    tensor = tensor.clone()
    tensor[place] = value
    return tensor


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_is_no_finite_number_is_named_by_split_and_row(value):
    kind = "NaN" if value == "nan" else "a number that is infinite"
    with pytest.raises(BenchError, match=rf"mine: x of the test data has {kind}.* in row 3, .*; 1 of 6 rows"):
        forms.check(task(), splits_with(holed(X, (3, 2, 1), float(value))))
    with pytest.raises(BenchError, match=rf"mine: y of the validation data has {kind}.* in row 4"):
        forms.check(task("mse", 1), splits_with(y=holed(TARGETS, (4, 0), float(value))))


def test_a_number_that_float32_cannot_hold_is_named():
    value = [(X.double(), LABELS), (X, LABELS), (holed(X.double(), (2, 0, 0), 1e300), LABELS)]
    with pytest.raises(BenchError, match=r"beyond float32 in row 2"):
        forms.check(task(), made(value))


def test_missing_values_of_a_masked_array_are_missing():
    masked = np.ma.masked_equal(X.numpy(), X[5, 0, 0].item())
    with pytest.raises(BenchError, match="x of the training data has NaN in row 5"):
        forms.check(task(), made([(masked, LABELS)] * 3))


@pytest.mark.parametrize(
    ("spec", "splits", "sentence"),
    [
        (task(), splits_with(y=LABELS[:4]), r"x of the validation data are 6 sequences, y 4 answers"),
        (task(outputs=2), splits_with(), r"y of the training data has the label 2 in row 2; .* from 0 to 1"),
        (task("mse"), splits_with(), "mse needs real targets, but y are whole numbers"),
        (task("perplexity"), splits_with(y=TARGETS), "perplexity needs labels"),
        (task("mse", 2), splits_with(y=TARGETS), r"y of the training data is \(6, 1\), but its task says \(6, 2\)"),
        (task(per_step=True), splits_with(), r"y of the training data is \(6,\), but its task says \(6, 5\)"),
        (task(), splits_with(X[:, :4]), r"x of the test data is \(6, 4, 2\), but its task says \(6, 5, 2\)"),
    ],
)
def test_data_that_are_not_what_their_task_says_are_refused(spec, splits, sentence):
    with pytest.raises(BenchError, match=sentence):
        forms.check(spec, splits)


def test_tokens_lie_in_the_vocabulary():
    tokens = torch.arange(N * T).reshape(N, T) % 4
    text = task(outputs=4, per_step=True, vocabulary=4)
    forms.check(text, Splits(*[Split(tokens, tokens)] * 3))
    with pytest.raises(BenchError, match="x of the training data has the token 4 in row 0"):
        forms.check(text, Splits(*[Split(tokens + 1, tokens)] * 3))


def test_data_that_are_in_order_pass():
    forms.check(task(), splits_with())
    forms.check(task("mse", 1), splits_with(y=TARGETS))


def test_the_checksum_is_that_of_every_number_and_split():
    first = forms.checksum(splits_with())
    assert first == forms.checksum(splits_with(X.clone(), LABELS.clone()))
    others = [splits_with(holed(X, (0, 0, 0), 1e-7)), splits_with(y=LABELS.flip(0)), splits_with(y=LABELS.int())]
    others.append(Splits(*splits_with(), more={"noisy": Split(X, LABELS)}))
    assert len({first, *map(forms.checksum, others)}) == 5
