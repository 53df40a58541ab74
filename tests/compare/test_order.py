"""The order of models, and their colours."""

import json
from dataclasses import replace

import pytest
from support.pages import other_pages
from support.records import FACTS, made_insight, made_measurement, made_run

from harness.compare.material import Material
from harness.compare.order import facts_of, ordered, places, task_title, title_of
from harness.draw.look import look
from harness.records.store import Loaded
from harness.report.task.page import task_pages

ORDER = ["lstm-s", "gru", "aslstm"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["mine", "gru", "also", "lstm-s"], ["lstm-s", "gru", "also", "mine"]),  # strangers last
        (
            ["mine", "gru@layers=2", "aslstm", "gru", "lstm-s@x=1", "mine@x=1"],
            ["lstm-s@x=1", "gru", "gru@layers=2", "aslstm", "mine", "mine@x=1"],  # a variant beside its model
        ),
    ],
)
def test_models_stand_in_the_order_of_every_table(names, expected):
    assert ordered(names, ORDER) == expected


def test_a_place_does_not_depend_on_which_models_of_the_order_are_there_and_others_have_their_own():
    known = {"lstm-s": 0, "gru": 1, "aslstm": 2}
    assert places(["gru"], ORDER) == places(ORDER, ORDER) == known
    assert places(["mine", "gru@x=1", "gru", "also"], ORDER) == known | {"gru@x=1": 3, "also": 4, "mine": 5}


def test_measurements_count_as_well():
    found = Material([made_run("gru")], [made_measurement("mine")], ORDER).places()
    assert found["mine"] == 3


def test_the_first_record_that_has_a_title_names_the_model():
    records = [made_run("gru", title=""), made_measurement("gru", title="Gated"), made_run("gru")]
    assert title_of(records, "gru") == "Gated"
    assert title_of([made_run("gru", title="")], "gru") == "gru"


def test_a_task_is_what_the_first_run_that_knows_says_of_it():
    runs = [made_run(task=None), made_run(), made_run(task=replace(FACTS, title="Other"))]
    assert facts_of(runs) == FACTS
    assert (task_title(runs, "sfc"), task_title(runs[:1], "sfc")) == ("Counting", "sfc")
    assert facts_of(runs[:1]) is None


def test_a_model_has_its_colour_on_every_page_whichever_others_are_on_it():
    """ASLSTM is alone on the pages of one task and with GRU on those of another; its colour is the third on all."""
    whole = {"insight": made_insight(), "task": FACTS}
    runs = [made_run(model, seed, **whole) for model in ("gru", "aslstm") for seed in (0, 1)]
    runs += [made_run("aslstm", seed, task_name="sti", **whole) for seed in (0, 1)]
    measured = [made_measurement(run.cell.model, task=run.cell.task) for run in runs if run.cell.seed == 0]
    loaded = Loaded(runs, measured)
    sheets = task_pages(loaded, ORDER, {}) | other_pages(loaded, ORDER)
    pictures = {name: json.dumps(drawn.spec) for sheet in sheets.values() for name, drawn in sheet.pictures.items()}
    alone = [name for name in pictures if "sti" in name and name.partition("-")[0] in ("sti", "gradients", "tradeoffs")]
    assert len(alone) == 4
    for name in alone:
        assert look(2).colour in pictures[name], name
        assert look(0).colour not in pictures[name], name
        assert look(1).colour not in pictures[name], name
