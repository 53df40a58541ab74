"""Whose records a folder holds, and where their pages lie."""

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


def test_a_campaign_says_where_its_pages_lie_seen_from_the_records(tmp_path):
    (tmp_path / "campaign.toml").write_text('reports = "../pages"\n')
    assert campaign_of(tmp_path) == Campaign(tmp_path.parent / "pages", closed=False)
    Store(tmp_path).check_writable()


def test_the_campaign_that_is_committed_is_closed_and_its_pages_are_those_of_the_repository():
    assert campaign_of(ROOT / "results" / "reported") == Campaign(ROOT / "reports", closed=True)


def test_a_closed_campaign_cannot_be_written(tmp_path):
    (tmp_path / "campaign.toml").write_text('reports = "."\nclosed = true\n')
    with pytest.raises(BenchError, match=r"campaign\.toml says that these records are closed"):
        Store(tmp_path).check_writable()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"reports = ",
        b"\xff",
        b"reports = 5",
        b'reports = "x"\nclosed = 1',
        b'reports = "x"\nclose = true',
        b"closed = true",
    ],
)
def test_a_campaign_that_says_something_else_is_one_sentence(tmp_path, content):
    path = tmp_path / "campaign.toml"
    path.write_bytes(content)
    with pytest.raises(BenchError, match="mend or delete it") as found:
        campaign_of(tmp_path)
    assert str(found.value).startswith(f"{path} ")
    assert "\n" not in str(found.value)
