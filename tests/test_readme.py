"""The README's tables are the registries, its commands run, its results are those of the report."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from support import ROOT

from models import MODELS
from tasks import TASKS

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    line.partition("#")[0].strip()
    for kind, text in BLOCKS
    if kind == "sh"
    for line in text.splitlines()
    if line.strip()
]
FILES = [text for kind, text in BLOCKS if kind == "python"]


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def names_in(text: str) -> list[str]:
    return re.findall(r"^\| `([\w-]+)` \|", text, flags=re.MULTILINE)


def test_the_models_table_is_the_registry():
    assert names_in(section("Models")) == list(MODELS)


def test_the_tasks_table_is_the_registry():
    assert names_in(section("Tasks")) == list(TASKS)


def test_the_result_table_is_the_report_that_is_committed():
    shown = re.search(r"<!-- table -->\n(.*?)<!-- /table -->", README, flags=re.DOTALL).group(1)
    report = (ROOT / "reports" / "quick" / "sfc.md").read_text(encoding="utf-8")
    rows = [line for line in report.splitlines() if line.startswith("|")]
    assert len(rows) == len(MODELS) + 2
    assert [line for line in shown.splitlines() if line.startswith("|")] == rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_of_other_tasks_is_that_of_their_pages():
    shown = re.search(r"<!-- quick -->\n(.*?)<!-- /quick -->", README, flags=re.DOTALL).group(1)
    heading, _, *rows = [cells(line) for line in shown.splitlines() if line.startswith("|")]
    command = re.search(r"`bench run --task ([\w,-]+) --models all --protocol quick --data DATA`", README).group(1)
    assert sorted(row[0].split("`")[1] for row in rows) == sorted(command.split(","))
    for link, *values in rows:
        name, place = re.fullmatch(r"\[`([\w-]+)`\]\(([\w/.-]+)\)", link).groups()
        page = (ROOT / place).read_text(encoding="utf-8")
        assert f"`bench run --task {name} --models all --protocol quick`" in page
        on_page = {model: metric for model, _, metric, *_ in map(cells, filter(is_row, page.splitlines()))}
        assert values == [on_page[model] for model in heading[1:]]


def is_row(line: str) -> bool:
    return line.startswith("|") and line.count("|") > 5


def test_the_speed_table_is_the_report_that_is_committed():
    shown = re.search(r"<!-- speed -->\n(.*?)<!-- /speed -->", README, flags=re.DOTALL).group(1)
    report = (ROOT / "reports" / "speed.md").read_text(encoding="utf-8").partition("\n## Targets\n")[2]
    rows = [cells(line) for line in report.splitlines() if line.startswith("|")]
    on_cpu = [
        [title, limit, measured, result] for title, on, limit, measured, result, _ in rows if on.startswith("CPU")
    ]
    in_readme = [cells(line) for line in shown.splitlines() if line.startswith("|")]
    assert len(on_cpu) == 9
    assert in_readme[2:] == on_cpu


def test_the_two_make_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    assert [line for line in COMMANDS if line.startswith("make")] == ["make bench", "make test"]
    assert "\nbench:" in makefile
    assert "\ntest:" in makefile


def test_the_example_model_is_under_30_lines_and_imports_nothing_of_ours():
    model = FILES[0]
    assert len(model.splitlines()) < 30
    assert not re.search(r"import (harness|models|tasks)|from (harness|models|tasks)", "\n".join(FILES))


@pytest.mark.slow
@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("bench")])
def test_every_command_of_the_readme_runs(command, tmp_path):
    for text in FILES:
        name = re.match(r"# (\w+\.py)", text).group(1)
        (tmp_path / name).write_text(text)
    words = shlex.split(command)[1:]
    before = ["run --task sfc --models lstm-s,gru --protocol smoke"] * (words[0] in ("report", "compare"))
    before += ["report"] * ("--verify" in words)
    for line in before:
        subprocess.run([sys.executable, "-m", "harness", *line.split()], cwd=tmp_path, env=environment(), check=True)
    if words[0] == "plan":
        words.append("--no-time")
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    told = (0, 3, 4) if words[0] == "compare" else (0,)  # the verdict
    assert done.returncode in told, done.stdout + done.stderr


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
