"""How the command ends: one sentence instead of a traceback, whatever its words and its output are."""

import errno
import os
import shlex
import subprocess
import sys

import pytest
from support.commands import RUN
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
        ("run --task ,", "--task names nothing"),
        ("measure --task sfc --seconds nan", "nan is no finite number"),
        ("measure --task sfc --seconds inf", "inf is not in the range"),
        ("measure --task sfc --seconds -1", "-1.0 is not in the range"),
        ("measure --task sfc --budget few", "'few' is no budget"),
        (
            "measure --task sfc --lengths 10",
            "--lengths is '10', but must be at least two numbers of time steps",
        ),
        ("measure --task sfc --lengths 10,0", "--lengths is '10,0'"),
        ("measure --task sfc --lengths 10,ten", "--lengths is '10,ten'"),
        ("speed --seconds nan", "nan is no finite number"),
        ("compare gru lstm --margin nan", "nan is no finite number"),
        ("compare gru lstm --margin inf", "inf is not in the range"),
        ("speed --replicas 99999999999", "'99999999999' is no number of replicas"),
        ("speed --width 99999999999", "'99999999999' is no width"),
        ("speed --length 99999999999", "is not in the range"),
        ("params --task sfc --scale huge", "'huge' is not one of 'paper', 'quick', 'smoke', 'robust'"),
        ("params --shape 0x0x0", "'0x0x0' is no shape; each number must be from 1 to 1,000,000"),
        ("params", "give either --task NAME or --shape"),
        ("params --task sfc --width 20 --budget 3k", "give either --budget or --width"),
        ("plan --task sfc --width 20 --budget 3k", "give either --budget or --width"),
        ("params --shape 784", "is no shape"),
        ("params --shape 784x-1x10", "is no shape"),
        ("params --shape 99999999999999999999x1x1", "is no shape"),
        ("run --task sfc --results ''", "the name of the folder is empty"),
        ("report", "`bench run` makes some"),
        ("report --reports ''", "the name of the folder is empty"),
        ("data list --data ''", "the name of the folder is empty"),
        ("check --models ''", "--models names nothing"),
        ("check --task ''", "--task names nothing"),
        ("check --task nothing", "no task called 'nothing'"),
        ("measure --task sfc --lengths 1,9999999999", "time steps up to a million"),
        ("data verify 'a\nb'", "there is no data set called 'a b'"),
        ("list addition-x", "no task called 'addition-x'"),
        ("list nothing", "no model called 'nothing'"),
        ("list gru --format md", "--format md is for tasks, models and groups of them"),
        ("list --format md", "--format md is for tasks, models and groups of them"),
        ("data fetch", "Missing argument 'NAMES...'"),
    ],
)
def test_a_wrong_word_is_one_sentence_that_says_what_to_write(bench, tmp_path, words, said):
    assert said in one_sentence(bench(*shlex.split(words)))
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--task sfcc", "no task called 'sfcc'; the nearest is 'sfc'"),
        ("--models lstms", "no model called 'lstms'; the nearest is 'lstm-s'"),
        ("--models ''", "--models names nothing"),
        ("--models missing.py:Net", "there is no file missing.py"),
        ("--models no_such_package:Net", "cannot be imported"),
        ("--protocol quik", "no protocol called 'quik'; the nearest is 'quick'"),
        ("--protocol ''", "no protocol called ''"),
        ("--protocol robust", "sfc does not come at the scale 'robust'"),
        ("--budget lots", "'lots' is no budget"),
        ("--budget 0", "below one parameter"),
        ("--budget ''", "'' is no budget"),
        ("--seeds many", "'many' are no seeds"),
        ("--seeds ''", "'' are no seeds"),
        ("--set yardstick=nothing", "no model called 'nothing'"),
        ("--set max_step=5", "no setting of a protocol called 'max_step'; the nearest is 'max_steps'"),
        ("--set max_steps", "write key=value"),
        ("--set max_steps=few", "must be a whole number"),
        ("--set batch=0", "must be at least 1"),
        ("--device tpu", "'tpu' is not one of"),
        ("--workers -1", "-1 is not in the range"),
        ("--replicas 0", "--replicas is '0', but must be auto or a number of seeds of at least 1"),
        ("--replicas -2", "--replicas is '-2', but must be auto"),
        ("--replicas some", "--replicas is 'some', but must be auto"),
        (f"--replicas {'9' * 5000}", "9', but must be auto"),
        ("--recompute -1", "-1 is not in the range"),
        ("--workers 1001", "1001 is not in the range"),
        ("--task copy-1000000", "copy-1000000 is too long: a length has at most 6 digits, such as copy-1000"),
        (f"--task addition-{'9' * 5000}", "is too long: a length has at most 6 digits"),
        ("--again ''", "--again names nothing"),
        ("--again ,", "--again names nothing"),
        ("--again lstm", "--again lstm names no cell of this command"),
    ],
)
def test_a_wrong_word_to_run_is_one_sentence_and_nothing_runs(bench, tmp_path, words, said):
    assert said in one_sentence(bench(*RUN, "--models", "gru", *shlex.split(words)))
    assert not (tmp_path / "results").exists()


def test_a_task_that_names_nothing_is_one_sentence(bench):
    assert "--task names nothing" in one_sentence(bench("run", "--task", ",", "--models", "gru"))


@pytest.mark.parametrize("verb", ["run", "measure"])
def test_no_cuda_is_one_sentence(bench, monkeypatch, verb):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    outcome = bench(verb, "--task", "sfc", "--models", "gru", "--device", "cuda")
    assert "no CUDA device here; use --device cpu" in one_sentence(outcome)


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
