from itertools import product

import pytest
import torch

from harness.seeds import STREAMS, global_stream, on_task, stream_seed


def test_streams_of_all_seeds_differ_and_fit_every_generator():
    seeds = [stream_seed(seed, stream) for seed, stream in product(range(500), STREAMS)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_draws_otherwise_on_each_task_and_the_same_wherever_a_task_lies():
    assert (on_task(0, "sfc"), on_task(1, "sfc")) == (670564649080024021, 9093262394397676833)
    names = ["sfc", "sti", "copy-120", "sfc@train=10", "task.py:make", "task.py:other"]
    seeds = [on_task(seed, name) for seed, name in product(range(200), names)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert on_task(3, "../here/task.py:make@a=1/2") == on_task(3, "task.py:make@a=1/2")


@pytest.mark.parametrize(
    ("seed", "stream", "value"), [(0, "noise", 8597659618385908031), (3, "order", 5712964121383671236)]
)
def test_a_stream_of_a_seed_never_becomes_another(seed, stream, value):
    """Records of one protocol version were made from these."""
    assert stream_seed(seed, stream) == value


def test_a_stream_gives_the_same_numbers_each_time_and_others_give_others():
    def numbers(seed: int, stream: str) -> torch.Tensor:
        with global_stream(seed, stream):
            return torch.rand(4)

    assert torch.equal(numbers(3, "init"), numbers(3, "init"))
    assert not torch.equal(numbers(3, "init"), numbers(3, "noise"))
    assert not torch.equal(numbers(3, "init"), numbers(4, "init"))


def test_global_generators_are_as_they_were_after_a_stream_also_where_an_error_ends_it():
    before = torch.get_rng_state()
    with global_stream(0, "init"):
        torch.rand(10)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ZeroDivisionError), global_stream(0, "init"):
        torch.rand(10 // 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_stream_goes_on_after_another_inside_it():
    with global_stream(0, "init"):
        undisturbed = torch.rand(2)
    with global_stream(0, "init"):
        first = torch.rand(1)
        with global_stream(1, "noise"):
            torch.rand(7)
        second = torch.rand(1)
    assert torch.equal(torch.cat([first, second]), undisturbed)
