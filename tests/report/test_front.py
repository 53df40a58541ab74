"""The first screen: verdicts, the map of all models on all tasks, cost, and what the records cannot show."""

from dataclasses import replace

from support.records import FACTS, made_measurement, runs_of

from harness.compare.alive import MARK
from harness.compare.material import Material
from harness.records.claims import Claim, Declared
from harness.report.front import TITLE, first

HIGH, LOW, WIDE = [0.90, 0.91, 0.92, 0.93, 0.94], [0.72, 0.73, 0.74, 0.75, 0.76], [0.6, 0.8, 0.92, 0.95, 0.96]
ASKED = {"says": "A | B.", "kind": "better", "tasks": ("sfc",), "protocol": "smoke", "seeds": 5, "test": "metric"}


def claim(name, a, b):
    return Claim(id=name, a=(a,), b=b, **ASKED)


def test_what_was_asked_and_what_came_out_comes_first_with_the_contrast_on_which_it_hangs():
    claims = (
        claim("open", "gru", ("tp-rnn-s",)),
        claim("never", "gru", ("hm-lstm",)),
        claim("won", "gru", ("lstm-s", "lstm-m")),
        claim("lost", "lstm-s", ("gru",)),
    )
    scores = {"gru": HIGH, "lstm-s": LOW, "lstm-m": [x - 0.05 for x in LOW], "tp-rnn-s": WIDE}
    runs = [replace(run, claims={one.id: one.digest for one in claims}) for run in runs_of(scores)]
    text = first(Material(runs, [], [], Declared(claims)), None).text
    assert text.startswith(
        f"# {TITLE}\n\n4 models · 1 task · 3,000 parameters · 5 seeds · protocol `smoke`, version 1\n"
    )
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    rows = [row.replace(r"\|", "") for row in rows if "---" not in row]
    assert [row.split("|")[2].strip() for row in rows] == [
        "✔ supported",
        "✘ refuted",
        "? cannot tell",
        "– not run",
    ]
    won = next(row for row in rows if "supported" in row)
    assert "gru less lstm-s" in won  # the weaker of two
    assert "+36.0 (+31.4 to +40.6) % of the way" in won
    assert r"A \| B." in text
    assert "Of 4 claims 1 supported, 1 refuted, 1 cannot tell, 1 not run: [all of them](claims.md)" in text


def test_the_map_has_every_model_on_every_task_and_says_what_did_not_run_or_is_not_alive():
    runs = runs_of({"gru": [0.75, 1.0], "lstm-s": [0.5, None]})
    other = runs_of({"gru": [1.0, 1.0]}, task_name="sti")
    sleeping = [replace(run, title=f"GRU {MARK}") if run.cell.model == "gru" else run for run in [*runs, *other]]
    found = first(Material(sleeping, [], []), None)
    (picture,) = [found.pictures["heat-3k.svg"]]
    (known,) = [rows for name, rows in picture.spec["datasets"].items() if name == "known"]
    ways = {(row["model"], row["task"]): (row["way"], row["hatched"]) for row in known}
    assert ways == {
        (f"GRU {MARK}", "sfc"): (0.75, True),
        (f"GRU {MARK}", "sti"): (1, True),
        ("LSTM-S", "sfc"): (0, False),  # chance, and none is as good as chance
    }
    assert ">0.75<" in picture.svg  # no word of a chart is rounded
    (empty,) = [rows for name, rows in picture.spec["datasets"].items() if name == "empty"]
    assert [(row["model"], row["task"]) for row in empty] == [("LSTM-S", "sti")]
    assert (
        f"over the 1 task that all of them ran GRU {MARK} comes farthest, 0.75; the best are GRU {MARK} on 2"
        in found.text
    )
    assert f"Not shown alive here, so never called beaten: GRU {MARK}." in found.text


def test_a_model_that_lacks_a_task_does_not_take_it_from_the_others():
    """GRU and LSTM-S over three tasks are more than all three models over the one that TCN ran too."""
    runs = runs_of({"gru": [0.6], "lstm-s": [0.7], "tcn": [1.0]})
    for task in ("sti", "copy-120"):
        runs += runs_of({"gru": [0.9], "lstm-s": [0.8]}, task_name=task)
    text = first(Material(runs, [], []), None).text
    assert "over all tasks GRU comes farthest, 0.60" in text.replace("\n", " ")  # LSTM-S: 0.53
    few = first(
        Material(runs_of({"gru": [0.6], "tcn": [1.0]}) + runs_of({"gru": [1.0]}, task_name="sti"), [], []), None
    )
    assert "over the 1 task that all of them ran TCN comes farthest, 1.00" in few.text.replace("\n", " ")


def test_the_cost_is_that_of_the_task_of_which_most_models_were_measured():
    runs = [*runs_of({"gru": HIGH, "lstm-s": LOW}), *runs_of({"gru": HIGH}, task_name="sti")]
    measured = [made_measurement("gru"), made_measurement("lstm-s"), made_measurement("gru", task="sti")]
    found = first(Material(runs, measured, []), None)
    assert "## What it costs: `sfc`" in found.text
    assert set(found.pictures) == {"heat-3k.svg", "tradeoffs-sfc-3k.svg"}
    assert "## What it costs" not in first(Material(runs, [], []), None).text


def test_what_the_records_cannot_show_goes_by_their_seeds_and_protocol():
    few = first(Material(runs_of({"gru": HIGH[:3]}), [], []), None).text
    assert "With 3 seeds no difference of two models is found with 80 %." in few
    two = first(Material(runs_of({"gru": HIGH[:3], "lstm-s": HIGH}), [], []), None).text
    assert "With 3 seeds no difference" in two
    assert "With 5 seeds nothing smaller" in two
    assert "The papers' scale: here data, lengths, widths or training are shorter" in few
    full = first(Material(runs_of({"gru": HIGH}, protocol="paper", budget="paper"), [], []), None).text
    assert "With 5 seeds nothing smaller than 2.2 standard deviations of a run is found with 80 %." in full
    assert "The papers' scale" not in full
    desk = first(Material(runs_of({"gru": HIGH}, protocol="desk", budget="paper"), [], []), None).text
    assert "The papers' length: models train for a part of its time" in desk
    assert "each model at its paper's width" in full


def test_other_budgets_and_tasks_without_a_known_chance_are_left_to_their_pages():
    runs = [*runs_of({"gru": HIGH}), *runs_of({"gru": HIGH[:2]}, budget="6k")]
    assert "also of 6k, on the tasks' pages" in first(Material(runs, [], []), None).text
    unknown = runs_of({"gru": HIGH}, task=replace(FACTS, chance=None))
    assert "heat-3k.svg" not in first(Material(unknown, [], []), None).pictures
