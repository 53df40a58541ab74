"""How far one comes without a memory: views and classifiers by hand, and what the verb keeps of it."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from support.sentences import one_sentence
from torch import Tensor

from harness.errors import BenchError
from harness.measure import baselines as measured
from harness.measure.baselines import baselines, classified, logistic, neighbours, pair_entropy
from harness.records.store import Store
from tasks.spec import Split, Splits


def drawn(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def splits(make, *, length: int = 12, inputs: int = 1) -> Splits:
    """make(x, y) writes labels y of two classes into noise x."""

    def split(count: int, seed: int) -> Split:
        x, y = drawn(count, length, inputs, seed=seed), torch.arange(count) % 2
        make(x, y)
        return Split(x, y)

    return Splits(split(300, 1), split(100, 2), split(200, 3))


def only_order(x: Tensor, y: Tensor) -> None:
    """A rising edge or a falling one: the mean is the same, and so is the spectrum's magnitude."""
    x[:] = torch.where(torch.arange(12) < 6, -3.0, 3.0)[None, :, None] + 0.01 * x
    x[y == 1] = x[y == 1].flip(1)
    x[:, -1] = 0.0


def only_the_last(x: Tensor, y: Tensor) -> None:
    x[:, :-1] = 0.0
    x[:, -1, 0] += 6 * y - 3


def only_frequency(x: Tensor, y: Tensor) -> None:
    phase = 6.3 * torch.rand(len(y), 1, generator=torch.Generator().manual_seed(len(y)))
    x[..., 0] = 0.01 * x[..., 0] + torch.sin(phase + 2 * math.pi * (2 + y)[:, None] * torch.arange(12) / 12)


def test_each_view_sees_what_it_says_and_no_more():
    found = baselines(splits(only_order), "accuracy")
    assert found["last step alone"] == 0.5  # a constant
    assert found["spectrum without phase"] < 0.75
    found = baselines(splits(only_the_last), "accuracy")
    assert found["last step alone"] > 0.97
    found = baselines(splits(only_frequency), "accuracy")
    assert found["spectrum without phase"] > 0.97
    assert found["mean over time"] < 0.65
    assert list(baselines(splits(only_the_last, inputs=2), "accuracy")) == ["mean over time", "last step alone"]


def test_the_mean_is_of_what_is_not_padding_and_forgets_the_order():
    x = drawn(4, 9, 3)
    x[1, :5] = 0.0
    x[2, 4] = 0.0  # a zero between others is none
    x[3] = 0.0
    found = measured._mean(x)
    torch.testing.assert_close(found[0], x[0].mean(dim=0))
    torch.testing.assert_close(found[1], x[1, 5:].mean(dim=0))
    torch.testing.assert_close(found[2], x[2].mean(dim=0))
    assert not found[3].any()
    torch.testing.assert_close(measured._mean(x[:1].flip(1)), found[:1])


def test_the_spectrum_is_the_same_however_the_samples_are_shifted():
    x = drawn(3, 16, 1)
    torch.testing.assert_close(measured._spectrum(x), measured._spectrum(x.roll(5, dims=1)), rtol=1e-3, atol=1e-3)


def test_validation_chooses_and_the_test_set_is_read_once(monkeypatch):
    """Constant answers 0 and 1: validation is better for 1, the test set would be for 0."""
    asked: list[tuple[int, int]] = []

    def constant(answer: int):
        def predict(x: Tensor) -> Tensor:
            asked.append((answer, len(x)))
            return torch.full((len(x),), answer)

        return predict

    monkeypatch.setattr(measured, "logistic", lambda x, y, penalty: constant(0))
    monkeypatch.setattr(measured, "neighbours", lambda x, y, k: constant(1))
    train, x = (drawn(20, 2), torch.arange(20) % 2), drawn(10, 2)
    valid, test = (x, torch.tensor([1] * 7 + [0] * 3)), (drawn(11, 2), torch.tensor([1] * 2 + [0] * 9))
    assert classified(train, valid, test) == pytest.approx(2 / 11)
    assert [answer for answer, count in asked if count == 11] == [1]


@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_logistic_regression_is_at_the_minimum_of_its_loss(penalty):
    """Two classes: half of their difference of weights is that of the two-class model, by scipy."""
    from scipy.optimize import minimize

    x = drawn(60, 2).double()
    y = (x[:, 0] + 0.5 * drawn(60, seed=5) > 0).long()

    def loss(w: np.ndarray) -> float:
        margin = (2 * y.numpy() - 1) * (x.numpy() @ w[:2] + w[2])
        return float(np.log1p(np.exp(-margin)).mean() + penalty / 4 * (w[:2] ** 2).sum())

    w = minimize(loss, np.zeros(3), tol=1e-10).x
    points = drawn(500, 2, seed=9).double()
    assert torch.equal(logistic(x, y, penalty)(points), torch.from_numpy(points.numpy() @ w[:2] + w[2] > 0).long())


def test_the_nearest_neighbours_vote(monkeypatch):
    monkeypatch.setattr(measured, "CHUNK", 2)
    x, y = torch.tensor([[0.0], [1.0], [2.0], [10.0]]), torch.tensor([1, 2, 2, 0])
    points = torch.tensor([[0.1], [1.1], [9.0]])
    assert neighbours(x, y, 1)(points).tolist() == [1, 2, 0]
    assert neighbours(x, y, 3)(points).tolist() == [2, 2, 2]


def test_a_text_is_counted_in_pairs_as_witten_and_bell_do():
    train = Split(torch.tensor([[0, 1], [0, 2]]), torch.tensor([[1, 0], [2, 0]]))
    test = Split(torch.tensor([[0, 1, 3]]), torch.tensor([[1, 2, 0]]))  # seen; not seen; after a token never seen
    counts = Counter(train.y.flatten().tolist())
    single = {w: (counts[w] + 1) / 8 for w in range(4)}
    wanted = [(1 + 2 * single[1]) / (2 + 2), (0 + 1 * single[2]) / (1 + 1), single[0]]
    assert pair_entropy(train, test) == pytest.approx(-np.log(wanted).mean())
    splits = Splits(train, test, test)
    assert baselines(splits, "perplexity") == {"last step alone": pytest.approx(math.exp(-np.log(wanted).mean()))}
    assert baselines(splits, "bits_per_character")["last step alone"] == pytest.approx(-np.log2(wanted).mean())


def test_pairs_of_a_token_add_up_to_one():
    rng = torch.Generator().manual_seed(1)
    train = Split(*(torch.randint(6, (5, 9), generator=rng) for _ in range(2)))
    shares = [math.exp(-pair_entropy(train, Split(torch.tensor([[2]]), torch.tensor([[w]])))) for w in range(6)]
    assert sum(shares) == pytest.approx(1)


def test_tasks_of_another_kind_have_none():
    numbers = Split(drawn(5, 4, 2), drawn(5, 1))
    with pytest.raises(BenchError, match="for tasks with one label a sequence, and for texts"):
        baselines(Splits(numbers, numbers, numbers), "mse")


# ----------------------------------------------------------------------------- the verb


def test_the_verb_keeps_what_it_finds(bench, tmp_path):
    outcome = bench("baselines", "--task", "sti,low-density", "--protocol", "smoke")
    assert outcome.code == 0
    assert "sti, Accuracy, %: mean over time " in outcome.out
    found = Store(tmp_path / "results").load()
    assert not found.left_out
    assert [(one.task, one.scale, one.data_seed, one.metric) for one in found.baselines] == [
        ("low-density", "smoke", 0, "accuracy"),
        ("sti", "smoke", 0, "accuracy"),
    ]
    assert all(0 <= value <= 1 for one in found.baselines for value in one.values.values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--task", "copy-120"), "for tasks with one label a sequence"),
        (("--task", "stii"), "stii"),
        (("--task", ","), "--task names nothing"),
    ],
)
def test_what_has_none_is_one_sentence(bench, words, said):
    assert said in one_sentence(bench("baselines", "--protocol", "smoke", *words))


def test_a_closed_campaign_takes_none(bench, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "campaign.toml").write_text("closed = true\n")
    assert "closed" in one_sentence(bench("baselines", "--protocol", "smoke", "--task", "sti"))
