"""`bench status --watch`, `bench curves` and `bench run --log`: looking on while cells run."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support import ROOT
from support.commands import RUN
from support.records import made_curve, made_run
from support.sentences import one_sentence

from harness.cli import watch
from harness.records.running import signs_of


def test_watching_shows_what_runs_and_what_came_of_it_and_ctrl_c_ends_it(bench, store, monkeypatch):
    run = made_run()
    with signs_of(store, [run.cell]) as signs:
        signs(run.cell, 120, 500, made_curve([0.625]))

        looks = iter((1, 2))

        def rest(seconds):
            if next(looks, None) is None:
                raise KeyboardInterrupt
            store.save_run(run)
            signs.end(run.cell)

        monkeypatch.setattr(watch.time, "sleep", rest)
        found = bench("status", "--watch", "--results", store.root)
    assert (found.code, found.err) == (0, "")
    first, *rest = found.out.splitlines()
    assert first.startswith("smoke sfc gru 3k seed 0: running, step 120 of 500, validation 0.625")
    assert rest == ["smoke sfc gru 3k seed 0: ok, best validation 0.75", f"nothing runs in {store.root}"]


def test_on_a_terminal_there_is_a_table(store):
    run = made_run()
    with signs_of(store, [run.cell]) as signs:
        signs(run.cell, 120, 500, made_curve([0.625]))
        sign = replace(signs.last[run.cell], first=20, since=time.time() - 10)
        from rich.console import Console

        console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
        console.print(watch._table([sign], store.root))
    text = console.export_text()
    assert "120 of 500" in text
    assert "0.625" in text
    assert "0:38" in text or "0:37" in text


def test_ctrl_c_in_a_process_of_its_own_ends_with_0(tmp_path):
    command = [sys.executable, "-m", "harness", "status", "--watch", "--results", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == f"nothing runs in {tmp_path}\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_curves_are_those_of_what_runs_with_the_finished_ones_of_its_task(bench, store):
    store.save_run(made_run("lstm-s"))
    store.save_run(made_run("lstm-s", task_name="sti", finished="2026-03-01T12:00:00+00:00"))
    run = made_run()
    with signs_of(store, [run.cell]) as signs:
        signs(run.cell, 120, 500, made_curve([0.625]))
        found = bench("curves", "--results", store.root).out
    assert found.startswith("smoke sfc 3k: validation, accuracy\n")
    assert "A gru seed 0 (running): 0.625 at step 100" in found
    assert "B lstm-s seed 0: 0.8 at step 300" in found
    assert "sti" not in found
    found = bench("curves", "--results", store.root).out  # nothing runs now
    assert found.startswith("smoke sti 3k: validation, accuracy\n")
    found = bench("curves", "--results", store.root, "--task", "sfc,sti").out
    assert found.count("lstm-s seed 0: 0.8") == 2


@pytest.mark.parametrize("words", [("--task", "nothing"), ("--models", "nothing"), ("--protocol", "nothing")])
def test_no_curve_is_one_sentence(bench, store, words):
    store.save_run(made_run())
    said = one_sentence(bench("curves", "--results", store.root, *words))
    assert "there is no such learning curve in" in said


def test_a_run_that_is_logged_leaves_event_files(bench, tmp_path):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from harness.records.store import Store

    words = (*RUN, "--models", "gru", "--no-measure", "--log", "tensorboard")
    assert bench(*words).code == 0
    store = Store(tmp_path / "results")
    (run,) = store.load().runs
    events = EventAccumulator(str(store.events_path(run.cell)))
    events.Reload()
    shown = [(one.step, one.value) for one in events.Scalars("valid_metric")]
    assert shown == [(point.step, pytest.approx(point.valid_metric)) for point in run.curve]
    assert [one.value for one in events.Scalars("test_metric")] == [pytest.approx(run.test_metric)]


def test_without_the_package_a_log_is_one_sentence_and_nothing_runs(bench, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = one_sentence(bench(*RUN, "--models", "gru", "--log", "tensorboard"))
    assert said == "error: --log tensorboard needs the package tensorboard; `pip install tensorboard` adds it"
    assert not (tmp_path / "results").exists()
