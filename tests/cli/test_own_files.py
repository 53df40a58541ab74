"""Models and tasks in files of one's own, from the command line."""

import json

import pytest
from support.commands import RUN, records
from support.records import unsealed

NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self, shape, width):
        super().__init__()
        self.rnn = nn.{}(shape.inputs, width, batch_first=True)
        self.out = nn.Linear(width, shape.outputs)
    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])
"""
TASK = """
import pathlib, torch
def parity(data_seed, data_root):
    draw = torch.Generator().manual_seed(int(pathlib.Path(__file__).with_name("seed").read_text()))
    x = torch.randint(0, 2, (300, 10, 1), generator=draw)
    y = x.sum(dim=(1, 2)) % 2
    return [(x[a:b].float(), y[a:b]) for a, b in ((0, 200), (200, 250), (250, 300))]
"""


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.py").write_text(NET.format("RNN" if name == "a" else "GRU"))
    (tmp_path / "parity.py").write_text(TASK)
    (tmp_path / "seed").write_text("0")
    return tmp_path


@pytest.fixture
def run(bench, folder):
    """run(models) runs them on parity.py; further words are options."""

    def call(models="a/net.py:Net", *words, task="parity.py:parity"):
        names = ",".join(str(folder / name) if ".py" in name else name for name in models.split(","))
        task = folder / task if ".py" in task else task
        return bench("run", "--task", task, *RUN[3:], "--models", names, "--no-measure", *words)

    return call


def changed(path, old="", new="# changed"):
    text = unsealed(path.read_text()) if path.suffix == ".json" else path.read_text()
    path.write_text(text.replace(old, new) if old else text + new)


def test_what_has_not_changed_is_not_run_again(run, folder):
    assert run().code == 0
    (record,) = records(folder)
    assert len(record["source"]) == len(record["task_source"]) == len(record["data"]) == 64
    again = run()
    assert (again.code, records(folder)) == (0, [record])
    assert "already recorded: 1 ok" in again.out


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("a/net.py", "a/net.py:Net has changed since"),
        ("parity.py", "parity.py:parity has changed since"),
        ("seed", "the data of {}/parity.py:parity have changed since"),
    ],
)
def test_what_has_changed_is_refused_and_named_with_the_way_out(run, folder, what, said):
    run()
    before = records(folder)
    changed(folder / what, new="1" if what == "seed" else "# changed")
    again = run("gru,a/net.py:Net")
    assert (again.code, records(folder)) == (2, before)
    assert said.format(folder) in again.err
    assert "; `--again all` runs it anew and keeps the old records aside; or use another --results" in again.err
    assert run("gru,a/net.py:Net", "--again", "all").code == run("gru,a/net.py:Net").code == 0
    new = next(record for record in records(folder) if record["cell"]["model"].endswith("Net"))
    field = {"a/net.py": "source", "parity.py": "task_source", "seed": "data"}[what]
    assert {key for key in ("source", "task_source", "data") if new[key] != before[0][key]} == {field}
    (aside,) = (folder / "results" / "aside").rglob("*.json.1")
    assert json.loads(aside.read_text()) == before[0]


def test_a_record_of_a_task_that_has_no_fingerprint_is_no_record_of_this_one(run, folder):
    run()
    (path,) = (folder / "results" / "runs").rglob("*.json")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in record.items() if key not in ("task_source", "data")}))
    again = run()
    assert again.code == 2
    assert "error: nobody can tell whether" in again.err
    assert "parity.py:parity has changed since" in again.err


def test_two_files_of_one_name_have_records_of_their_own(run, folder):
    assert run("a/net.py:Net,b/net.py:Net").code == 0
    assert {record["cell"]["model"] for record in records(folder)} == {f"{folder}/{name}/net.py:Net" for name in "ab"}
    assert len({record["source"] for record in records(folder)}) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("y = x", "y = 1 + x", "no sequence has the label 0"),
        ("x[a:b].float()", "x[a:b].float() / 0", "x of the training data has NaN in row 0"),
        ("(x[a:b].float(), y[a:b])", "(x[a:b].float(), y[a:b - 1])", "have 200 sequences x, but 199 answers y"),
    ],
)
def test_wrong_data_are_refused_before_anything_runs(run, folder, old, new, said):
    changed(folder / "parity.py", old, new)
    found = run("a/net.py:Net,gru")
    assert (found.code, records(folder)) == (2, [])
    assert said in found.err
    assert len(found.err.splitlines()) == 1


def test_an_unknown_metric_is_refused_before_anything_runs(run, folder):
    changed(folder / "parity.py", new="\nparity.metric = 'f1'\n")
    found = run("a/net.py:Net")
    assert (found.code, records(folder)) == (2, [])
    assert "there is no metric called 'f1'; the nearest is" in found.err


def test_what_is_done_to_the_data_stands_under_the_table(run, folder):
    changed(
        folder / "parity.py",
        "(x[a:b].float(), y[a:b])",
        "([r[: 5 + 3 * (i % 2)] for i, r in enumerate(x[a:b])], y[a:b])",
    )
    found = run()
    assert found.code == 0
    assert "5 to 8 steps, padded in front" in found.out
    assert records(folder)[0]["task"]["length"] == 8
