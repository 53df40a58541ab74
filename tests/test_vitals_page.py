"""The committed page of vital signs is what the committed records give, and they are of the models as they are now."""

import pytest
from support import ROOT

from harness import catalog
from harness.records.store import Store

RECORDS = ROOT / "results" / "vitals"


def test_the_committed_page_is_that_of_the_committed_records(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert bench("vitals", "--no-run", "--reports", tmp_path).code == 0
    made = sorted(tmp_path.iterdir())
    assert {path.suffix for path in made} == {".md", ".csv", ".tex"}
    for path in made:
        assert path.read_bytes() == (ROOT / "reports" / path.name).read_bytes(), path.name


def test_no_record_is_corrupt_or_of_an_uncommitted_tree():
    loaded = Store(RECORDS).load()
    assert loaded.runs
    assert not loaded.left_out
    assert not [run.cell for run in loaded.runs if run.machine["dirty"]]


@pytest.mark.parametrize("vital", catalog.VITALS, ids=lambda vital: vital.model)
def test_the_signs_are_those_of_a_models_present_revision(vital):
    found = {run.source for run in Store(RECORDS).load().runs if run.cell.model == vital.model}
    assert found <= {catalog.source_digest(vital.model)}, f"run `bench vitals --models {vital.model}` again"
