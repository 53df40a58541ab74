"""The committed pages are what the committed records give."""

from pathlib import Path

import pytest
from support import ROOT

RECORDS = ROOT / "results" / "reported"
KINDS = (".md", ".csv", ".tex", ".bib", ".svg")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    from click.testing import CliRunner

    from harness.cli.report import report

    folder = tmp_path_factory.mktemp("reports")
    for name, pages, last in (
        ("reported", folder, "quick/report.html"),
        ("desk", folder, "desk/report.html"),
        ("zoo", folder / "zoo", "speed.md"),
    ):
        words = ["--results", str(ROOT / "results" / name), "--reports", str(pages)]
        outcome = CliRunner().invoke(report, words, catch_exceptions=False)
        assert str(pages / last) in outcome.output
    return folder


def test_no_record_is_corrupt_or_of_an_uncommitted_tree():
    from harness.records.store import Store

    loaded = Store(RECORDS).load()
    assert len(loaded.runs) == 12 * 15 * 3 + 4 * 3
    assert not loaded.left_out
    assert not [run.cell for run in loaded.runs if run.machine["dirty"]]


def test_the_committed_pages_are_those_of_the_committed_records(written):
    made = {path.relative_to(written) for path in written.rglob("*") if path.suffix in KINDS}
    here = {path.relative_to(ROOT / "reports") for path in (ROOT / "reports").glob("*/*") if path.suffix in KINDS}
    others = {
        "quick/search.md",
        *(f"quality/{name}.md" for name in ("campaign", "claims", "faults", "gate", "statistics")),
    }  # by hand and tests/quality
    assert here - made == set(map(Path, others))
    assert not made - here
    for path in sorted(made):
        assert (written / path).read_bytes() == (ROOT / "reports" / path).read_bytes(), path


def test_each_protocol_has_one_file_that_is_small_enough_to_commit(written):
    for folder in (path.parent for path in written.rglob("report.html")):
        made = (folder / "report.html").read_text(encoding="utf-8")
        assert len(made.encode()) < 4_000_000
        assert made.count("<section id=") == len(list(folder.glob("*.md")))
        shown = [
            line for page in folder.glob("*.md") for line in page.read_text("utf-8").splitlines() if line[:2] == "!["
        ]
        assert made.count('class="chart"') == len(shown) >= len(list(folder.glob("*.svg"))) > 0


def test_every_page_has_its_picture():
    pictures = {path.name for path in (ROOT / "reports").glob("*/*.svg")}
    for page in (ROOT / "reports").glob("*/*.md"):
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("!["):
                assert line.partition("](")[2].rstrip(")") in pictures
