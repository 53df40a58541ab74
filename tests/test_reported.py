"""The committed pages are what the committed records give."""

from contextlib import chdir
from pathlib import Path

import pytest
from support import ROOT

RECORDS = ROOT / "results" / "quick"
KINDS = (".md", ".csv", ".tex", ".bib", ".svg")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    from click.testing import CliRunner

    from harness.catalog import model_names
    from harness.cli.report import report
    from harness.records.campaign import campaign_of
    from harness.records.store import Store
    from harness.report.tuning.page import sheet
    from harness.tune import choices
    from harness.tune.trials import read
    from harness.write import formats

    folder = tmp_path_factory.mktemp("reports")
    for name, pages, last in (
        ("quick", folder, "quick/report.html"),
        ("desk", folder, "desk/report.html"),
        ("zoo", folder / "zoo", "speed.md"),
    ):
        words = ["--results", str(ROOT / "results" / name), "--reports", str(pages)]
        outcome = CliRunner().invoke(report, words, catch_exceptions=False)
        assert str(pages / last) in outcome.output
    for path in sorted((ROOT / "results").glob(f"**/tuning/*/{choices.FILE}")):
        root, protocol = path.parents[1], path.parent.name
        chosen = choices.load(root, protocol)
        made = sheet(read(Store(root), protocol, chosen.points), chosen, model_names())
        with chdir(ROOT):  # where `results` is that of this checkout
            pages = campaign_of(root).reports.relative_to("reports")
        formats.save(formats.files({f"{protocol}.md": made}, ("md", "csv", "tex")), folder / pages / "tuning")
    return folder


def test_no_record_is_corrupt_or_of_an_uncommitted_tree():
    from harness.records.store import Store

    loaded = Store(RECORDS).load()
    core, more, by_itself, others, noise = 6 * 12 * 5, 5 * 8 * 3 + 2 * 3, 6 * 12 * 5, 6 * 12 * 3, 12 * 3
    assert len(loaded.runs) == core + more + by_itself + others + noise
    assert not loaded.left_out
    assert not [run.cell for run in loaded.runs if run.machine["dirty"]]


def test_the_committed_pages_are_those_of_the_committed_records(written):
    made = {path.relative_to(written) for path in written.rglob("*") if path.suffix in KINDS}
    here = {path.relative_to(ROOT / "reports") for path in (ROOT / "reports").glob("*/**/*") if path.suffix in KINDS}
    here = {path for path in here if path.parts[0] != "own"}
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
