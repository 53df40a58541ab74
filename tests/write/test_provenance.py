from dataclasses import replace

import pytest
from support.records import made_measurement, made_run

from harness.plan import Cell
from harness.write.origin import command, measured, records, sentence


def cell(task="sfc", model="gru", seed=0, budget="3k"):
    return Cell("smoke", task, model, budget, seed)


def test_records_are_written_as_a_shell_expands_them():
    assert records([cell()]) == "smoke/sfc/gru/3k-0"
    assert records([cell(seed=1), cell(seed=0), cell(model="asgru", seed=1), cell(model="asgru")]) == (
        "smoke/sfc/{asgru,gru}/3k-{0,1}"
    )
    whole = [cell(task, model, seed) for task in ("sti", "sfc") for model in ("gru", "lstm-s") for seed in (0, 1)]
    assert records(whole) == "smoke/{sfc,sti}/{gru,lstm-s}/3k-{0,1}"


def test_what_has_other_seeds_or_models_stands_apart():
    found = records([cell(), cell(seed=1), cell(model="lstm-s"), cell("sti"), cell("sti", budget="6k")])
    assert found.split() == [
        "smoke/sfc/gru/3k-{0,1}",
        "smoke/sfc/lstm-s/3k-0",
        "smoke/sti/gru/3k-0",
        "smoke/sti/gru/6k-0",
    ]


GROUPS = {"papers": ("gru", "lstm-s"), "variants": ("asgru",), "zoo": (), "all": ("gru", "lstm-s", "net")}


@pytest.mark.parametrize(
    ("models", "named"),
    [
        ("lstm-s,net,gru", "papers,net"),
        ("lstm-s,gru", "papers"),
        ("asgru,lstm-s,mine.py:Net,gru", "papers,variants,mine.py:Net"),
        ("asgru,lstm-s", "variants,lstm-s"),
        ("lstm-s", "lstm-s"),
    ],
)
def test_a_command_names_groups_of_which_every_model_was_run(models, named):
    runs = [made_run(model) for model in models.split(",")]
    assert f" --models {named} --protocol " in command(runs, GROUPS)


def test_the_sentence_names_versions_seeds_machine_commit_and_records():
    runs = [made_run("gru", seed) for seed in (0, 3)]
    assert sentence(runs, "bench report") == (
        "`bench report`: protocol `smoke` version 1; 2 runs with seeds 0, 3 on 2 cores of Some processor, torch 2.9.0, "
        "2025-03-01, commit 0123456789. Records: `smoke/sfc/gru/3k-{0,3}`."
    )
    assert "an unknown machine" in sentence([replace(runs[0], machine={})], "bench report")
    assert sentence([], "bench report") == "`bench report`: no record of this page."


def test_a_page_of_measurements_says_where_their_records_are():
    assert measured([made_measurement("gru"), made_measurement("lstm-s")], "bench report --protocol smoke") == (
        "`bench report --protocol smoke`: protocol `smoke` version 1; 2 records of `measures/smoke`."
    )
