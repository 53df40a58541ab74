"""Every pair of models: wins, differences and p, as by hand and as on the page of all tasks together."""

import re

from support.pages import table_of
from support.records import runs_of

from harness.compare.material import Material
from harness.report.overall import page, pairwise

ORDER = ["lstm-s", "gru", "tp-rnn-s"]
TASKS = ("sfc", "copy-120", "low-density", "addition-200")


def material():
    scores = {
        "sfc": {"lstm-s": [0.6, 0.62], "gru": [0.9, 0.92], "tp-rnn-s": [0.9, 0.92]},
        "copy-120": {"lstm-s": [0.6, 0.62], "gru": [0.8, 0.82], "tp-rnn-s": [0.7, 0.72]},
        "low-density": {"lstm-s": [0.7, 0.72], "gru": [0.6, 0.62], "tp-rnn-s": [0.8, 0.82]},
        "addition-200": {"lstm-s": [0.5, 0.52], "gru": [0.6, 0.62], "tp-rnn-s": [0.7, 0.72]},
    }
    return Material([run for task in TASKS for run in runs_of(scores[task], task_name=task)], [], ORDER)


def test_each_pair_is_counted_as_by_hand():
    made = pairwise.sheet(material())
    assert made is not None
    heads, *lines = table_of(made.text)
    assert heads[:4] == ["Model", "Other", "Farther, % of the way", "Wins, ties, losses"]
    assert [line[:4] for line in lines] == [
        ["TP-RNN-S", "GRU", "+10.0", "2–1–1"],
        ["TP-RNN-S", "LSTM-S", "+35.0", "4–0–0"],
        ["GRU", "LSTM-S", "+25.0", "3–0–1"],
    ]


def test_its_p_are_those_of_the_page_of_all_tasks():
    here = material()
    made, other = pairwise.sheet(here), page.sheet(here)
    assert made is not None
    assert other is not None
    best = {line[0]: line[4] for line in table_of(other.text)[1:3]}  # of its first table
    pairs = {frozenset(line[:2]): line[4] for line in table_of(made.text)[1:]}
    for model in ("GRU", "LSTM-S"):
        assert float(pairs[frozenset((model, "TP-RNN-S"))]) == float(f"{float(best[model]):.2g}")


def test_a_cell_and_its_mirror_say_the_same():
    made = pairwise.sheet(material())
    assert made is not None
    cells = made.pictures["pairwise-3k-matrix.svg"].spec["datasets"]["pairs"]
    assert len(cells) == 6
    known = {(row["model"], row["other"]): row for row in cells}
    for (one, other), row in known.items():
        mirror = known[other, one]
        assert mirror["difference"] == -row["difference"]
        assert mirror["record"] == "–".join(reversed(row["record"].split("–")))
        assert mirror["p"] == row["p"]


def test_the_scatter_has_all_models_to_choose_from():
    made = pairwise.sheet(material())
    assert made is not None
    spec = made.pictures["pairwise-3k-scatter.svg"].spec
    across, upwards = (one for one in spec["params"] if one["name"] in ("across", "upwards"))
    assert across["bind"]["options"] == upwards["bind"]["options"] == ["TP-RNN-S", "GRU", "LSTM-S"]
    assert (across["value"], upwards["value"]) == ("TP-RNN-S", "GRU")
    (tasks,) = [rows for name, rows in spec["datasets"].items() if name == "tasks"]
    assert {row["task"]: (row["TP-RNN-S"], row["GRU"]) for row in tasks}["copy-120"] == (42, 62)
    assert re.search(r"TP-RNN-S comes farther on addition-200, low-density\.", made.text)


def test_one_task_makes_no_page():
    assert pairwise.sheet(Material(runs_of({"gru": [0.9], "lstm-s": [0.8]}), [], ORDER)) is None
