"""The page on how fast models learn."""

from dataclasses import replace

import numpy as np
import pytest
from made_records import FACTS, made_curve, made_run

from harness import convergence
from harness.record import TaskFacts
from harness.remarks import learned, level
from harness.report import write_papers
from harness.store import Loaded

ORDER = ["lstm-s", "gru", "aslstm"]
# chance 0.5, target 0.7; evaluations after 100, 200, 300 and 400 steps
FAST, SLOW, NEVER = [0.8, 0.9, 0.9, 0.9], [0.5, 0.6, 0.8, 0.8], [0.5, 0.5, 0.6, 0.6]


def run(model: str, seed: int, values: list[float], **changes):
    return made_run(model, seed, 0.8, curve=made_curve(values), **changes)


def study(task: str = "sfc", facts: TaskFacts = FACTS):
    curves = {"gru": [FAST, FAST, FAST], "lstm-s": [SLOW, SLOW, NEVER], "aslstm": [NEVER] * 3}
    return [
        run(model, seed, values, task_name=task, task=facts)
        for model, many in curves.items()
        for seed, values in enumerate(many)
    ]


def text(runs) -> str | None:
    return convergence.text(runs, ORDER, np.random.default_rng(0))


def rows(page: str, heading: str = "## Counting") -> dict[str, list[str]]:
    part = page.partition(heading)[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first: rest for first, *rest in cells}


def test_arrivals_and_restricted_means():
    """Wilson: 3 of 3 is 44 to 100 %, 2 of 3 is 21 to 94 %."""
    page = text(study())
    table = rows(page)
    assert table["GRU"][:2] == ["3/3 (44% to 100%)", "100"]
    assert table["LSTM-S"][:2] == ["2/3 (21% to 94%)", "≥ 333"]  # (300 + 300 + 400) / 3
    assert table["ASLSTM"][:2] == ["0/3 (0% to 56%)", "> 400"]
    assert "Target: 0.7; 400 steps." in page


def test_targets_on_the_way_from_chance_to_perfect():
    """A quarter, a half, three quarters of the way from 0.5 are 0.625, 0.75 and 0.875."""
    assert rows(text(study()))["GRU"][2:5] == ["100", "100", "200"]
    assert rows(text(study()))["LSTM-S"][2:5] == ["≥ 333", "≥ 333", "> 400"]


def test_the_area_under_the_curve():
    """FAST: chance to step 100, 0.6 of the way to 200, 0.8 from there on: (60 + 80 + 80) / 400 of 100 steps each."""
    assert rows(text(study()))["GRU"][5] == "55.0 ± 0.0"


def test_p_is_of_the_restricted_means_against_the_fastest():
    """Three seeds, all slower: 0.25 alone, 0.5 by Holm over two models."""
    table = rows(text(study()))
    assert [table[name][6] for name in ("GRU", "LSTM-S", "ASLSTM")] == ["–", "0.5", "0.5"]


def test_a_run_that_broke_off_never_arrived():
    runs = [
        replace(r, status="diverged", test_metric=None) if r.cell.model == "gru" and r.cell.seed == 0 else r
        for r in study()
    ]
    assert rows(text(runs))["GRU"][:2] == ["2/3 (21% to 94%)", "≥ 200"]  # (400 + 100 + 100) / 3


@pytest.mark.parametrize(("metric", "chance"), [("accuracy", 0.1), ("mse", 0.2), ("perplexity", 100.0)])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_level_lies_so_far_on_the_way(metric, chance, share):
    facts = TaskFacts("Some", metric, metric == "accuracy", chance=chance, target=None, length=4)
    assert learned(level(share, facts), facts) == pytest.approx(share)


def test_errors_fall_to_their_target():
    facts = TaskFacts("Counting", "mse", False, chance=1.0, target=0.3, length=40)
    runs = [run("gru", seed, [0.9, 0.5, 0.2, 0.2], task=facts) for seed in range(2)]
    runs += [run("lstm-s", seed, [0.9, 0.9, 0.9, 0.9], task=facts) for seed in range(2)]
    assert rows(text(runs))["GRU"][1] == "300"
    assert rows(text(runs))["LSTM-S"][1] == "> 400"


def test_profiles_over_tasks():
    """On both tasks GRU takes 100 steps; LSTM-S's 333 are more than twice and less than four times as many."""
    page = text([*study("sfc"), *study("sti", replace(FACTS, title="Types"))])
    table = rows(page, "## Over tasks, budget 3k")
    assert table["GRU"][:2] == ["1.00", "1.00"]
    assert table["GRU"][2].startswith("1.00 (")
    assert table["LSTM-S"][:2] == ["0.00", "0.00"]
    assert 0 < float(table["LSTM-S"][2].split()[0]) < 0.5
    assert table["ASLSTM"][2].startswith("0.00 (")
    assert "over 2 tasks on which any run arrived (sfc, sti), 3 seeds" in page


def test_tasks_without_a_target_or_a_curve_are_left_out():
    assert text([]) is None
    assert text([made_run(curve=())]) is None
    assert text([run("gru", 0, FAST, task=replace(FACTS, target=None))]) is None


def test_without_chance_only_the_target_counts():
    runs = [run(model, 0, FAST, task=replace(FACTS, chance=None)) for model in ("gru", "lstm-s")]
    assert rows(text(runs))["GRU"][1:6] == ["100", "–", "–", "–", "–"]


def test_the_index_links_the_page(tmp_path):
    paths = {path.name: path for path in write_papers(Loaded(study()), ORDER, tmp_path)}
    assert "[How fast the models learn](convergence.md)" in paths["index.md"].read_text()
    assert paths["convergence.md"].read_text().startswith("# How fast the models learn")
