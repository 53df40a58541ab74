"""The data of generated tasks with Croissant's metadata, read by mlcroissant."""

import pytest

from harness.catalog import TASKS, find_task
from harness.errors import BenchError
from harness.exchange import croissant
from harness.protocol import find_protocol

pytest.importorskip("pyarrow", reason="the extra export is not installed")
SMOKE = find_protocol("smoke")
GENERATED = [name for name in TASKS if not (find_task(name).data or find_task(name).needs)]


def test_what_is_generated_is_known():
    assert {name.partition("-")[0] for name in GENERATED} == {"sfc", "sti", "low", "addition", "copy", "async"}


@pytest.mark.parametrize("name", ["sfc", "low-density", "addition-37", "copy-15", "async-sines"])
def test_mlcroissant_finds_no_fault_and_the_same_sequences(name, tmp_path):
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    for file, content in croissant.files(name, SMOKE).items():
        (tmp_path / file).write_bytes(content)
    data = mlcroissant.Dataset(str(tmp_path / croissant.METADATA))
    assert not data.metadata.issues.errors
    assert all("datePublished" in said for said in data.metadata.issues.warnings)  # what is generated has no date
    splits = find_task(name, SMOKE.scale).load(SMOKE.data_seed, None)
    for split, part in (("train", splits.train), ("test", splits.test)):
        found = list(data.records(split))
        assert len(found) == len(part.y)
        for place in (0, -1):
            assert list(found[place][f"{split}/x"]) == part.x[place].reshape(-1).tolist()
            y = part.y[place].reshape(-1).tolist()
            assert found[place][f"{split}/y"] == (y if part.y.ndim > 1 else y[0])


def test_the_same_seed_gives_the_same_bytes():
    assert croissant.files("sfc", SMOKE) == croissant.files("sfc", SMOKE)


@pytest.mark.parametrize("name", ["smnist", "sdigits", "wikitext-2", "mine.py:task"])
def test_the_data_of_others_are_refused(name):
    with pytest.raises(BenchError, match=r"not generated here|no task of this program"):
        croissant.files(name, SMOKE)
