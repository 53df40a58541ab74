"""How the command ends: one sentence instead of a traceback, whatever its words and its output are."""

import errno
import os
import shlex
import subprocess
import sys

import pytest
from support.sentences import one_sentence

from harness.cli import bench as command


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300), f"error: {'x' * 300}: File name too long"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "error: a/b: Not a directory"),
        (OSError(errno.ENOSPC, "No space left on device"), "error: No space left on device"),
        (OSError("no such thing"), "error: no such thing"),
    ],
)
def test_an_error_of_the_system_is_one_sentence(monkeypatch, capsys, error, said):
    def fail(**_):
        raise error

    monkeypatch.setattr(command.cli, "main", fail)
    with pytest.raises(SystemExit) as end:
        command.main()
    assert (end.value.code, capsys.readouterr().err) == (2, said + "\n")


def test_signs_that_the_encoding_lacks_are_replaced(tmp_path):
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    line = [sys.executable, "-m", "harness", "status", "--results", str(tmp_path / "a–é")]
    found = subprocess.run(line, env=env, capture_output=True, timeout=120, check=False)
    assert (found.returncode, found.stderr) == (0, b"")
    assert found.stdout == f"no records in {tmp_path}/a?é\n".encode("latin-1")


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_output_ends_nothing(closed):
    line = f'"{sys.executable}" -m harness list protocols {closed}'
    assert subprocess.run(["bash", "-c", line], timeout=120, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run --task sfc --lr 0.1", "there is no option --lr; write --set learning_rate=VALUE"),
        ("run --task sfc --learning-rate=0.1", "there is no option --learning-rate; write --set learning_rate=VALUE"),
        ("run --task sfc --epochs 3", "write --set epochs=VALUE"),
        ("run --task sfc --batch-size 3", "write --set batch=VALUE"),
        ("run --task sfc --seed 3", "write --seeds"),
        ("run --task sfc --model gru", "write --models"),
        ("run --tasks sfc", "write --task"),
        ("plan --task sfc --hidden-size 3", "write --budget"),
        ("report --output x", "write --results"),
        ("report --lr 3", "No such option '--lr'"),
        ("run --task sfc --sneeds 3", "No such option '--sneeds'"),
        ("measure --task sfc --seconds nan", "nan is no finite number"),
        ("measure --task sfc --seconds inf", "inf is not in the range"),
        ("speed --seconds nan", "nan is no finite number"),
        ("compare gru lstm --margin nan", "nan is no finite number"),
        ("compare gru lstm --margin inf", "inf is not in the range"),
        ("speed --replicas 99999999999", "'99999999999' is no number of replicas"),
        ("speed --width 99999999999", "'99999999999' is no width"),
        ("speed --length 99999999999", "is not in the range"),
        ("params --task sfc --scale huge", "'huge' is not one of 'paper', 'quick', 'smoke', 'robust'"),
        ("params --shape 0x0x0", "'0x0x0' is no shape; each number must be from 1 to 1,000,000"),
        ("params --shape 784x-1x10", "is no shape"),
        ("params --shape 99999999999999999999x1x1", "is no shape"),
        ("run --task sfc --results ''", "the name of the folder is empty"),
        ("report --reports ''", "the name of the folder is empty"),
        ("data list --data ''", "the name of the folder is empty"),
        ("check --models ''", "--models names nothing"),
        ("check --task ''", "--task names nothing"),
        ("measure --task sfc --lengths 1,9999999999", "time steps up to a million"),
        ("data verify 'a\nb'", "there is no data set called 'a b'"),
        ("list addition-x", "no task called 'addition-x'"),
    ],
)
def test_a_wrong_word_is_one_sentence_that_says_what_to_write(bench, words, said):
    assert said in one_sentence(bench(*shlex.split(words)))


def test_the_list_knows_its_own_headings(bench):
    for word in ("protocols", "budgets"):
        out = bench("list", word).out
        assert "  smoke  " in out
        assert "Budgets: paper" in out
        assert "Models" not in out


def test_the_task_of_an_array_job_as_the_count_of_seeds_is_pointed_out(bench, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    line = ("run", "--task", "sfc", "--models", "gru", "--protocol", "smoke", "--dry-run", "--seeds")
    assert "(seeds 0 to 2: in task 3 of an array job, --seeds 3, is seed 3 alone)" in bench(*line, "3").out
    for seeds in ("3,", "2"):
        assert "array" not in bench(*line, seeds).out


def test_a_run_in_which_nothing_could_run_says_so_and_ends_with_1(bench):
    line = ("run", "--task", "copy-120", "--protocol", "smoke", "--seeds", 1, "--workers", 0, "--no-measure")
    found = bench(*line, "--models", "tp-rnn-s")
    assert found.code == 1
    assert "nothing could run" in found.out


def test_parameters_that_cannot_be_counted_are_one_sentence(bench, tmp_path):
    (tmp_path / "net.py").write_text("import torch\n\n\ndef net(shape, width):\n    return torch.nn.Linear(3, width)\n")
    words = ("params", "--shape", "784x1x10", "--models", f"{tmp_path}/net.py:net")
    assert "no parameters can be counted" in one_sentence(bench(*words, "--budget", "paper"))
    assert bench(*words, "--budget", "40").code == 0
