"""What is read back from a checkpoint is what was written, of the same cell, by the same user; or nothing is."""

import datetime
import json
import pickle
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.records import checkpoints
from harness.records.checkpoints import Refused, Unkeepable, packed, unpacked

MADE_FOR = {"task": "sfc", "model": "gru", "seed": 0, "width": 20.5, "shape": "Shape(length=40)"}
STATE = {"step": 3, "weights": OrderedDict(a=torch.arange(40.0)), "best": None}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user of this test's, with a key of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    checkpoints._key.cache_clear()
    yield tmp_path / "cache"
    checkpoints._key.cache_clear()


def another_user(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    checkpoints._key.cache_clear()


@pytest.mark.parametrize("part", [0.0, 0.02, 0.3, 0.5, 0.9, 0.999])
def test_one_flipped_bit_anywhere_is_noticed(part):
    content = bytearray(packed(MADE_FOR, STATE))
    content[int(part * len(content))] ^= 2
    with pytest.raises(Refused):
        unpacked(bytes(content), MADE_FOR)


@pytest.mark.parametrize("length", [0, 10, -1])
def test_a_part_of_a_checkpoint_is_none(length):
    with pytest.raises(Refused, match="damaged"):
        unpacked(packed(MADE_FOR, STATE)[:length], MADE_FOR)


@pytest.mark.parametrize(
    ("word", "other", "sentence"),
    [
        ("seed", 1, "its seed is 0 where 1 is wanted"),
        ("model", "lstm-s", "its model is gru where lstm-s is wanted"),
        ("width", 21, "its width is 20.5 where 21 is wanted"),
        ("shape", "Shape(length=50)", r"its shape is Shape\(length=40\) where Shape\(length=50\) is wanted"),
        ("source", "a5", "its source is None where a5 is wanted"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_by_name(word, other, sentence):
    with pytest.raises(Refused, match=sentence):
        unpacked(packed(MADE_FOR, STATE), MADE_FOR | {word: other})


class Vocabulary:
    def __init__(self, words):
        self.words = words


def test_any_state_of_a_model_of_ones_own_comes_back():
    extra = {
        "made": datetime.date(2024, 1, 1),
        "scale": np.float32(0.5),
        "means": np.arange(3),
        "counts": Counter("abca"),
        "words": Vocabulary(["a", "b"]),
    }
    kept = unpacked(packed(MADE_FOR, STATE | {"extra": extra}), MADE_FOR)["extra"]
    assert kept.pop("words").words == ["a", "b"]
    assert kept.pop("means").tolist() == [0, 1, 2]
    assert kept == {"made": datetime.date(2024, 1, 1), "scale": np.float32(0.5), "counts": Counter("abca")}


class Attack:
    done = False

    def __reduce__(self):
        return (setattr, (Attack, "done", True))


def test_what_another_user_wrote_runs_no_code(tmp_path, monkeypatch):
    content = packed(MADE_FOR, {"extra": Attack()})
    another_user(monkeypatch, tmp_path)
    with pytest.raises(Refused, match="it holds more than numbers, and was not written by this user"):
        unpacked(content, MADE_FOR)
    assert not Attack.done


def test_numbers_that_another_user_wrote_are_read(tmp_path, monkeypatch):
    content = packed(MADE_FOR, STATE)
    another_user(monkeypatch, tmp_path)
    assert unpacked(content, MADE_FOR)["step"] == 3


def test_a_head_with_the_seal_of_another_content_is_no_seal(home):
    """Who has no key may take the seal of one checkpoint for another."""
    mine, other = packed(MADE_FOR, {"extra": Attack()}), packed(MADE_FOR, STATE)
    head = json.loads(mine.partition(b"\n")[0]) | {"seal": json.loads(other.partition(b"\n")[0])["seal"]}
    with pytest.raises(Refused, match="was not written by this user"):
        unpacked(json.dumps(head).encode() + b"\n" + mine.partition(b"\n")[2], MADE_FOR)
    assert not Attack.done


def test_the_key_is_the_users_alone_and_another_one_is_not_believed(home, monkeypatch):
    packed(MADE_FOR, STATE)
    (key,) = home.rglob("checkpoint-key")
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    checkpoints._key.cache_clear()
    with pytest.raises(Refused):
        unpacked(packed(MADE_FOR, {"extra": Vocabulary([])}), MADE_FOR)


def test_without_a_place_for_a_key_numbers_come_back(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    checkpoints._key.cache_clear()
    assert unpacked(packed(MADE_FOR, STATE), MADE_FOR)["step"] == 3


def test_what_cannot_be_pickled_cannot_be_kept():
    with pytest.raises(Unkeepable, match="its state cannot be saved"):
        packed(MADE_FOR, {"extra": lambda: None})
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(lambda: None)
