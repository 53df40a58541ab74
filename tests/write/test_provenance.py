import shlex
from dataclasses import replace

import pytest
from support.records import made_measurement, made_run

from harness.plan import Cell
from harness.write.origin import command, command_of, commits, machine, measured, records, sentence, whole_machine


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
    assert f" --models {named} --protocol " in command_of(runs, GROUPS)


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


FACTS = {"cpu": "Some processor", "cores": 4, "threads": 1}
BOARD = {"gpu": "Some GPU", "cuda": "12.8"}


@pytest.mark.parametrize(
    ("facts", "short", "whole"),
    [
        (FACTS, "4 cores of Some processor", "4 cores of Some processor, 1 thread"),
        (FACTS | {"threads": 2}, "4 cores of Some processor", "4 cores of Some processor, 2 threads"),
        (FACTS | BOARD, "Some GPU", "Some GPU, CUDA 12.8, 4 cores of Some processor"),
        ({"cpu": "Some processor"}, "? cores of Some processor", "? cores of Some processor"),
        ({}, "an unknown machine", "an unknown machine"),
    ],
)
def test_a_machine_is_named_by_what_a_record_says_of_it(facts, short, whole):
    assert (machine(facts), whole_machine(facts)) == (short, whole)


def test_commits_are_named_once_and_a_star_is_explained():
    clean, dirty = {"commit": "0123456789abcdef", "dirty": False}, {"commit": "fedcba9876543210", "dirty": True}
    assert commits([clean, clean, {}]) == "0123456789, unknown"
    assert commits([dirty, clean]) == "0123456789, fedcba9876* (* with uncommitted changes)"


def test_a_command_can_be_given_to_a_shell():
    found = command("run", ["sfc", "copy-5@train=9"], ["gru@x=(1, 2)"], "smoke@batch=7", "9k", "0,3")
    assert shlex.split(found) == [
        *("bench", "run", "--task", "sfc,copy-5@train=9", "--models", "gru@x=(1, 2)"),
        *("--protocol", "smoke@batch=7", "--budget", "9k", "--seeds", "0,3"),
    ]
    assert command("measure", ["sfc"], ["all"], "quick") == "bench measure --task sfc --models all --protocol quick"
