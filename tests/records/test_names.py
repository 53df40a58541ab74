"""Names become parts of paths."""

import pytest
from support.records import made_run

from harness.errors import BenchError
from harness.plan import split_options, split_words
from harness.protocol import parse_changes
from harness.records import names

PLAIN = ["gru", "tp-rnn-s@L=3", "quick@batch=5+learning_rate=0.01", "mine.py:Net", "pkg.mod:Net", "a@w=(1,2)", "Ō"]
ODD = [
    "./mine.py:Net",
    "/a/mine.py:Net",
    "/b/mine.py:Net",
    "a/../../b",
    "..",
    ".",
    "",
    ".hidden",
    "a b",
    "a_b",
    "a/b",
    "a\0b",
    "~",
    "mine.py:Net~0123456789",
    "x" * 201,
    "x" * 202,
    "ä" * 150,
    "a\nb",
    "\ud800",
    "<b>",
    "a|b",
    "m.py:N@t=a/b:30",
]


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name_is_its_own_folder(name):
    assert names.folder(name) == name


@pytest.mark.parametrize("function", [names.folder, names.page])
def test_every_name_has_a_place_of_its_own_inside(function):
    found = [function(name) for name in (*PLAIN, *ODD)]
    assert len(set(found)) == len(found)
    for word in found:
        assert len(word.encode()) <= names.LONGEST
        assert word[:1] not in ("", ".")
        assert not set(word) & set("/\\\0\n<>|")


@pytest.mark.parametrize("model", [name for name in (*PLAIN, *ODD) if name and name.isprintable()])
def test_a_record_of_any_model_stays_inside_its_folder(store, model):
    record = made_run(model)
    path = store.save_run(record)
    assert len(path.relative_to(store.root).parts) == 5
    assert ".." not in path.parts
    assert store.find_run(record.cell) == record


def test_a_folder_shows_the_file_and_a_page_can_be_linked():
    assert names.folder("/deep/mine.py:Net@a=1").startswith("mine.py:Net@a=1~")
    assert names.page("/deep/mine.py:Net").startswith("mine.py_Net~")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("gru", ("gru", "")),
        ("tp-rnn-s@L=3+b=c@d", ("tp-rnn-s", "L=3+b=c@d")),
        ("/me@home/net.py:Net", ("/me@home/net.py:Net", "")),
        ("net.py:Net@a=./x.py:y", ("net.py:Net", "a=./x.py:y")),
        ("gru@a=x.py:y", ("gru", "a=x.py:y")),
        ("/me@home/net.py:Net@a=1", ("/me@home/net.py:Net", "a=1")),
    ],
)
def test_an_at_sign_of_a_path_begins_no_options(name, parts):
    assert split_options(name) == parts


@pytest.mark.parametrize("text", ["a\nb", "a\ud800", "a\x1b[0m", "a`b"])
def test_a_name_that_no_record_could_bear_is_one_sentence(text):
    with pytest.raises(BenchError, match="rename"):
        split_words(text)


def test_a_setting_with_a_line_break_is_one_sentence():
    with pytest.raises(BenchError, match="one line"):
        parse_changes("yardstick=a\nb")
