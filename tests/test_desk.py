"""A clean desk: what a user makes lies apart from what is committed, and git ignores it."""

import os
import subprocess
import sys

import pytest
from support import ROOT, plants

STAND_IN = """#!/bin/sh
[ "$1" = run ] && set -- "$@" --protocol smoke --seeds 1 --no-measure --set max_steps=2
exec "{python}" -m harness "$@"
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A repository with the files of this one, and a `bench` that runs the smallest protocol."""
    folder = tmp_path_factory.mktemp("clone")
    for name in plants.git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    plants.git(folder, "init", "--quiet", "--initial-branch", "main")
    plants.commit(folder, "all")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "bench").write_text(STAND_IN.format(python=sys.executable))
    (folder / ".venv" / "bin" / "bench").chmod(0o755)
    (folder / ".venv" / ".core").touch()
    return folder


def called(folder, *words):
    env = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_make_bench_leaves_git_status_clean_and_ends_with_the_users_page(clone):
    lines = called(clone, "make", "bench")
    pages = "reports/own/smoke@max_steps=2"
    assert f"`bench report` makes the page {pages}/sfc.md" in lines
    last = max(place for place, line in enumerate(lines) if not line.startswith("  "))  # then what it says first
    assert lines[last - 1 : last + 1] == [f"{pages}/sfc.md", f"{pages}/report.html"]
    assert "# Signal frequency counting (`sfc`)" in (clone / lines[last - 1]).read_text()
    assert (clone / lines[last]).is_file()
    assert last < len(lines) - 1
    assert plants.git(clone, "status", "--porcelain") == ""


@pytest.mark.slow
def test_measuring_leaves_git_status_clean(clone):
    bench = clone / ".venv" / "bin" / "bench"
    speed = ("--length", "8", "--width", "4", "--batch", "3", "--seconds", "0", "--rounds", "1", "--no-runs")
    lines = called(clone, bench, "speed", "--models", "gru", "--backends", "eager", "--replicas", "1", *speed)
    assert lines[-1] == "reports/own/speed.md"
    page = (clone / lines[-1]).read_bytes()
    called(clone, bench, "measure", "--task", "sfc", "--models", "gru", "--protocol", "smoke", "--seconds", "0")
    assert "reports/own/speed.md" in called(clone, bench, "report")
    assert (clone / lines[-1]).read_bytes() == page
    assert list((clone / "results" / "speed").iterdir())
    assert plants.git(clone, "status", "--porcelain") == ""


def test_the_committed_campaign_takes_no_run_and_has_its_pages_where_they_are_committed(clone):
    bench, campaign = clone / ".venv" / "bin" / "bench", ("--results", "results/quick")
    words = [bench, "run", "--task", "sfc", "--models", "gru", *campaign]
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "error: results/quick/campaign.toml says that these records are closed; choose another --results\n"
    )
    (line,) = called(clone, bench, "report", *campaign, "--protocol", "robust", "--verify")
    assert line.startswith("reports/robust: ")
    assert line.endswith(" files are as the records give them")
    assert plants.git(clone, "status", "--porcelain") == ""
