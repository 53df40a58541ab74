"""WikiText-2 by characters: characters and pieces of files made by hand, chance of the real ones, bits."""

import math
import os
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from harness import catalog
from harness.execute.run import run_cell
from harness.plan import Cell
from harness.prepare.modules import Where
from tasks import chars
from tasks.chars import wikitext2_chars
from tasks.data.fetch import DataError

REAL = Path(os.environ.get("BENCH_DATA") or "/nowhere")
needs_data = pytest.mark.skipif(
    not (REAL / "wikitext-2").is_dir(), reason="BENCH_DATA names no folder with wikitext-2 in it"
)
TEXTS = {"train": "abacab\nade", "valid": "bad zoo", "test": "caab\r\nx"}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(chars.fetch, "folder", lambda name, root: root / name)
    (tmp_path / "wikitext-2").mkdir()
    for part, content in TEXTS.items():
        (tmp_path / "wikitext-2" / f"wiki.{part}.tokens").write_bytes(content.encode())
    return tmp_path


def small(**options):
    usual = {"steps": 2, "vocabulary": 4, "embedding": 3, "characters": 9, "valid_characters": 7, "test_characters": 5}
    return wikitext2_chars(**usual | options)


def test_characters_become_numbers_the_commonest_first(root):
    """Of abacab, a line's end, ad: 0 a (four), 1 b (two), 2 c, which comes before the others; all others are 3."""
    splits = small().load(0, root)
    assert splits.words == ("a", "b", "c", chars.OTHER)
    assert splits.train.x.tolist() == [[0, 1], [0, 2], [0, 1], [3, 0]]
    assert splits.train.y.tolist() == [[1, 0], [2, 0], [1, 3], [0, 3]]
    assert splits.valid.x.tolist() == [[1, 0], [3, 3], [3, 3]]
    assert splits.test.x.tolist() == [[2, 0], [0, 1]]
    assert splits.test.y.tolist() == [[0, 0], [1, 3]]  # a carriage return is a character like any other
    assert {split.x.dtype for split in splits} == {torch.int64}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"characters": 11}, "wiki.train.tokens has 10 characters, but this task takes the first 11"),
        ({"vocabulary": 9}, "has 5 different characters where they are taken, but this task has 9"),
    ],
)
def test_files_that_have_too_little_are_named(root, options, said):
    with pytest.raises(DataError, match=said):
        small(**options).load(0, root)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"steps": 0}, "at least 1"), ({"vocabulary": 1}, "at least 2"), ({"steps": 7}, "more than 7 characters")],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        small(**options)


@needs_data
@pytest.mark.parametrize("scale", ["paper", "quick", "smoke"])
def test_chance_is_what_the_training_characters_frequencies_give(scale):
    task = catalog.find_task("wikitext2-chars", scale)
    splits, words = task.load(0, REAL), task.shape.vocabulary
    every = torch.cat([splits.train.x.flatten(), splits.train.y[-1, -1:]])
    shares = torch.bincount(every, minlength=words) / len(every)
    assert shares.min() > 0
    assert task.chance == pytest.approx(-shares[splits.test.y.flatten()].log2().mean().item(), abs=1e-3)


@needs_data
def test_a_run_is_measured_in_bits(tmp_path):
    where = Where(tmp_path, data_root=REAL)
    record = run_cell(Cell("smoke", "wikitext2-chars", "lstm-s", "3k", 0), where)
    assert record.status == "ok"
    assert record.task.metric == "bits_per_character"
    # hardly trained: about as good as knowing nothing of the 40 characters
    assert record.test_metric == pytest.approx(math.log2(40), rel=0.2)


def test_bits_are_cross_entropy_over_the_logarithm_of_two():
    from harness.train.evaluate import evaluate
    from harness.train.replicas import Alone

    module = torch.nn.Linear(2, 3)
    x, y = torch.randn(7, 2), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    (bits,) = evaluate(Alone(module, torch.device("cpu")), x, y, "bits_per_character")
    assert bits == pytest.approx(cross_entropy(module(x), y).item() / math.log(2), rel=1e-5)
