"""The training step of every model under pytest-benchmark: `make benchmark` times it, `make test` runs it once.

Two runs one after the other differ by several per cent on a busy machine without any reason, so comparing them is a
coarse alarm: `make benchmark ALARM=min:50%` fails where a step takes half as long again as in the last saved run.
`bench gate` is the fine one.
"""

import pytest
from support.registry import STEPPED

from harness.gate import probe
from models import MODELS

TINY = {"length": 8, "batch": 2, "width": 4}


@pytest.mark.parametrize("model", STEPPED)
def test_step(benchmark, model):
    sizes = TINY if benchmark.disabled else {}
    benchmark.group = MODELS[model].partition(":")[0].lstrip(".")  # the file of a model: its kind of recurrence
    benchmark.pedantic(probe.step(model, **sizes), rounds=40, iterations=1, warmup_rounds=5)
    benchmark.extra_info.update(probe.facts(model, **sizes))
    assert all(value > 0 for value in benchmark.extra_info.values())
