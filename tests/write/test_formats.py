"""The formats of a report: which files each makes, and tables for machines and for papers."""

import csv

import pandas as pd
import pytest
from support.records import made_run
from support.sentences import one_sentence

from harness.draw import picture
from harness.draw.picture import made_by
from harness.errors import BenchError
from harness.records.store import Loaded, Store
from harness.report.task.page import task_pages
from harness.write import formats, markdown, tables
from harness.write.sheet import Sheet

PAGE = """\
# A page

| Model | Accuracy, % | Note |
|:------|------------:|------|
| **LSTM_S** | **73.1 ± 1.4** | `a\\|b_c` & 5 % |
| [λ-net](x.md), *new* | ≥ 1,500 | C:\\dir #1 ~ ^ {$} < > ä – |

Text.

| a |
|:-:|
| 1, 2 "quoted" |
"""


def test_every_table_of_a_page_becomes_a_csv():
    found = formats.files({"page.md": Sheet(PAGE), "words.md": Sheet("# Nothing\n")}, ["csv"])
    assert list(found) == ["page.csv", "page-2.csv"]
    assert list(csv.reader(found["page.csv"].splitlines())) == [
        ["Model", "Accuracy, %", "Note"],
        ["LSTM_S", "73.1 ± 1.4", "a|b_c & 5 %"],
        ["λ-net, new", "≥ 1,500", "C:\\dir #1 ~ ^ {$} < > ä –"],
    ]
    assert found["page-2.csv"] == 'a\n"1, 2 ""quoted"""\n'


def test_every_table_of_a_page_becomes_a_tabular_that_latex_can_read():
    found = formats.files({"page.md": Sheet(PAGE)}, ["tex"])
    assert found["page.tex"] == "\n".join(
        [
            r"\begin{tabular}{lrl}",
            r"\toprule",
            r"Model & Accuracy, \% & Note \\",
            r"\midrule",
            r"\textbf{LSTM\_S} & \textbf{73.1 $\pm$ 1.4} & \texttt{a\textbar{}b\_c} \& 5 \% \\",
            r"$\lambda$-net, \emph{new} & $\geq$ 1,500 & "
            r"C:\textbackslash{}dir \#1 \textasciitilde{} \textasciicircum{} \{\$\} \textless{} \textgreater{} ä -- \\",
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )
    assert found["page-2.tex"].startswith("\\begin{tabular}{c}\n")


def test_a_page_with_files_of_its_own_has_none_made_from_its_tables():
    sheet = Sheet(PAGE, {}, {"page.csv": "full,precision\n"})
    assert formats.files({"page.md": sheet}, ["csv"]) == {"page.csv": "full,precision\n"}
    assert list(formats.files({"page.md": sheet}, ["tex"])) == ["page.tex", "page-2.tex"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+2", "'=1+2"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd", "'-2+3+cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-22.2", "-22.2"),
        ("+0.5 ± 0.1 (3/3)", "+0.5 ± 0.1 (3/3)"),
        ("-1.5e-05", "-1.5e-05"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_no_cell_of_a_csv_is_a_formula(text, shown):
    table = tables.markdown(pd.DataFrame({"Model": [text], "=a": ["1"]}))
    found = formats.files({"page.md": Sheet(f"# T\n\n{table}\n")}, ["csv"])
    assert list(csv.reader(found["page.csv"].splitlines())) == [["Model", "'=a"], [shown, "1"]]


EVIL = [
    "a|b",
    "a`b",
    "`",
    "\\",
    "a\\|b",
    "<script>x</script>",
    "two\nlines",
    "**b**",
    "[a](b.md)",
    "![a](b.svg)",
    "&lt;",
    "a\u2028b",
]


@pytest.mark.parametrize("title", EVIL)
def test_a_title_tears_no_table_and_is_shown_as_it_is(title):
    table = tables.markdown(pd.DataFrame({"Model": [title, "next"], title: ["1", "2"]}))
    (read,) = markdown.tables(markdown.parse(f"# T\n\n{table}\n"))
    assert [len(row) for row in read.rows] == [2, 2, 2]
    shown = " ".join(title.splitlines()).replace("&lt;", "<")
    assert [markdown.plain(row[0]) for row in read.rows] == ["Model", shown, "next"]
    kinds = {token.type for row in read.rows for cell in row for token in cell.children}
    assert kinds == {"text"} or kinds == {"text", "text_special"}


def test_a_page_through_a_link_is_an_error_and_writes_nothing_there(tmp_path):
    (tmp_path / "reports").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "reports" / "a.md").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(BenchError, match=r"a\.md would be written to .*mine\.txt; remove the link"):
        formats.save({"a.md": "x"}, tmp_path / "reports")
    with pytest.raises(BenchError, match="would be written to"):
        formats.save({"../up.md": "x"}, tmp_path / "reports")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "up.md").exists()


def test_a_folder_that_is_a_link_is_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "reports").symlink_to(tmp_path / "disk")
    formats.save({"a.md": "x"}, tmp_path / "reports" / "smoke")
    assert (tmp_path / "disk" / "smoke" / "a.md").read_text() == "x"


def test_a_folder_that_cannot_be_written_is_one_sentence(bench, recorded, tmp_path):
    (tmp_path / "file").write_text("")
    line = one_sentence(bench("report", "--reports", tmp_path / "file"))
    assert line.startswith(f"error: {tmp_path / 'file' / 'smoke'} cannot be written")


@pytest.mark.parametrize(("letter", "name"), [("ω", r"$\omega$"), ("λ", r"$\lambda$"), ("ο", "o"), ("é", "é")])
def test_greek_letters_have_names_in_latex(letter, name):
    assert markdown.latex_text(letter) == name


@pytest.mark.parametrize(
    ("words", "expected"),
    [("md,html,csv,tex", formats.FORMATS), ("html", ("html",)), (" tex , md,", ("md", "tex"))],
)
def test_formats_are_named_in_any_order(words, expected):
    assert formats.chosen(words) == expected


@pytest.mark.parametrize("words", ["pdf", "md,pdf", "", ","])
def test_an_unknown_format_is_one_sentence(words):
    with pytest.raises(BenchError, match="there are md, html, csv, tex"):
        formats.chosen(words)


# ----------------------------------------------------------------------------- the verb


@pytest.fixture
def recorded(tmp_path):
    store = Store(tmp_path / "results")
    for task in ("sfc", "sti"):
        for model in ("gru", "lstm-s"):
            store.save_run(made_run(model, task_name=task))
    return tmp_path / "reports" / "smoke"


def kinds(folder) -> set[str]:
    return {path.suffix for path in folder.iterdir()}


def test_by_default_there_are_all_formats_and_every_path_is_said(bench, recorded):
    outcome = bench("report")
    assert outcome.code == 0
    assert kinds(recorded) == {".md", ".svg", ".html", ".csv", ".tex", ".bib"}
    said = outcome.out.splitlines()
    for path in (*recorded.glob("*.md"), recorded / "report.html"):
        assert str(path) in said
    counts = {kind: len(list(recorded.glob(f"*{kind}"))) for kind in (".svg", ".csv", ".tex", ".bib")}
    pages = [line for line in said if not line.startswith("  ")]
    assert pages[-2:] == [str(recorded / "index.md"), str(recorded / "report.html")]
    assert said[0] == f"{recorded}: " + ", ".join(f"{number} {kind}" for kind, number in counts.items())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("html", {".html"}),
        ("md", {".md", ".svg", ".bib"}),
        ("csv", {".csv"}),
        ("tex", {".tex"}),
        ("html,csv", {".html", ".csv"}),
    ],
)
def test_only_the_formats_that_are_asked_for_are_written(bench, recorded, words, expected):
    assert bench("report", "--format", words).code == 0
    assert kinds(recorded) == expected


def test_what_lies_there_already_is_left_alone(bench, recorded):
    recorded.mkdir(parents=True)
    (recorded / "mine.md").write_text("mine")
    (recorded / "sfc.md").write_text("older")
    assert bench("report", "--format", "html").code == 0
    assert {path.name for path in recorded.iterdir()} == {"mine.md", "sfc.md", "report.html"}
    assert (recorded / "sfc.md").read_text() == "older"


def test_the_one_file_is_whole_whatever_task_is_named(bench, recorded):
    assert bench("report", "--task", "sfc").code == 0
    assert not (recorded / "sti.md").exists()
    assert "](sti.md)" not in (recorded / "index.md").read_text()
    first = (recorded / "report.html").read_bytes()
    assert b'<section id="sti">' in first
    assert bench("report").code == 0
    assert (recorded / "report.html").read_bytes() == first


def test_an_unknown_format_stops_the_verb_before_anything_is_written(bench, recorded):
    line = one_sentence(bench("report", "--format", "md,pdf"))
    assert line == "error: there is no format 'pdf' of a report; there are md, html, csv, tex"
    assert not recorded.exists()


def test_a_large_report_becomes_a_file_in_good_time(tmp_path):
    """45 pages and 25 pictures take a quarter of a second where nothing else runs."""
    import time

    loaded = Loaded([made_run(model, seed) for model in ("gru", "lstm-s") for seed in range(5)])
    shown = task_pages(loaded, ["gru"], {})["sfc.md"].pictures["sfc-3k-curves.svg"]
    sheets = {f"page-{place}.md": Sheet(f"{PAGE}\n" * 10) for place in range(45)}
    sheets |= {f"page-{place}.md": Sheet("# P\n\n![words](a.svg)\n", {"a.svg": shown}) for place in range(25)}
    sheets["index.md"] = Sheet("# All\n")
    begin = time.process_time()
    formats.save(formats.contents(sheets, ["html"]), tmp_path)
    assert time.process_time() - begin < 2


# ----------------------------------------------------------------------------- --verify


def test_verify_says_what_differs_and_writes_nothing(bench, recorded):
    assert bench("report").code == 0
    outcome = bench("report", "--verify")
    assert outcome.code == 0
    assert f"{len(list(recorded.iterdir())) - 1} files are as the records give them" in outcome.out
    page, table = recorded / "sfc.md", recorded / "sfc.csv"
    page.write_text(page.read_text().replace("75.0", "99.0"))
    table.unlink()
    shown = next(recorded.glob("sfc*.svg"))
    shown.write_text(shown.read_text().replace(made_by(), "another version").replace("GRU", "LSTM"))
    before = page.read_bytes()
    outcome = bench("report", "--verify")
    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        f"{recorded}: 1 pictures are not compared: they were drawn by another version, and here is {made_by()}",
        f"{table} is missing",
        f"{page} differs from what the records give, from line {line_of(before, b'99.0')} on",
    ]
    assert page.read_bytes() == before
    assert not table.exists()


def test_verify_says_what_differs_in_a_picture_of_the_same_maker(bench, recorded):
    assert bench("report").code == 0
    shown = next(recorded.glob("sfc*.svg"))
    shown.write_text(shown.read_text().replace("GRU", "LSTM"))
    outcome = bench("report", "--verify")
    assert outcome.code == 1
    assert outcome.out.startswith(f"{shown} differs from what the records give, from line 1 on")


def test_without_what_draws_sentences_stand_for_charts(bench, recorded, monkeypatch):
    monkeypatch.setattr(picture, "PACKAGES", dict.fromkeys(picture.PACKAGES, "not_here"))
    outcome = bench("report")
    assert outcome.code == 0
    assert "`pip install altair vl-convert-python` lets `bench report` draw them" in outcome.err
    assert ".svg" not in kinds(recorded)
    page = (recorded / "sfc.md").read_text()
    assert "![" not in page
    assert "\nValidation accuracy, % over training steps, 2 models" in page
    assert 'class="chart"' not in (recorded / "report.html").read_text()
    assert one_sentence(bench("report", "--verify")).startswith("error: charts are left out")


def line_of(content, words):
    return next(n for n, line in enumerate(content.splitlines(), 1) if words in line)


def test_the_first_lines_of_a_page_are_words_as_far_as_its_first_table():
    from harness.write.markdown import first_lines

    text = "# A `b`\n\n**So** it [is](x.md),\nand so.\n\n- one\n- two\n\n![a picture](x.svg)\n\n| a |\n| - |\n\nno\n"
    assert first_lines(text) == ["A b", "So it is, and so.", "- one", "- two", "a picture"]
    assert first_lines(text, 2) == ["A b", "So it is, and so."]
