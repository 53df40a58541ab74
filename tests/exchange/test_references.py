"""The sources of everything that names one, and which of them a report lists."""

import re

import pytest
from support import ROOT

from harness.catalog import MODELS, TASKS, find_model, find_task
from harness.exchange.references import bibtex, cited, entries
from tasks.data.sources import SOURCES

NAMED = (
    r"\b([A-Z][a-z]+)(?:(?:,? and |, )[A-Z][a-z]+)*(?:'s [\w' ]+?)?(?: et al\.)?,? \(?(?:[A-Z]{3,} )?((?:19|20)\d\d)"
)
MONTHS = {"January", "October", "November", "December", "Since", "In"}


def test_the_file_is_read_to_its_end_and_every_entry_has_what_it_needs():
    text = (ROOT / "harness" / "exchange" / "references.bib").read_text(encoding="utf-8")
    found = entries()
    assert len(found) == len(re.findall("^@", text, flags=re.MULTILINE))
    assert len({entry.key for entry in found}) == len({entry.title for entry in found}) == len(found)
    for entry in found:
        assert entry.title, entry.key
        assert entry.name, entry.key
        assert entry.year or entry.url, entry.key
        assert entry.text.count("{") == entry.text.count("}"), entry.key
    assert next(one for one in found if one.key == "demsar2006").name == "Demsar"


@pytest.mark.parametrize("name", [*MODELS, *TASKS])
def test_every_source_of_a_model_or_task_has_one_entry(name):
    spec = find_model(name) if name in MODELS else find_task(name)
    for cite in spec.cite.split("; "):
        assert len([entry for entry in entries() if entry.is_in(cite)]) == 1, cite
    _, urls = cited([name] if name in MODELS else [], [name] if name in TASKS else [])
    assert urls <= {entry.url for entry in entries()}


def test_every_data_set_has_an_entry():
    assert {data.home for data in SOURCES.values()} <= {entry.url for entry in entries()}


def test_everything_that_a_statistic_or_a_page_names_has_an_entry():
    known = {(entry.name, entry.year) for entry in entries()}
    texts = [*(ROOT / "harness" / "stats").glob("*.py"), *(ROOT / "harness" / "report").rglob("*.py")]
    found = {
        (name, year)
        for path in texts
        for name, year in re.findall(NAMED, path.read_text(encoding="utf-8"))
        if name not in MONTHS
    }
    assert len(found) > 20
    assert found - known == set()


def test_a_report_lists_what_it_uses_and_nothing_else():
    pages = ["the rule of Kaplan and Meier, 1958. Wilson said in 1928", "by Dodge et al., EMNLP 2019"]
    found = bibtex(["gru@head=normal", "mine.py:Net"], ["pmnist", "sfc@length=600", "mine.py:task"], pages)
    keys = re.findall(r"^@\w+\{([\w-]+),$", found, flags=re.MULTILINE)
    assert keys == ["cho2014", "dodge2019", "kaplan1958", "le2015", "ma2020", "mnist"]
    assert found == bibtex(["gru@head=normal"], ["sfc", "pmnist"], pages[::-1])
    assert bibtex([], [], []) == ""
