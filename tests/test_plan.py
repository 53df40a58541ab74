from itertools import product

import pytest

from harness.errors import BenchError
from harness.plan import Cell, Group, parse_seeds, plan, split_words


def test_every_task_meets_every_model_and_seed_once():
    cells = plan("smoke", iter(["sfc", "sti"]), iter(["a", "b", "c"]), "3k", iter([0, 4]))
    wanted = [("smoke", *rest) for rest in product(("sfc", "sti"), ("a", "b", "c"), ("3k",), (0, 4))]
    assert sorted(cells) == sorted(Cell(*fields) for fields in wanted)


def test_all_models_get_their_first_seed_before_any_gets_its_second():
    cells = plan("smoke", ["sfc"], ["a", "b"], "3k", [0, 1])
    assert [(cell.seed, cell.model) for cell in cells] == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]


def test_cells_of_a_group_differ_in_the_seed_alone():
    cells = plan("smoke", ["sfc"], ["a"], "3k", range(3))
    assert {cell.group for cell in cells} == {Group("smoke", "sfc", "a", "3k")}
    assert [str(cell) for cell in cells] == [f"{cells[0].group} seed {seed}" for seed in range(3)]
    assert str(cells[0].group) == "sfc a 3k"


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("1", [0]),
        ("3", [0, 1, 2]),
        ("0,4,7", [0, 4, 7]),
        ("5-7", [5, 6, 7]),
        ("0,3,5-7", [0, 3, 5, 6, 7]),
        ("7,", [7]),
        ("2,2,1-2", [2, 1]),
        ("0", [0]),
        ("0,", [0]),
        ("2..4", [2, 3, 4]),
        ("2...4,7", [2, 3, 4, 7]),
        ("1 - 3", [1, 2, 3]),
        ("4294967295,", [4294967295]),
    ],
)
def test_seeds_are_a_count_or_a_list(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        *(
            (text, "are no seeds; write a count")
            for text in ("", "x", "1.5", ",", "-3", "0,x", "1e3", "nan", "5-", "9" * 5000)
        ),
        ("7-5", "'7-5' counts backwards; write 5-7"),
        ("100000000", "are more than 10,000 seeds"),
        ("99999999999999999999", "above the largest, 4294967295"),
        ("0-99999999999", "above the largest"),
        ("0-9999,20000-29999,40000-49999", "more than 10,000 seeds"),
        ("4294967296,", "above the largest"),
    ],
)
def test_what_are_no_seeds_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(BenchError, match=sentence):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["net.py:Net", "./net.py:Net, net.py:Net", ".//net.py:Net,././net.py:Net"])
def test_a_file_in_the_working_folder_has_one_name(text):
    assert split_words(text) == ["net.py:Net"]


@pytest.mark.parametrize("name", ["../net.py:Net", ".hidden/net.py:Net", "/a/./net.py:Net", "."])
def test_other_names_stay_as_they_are(name):
    assert split_words(name) == [name]
