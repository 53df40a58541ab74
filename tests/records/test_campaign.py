"""Whose records a folder holds, and where their pages lie."""

from pathlib import Path

import pytest
from support import ROOT

from harness.errors import BenchError
from harness.records.campaign import OWN, Campaign, campaign_of
from harness.records.store import Store


def test_a_folder_that_says_nothing_is_a_users_own(tmp_path):
    (tmp_path / "file").touch()
    assert str(OWN) == "reports/own"
    for folder in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        assert campaign_of(folder) == Campaign(OWN, closed=False)


def test_a_campaign_lies_in_results_and_its_pages_in_reports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "desk"
    folder.mkdir(parents=True)
    (folder / "campaign.toml").touch()
    for results in (folder, Path("results/desk"), Path("results/../results/desk")):
        assert campaign_of(results) == Campaign(Path("reports"), closed=False)
    Store(folder).check_writable()


def test_what_somebody_sends_does_not_say_where_pages_go(tmp_path):
    (tmp_path / "campaign.toml").write_text("closed = true\n")
    assert campaign_of(tmp_path) == Campaign(OWN, closed=True)


def test_the_campaign_that_is_committed_is_closed():
    assert campaign_of(ROOT / "results" / "reported").closed


def test_a_closed_campaign_cannot_be_written(tmp_path):
    (tmp_path / "campaign.toml").write_text("closed = true\n")
    with pytest.raises(BenchError, match=r"campaign\.toml says that these records are closed"):
        Store(tmp_path).check_writable()


@pytest.mark.parametrize(
    "content",
    [
        b"closed = ",
        b"\xff",
        b"closed = 1",
        b"close = true",
        b'reports = "x"',
    ],
)
def test_a_campaign_that_says_something_else_is_one_sentence(tmp_path, content):
    path = tmp_path / "campaign.toml"
    path.write_bytes(content)
    with pytest.raises(BenchError, match="mend or delete it") as found:
        campaign_of(tmp_path)
    assert str(found.value).startswith(f"{path} ")
    assert "\n" not in str(found.value)
