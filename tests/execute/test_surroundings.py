"""What a stranger's code changes of its process is put back, and said."""

import contextlib
import os
import signal
import sys
import time

import numpy as np
import pytest
import torch
from support.cells import apart_from_times, cell
from torch import nn

from harness.execute.run import run_cell, run_group
from harness.execute.surroundings import FACTS, kept
from harness.plan import Cell
from harness.prepare.modules import Where
from harness.process import Ended


def hook(*_):
    return None


EFFECTS = {
    "torch's default dtype": lambda: torch.set_default_dtype(torch.float64),
    "torch's default device": lambda: torch.set_default_device("meta"),
    "torch's number of threads": lambda: torch.set_num_threads(3),
    "whether torch keeps gradients": lambda: torch.set_grad_enabled(False),
    "whether torch looks for anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "whether torch must be deterministic": lambda: torch.use_deterministic_algorithms(True),
    "torch's precision of products": lambda: torch.set_float32_matmul_precision("medium"),
    "torch's flushing of denormals": lambda: torch.set_flush_denormal(not FACTS["torch's flushing of denormals"][0]()),
    "cuDNN's settings": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "torch's global hooks": lambda: nn.modules.module.register_module_forward_hook(hook),
    "numpy's handling of errors": lambda: np.seterr(all="raise"),
    "the working folder": lambda: os.chdir("/"),
    "the umask": lambda: os.umask(0o007),
    "the environment": lambda: os.environ.update(SOMETHING="else", PATH=""),
    "the handlers of signals": lambda: signal.signal(signal.SIGTERM, hook),
    "an alarm": lambda: signal.alarm(1000),
    "the recursion limit": lambda: sys.setrecursionlimit(5000),
    "torch.nn.init.uniform_": lambda: setattr(nn.init, "uniform_", hook),
    "torch.manual_seed": lambda: setattr(torch, "manual_seed", hook),
    "Linear.reset_parameters": lambda: setattr(nn.Linear, "reset_parameters", hook),
    "GRU.reset_parameters": lambda: setattr(nn.GRU, "reset_parameters", hook),  # it had none of its own
    "1 forked processes that still ran": lambda: os.fork() or time.sleep(60),
}


def test_late_imports_find_their_modules_where_the_search_path_was_emptied(tmp_path, monkeypatch):
    (tmp_path / "imported_late.py").write_text("there = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = list(sys.meta_path)
    with kept():
        sys.path[:] = []
        from imported_late import there
    assert there
    assert sys.meta_path == before
    with pytest.raises(ModuleNotFoundError), kept():
        import imported_never  # noqa: F401


@pytest.mark.parametrize("word", EFFECTS)
def test_each_effect_is_said_and_put_back(word):
    before, weights = {fact: read() for fact, (read, _) in FACTS.items()}, vars(nn.GRU).copy()
    uniform = nn.init.uniform_
    with kept() as changed:
        EFFECTS[word]()
    assert changed == [word]
    assert {fact: read() for fact, (read, _) in FACTS.items()} == before
    assert dict(vars(nn.GRU)) == dict(weights)
    assert nn.init.uniform_ is uniform


def test_every_effect_that_is_known_is_tried():
    assert FACTS.keys() - EFFECTS.keys() == {"the module search path"}


def test_nothing_is_said_where_nothing_changed():
    with kept() as changed:
        nn.GRU(2, 3)(torch.randn(1, 4, 2))[0].sum().backward()
    assert changed == []


def test_what_is_changed_is_put_back_after_an_error_as_well():
    here = os.getcwd()
    with contextlib.suppress(SystemExit), kept() as changed:
        os.chdir("/")
        sys.exit(3)
    assert (os.getcwd(), changed) == (here, ["the working folder"])


def test_what_is_printed_goes_to_the_standard_error_and_nothing_is_read(capsys):
    with kept():
        print("loading my model")
        with pytest.raises(EOFError):
            input()
    assert capsys.readouterr() == ("", "loading my model\n")


# ----------------------------------------------------------------------------- around cells


def in_workers(monkeypatch):
    """As in a process where Ctrl-C is the runner's to hear."""
    monkeypatch.setattr(signal, "getsignal", lambda number: hook)


def test_a_built_in_model_is_the_same_after_a_stranger_that_changes_all(where, tmp_path, capsys):
    alone = run_cell(cell("gru"), Where(tmp_path / "alone"))
    record = run_cell(cell("ChangesAll"), where)
    assert capsys.readouterr().out == ""
    assert apart_from_times(run_cell(cell("gru"), where)) == apart_from_times(alone)
    said = "torch's default dtype, torch's number of threads, the working folder, torch.nn.init.uniform_"
    assert record.notes.splitlines()[0] == f"the model has changed {said} for the whole process; all of it was put back"


TASK = """
import torch
def task(data_seed, data_root):
    x = torch.randn(120, 8, 1, generator=torch.Generator().manual_seed(data_seed))
    EFFECT
    return [(x[a:b], (x[a:b].sum((1, 2)) > 0).long()) for a, b in ((0, 80), (80, 100), (100, 120))]
"""


@pytest.mark.parametrize("seeds", [1, 2])
def test_what_a_task_changes_while_it_makes_its_data_does_not_reach_a_model(tmp_path, seeds):
    records = {}
    for name, effect in (("plain", "pass"), ("changes", "torch.set_default_dtype(torch.float64)")):
        (tmp_path / name).mkdir()  # of one name, so that a seed draws alike
        (tmp_path / name / "file.py").write_text(TASK.replace("EFFECT", effect))
        cells = [Cell("smoke", f"{tmp_path}/{name}/file.py:task", "gru", "3k", seed) for seed in range(seeds)]
        records[name] = run_group(cells, Where(tmp_path / "results"))
    assert [record.status for record in records["changes"]] == ["ok"] * seeds
    for plain, changed in zip(*records.values(), strict=True):
        assert [point.train_loss for point in plain.curve] == [point.train_loss for point in changed.curve]
        assert "put back" not in plain.notes
    notes = [record.notes for record in records["changes"]]
    if seeds == 1:
        assert notes[0].startswith(
            "the task has changed torch's default dtype for the whole process; all of it was put"
        )


def test_a_strangers_seeds_do_not_see_what_an_earlier_one_changed(where, tmp_path):
    """Nor what was changed while the memory that it needs was tried, which is known for the second one."""
    alone = run_cell(cell("ChangesAll", seed=1), Where(tmp_path / "alone"))
    run_cell(cell("ChangesAll"), where)
    after = run_cell(cell("ChangesAll", seed=1), where)
    assert [p.train_loss for p in after.curve] == [p.train_loss for p in alone.curve]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("Exits", "SystemExit: by the model (faulty.py:"),
        ("ExitsWhenBuilt", "SystemExit: 3 (faulty.py:"),
        ("Interrupts", "KeyboardInterrupt: (faulty.py:"),
    ],
)
def test_a_model_that_exits_failed(where, monkeypatch, model, reason):
    in_workers(monkeypatch)
    record = run_cell(cell(model), where)
    assert record.status == "failed"
    assert record.reason.startswith(reason)


def test_a_users_ctrl_c_is_no_fault_of_the_model(where, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        run_cell(cell("Interrupts"), where)
    in_workers(monkeypatch)

    def twice(progress):
        raise Ended

    with pytest.raises(Ended):
        run_cell(cell("Plain"), where, report=twice)
    assert not list((where.results / "runs").rglob("*.json"))


def test_a_copy_that_a_model_forks_does_not_run_on(where, tmp_path):
    (tmp_path / "forks.py").write_text(
        "import os\n"
        "from support.faulty import Plain\n"
        "class Net(Plain):\n"
        "    def forward(self, x):\n"
        "        if self.training and x.device.type != 'meta' and os.getpid() == PARENT:\n"
        "            os.fork()\n"
        "        return super().forward(x)\n"
        "PARENT = os.getpid()\n"
    )
    record = run_cell(cell(f"{tmp_path}/forks.py:Net"), where)
    assert record.status == "ok"
    assert len(list((where.results / "runs").rglob("*.json"))) == 1
