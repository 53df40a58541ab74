"""The documents: tables are the registries, commands run, results are those of the reports, links lead somewhere."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import generated
import pytest
import yaml
from support import ROOT
from support.commands import TARGETS, options_of

import harness
from harness import catalog

TEXT = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in generated.DOCUMENTS}
HARNESS = (["bench"], ["python", "-m", "harness"])


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT[page], flags=re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[str]:
    lines = [line.partition("#")[0].strip() for text in blocks(page, "sh") for line in text.splitlines()]
    return [line for line in lines if line]


FILES = {text.split()[1]: text for page in TEXT for text in blocks(page, "python")}  # a block begins with its name
COMMANDS = sorted({line for page in TEXT for line in commands(page)})


def words_of(command: str) -> list[str]:
    """What a command tells the harness; nothing where it is another program's."""
    words = shlex.split(command)
    return next((words[len(start) :] for start in HARNESS if words[: len(start)] == start), [])


def marked(page: str, name: str) -> list[str]:
    """The rows of the table between <!-- name --> and <!-- /name -->."""
    closing = name.partition(":")[0]
    shown = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{closing} -->", TEXT[page], flags=re.DOTALL)
    assert shown, f"{page} has no <!-- {name} -->"
    return [line for line in shown.group(1).splitlines() if line.startswith("|")]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def is_row(line: str) -> bool:
    return line.startswith("|") and line.count("|") > 5


def test_a_generated_table_is_what_the_command_above_it_prints(bench):
    tables = {page: generated.BLOCK.findall(text) for page, text in TEXT.items()}
    assert {page for page, found in tables.items() if found} >= {"docs/models.md", "docs/tasks.md"}
    old = [page for page, text in TEXT.items() if generated.renewed(text, lambda *words: bench(*words).out) != text]
    assert not old, f"run `{generated.COMMAND}`, which prints the tables of {', '.join(old)} anew"


def test_a_generated_table_is_renewed_and_nothing_beside_it():
    text = "a\n<!-- generated: bench list 'x y' -->\n| old |\n<!-- /generated -->\nz\n"
    said = generated.renewed(text, lambda *words: f"| {words} |\n")
    assert said == text.replace("| old |", "| ('list', 'x y') |")


def test_the_result_table_is_the_report_that_is_committed():
    (page,) = set(re.findall(r"\]\((reports/[^)]+/sfc\.md)\)", TEXT["README.md"].partition("<!-- table -->")[2]))
    report = (ROOT / page).read_text(encoding="utf-8")
    rows = [line for line in report.splitlines() if line.startswith("|")]
    assert len(rows) > 2
    assert marked("README.md", "table") == rows


def test_the_table_of_other_tasks_is_that_of_their_pages():
    heading, _, *rows = map(cells, marked("docs/results.md", "quick"))
    told = {path.name for path in (ROOT / "results" / "quick" / "runs" / "quick").iterdir()}
    assert {row[0].split("`")[1] for row in rows} == told - {"sfc"}
    for link, *values in rows:
        name, place = re.fullmatch(r"\[`([\w-]+)`\]\(([\w/.-]+)\)", link).groups()
        page = (ROOT / "docs" / place).read_text(encoding="utf-8")
        assert f"`bench run --task {name} --models papers --protocol quick" in page
        on_page = {model: metric for model, _, metric, *_ in map(cells, filter(is_row, page.splitlines()))}
        assert values == [on_page[model] for model in heading[1:]]


def test_the_speed_table_is_the_report_that_is_committed():
    report = (ROOT / "reports" / "speed.md").read_text(encoding="utf-8").partition("\n## Targets\n")[2]
    rows = [cells(line) for line in report.splitlines() if line.startswith("|")]
    on_cpu = [
        [title, limit, measured, result] for title, on, limit, measured, result, _ in rows if on.startswith("CPU")
    ]
    shown = [cells(line) for line in marked("docs/speed.md", "speed")]
    assert len(on_cpu) == 9
    assert shown[2:] == on_cpu


def test_every_slow_model_of_other_papers_has_its_line():
    """No step of more than three of nn.LSTM per FLOP without a reason, and the numbers of the committed page."""
    page = (ROOT / "reports" / "zoo" / "speed.md").read_text(encoding="utf-8").partition("\n## Work and memory\n")[2]
    rows = list(map(cells, filter(is_row, page.partition("\n## ")[0].splitlines())))
    assert "per FLOP" in rows[0][3]
    slow = {row[0]: float(row[3]) for row in rows[1:] if row[3][:1].isdigit() and float(row[3]) > 3}
    table = TEXT["docs/speed.md"].partition("| model | per FLOP |")[2].partition("\n\n")[0]
    told = {}
    for names, numbers, why in map(cells, table.splitlines()[2:]):
        assert why
        told |= dict(zip(names.split(", "), numbers.split(", "), strict=True))
    assert told == {model: f"{value:.1f}" if value < 9.95 else f"{value:.0f}" for model, value in slow.items()}


def test_what_the_readme_says_it_settles_is_what_the_reports_say():
    """How the claims ended and which; no published number is judged; what Dilated LSTM does at the papers' scale."""
    said = " ".join(TEXT["README.md"].split())
    claims = (ROOT / "reports" / "quick" / "claims.md").read_text(encoding="utf-8")
    first = re.search(r"\*\*Of (\d+) claims: (\d+) supported, (\d+) refuted, (\d+) cannot tell\.", claims)
    asked, *ends = first.groups()
    counts = "{} are supported, {} refuted, and {} cannot be told from five or eight seeds".format(*ends)
    assert f"of {asked} claims [declared](reports/quick/claims.md) before their runs {counts}" in said
    verdicts = {row[0]: row[1].partition(",")[0] for row in map(cells, claims.splitlines()) if len(row) == 4}
    assert verdicts["pmnist-pyramid"] == verdicts["depth-helps"] == "supported"
    above = [f"plain-gru-is-enough-{task}" for task in ("sfc", "sti", "low-density")]
    assert {verdicts[claim] for claim in above} == {"supported"}
    contrasts = [row for row in map(cells, claims.splitlines()) if len(row) == 6 and row[1] == "gru"]
    on = {task: {row[0]: row[5] for row in contrasts if row[2] == task} for task in ("sfc", "pmnist")}
    assert len(on["sfc"]) == 7
    assert set(on["sfc"].values()) == {"b better"}
    assert {model for model in on["sfc"] if on["pmnist"][model] == "a better"} == {"tp-rnn-m", "clockwork"}
    tuned = {
        task: {row[0]: row[2].strip("*").split()[0] for row in map(cells, filter(is_row, page.splitlines()))}
        for task in ("sfc", "pmnist")
        for page in [(ROOT / "reports" / "quick@track=tuned" / f"{task}.md").read_text(encoding="utf-8")]
    }
    assert "TP-RNN-M counts with {TP-RNN-M} %, GRU with {GRU} %".format(**tuned["sfc"]) in said
    assert "TP-RNN-S has {TP-RNN-S} %, TP-RNN-M {TP-RNN-M} % and GRU {GRU} %".format(**tuned["pmnist"]) in said
    q = {row[0]: float(row[3]) for row in map(cells, claims.splitlines()) if len(row) == 4 and row[0] in above}
    assert [claim for claim in above if q[claim] > 0.05] == above[1:]  # what the README says of these two
    untold = ("sfc-pyramid", "addition-first", "pmnist-faster", "low-density-scales", "copy-scales", "pmnist-scales")
    assert {verdicts[claim] for claim in untold} == {"cannot tell"}
    index = (ROOT / "reports" / "quick" / "index.md").read_text(encoding="utf-8")
    assert re.search(r"\(agreement\.md\): \d+ not comparable$", index, flags=re.MULTILINE)
    desk = (ROOT / "reports" / "desk" / "agreement.md").read_text(encoding="utf-8")
    (row,) = [line for line in desk.splitlines() if line.startswith("| signals-SFC | Dilated LSTM ")]
    _, _, _, published, ours, *_, verdict = cells(row)
    asleep, ran = map(
        int, re.findall(r"^cannot tell: (\d+) of (\d+) seeds have no result or did not learn$", verdict)[0]
    )
    assert f"counts signal lengths with {ours.split()[0]} % in {ran - asleep} of {ran} seeds and" in said
    assert f"TP-RNN's paper has {published} %" in said
    differences = (ROOT / "reports" / "desk" / "differences.md").read_text(encoding="utf-8")
    learned = {
        row[0].removesuffix(" ‡"): row[2].split()[0] for row in map(cells, differences.splitlines()) if len(row) == 4
    }
    assert learned["Dilated LSTM"] == f"{ran - asleep}/{ran}"
    assert {learned[name] for name in ("Dilated LSTM (head=default)", "LSTM-S", "LSTM-S (head=normal)")} == {"0/5"}
    assert "with torch's start of the classifier none of 5 learns, and LSTM-S learns with neither" in said


def test_the_two_make_commands_are_the_readmes_and_all_exist():
    assert [line for line in commands("README.md") if line.startswith("make")] == ["make bench", "make test"]
    assert {line.split()[1] for line in COMMANDS if line.startswith("make")} <= TARGETS


def test_the_readme_is_short():
    assert len(TEXT["README.md"].splitlines()) <= 120


def test_the_example_model_is_under_30_lines_and_no_example_but_the_executor_imports_anything_of_ours():
    (model,) = blocks("README.md", "python")
    assert len(model.splitlines()) < 30
    ours = {name for name, text in FILES.items() if re.search(r"(import|from) (harness|models|tasks)", text)}
    assert ours == {"sequential.py"}


def anchors(path: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", TEXT)
def test_every_link_leads_somewhere(page):
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", TEXT[page]) if "://" not in link]
    for link in links:
        place, _, anchor = link.partition("#")
        path = (ROOT / page).parent / place if place else ROOT / page
        assert path.resolve().is_relative_to(ROOT), link
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


def test_every_document_is_in_the_index_and_the_index_in_the_readme():
    linked = set(re.findall(r"^- \[\w+\]\(([\w-]+\.md)\): ", TEXT["docs/README.md"], flags=re.MULTILINE))
    assert linked == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert "](docs/README.md)" in TEXT["README.md"]


def test_the_citation_is_of_this_version_and_of_the_papers_that_the_models_name():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == project["name"]
    assert citation["version"] == project["version"] == harness.__version__
    assert citation["license"] == project["license"]["text"]
    (holder,) = citation["authors"]
    assert holder["name"] in (ROOT / "LICENSE").read_text(encoding="utf-8")
    for reference, model in zip(citation["references"], ("tp-rnn-s", "aslstm"), strict=True):
        told = catalog.find_model(model).cite.lower()
        names = ", ".join(author["family-names"] for author in reference["authors"])
        assert f"{names}: {reference['title']}, AAAI {reference['year']}".lower() in told


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_names_what_exists(command):
    program, *rest = shlex.split(command)
    if words := words_of(command):
        assert {word for word in words if word.startswith("--")} <= options_of(*words)
    elif program == "python":
        assert rest[0] in FILES
    else:
        assert program == "make" or os.access(ROOT / program, os.X_OK)


ELSEWHERE = ("gate", "submit")  # test_gate and test_on_slurm run those
RUNS = [
    line
    for line in COMMANDS
    if words_of(line) and words_of(line)[0] not in ELSEWHERE and "--executor slurm" not in line
]


@pytest.mark.slow
@pytest.mark.parametrize("command", RUNS)
def test_every_command_of_the_harness_runs(command, tmp_path):
    place = tmp_path / "here"  # a command may write beside it
    place.mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text)
    words = words_of(command)
    reads = words[0] in ("report", "compare", "curves", "export")
    before = ["run --task sfc --models lstm-s,gru --protocol smoke"] * reads
    before += ["report"] * ("--verify" in words)
    if "results/quick" in words:
        assert "--verify" in words  # it writes nothing
        place, before = ROOT, []
    run = partial(subprocess.run, cwd=place, env=environment())
    for line in before:
        run([sys.executable, "-m", "harness", *line.split()], check=True)
    if words[0] == "plan":
        words.append("--no-time")
    if "--results" in words and "papers,variants" in words:
        words[words.index("papers,variants")] = "gru,tp-rnn-s"  # as good a test, in less time
    done = run([sys.executable, "-m", "harness", *words], capture_output=True, text=True)
    told = (0, 3, 4) if words[0] == "compare" else (0,)  # the verdict
    assert done.returncode in told, done.stdout + done.stderr


@pytest.mark.slow
def test_the_proof_finds_a_number_that_changed_and_no_time(tmp_path):
    (tmp_path / "same_records.py").write_text(FILES["same_records.py"])
    run = partial(subprocess.run, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    words = ["run", "--task", "sfc", "--models", "gru", "--protocol", "smoke", "--no-measure", "--results", "before"]
    run([sys.executable, "-m", "harness", *words], check=True)
    same = [sys.executable, "same_records.py", "before", "after"]
    assert run(same).returncode == 1
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    for path in (tmp_path / "after" / "runs").rglob("*.json"):
        record = json.loads(path.read_text())
        record |= {"train_seconds": 1e9, "finished": "later", "machine": {}, "checksum": "another"}
        record["curve"][0]["seconds"] = 1e9
        path.write_text(json.dumps(record))
    done = run(same)
    assert (done.returncode, done.stdout) == (0, "2 and 2 records, 0 differ\n")
    path.write_text(json.dumps({**record, "test_metric": record["test_metric"] + 1e-6}))
    done = run(same)
    assert done.returncode == 1
    assert done.stdout.startswith("2 and 2 records, 1 differ\nruns/smoke/sfc/gru/")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
