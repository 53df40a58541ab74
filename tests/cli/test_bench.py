"""How the command ends: one sentence instead of a traceback, whatever its words and its output are."""

import errno
import os
import subprocess
import sys

import pytest

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
