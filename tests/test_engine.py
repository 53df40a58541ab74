"""What a command says of native code: that it is built, and what follows where it cannot be."""

import pytest

from harness import engine
from harness.cli.order import Order
from harness.errors import BenchError
from harness.measure.speed import Bench
from models.engine.native import build, kernels

BUILDING = "building native code for the recurrences (once, about ten seconds)"


@pytest.fixture
def broken(monkeypatch):
    """There is a compiler, and it fails."""
    monkeypatch.setattr(kernels, "is_built", lambda: False)
    monkeypatch.setattr(build, "compiler", lambda: "c++")
    monkeypatch.setattr(kernels, "why_not", lambda: "c++ failed")


def told(steps):
    """What a generator gives, and what it returns."""
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as end:
            return said, end.value


def test_only_what_takes_its_time_is_told_before(broken, monkeypatch):
    assert told(engine.build_native()) == ([BUILDING], "c++ failed")
    monkeypatch.setattr(build, "compiler", lambda: None)
    assert told(engine.build_native()) == ([], "c++ failed")
    monkeypatch.setattr(kernels, "is_built", lambda: True)
    monkeypatch.setattr(build, "compiler", lambda: "c++")
    monkeypatch.setattr(kernels, "why_not", lambda: "")
    assert told(engine.build_native()) == ([], "")


def test_a_run_goes_on_without_native_code_unless_it_was_asked_for(broken, tmp_path):
    def order(backend: str) -> Order:
        return Order(("sfc",), "gru", "smoke", None, None, "cpu", (), tmp_path, None, backend)

    first, second = order("auto").prepare_backend()
    assert first == BUILDING
    assert second.endswith("the eager loop serves, several times slower: c++ failed")
    assert list(order("eager").prepare_backend()) == []
    with pytest.raises(BenchError, match=r"the native back end cannot be built: c\+\+ failed; use"):
        list(order("native").prepare_backend())
    with pytest.raises(BenchError, match="the triton back end runs on --device cuda and this is cpu"):
        list(order("triton").prepare_backend())


def test_bench_speed_leaves_out_native_code_that_cannot_be_built(broken):
    def bench(backends: str) -> Bench:
        return Bench("gru", 8, 2, "4", "1", backends, "cpu", 0.0, 1, False)

    made = bench("eager,native")
    assert list(made.prepare()) == [BUILDING, "no native code for the recurrences: c++ failed"]
    assert made.backends == ["eager"]
    assert made.findings.missing == ["the native back end: c++ failed"]
    assert list(bench("auto").prepare()) == [BUILDING]
    assert list(bench("eager").prepare()) == []
    with pytest.raises(BenchError, match="no back end left"):
        list(bench("native").prepare())
