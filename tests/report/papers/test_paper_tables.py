"""The pages that mirror the papers' tables: the layout, both sides of every cell, and what is missing."""

import random
import re
import shlex
from dataclasses import replace
from typing import Any

import pytest
from support.pages import other_pages, paper_page
from support.records import FACTS, made_curve, made_run

from harness.cli.order import Order
from harness.errors import BenchError
from harness.protocol import QUICK
from harness.records.campaign import Block
from harness.records.kinds import RunRecord
from harness.records.store import Loaded
from harness.report.papers.book import book
from harness.report.papers.recorded import recorded
from harness.report.papers.tables import ours, progress, table, text
from harness.write.tables import BOLD, markdown

ORDER = ["lstm-s", "gru", "tp-rnn-s"]
FACTS_MNIST = replace(FACTS, title="Pixel-by-pixel MNIST", length=196, detail="14 x 14 pixels")


def quick(model: str, seed: int, score: float | None, **changes: Any) -> RunRecord:
    usual = {
        "protocol": "quick",
        "protocol_version": 3,
        "budget": "6k",
        "task_name": "smnist",
        "task": FACTS_MNIST,
        "settings": {"batch": 50, "optimizer": "adam", "learning_rate": 0.012},
    }
    return made_run(model, seed, score, **(usual | changes))


def three(model: str, scores: tuple[float | None, ...] = (0.90, 0.91, 0.92), **changes: Any) -> list[RunRecord]:
    return [quick(model, seed, score, **changes) for seed, score in enumerate(scores)]


def mixed() -> list[RunRecord]:
    """Everything that can become of a cell."""
    return [
        *three("tp-rnn-s"),
        *three("lstm-s", (0.5, None, 0.6), status="ok"),
        *[quick("lstm-m", seed, None, status="diverged", reason="the loss is nan\nat step 3") for seed in range(3)],
        *[quick("hm-lstm", seed, None, status="skipped", reason="no width", params=None) for seed in range(3)],
        quick("dilated-lstm", 0, None, status="interrupted", task=None, curve=(), settings={}, machine={}),
        quick("dilated-lstm", 1, None, status="failed", reason="", task=None, curve=(), settings={}),
        *three("tp-rnn-m", task_name="pmnist"),
        *three("tp-rnn-m", (0.1, 0.2, 0.3), task_name="unknown-task"),
        *three("lstm-s", task_name="sfc"),
        quick("lstm-s", 0, 0.3, task_name="sfc", budget="paper"),
        quick("lstm-s", 7, 0.3, task_name="sfc", protocol_version=2),
    ]


def cells(name: str, runs: list[RunRecord], heading: str) -> dict[str, str]:
    frame = table(paper_page(name), recorded(runs))
    return {model: cell.strip(BOLD) for model, cell in zip(frame["Model"], frame[heading], strict=True)}


def commands(content: str) -> list[list[str]]:
    found = re.findall(r"```sh\n(.*?)\n```", content, flags=re.DOTALL)
    return [shlex.split(line) for block in found for line in block.splitlines()]


# ----------------------------------------------------------------------------- layout


def test_the_rows_of_table_1_are_the_papers_in_its_order():
    frame = table(paper_page("tp-rnn-table-1"), recorded(three("tp-rnn-s")))
    assert list(frame.columns) == ["Model", "#Params", "MNIST", "MNIST, ours", "pMNIST", "pMNIST, ours"]
    assert [model.partition(" (")[0] for model in frame["Model"]] == [
        "iRNN", "uRNN", "Stanh-RNN", "BN-LSTM", "SAB", "ASLSTM", "r-LSTM", "IndRNN",
        "LSTM-S", "LSTM-M", "HM-LSTM", "Dilated LSTM", "TP-RNN-S", "TP-RNN-M",
    ]  # fmt: skip
    assert list(frame["#Params"]) == ["–"] * 8 + ["41.8K", "233K", "353K", "239K", "42.4K", "234K"]
    assert list(frame["MNIST"]) == [
        "97.0", "95.1", "98.1", "98.1 (original 99.0)", "–", "98.3", "98.4", "99.0",
        "98.0", "98.6", "98.6", "99.0", "98.7", "99.2",
    ]  # fmt: skip
    assert frame["pMNIST"][1] == "94.0 (original 91.4)"


def test_parameters_beside_a_row_are_those_of_its_numbers():
    for entry in book().pages:
        for row in entry.rows:
            shown = [cell for cell in row if isinstance(cell, str)]
            for cell in row:
                known = {number.params for number in cell if number.params} if not isinstance(cell, str) else set()
                assert known <= set(shown), (entry.name, row[0])


def test_the_other_tables_have_their_papers_columns():
    here = recorded(three("tp-rnn-s"))
    assert [entry.name for entry in book().pages] == [
        "tp-rnn-table-1", "tp-rnn-table-2", "tp-rnn-table-3", "tp-rnn-table-4", "tp-rnn-table-5", "tp-rnn-figure-3",
        "tp-rnn-supplement-table-2", "tp-rnn-supplement-figure-2a", "tp-rnn-supplement-figure-2b",
        "tp-rnn-supplement-figure-4", "asrnn-table-1", "asrnn-table-2", "asrnn-table-3", "asrnn-table-4",
        "asrnn-figure-2", "other-papers",
    ]  # fmt: skip
    ablations = table(paper_page("tp-rnn-table-5"), here)
    assert list(ablations["w/o OAC"]) == ["– / 99.0", "– / 96.2"]
    assert list(ablations["w/o OAC, ours"]) == ["– / not run", "– / not run"]
    genres = table(paper_page("asrnn-table-3"), here)
    assert list(genres["Features"]) == ["MFCC"] * 7 + ["Raw"] * 7
    assert list(genres["Model"])[5:8] == ["ASGRU", "MFCC+GMM", "LSTM"]
    assert set(genres["Acc"]) == {"not recovered"}


# ----------------------------------------------------------------------------- our side


def test_ours_stands_beside_with_interval_parameters_and_seeds():
    drawn = markdown(table(paper_page("tp-rnn-table-1"), recorded(mixed())))
    assert re.findall(r"\*\*(.*?)\*\*", drawn) == ["91.0 ± 2.5 (3,004)"]
    found = cells("tp-rnn-table-1", mixed(), "MNIST, ours")
    assert found["TP-RNN-S"] == "91.0 ± 2.5 (3,004)"
    assert found["LSTM-S"] == "60.0 (3,004), 1 of 3 seeds that learned"
    assert found["LSTM-M"] == "3 diverged"
    assert found["HM-LSTM (Chung, Ahn, and Bengio 2017)"] == "3 skipped"
    assert found["Dilated LSTM (Chang et al. 2017)"] == "1 failed, 1 interrupted"
    assert found["TP-RNN-M"] == "not run"
    assert found["iRNN (Le, Jaitly, and Hinton 2015)"] == "not run"
    assert found["r-LSTM (Trinh et al. 2018)"] == "not run"
    frame = table(paper_page("tp-rnn-supplement-table-2"), recorded(mixed()))
    (sparse,) = [row for row in frame.itertuples(index=False) if "8 layers, dilations 8 to 1024" in row[0]]
    assert sparse[-1] == "not in this harness"


@pytest.mark.parametrize("name", ["tp-rnn-table-1", "asrnn-table-2", "asrnn-table-3", "asrnn-table-4"])
def test_every_row_of_the_papers_main_tables_runs_here(name):
    frame = table(paper_page(name), recorded(mixed()))
    assert not [row for row in frame.itertuples(index=False) if "not in this harness" in row]


def test_one_seed_has_no_interval():
    found = cells("tp-rnn-table-1", [quick("tp-rnn-s", 0, 0.9)], "MNIST, ours")
    assert found["TP-RNN-S"] == "90.0 (3,004)"


def test_an_ablation_is_the_model_with_that_option():
    runs = [*three("tp-rnn-s@top_down=no"), *three("tp-rnn-m", (0.8, 0.8, 0.8))]
    frame = table(paper_page("tp-rnn-table-5"), recorded(runs))
    assert frame["w/o TDC, ours"][0] == "91.0 ± 2.5 (3,004) / not run"
    assert frame["Ours (the paper's), ours"][0] == "not run / 80.0 ± 0.0 (3,004)"


def test_validation_curves_stand_beside_validation():
    runs = three("tp-rnn-s", (0.1, 0.1, 0.1), task_name="noisy-mnist-1000", valid_metric=0.97)
    assert cells("tp-rnn-supplement-figure-4", runs, "T = 1000, ours")["TP-RNN-S"] == "97.0 ± 0.0 (3,004)"


def test_steps_are_restricted_and_count_the_seeds_that_got_there():
    facts = replace(FACTS, metric="mse", higher_is_better=False, target=0.017)
    curves = [made_curve([0.1, 0.01, 0.01]), made_curve([0.1, 0.1, 0.1, 0.1]), made_curve([0.01, 0.01])]
    runs = [quick("tp-rnn-s", s, 0.01, task_name="addition-200", task=facts, curve=c) for s, c in enumerate(curves)]
    runs += [quick("lstm-s", s, 0.2, task_name="addition-200", task=facts, curve=made_curve([0.1])) for s in range(3)]
    runs += [quick("lstm-m", 0, None, status="failed", task_name="addition-200", task=facts, curve=())]
    arrived = {"task_name": "addition-200", "task": facts, "curve": made_curve([0.01, 0.01])}
    ends = ("diverged", "interrupted", "skipped")
    runs += [quick("hm-lstm", seed, None, status=status, **arrived) for seed, status in enumerate(ends)]
    runs += [quick("hm-lstm", 3, 0.01, **arrived)]
    found = cells("tp-rnn-figure-3", runs, "T = 200, ours")
    assert found["TP-RNN-S"] == "≥ 233, 2/3 seeds (3,004)"  # (200 + 400 + 100) / 3
    assert found["LSTM-S"] == "> 400, 0/3 seeds (3,004)"
    assert found["LSTM-M"] == "1 failed"
    # a run that broke off never arrived: (400 + 100) / 2; of the other two nothing can be said
    assert found["HM-LSTM (Chung, Ahn, and Bengio 2017)"] == "≥ 250, 1/2 seeds (3,004)"


# ----------------------------------------------------------------------------- what a page says


def test_records_of_another_protocol_are_called_not_comparable_in_the_first_lines():
    lines = text(paper_page("tp-rnn-table-1"), recorded(mixed())).split("\n\n")
    assert lines[2].startswith("**Not comparable as values.** Ours are of protocol `quick`, version 3, 6k parameters")
    assert (
        "- Pixel-by-pixel MNIST (`smnist`): 196 steps a sequence (14 x 14 pixels); batch 50, optimizer adam, "
        "learning rate 0.012, 300 training steps." in lines[3]
    )
    assert "Nothing on this page was run." in text(paper_page("asrnn-table-4"), recorded(mixed()))


def test_of_a_task_of_which_the_plan_wants_fewer_seeds_none_is_lacking():
    words = {"task": "smnist,sfc", "models": "papers", "protocol": "quick"}
    plan = [Block("fewer", {**words, "seeds": "3"}), Block("others", {**words, "task": "pmnist"})]
    runs = [*three("tp-rnn-s", (0.9, None, 0.9)), *three("tp-rnn-s", task_name="pmnist")]
    newest = [replace(run, protocol_version=QUICK.version) for run in runs]
    here = recorded(newest, plan)
    assert (here.wanted("smnist"), here.wanted("pmnist")) == (3, QUICK.seeds)
    frame = table(paper_page("tp-rnn-table-1"), here)
    ours = frame[frame["Model"] == "TP-RNN-S"].iloc[0]
    assert ours["MNIST, ours"].endswith("2 of 3 seeds")
    assert ours["pMNIST, ours"].endswith("3 of 5 seeds")


def test_settings_in_which_runs_differ_are_said_from_the_least_to_the_greatest():
    rates = {"lstm-s": 0.05, "gru": 0.002, "tp-rnn-s": 0.012}
    settings = {"batch": 50, "optimizer": "adam"}
    runs = [quick(model, 0, 0.9, settings={**settings, "learning_rate": rate}) for model, rate in rates.items()]
    said = text(paper_page("tp-rnn-table-1"), recorded(runs))
    assert "batch 50, optimizer adam, learning rate 0.002 to 0.05, 300 training steps." in said


def test_the_papers_protocol_at_its_budget_is_comparable():
    here = recorded([quick("gru", 0, 0.9, protocol="paper", protocol_version=2, budget="paper")])
    assert "Not comparable" not in text(paper_page("tp-rnn-table-1"), here)
    at_42k = recorded([quick("gru", 0, 0.9, protocol="paper", protocol_version=2, budget="42k")])
    assert "the budget differs from the paper's" in text(paper_page("tp-rnn-table-1"), at_42k)
    assert all(line[-2:] == ["--budget", "42k"] for line in commands(text(paper_page("tp-rnn-table-1"), at_42k)))


def test_the_command_runs_what_is_missing_and_nothing_else():
    found = commands(text(paper_page("tp-rnn-table-1"), recorded(mixed())))
    others = "irnn,urnn,stanh-rnn,bn-lstm,sab,aslstm,r-lstm,indrnn"
    rest = "lstm-s,lstm-m,hm-lstm,dilated-lstm,tp-rnn-s"
    assert found == [
        ["bench", "run", "--task", "smnist", "--models", f"{others},dilated-lstm,tp-rnn-m", "--protocol", "quick"],
        ["bench", "run", "--task", "pmnist", "--models", f"{others},{rest}", "--protocol", "quick"],
    ]


def test_a_seed_that_is_missing_or_was_interrupted_is_missing():
    runs = [*three("tp-rnn-s"), *three("lstm-s")[:2], *three("lstm-m")[:2]]
    runs.append(quick("lstm-m", 2, None, status="interrupted"))
    (first, *_) = commands(text(paper_page("tp-rnn-table-1"), recorded(runs)))
    others = "irnn,urnn,stanh-rnn,bn-lstm,sab,aslstm,r-lstm,indrnn"
    assert first[5] == f"{others},lstm-s,lstm-m,hm-lstm,dilated-lstm,tp-rnn-m"


def test_where_nothing_is_missing_there_is_no_command():
    names = [name for n in paper_page("tp-rnn-table-2").numbers if (name := book().ours(n))]
    runs = [quick(model, seed, 0.9, task_name=task) for task, model in names for seed in range(3)]
    content = text(paper_page("tp-rnn-table-2"), recorded(runs))
    assert not commands(content)
    assert "Nothing that this harness has of this page is missing." in content
    assert progress(paper_page("tp-rnn-table-2"), recorded(runs)) == (12, 12)


@pytest.mark.parametrize("name", [entry.name for entry in book().pages])
def test_every_command_of_a_page_names_what_exists_and_covers_the_page(name, tmp_path):
    here = recorded([quick("gru", 0, 0.9, task_name="sdigits")])
    ordered = set()
    for words in commands(text(paper_page(name), here)):
        assert words[:2] == ["bench", "run"]
        asked = dict(zip(words[2::2], words[3::2], strict=True))
        order = Order(
            (asked["--task"],), asked["--models"], asked["--protocol"], None, None, "cpu", (), tmp_path, None, "auto"
        )
        ordered |= {(cell.task, cell.model) for cell in order.cells}
    possible = {book().ours(n) for n in paper_page(name).numbers if n.status != "not_applicable"} - {None}
    assert ordered == possible


def test_runs_that_did_not_end_well_are_named_with_their_reason():
    content = text(paper_page("tp-rnn-table-1"), recorded(mixed()))
    assert "- smnist, lstm-m, seed 0: diverged: the loss is nan.\n" in content
    assert "- smnist, hm-lstm, seed 2: skipped: no width.\n" in content
    assert "- smnist, dilated-lstm, seed 1: failed: no reason recorded.\n" in content


def test_only_the_newest_version_and_one_budget_are_shown():
    here = recorded(mixed())
    assert (here.version, here.budget, here.usual) == (3, "6k", True)
    assert here.notes == (
        "Left out: 1 record of older versions of the protocol.",
        "Only budget 6k is on this page; the task's own pages have paper as well.",
    )
    found = cells("tp-rnn-table-2", mixed(), "SFC, ours")
    assert found["LSTM-S"] == "91.0 ± 2.5 (3,004)"


def test_an_older_version_says_that_its_command_is_refused():
    content = text(paper_page("tp-rnn-table-1"), recorded(three("tp-rnn-s", protocol_version=2)))
    refused = f"This harness has version {QUICK.version} of the protocol; these runs are of version 2."
    assert f"{refused} Move these records away first. What is missing, and nothing else, is run by:" in content


def test_a_protocol_that_is_gone_has_pages_but_no_command():
    content = text(paper_page("tp-rnn-table-1"), recorded(three("tp-rnn-s", protocol="gone")))
    assert "this harness has no protocol `gone`" in content
    assert not commands(content)


def test_tables_of_two_protocols_are_refused():
    with pytest.raises(BenchError, match="records of 2 protocols cannot share a table"):
        recorded([quick("gru", 0, 0.9), quick("gru", 0, 0.9, protocol="paper")])


def test_a_task_that_has_no_such_scale_is_neither_run_is_neither_run_nor_asked_for():
    runs = [quick("lstm-s", 0, 0.9, protocol="robust", protocol_version=1, task_name="vctk-mfcc")]
    here = recorded(runs)
    (first, *_) = [n for n in paper_page("tp-rnn-table-1").numbers if n.model == "TP-RNN-S"]
    assert ours(first, here) == "not at this scale"
    assert not here.lacks(first)
    names = {name.removesuffix(".md") for name in other_pages(Loaded(runs), ORDER)}
    mirrors = {*(entry.name for entry in book().pages), *book().figures}
    assert names & mirrors == {"tp-rnn-table-3", "tp-rnn-supplement-table-2", "asrnn-table-3", "asrnn-figure-3"}
    assert {"agreement", "index"} <= names


# ----------------------------------------------------------------------------- all pages


def texts(runs: list[RunRecord], corrupt: tuple[str, ...] = (), there: tuple[str, ...] = ()) -> dict[str, str]:
    return {name: sheet.text for name, sheet in other_pages(Loaded(runs, [], list(corrupt)), ORDER, there).items()}


def test_no_page_breaks_over_what_became_of_the_runs():
    pages = texts(mixed(), ("runs/quick/x.json is no record that can be read",))
    names = [*(entry.name for entry in book().pages), *book().figures, "agreement", "convergence", "index"]
    assert set(pages) >= {f"{name}.md" for name in names}
    assert "- runs/quick/x.json is no record" in pages["index.md"]
    for content in pages.values():
        assert not re.search(r"\b(nan|None|inf)\b", content.replace("the loss is nan", ""))


@pytest.mark.parametrize("status", ["diverged", "out-of-memory", "skipped", "failed", "interrupted", "timed-out"])
@pytest.mark.parametrize("protocol", ["paper", "quick"])
def test_a_single_record_of_any_kind_is_enough(status, protocol):
    run = quick("tp-rnn-s", 0, None, status=status, protocol=protocol, task=None, curve=(), settings={}, machine={})
    pages = texts([run])
    assert f"1 {status}" in pages["tp-rnn-table-1.md"]
    assert f"1 {status}" in pages["index.md"]


def test_the_same_records_in_another_order_give_the_same_texts():
    runs = mixed()
    first = texts(runs, ("a", "b"))
    for seed in range(3):
        random.Random(seed).shuffle(runs)
        assert texts(runs, ("b", "a")) == first


def test_the_index_links_every_page_with_a_line():
    pages = texts(mixed(), there=("smnist.md",))
    index = pages["index.md"]
    assert " · protocol `quick`, version 3" in index
    assert (
        "- [Pixel-by-pixel MNIST](smnist.md) (`smnist`): 5 models x 2 to 3 seeds recorded "
        "(6 ok, 3 diverged, 3 skipped, 1 failed, 1 interrupted), budget 6k\n" in index
    )
    assert "- Pixel-by-pixel MNIST (`pmnist`): 1 model x 3 seeds recorded (3 ok), budget 6k\n" in index
    assert "- [TP-RNN, Table 1](tp-rnn-table-1.md): " in index
    assert "; 5 of 28 cells run, budget 6k\n" in index
    linked = set(re.findall(r"\]\(([^)]+\.md)\)", index))
    assert linked == {*pages, "smnist.md"} - {"index.md"}


def test_without_records_there_is_nothing_to_write():
    with pytest.raises(BenchError, match="there is no record to report on"):
        other_pages(Loaded(), ORDER)
