"""The verbs, and what they answer to bad input: one sentence, exit code 2, nothing lost."""

import importlib.util
import json
import re
import sys

import pytest
from support.commands import RUN, records
from support.records import made_run, unsealed
from support.sentences import one_sentence

from harness import catalog
from harness.cli.order import find_replicas
from harness.protocol import SMOKE
from harness.write import markdown

FLAT = """
import torch

def flat(data_seed, data_root):
    return [(torch.full((n, 4, 1), float(n)), torch.arange(n) % 2) for n in (8, 4, 6)]
"""
BAD_MODELS = """
import torch
from torch import nn

class Wrong(nn.Module):
    def __init__(self, shape, width):
        super().__init__()
        self.out = nn.Linear(shape.inputs, width)
    def forward(self, x):
        return self.out(x)

class NotANumber(Wrong):
    def __init__(self, shape, width):
        super().__init__(shape, width)
        self.last = nn.Linear(width, shape.outputs)
    def forward(self, x):
        return self.last(self.out(x)[:, -1]) / torch.zeros(())

class Raises(Wrong):
    def forward(self, x):
        raise RuntimeError("no idea what to do")

class Fixed(Wrong):
    def __init__(self, shape, width):
        super().__init__(shape, 3)
"""


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text(BAD_MODELS)
    return path


def test_a_results_folder_that_is_a_file_is_one_sentence(bench, tmp_path):
    (tmp_path / "file").write_text("here")
    outcome = bench(*RUN, "--models", "gru", "--results", tmp_path / "file")
    assert "cannot be read as a folder of records" in one_sentence(outcome)
    assert (tmp_path / "file").read_text() == "here"


@pytest.mark.parametrize("place", ["file", "file/below", "loop", "x" * 300])
@pytest.mark.parametrize("line", [("run", "--dry-run"), ("plan", "--no-time")])
def test_a_dry_run_and_a_plan_need_a_results_folder_that_can_be_one(bench, tmp_path, place, line):
    (tmp_path / "file").write_text("here")
    (tmp_path / "loop").symlink_to("loop")
    outcome = bench(*line, *RUN[1:5], "--models", "gru", "--results", tmp_path / place)
    assert "cannot be read as a folder of records" in one_sentence(outcome)


def test_models_that_misbehave_cost_their_own_cell_alone(bench, bad, tmp_path):
    names = ",".join(f"{bad}:{name}" for name in ("Wrong", "NotANumber", "Raises", "Fixed"))
    outcome = bench(*RUN, "--models", f"{names},gru", "--budget", "3k")
    assert outcome.code == 1
    found = {record["cell"]["model"].rpartition(":")[2]: record for record in records(tmp_path)}
    expected = {"gru": "ok", "Wrong": "failed", "NotANumber": "diverged", "Raises": "failed", "Fixed": "failed"}
    assert {name: record["status"] for name, record in found.items()} == expected
    assert re.search(r"answers with \(20, 40, \d+\) where \(20, 4\) is needed", found["Wrong"]["reason"])
    assert "no idea what to do (bad.py:" in found["Raises"]["reason"]
    assert "no idea what to do" in outcome.out
    assert "do not grow with its width" in outcome.out
    assert not any(record["test_metric"] for name, record in found.items() if name != "gru")


def test_a_budget_too_small_is_a_skipped_record_that_names_the_nearest(bench, tmp_path):
    assert bench(*RUN, "--models", "lstm-s", "--budget", "17").code == 1  # nothing could run
    (record,) = records(tmp_path)
    assert record["status"] == "skipped"
    assert "the nearest is 20 at width 1" in record["reason"]


def test_a_corrupt_record_is_named_and_left_in_place(bench, tmp_path):
    assert bench(*RUN, "--models", "gru").code == 0
    (path,) = tmp_path.rglob("runs/**/*.json")
    path.write_text("{}")
    broken = path.with_name("3k-7.json")
    broken.write_text(path.read_text())
    assert str(path) in one_sentence(bench(*RUN, "--models", "gru"))
    path.unlink()
    assert bench(*RUN, "--models", "gru").code == 0
    outcome = bench("report")
    assert outcome.code == 0
    assert str(broken) in outcome.err
    assert str(broken) in (tmp_path / "reports" / "smoke" / "sfc.md").read_text()
    assert broken.read_text() == "{}"
    assert str(broken) in bench("status").out


def test_records_of_another_protocol_version_are_refused(bench, tmp_path):
    assert bench(*RUN, "--models", "gru").code == 0
    (path,) = tmp_path.rglob("runs/**/*.json")
    path.write_text(unsealed(path.read_text()).replace(f'"protocol_version": {SMOKE.version}', '"protocol_version": 0'))
    kept = path.read_text()
    assert "made under version 0 of the protocol" in one_sentence(bench(*RUN, "--models", "gru"))
    assert path.read_text() == kept


def test_the_first_line_says_which_protocol_and_why_and_a_dry_run_needs_no_data(bench, monkeypatch, tmp_path):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    outcome = bench("run", "--task", "smnist", "--models", "gru", "--data", tmp_path, "--dry-run")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0].startswith("protocol quick, version")
    assert "the default without CUDA" in outcome.out
    assert "smnist gru 6k seed 0" in outcome.out


def test_settings_and_options_become_part_of_the_names(bench, tmp_path):
    assert bench(*RUN, "--models", "gru", "--set", "max_steps=3", "--set", "batch=10").code == 0
    (path,) = tmp_path.rglob("runs/**/*.json")
    assert "smoke@batch=10+max_steps=3" in str(path)
    record = json.loads(path.read_text())
    assert record["settings"]["max_steps"] == 3
    assert [point["step"] for point in record["curve"]][-1] == 3


def test_a_comma_inside_brackets_belongs_to_an_option(bench, tmp_path):
    task = "sfc@length=50+lengths=(4,5,6,10)"
    line = ("run", "--task", f"{task},sti", *RUN[3:], "--models", "gru", "--no-measure", "--set", "max_steps=2")
    assert bench(*line).code == 0
    lengths = {record["cell"]["task"]: record["task"]["length"] for record in records(tmp_path)}
    assert lengths == {task: 50, "sti": 40}


def test_json_lines_tell_every_event_and_what_is_measured_is_kept(bench, tmp_path):
    outcome = bench(*RUN, "--models", "gru", "--json")
    events = [json.loads(line) for line in outcome.out.splitlines()]
    assert {event["event"] for event in events} == {"measurement", "point", "runrecord"}
    assert events[-1]["status"] == "ok"
    (measured,) = records(tmp_path, "measures")
    assert measured["yardstick"] == "lstm-s"
    assert min(measured["step"]["median"], measured["peak_bytes"], measured["ratio"]) > 0


def test_report_writes_tables_and_curves(bench, tmp_path):
    assert bench("run", "--task", "sfc,sti", "--models", "gru,lstm-s", "--protocol", "smoke", "--workers", 0).code == 0
    outcome = bench("report")
    assert outcome.code == 0
    folder = tmp_path / "reports" / "smoke"
    for task in ("sfc", "sti"):
        text = (folder / f"{task}.md").read_text()
        assert "| GRU" in text
        assert "exact permutation test" in text
        curves = (folder / f"{task}-3k-curves.svg").read_text()
        assert all(f">{name}<" in curves for name in ("LSTM-S", "GRU", "chance", "target"))
        assert (folder / f"{task}.tex").read_text().startswith("\\begin{tabular}")
        assert "gru" in (folder / f"{task}.csv").read_text()
    index = (folder / "index.md").read_text()
    assert "](sfc.md)" in index
    assert "](tp-rnn-table-2.md)" in index
    table = (folder / "tp-rnn-table-2.md").read_text()
    assert bench("report", "--task", "sti").code == 0  # the papers' pages are still of all tasks
    assert (folder / "tp-rnn-table-2.md").read_text() == table
    assert (folder / "index.md").read_text() == index
    assert str(folder.relative_to(tmp_path) / "agreement.md") in outcome.out


def test_at_the_end_stand_the_page_to_read_of_what_ran_last_and_what_the_html_file_says_first(bench, tmp_path):
    def ends(*words):
        """The last two lines before those that are indented."""
        return [line for line in bench("report", *words).out.splitlines() if not line.startswith("  ")][-2:]

    run = ("run", "--models", "gru", "--protocol", "smoke", "--workers", 0, "--seeds", 1, "--no-measure")
    said = bench(*run, "--task", "sfc", "--set", "max_steps=3").out.splitlines()[-1]
    folder = tmp_path / "reports" / "smoke@max_steps=3"
    results = tmp_path / "results"
    assert said == f"`bench report --results {results}` makes the page reports/own/smoke@max_steps=3/sfc.md"
    assert ends() == [str(folder / "sfc.md"), str(folder / "report.html")]
    said = bench("report").out.splitlines()
    first, *_ = [line for line in (folder / "index.md").read_text().splitlines() if line]
    place = said.index(str(folder / "report.html"))
    assert said[place + 1].strip() == first.removeprefix("# ").replace("`", "")
    assert 1 < len(said) - place <= 9
    for path in results.rglob("*.json"):  # before the next run
        path.write_text(re.sub(r'"finished": "\d{4}', '"finished": "2001', path.read_text()))
    said = bench(*run, "--task", "sfc,sti", "--set", "max_steps=2").out.splitlines()[-1]
    assert said.endswith("makes the page reports/own/smoke@max_steps=2/index.md")
    last = tmp_path / "reports" / "smoke@max_steps=2"
    assert ends() == [str(last / "index.md"), str(last / "report.html")]
    assert ends("--task", "sti") == [str(last / "sti.md"), str(last / "report.html")]
    assert ends("--format", "md")[-1] == str(last / "index.md")
    assert ends("--format", "html")[-1] == str(last / "report.html")


def test_the_report_opens_in_a_browser_and_without_one_there_is_a_sentence(bench, store, tmp_path, monkeypatch):
    import webbrowser

    store.save_run(made_run())
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or len(opened) == 1)
    assert bench("report", "--open").code == 0
    file = tmp_path / "reports" / "smoke" / "report.html"
    assert opened == [file.as_uri()]
    assert f"there is no browser that can be started here; open {file}" in one_sentence(bench("report", "--open"))
    for words, said in (("--verify", "leave --verify out"), ("--format=md", "leave --format out")):
        assert said in one_sentence(bench("report", "--open", words))


def test_pages_lie_where_the_folder_of_the_records_says_unless_the_command_says_it(bench, monkeypatch, tmp_path):
    from click.testing import CliRunner

    from harness.cli.report import report

    campaign = tmp_path / "results" / "desk"
    monkeypatch.chdir(tmp_path)
    run = [*RUN, "--models", "gru", "--no-measure", "--set", "max_steps=2", "--results", "results/desk"]
    assert bench(*run).code == 0

    def page(*words):
        words = ["--results", "results/desk", *words]
        said = CliRunner().invoke(report, words, standalone_mode=False).output.splitlines()
        return next(line for line in said if line.endswith("/sfc.md"))

    name = "smoke@max_steps=2/sfc.md"
    assert page() == f"reports/own/{name}"
    (campaign / "campaign.toml").touch()
    assert page() == f"reports/{name}"
    assert page("--reports", "elsewhere") == f"elsewhere/{name}"
    assert bench(*run).code == 0  # it is not closed
    (campaign / "campaign.toml").write_text("nonsense")
    assert "campaign.toml cannot be read" in one_sentence(bench(*run))


def test_without_a_compiler_the_eager_loop_serves_and_the_user_is_told(bench, monkeypatch, tmp_path):
    reason = "there is no C++ compiler"
    monkeypatch.setattr("models.engine.native.kernels._loaded", lambda: (None, reason))
    monkeypatch.setattr("models.engine.native.kernels.library", lambda: None)
    outcome = bench(*RUN, "--models", "sgru", "--no-measure", "--set", "max_steps=2")
    assert outcome.code == 0
    assert f"several times slower: {reason}" in outcome.out
    assert [record["backend"] for record in records(tmp_path)] == ["eager"]
    assert reason in one_sentence(bench(*RUN, "--models", "gru", "--backend", "native"))


def test_seeds_can_train_together_and_recompute_on_a_chosen_back_end_and_all_is_recorded(bench, tmp_path):
    words = ("--models", "sgru", "--no-measure", "--seeds", 3, "--replicas", 2, "--recompute", 10, "--backend", "eager")
    assert bench(*RUN, *words).code == 0
    found = records(tmp_path)
    assert [(r["cell"]["seed"], r["replicas"]) for r in found] == [(0, 2), (1, 2), (2, 1)]
    assert {(r["recompute"], r["backend"]) for r in found} == {(10, "eager")}


def test_all_seeds_train_together_on_a_gpu_and_one_on_a_cpu():
    assert find_replicas("auto", "cuda", 5) == 5
    assert find_replicas("auto", "cpu", 5) == 1
    assert find_replicas("3", "cpu", 5) == 3


def test_a_missing_package_is_one_sentence(bench, monkeypatch):
    assert bench(*RUN, "--models", "gru", "--no-measure").code == 0
    markdown.parser.cache_clear()
    markdown.parse.cache_clear()
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    assert "the package 'markdown_it' is missing" in one_sentence(bench("report"))


def test_list_names_everything(bench):
    from models import MODELS
    from tasks import TASKS

    out = bench("list").out
    for name in (*MODELS, *TASKS, "paper", "quick", "smoke"):
        assert f"  {name} " in out
    assert "aggregation = attention" in bench("list", "tp-rnn-s").out
    assert "any other length: addition-N" in out
    assert "lengths = (20, 40, 60, 80)" in bench("list", "sfc").out
    assert "max_steps" in bench("list", "quick").out


def test_list_names_one_group(bench):
    from models import MODELS, VARIANTS

    def names(*words):
        return [line.split()[0] for line in bench("list", *words).out.splitlines() if line.startswith("  ")]

    assert names("variants") == list(VARIANTS)
    assert names("models") == list(MODELS)
    assert names("tasks")[:2] == ["sfc", "sti"]
    assert "sfc" not in names("all")


def test_list_as_a_table_has_a_row_for_each_name_and_no_empty_cell(bench):
    from models import VARIANTS
    from tasks import TASKS

    for words, names in (("variants", VARIANTS), ("tasks", TASKS)):
        rows = [line.strip("| ").split(" | ") for line in bench("list", words, "--format", "md").out.splitlines()]
        assert [row[0] for row in rows[2:]] == [f"`{name}`" for name in names]
        assert all(len(row) == len(rows[0]) and all(row) for row in rows)
    assert rows[2][2] == "50.78 %"
    assert "CC BY-SA 3.0" in next(row for row in rows if row[0] == "`smnist`")[-1]


def test_a_group_without_a_model_is_listed_but_not_run(bench, monkeypatch):
    monkeypatch.setitem(catalog.GROUPS, "zoo", {})
    assert bench("list", "zoo").out == "Models, zoo: none yet\n"
    assert "--models is 'zoo', which has no model yet" in one_sentence(bench(*RUN, "--models", "zoo"))


def test_params_prints_the_papers_counts(bench):
    out = bench("params", "--shape", "784x1x10", "--models", "papers,variants").out
    for count in ("41,810", "232,664", "42,422", "233,564", "239,668", "353,111"):
        assert count in out


def test_plan_and_params_show_models_of_equal_width(bench):
    for verb in ("plan", "params"):
        extra = ("--protocol", "smoke", "--no-time") if verb == "plan" else ()
        done = bench(verb, "--task", "sfc", "--models", "gru", "--width", "20", *extra)
        assert done.code == 0, done.err
        assert "1,404" in done.out


def test_plan_says_what_it_can_show(bench):
    """The smoke protocol has two seeds: their smallest p is 2/6, and four are the fewest for one pair."""
    few = bench("plan", "--task", "sfc", "--models", "gru,tp-rnn-s", "--protocol", "smoke", "--no-time").out
    assert "of 1 pair with Holm's correction gives 2 seeds a p of at least 0.33" in few
    assert "nothing can be significant with fewer than 4 seeds" in few
    many = ("--models", "gru,lstm-s,tp-rnn-s", "--protocol", "smoke", "--no-time", "--seeds", "8")
    assert "of 3 pairs with Holm's correction gives 8 seeds" in bench("plan", "--task", "sfc,sti", *many).out


def test_check_takes_tasks_as_well(bench, tmp_path):
    (tmp_path / "flat.py").write_text(FLAT)
    outcome = bench("check", "--task", f"sfc,{tmp_path}/flat.py:flat")
    assert outcome.code == 1
    assert outcome.out.startswith("sfc: ok\n")
    assert "flat: FAILED\n" in outcome.out
    assert "another data seed gives the same data" in outcome.out
    assert "gru" not in outcome.out
    assert bench("check", "--task", "addition-20", "--models", "gru").out.splitlines()[-2:] == [
        "gru: ok",
        "addition-20: ok",
    ]
    missing = bench("check", "--task", "vctk-mfcc", "--data", str(tmp_path))
    assert (missing.code, missing.out[:12]) == (0, "not checked:")


def test_a_back_end_of_another_device_is_refused_before_anything_runs(bench, tmp_path):
    outcome = bench(*RUN, "--models", "gru", "--device", "cpu", "--backend", "triton")
    assert "the triton back end runs on --device cuda and this is cpu" in one_sentence(outcome)
    assert not list(tmp_path.rglob("*.json"))


def test_missing_data_are_one_sentence_and_nothing_runs(bench, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    line = ["run", "--task", "sfc,smnist", "--models", "gru", "--protocol", "smoke", "--data", empty]
    sentence = one_sentence(bench(*line))
    assert "`bench data fetch mnist --data" in sentence
    assert "train-images-idx3-ubyte.gz" in sentence
    assert not list((tmp_path / "results").rglob("*.json"))
    assert not list(empty.iterdir())


def test_a_package_that_a_task_needs_is_named_before_anything_runs(bench, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "sklearn" else real(name, *rest)
    )
    sentence = one_sentence(bench("run", "--task", "sdigits", *RUN[3:], "--models", "gru"))
    assert "sdigits needs the package scikit-learn; `pip install scikit-learn` adds it" in sentence


def test_the_list_says_what_each_task_asks(bench):
    lines = {line.split()[0]: line for line in bench("list").out.splitlines() if line.startswith("  ")}
    assert "how many different signal lengths" in lines["sfc"]
    assert "from its pixels in an order" in lines["pmnist"]
    assert lines["smnist"].split(None, 1)[1] != lines["pmnist"].split(None, 1)[1]
    assert "chooses anew at every step" in lines["aslstm"]


def test_a_measurement_that_no_machine_has_is_made_though_nothing_runs(bench, tmp_path):
    line = ("run", "--task", "sti", *RUN[3:], "--models", "gru,lstm-s")
    assert bench(*line).code == 0
    paths = sorted((tmp_path / "results").rglob("measures/**/*.json"))
    assert len(paths) == 2
    paths[0].unlink()
    elsewhere = paths[1].rename(paths[1].with_name("3k-another-machine.json"))
    outcome = bench(*line)
    assert outcome.code == 0
    assert outcome.out.count("measured sti") == 1
    assert sorted((tmp_path / "results").rglob("measures/**/*.json")) == sorted([paths[0], elsewhere])
