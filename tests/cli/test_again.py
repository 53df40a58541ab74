"""Finished cells run again, or not; strangers' files that do harm are a sentence; no output decides anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from support.commands import RUN as MEASURED
from support.commands import statuses
from support.processes import is_gone
from support.records import made_measurement, made_run
from support.sentences import one_sentence

from harness import machine
from harness.protocol import SMOKE
from harness.records.running import signs_of
from harness.records.store import Store

RUN = (*MEASURED, "--no-measure")
MODEL = """
from torch import nn

class Net(nn.Module):
    def __init__(self, shape, width):
        super().__init__()
        self.rnn = nn.GRU(shape.inputs, width, batch_first=True)
        self.out = nn.Linear(width, shape.outputs)

    def forward(self, x):
        return self.ouch(self.rnn(x)[0][:, -1])
"""


@pytest.fixture
def slip(tmp_path) -> Path:
    path = tmp_path / "slip.py"
    path.write_text(MODEL)
    return path


def mend(slip: Path) -> None:
    slip.write_text(MODEL.replace("ouch", "out"))


def test_a_damaged_record_is_put_aside_and_its_cell_begins_anew(bench, tmp_path):
    line = (*RUN, "--models", "gru", "--seeds", "2")
    assert bench(*line).code == 0
    damaged, other = sorted((tmp_path / "results" / "runs").rglob("*.json"))
    before, kept = damaged.read_text(), other.read_text()
    for harm in (before.replace('"width": ', '"width": 1'), before[: len(before) // 2], ""):
        damaged.write_text(harm)
        assert "already recorded: 1 ok" in bench(*line, "--dry-run").out
        assert damaged.read_text() == harm
        outcome = bench(*line)
        assert outcome.code == 0, outcome.err
        assert "run again: 1 cell" in outcome.out
        assert (json.loads(damaged.read_text())["curve"][-1]["train_loss"], other.read_text()) == (
            json.loads(before)["curve"][-1]["train_loss"],
            kept,
        )
    assert len([path for path in (tmp_path / "results" / "aside").rglob("*") if path.is_file()]) == 3


def test_a_failed_cell_whose_model_has_changed_is_simply_trained_again(bench, slip, tmp_path):
    line = (*RUN, "--models", f"{slip}:Net,gru")
    assert bench(*line).code == 1
    assert statuses(tmp_path) == {"Net": "failed", "gru": "ok"}
    outcome = bench(*line)
    assert outcome.code == 1
    assert "already recorded: " in outcome.out
    mend(slip)
    outcome = bench(*line)
    assert outcome.code == 0, outcome
    assert "run again: 1 cell; the records of before lie in " in outcome.out
    assert "already recorded: 1 ok" in outcome.out
    assert statuses(tmp_path) == {"Net": "ok", "gru": "ok"}
    (aside,) = (path for path in (tmp_path / "results" / "aside").rglob("*") if path.is_file())
    assert '"status": "failed"' in aside.read_text()


@pytest.mark.parametrize(
    ("again", "models"),
    [
        (["--again"], {"Net"}),
        (["--again", "failed"], {"Net"}),
        (["--again", "all"], {"Net", "gru"}),
        (["--again", "gr*"], {"gru"}),
        (["--again", "ok,diverged"], {"gru"}),
        (["--again", "*:Net,gru"], {"Net", "gru"}),
        (["--again", "out-of-memory"], set()),
    ],
)
def test_again_runs_what_it_names_and_nothing_else(bench, slip, tmp_path, again, models):
    line = (*RUN, "--models", f"{slip}:Net,gru")
    bench(*line)
    before = {path: path.stat().st_ino for path in (tmp_path / "results" / "runs").rglob("*.json")}
    assert bench(*line, "--dry-run", *again).code == 0
    assert not (tmp_path / "results" / "aside").exists()
    bench(*line, *again)
    changed = {"gru" if "gru" in path.parts else "Net" for path in before if path.stat().st_ino != before[path]}
    assert changed == models
    assert len([path for path in (tmp_path / "results").rglob("aside/runs/**/*") if path.is_file()]) == len(models)


def test_a_measurement_that_failed_is_taken_again_with_its_cell(bench, tmp_path):
    store, slug = Store(tmp_path / "results"), machine.slug("cpu")
    store.save_run(made_run("lstm-s", status="failed", test_metric=None, protocol_version=SMOKE.version))
    group = store.save_measurement(
        made_measurement("lstm-s", status="failed", step=None, protocol_version=SMOKE.version), slug
    )
    assert bench(*MEASURED, "--models", "lstm-s").code == 1
    assert '"status": "failed"' in group.read_text()
    assert bench(*MEASURED, "--models", "lstm-s", "--again", "failed").code == 0
    assert '"status": "ok"' in group.read_text()


# ----------------------------------------------------------------------------- strangers' files


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import sys; sys.exit(5)", "cannot be imported: SystemExit: 5"),
        ("import sys; sys.exit()", "cannot be imported: SystemExit"),
        ("import os; os._exit(0)", "cannot be imported: its process ended with exit code 0"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "its process ended with exit code -9"),
        ("raise KeyboardInterrupt", "cannot be imported: KeyboardInterrupt"),
        ("import time; time.sleep(60)", "cannot be imported: nothing came of it within 0:00"),
        ("import os, time; os.fork(); time.sleep(60)", "cannot be imported: nothing came of it within 0:00"),
        ("import os, time\nif os.fork() == 0: time.sleep(60)\nos._exit(4)", "ended with exit code 4"),
        ("print('loud')", "there is no name in that file called 'Net'"),
    ],
)
@pytest.mark.parametrize("kind", ["model", "task"])
def test_a_file_that_does_harm_while_it_is_imported_is_a_sentence(bench, tmp_path, monkeypatch, text, sentence, kind):
    if "nothing came of it" in sentence:
        monkeypatch.setattr("harness.cli.order.IMPORT_SECONDS", 0.3)
    path = tmp_path / "harm.py"
    path.write_text(text)
    words = ("--models", f"gru,{path}:Net") if kind == "model" else ("--models", "gru", "--task", f"{path}:Net")
    outcome = bench(*RUN, *words)
    assert outcome.code == 2
    assert sentence in outcome.err.splitlines()[-1]
    assert "harm.py" in outcome.err.splitlines()[-1]
    assert "loud" not in outcome.out
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("after", ["", "raise SystemExit"])
def test_what_a_file_starts_when_it_is_imported_is_gone_with_the_command(bench, tmp_path, after):
    path = tmp_path / "starts.py"
    path.write_text(
        "import pathlib, subprocess\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"pathlib.Path(__file__).with_name('child').write_text(str(child.pid))\n{after}\n{MODEL}"
    )
    outcome = bench(*RUN, "--dry-run", "--models", f"{path}:Net")
    assert outcome.code == (2 if after else 0)
    assert is_gone(int((tmp_path / "child").read_text()))


def test_what_a_file_does_when_it_is_imported_does_not_reach_the_models_of_the_house(bench, tmp_path):
    (tmp_path / "double.py").write_text(
        "import os, torch\nfrom torch import nn\ntorch.set_default_dtype(torch.float64)\nprint('loading')\n"
        "os.chdir('/')\n" + MODEL.replace("self.ouch(self.rnn(x)", "self.out(self.rnn(x.double())")
    )
    outcome = bench(*RUN, "--models", f"{tmp_path}/double.py:Net,gru", "--json")
    assert outcome.code == 0, outcome
    assert statuses(tmp_path) == {"Net": "ok", "gru": "ok"}
    assert all(json.loads(line) for line in outcome.out.splitlines())


def test_a_results_folder_is_where_it_was_wherever_a_task_goes(bench, tmp_path, monkeypatch):
    (tmp_path / "task.py").write_text(
        "import os, torch\n"
        "def task(data_seed, data_root):\n"
        "    os.chdir('/')\n"
        "    print('reading')\n"
        "    x = torch.randn(200, 5, 1, generator=torch.Generator().manual_seed(data_seed))\n"
        "    return [(x[a:b], (x[a:b].sum(dim=(1, 2)) > 0).long()) for a, b in ((0, 140), (140, 160), (160, 200))]\n"
    )
    monkeypatch.chdir(tmp_path)
    line = ("run", "--task", "task.py:task", *RUN[3:], "--models", "gru", "--results", "here", "--json")
    outcome = bench(*line)
    assert outcome.code == 0, outcome
    assert len(list((tmp_path / "here" / "runs").rglob("*.json"))) == 1
    assert all(json.loads(event) for event in outcome.out.splitlines())
    assert os.getcwd() == str(tmp_path)


# ----------------------------------------------------------------------------- limits, signs and outputs


@pytest.mark.parametrize("word", ["0", "-1", "nan", "1e3", "5 m", "10d", "", "m", "99999999999h"])
def test_a_limit_that_is_no_time_is_a_sentence(bench, word):
    outcome = bench(*RUN, "--models", "gru", "--cell-limit", word)
    assert f"--cell-limit is '{word}', but must be a time such as 90 (seconds), 30s, 30m or 2h" in one_sentence(outcome)


@pytest.mark.parametrize(("word", "seconds"), [("90", 90), ("0.5s", 0.5), ("30m", 1800), ("2H", 7200)])
def test_a_limit_is_a_time(word, seconds):
    import click

    from harness.cli.options import seconds as read

    option = click.Option(["--cell-limit", "limit"])
    assert read(click.Context(click.Command("run")), option, word) == seconds


def test_a_cell_beyond_its_limit_is_timed_out_and_runs_again_with_more(bench, tmp_path):
    line = (*RUN, "--models", "gru")
    outcome = bench(*line, "--cell-limit", "0.000001")
    assert (outcome.code, statuses(tmp_path)) == (1, {"gru": "timed-out"})
    assert bench(*line).code == 1
    assert bench(*line, "--again", "failed", "--cell-limit", "1h").code == 0
    assert statuses(tmp_path) == {"gru": "ok"}


def test_status_shows_what_runs_in_another_terminal(bench, tmp_path):
    store, cell = Store(tmp_path / "results"), made_run("gru").cell
    with signs_of(store, [cell]) as signs:
        assert "smoke sfc gru 3k seed 0: running, before its first step" in bench("status").out
        signs(cell, 1200, 5000)
        assert "smoke sfc gru 3k seed 0: running, step 1,200 of 5,000" in bench("status").out
    assert bench("status").out.startswith("no records")


@pytest.mark.parametrize("how", ["closed", "broken"])
def test_an_output_that_nobody_reads_costs_no_run(tmp_path, how):
    line = [sys.executable, "-m", "harness", *map(str, RUN), "--models", "gru", "--results", str(tmp_path)]
    if how == "closed":
        done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *line], cwd=ROOT, capture_output=True, text=True)
        code, errors = done.returncode, done.stderr
    else:
        process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.close()
        code, errors = process.wait(timeout=300), process.stderr.read()
    assert (code, errors) == (0, "")
    assert statuses(tmp_path) == {"gru": "ok"}


def test_a_plan_says_what_cannot_be_tried_and_goes_on(bench, slip):
    slip.write_text(MODEL.replace("return self.ouch", "import sys; sys.exit(3)"))
    outcome = bench("plan", "--task", "sfc", "--protocol", "smoke", "--models", f"{slip}:Net,gru")
    assert outcome.code == 0, outcome
    assert "cannot be tried: SystemExit: 3 (slip.py:" in outcome.out
    assert len([line for line in outcome.out.splitlines() if " 3,004 " in line]) == 1
    assert "of training on" in outcome.out


def test_a_check_goes_on_after_models_that_exit(bench, slip):
    more = (
        "class Exits(Net):\n    def forward(self, x):\n        import sys; sys.exit(3)\n"
        "class Leaves(Net):\n    def forward(self, x):\n        import os; os._exit(3)\n"
    )
    slip.write_text(MODEL.replace("ouch", "out") + more)
    outcome = bench("check", "--models", f"{slip}:Leaves,{slip}:Exits,gru")
    assert outcome.code == 1
    assert f"{slip}:Leaves: FAILED\n  {slip}:Leaves: its process ended with exit code 3" in outcome.out
    assert f"{slip}:Exits: FAILED\n  {slip}:Exits: check_shapes: SystemExit: 3" in outcome.out
    assert "gru: ok" in outcome.out
