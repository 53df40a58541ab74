"""Names become modules and data: what a task changes, puts around a model and needs on a device."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from harness import catalog
from harness.cli.order import Order
from harness.errors import BenchError
from harness.execute.run import run_cell
from harness.plan import Budget, Cell, Group
from harness.prepare import modules as prepare
from harness.prepare.modules import Skip, Where, first_batch, fitted, framed, load_splits, made, resolved, settled
from tasks import text
from tasks.data import fetch
from tasks.spec import SequenceShape, Split, Splits, TaskSpec

BYTES = 4 * (4 * 6 * 2 * 4 + 4 * 8)  # of the four splits below: x float32, y int64


@pytest.fixture
def small_task(monkeypatch):
    split = Split(torch.randn(4, 6, 2), torch.zeros(4, dtype=torch.int64))
    splits = Splits(split, split, split, more={"noisy": split})
    spec = TaskSpec("small", "Small", SequenceShape(6, 2, 3), lambda seed, root: splits, "accuracy", True)
    monkeypatch.setattr(prepare, "find_task", lambda name, scale, data_root=None: spec)
    load_splits.cache_clear()
    yield splits
    load_splits.cache_clear()


def test_on_a_cpu_all_data_are_where_they_are(small_task, tmp_path):
    splits = load_splits("small", "paper", 0, Where(tmp_path))
    assert splits.train.x.data_ptr() == small_task.train.x.data_ptr()


@pytest.mark.parametrize(("free", "x_device"), [(4 * BYTES, "meta"), (4 * BYTES - 1, "cpu")])
def test_data_that_would_take_more_than_a_quarter_of_a_device_stay_on_the_host(
    small_task, tmp_path, monkeypatch, free, x_device
):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (free, 0))
    splits = load_splits("small", "paper", 0, Where(tmp_path, device="meta"))
    for split in (*splits, *splits.more.values()):
        assert split.x.device.type == x_device
        assert split.y.device.type == "meta"


def test_the_first_batch_is_on_the_device_of_the_answers(small_task, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (0, 0))
    x, y = first_batch(load_splits("small", "paper", 0, Where(tmp_path, device="meta")), 3)
    assert (x.device.type, y.device.type) == ("meta", "meta")
    assert (len(x), len(y)) == (3, 3)


def test_a_task_settles_the_protocol_at_its_scale():
    protocol, task = settled("quick", "smnist")
    assert protocol.max_steps == task.training["quick"]["max_steps"] == 1000
    assert settled("quick@max_steps=7", "smnist")[0].max_steps == 7
    protocol, _ = settled("paper", "wikitext-2")
    assert (protocol.optimizer, protocol.batch, protocol.epochs) == ("rmsprop", 20, 40)


def test_what_stands_around_a_model_is_no_part_of_its_budget(tmp_path):
    task = catalog.find_task("wikitext-2", "smoke")
    spec, found = fitted("lstm-s", task, Budget("3k", 3000, 0.1))
    module = made(spec, task.shape, found.width, "cpu", frame=task.frame)
    assert isinstance(module, text.LanguageModel)
    counted = sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert counted - found.params == 200 * 8 + 200 * 8 + 200


def test_the_first_weights_of_a_model_and_its_frame_hang_on_the_seed_alone():
    task = catalog.find_task("wikitext-2", "smoke")

    def weights(seed: int) -> Tensor:
        made_of = made(catalog.find_model("lstm-s"), task.shape, 5, "cpu", seed=seed, frame=task.frame)
        return torch.cat([parameter.detach().flatten() for parameter in made_of.parameters()])

    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = weights(0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert torch.equal(weights(0), first)
    assert not torch.isclose(weights(1), first).all()


def test_the_model_in_a_frame_is_given_with_it():
    task, spec = catalog.find_task("wikitext-2", "smoke"), catalog.find_model("gru")
    module, inner = framed(spec, task.shape, 5, "cpu", frame=task.frame)
    assert module is not inner
    assert any(part is inner for part in module.modules())
    module, inner = framed(spec, SequenceShape(6, 2, 3), 5, "cpu")
    assert module is inner


def test_a_group_is_what_its_names_stand_for(tmp_path):
    protocol, task, spec, found = resolved(Group("smoke", "sfc", "gru", "3k"), Where(tmp_path))
    assert (protocol.name, task.name, spec.name) == ("smoke", "sfc", "gru")
    assert abs(found.params - 3000) <= 3000 * protocol.tolerance
    with pytest.raises(Skip, match="of 10 parameters"):
        resolved(Group("smoke", "sfc", "tp-rnn-s", "10"), Where(tmp_path))


def test_a_model_that_cannot_carry_its_state_is_skipped_with_the_reason():
    task = catalog.find_task("wikitext-2", "smoke")
    with pytest.raises(Skip, match="windows of the whole sequence"):
        fitted("tp-rnn-s", task, Budget("3k", 3000, 0.1))
    with pytest.raises(Skip, match=r"has no initial_state\(batch\)"):
        fitted("support.unusual:Ahead", task, Budget("3k", 3000, 0.2))


def test_data_that_are_missing_fail_the_cell_in_a_sentence(tmp_path):
    record = run_cell(Cell("smoke", "smnist", "gru", "3k", 0), Where(tmp_path / "results", data_root=tmp_path))
    assert record.status == "failed"
    assert "`bench data fetch mnist" in record.reason


def test_a_damaged_file_is_a_sentence_of_the_task(tmp_path):
    def broken(data_seed: int, data_root: Path | None) -> Splits:
        raise fetch.DataError("the file x is damaged")

    spec = TaskSpec("odd", "Odd", SequenceShape(6, 2, 3), broken, "accuracy", True)
    with pytest.raises(BenchError, match="odd: the file x is damaged"):
        prepare.load_data(spec, 0, None)


def test_the_steps_of_each_task_are_known_before_it_runs(tmp_path):
    def steps(*changes: str, protocol: str = "quick") -> dict[str, int]:
        tasks = ("smnist,sfc", "wikitext-2")
        return Order(tasks, "gru", protocol, None, None, "cpu", changes, tmp_path, None, "auto").steps()

    assert steps() == {"smnist": 1000, "sfc": 1600, "wikitext-2": 500}
    assert set(steps("max_steps=7").values()) == {7}
    assert steps(protocol="paper") == {}  # epochs: it depends on the size of the data
