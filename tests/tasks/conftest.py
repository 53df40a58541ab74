import pytest


@pytest.fixture
def cache(monkeypatch, tmp_path, small_data_sets):
    """Where what is computed of small data sets is kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "multiscale-rnn-bench" / "derived"
