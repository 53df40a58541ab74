"""What every executor of the table promises."""

import pytest

from harness.execute.executors import EXECUTORS, executor
from harness.plan import Cell
from harness.prepare.modules import Where
from harness.records.store import Store

RAISES = """
def Raises(shape, width):
    raise RuntimeError("there is nothing to build")
"""


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_cell_leaves_a_record_also_one_that_fails(name, tmp_path):
    (tmp_path / "mine.py").write_text(RAISES)
    models = (f"{tmp_path}/mine.py:Raises", "gru")
    cells = [Cell("smoke@max_steps=3", "sfc", model, "3k", 0) for model in models]
    where, heard = Where(tmp_path / "results"), []
    whole = executor(name)([("cell", cell) for cell in cells], where, 1, lambda kind, what: heard.append((kind, what)))
    assert whole is True
    kept = [Store(where.results).find_run(cell) for cell in cells]
    assert [record and record.status for record in kept] == ["failed", "ok"]
    assert "there is nothing to build" in kept[0].reason
    assert [what for kind, what in heard if kind == "done"] == kept
