"""What only a CUDA device can show; skipped without one."""

import json

import pytest
import torch

from harness import catalog, checks
from harness.measure import peak_bytes, training_step
from models import MODELS

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", MODELS)
def test_every_model_answers_as_on_the_cpu(name):
    shape = checks.Example(length=37)
    module = checks.built(catalog.find_model(name), shape, width=9)
    x = checks.inputs_for(shape, batch=6)
    with torch.no_grad():
        here = module.eval()(x)
        there = module.cuda()(x.cuda()).cpu()
    assert torch.allclose(here, there, rtol=1e-8, atol=1e-10)


def test_a_run_ends_well_and_says_where_it_ran(bench, tmp_path):
    words = ("--task", "sfc", "--models", "lstm-s,tp-rnn-s,aslstm", "--protocol", "smoke", "--device", "cuda")
    assert bench("run", *words, "--workers", 0).code == 0
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("runs/**/*.json")]
    assert len(records) == 6
    for record in records:
        assert record["status"] == "ok"
        assert record["machine"]["gpu"] == torch.cuda.get_device_name()


def test_peak_memory_grows_with_the_length():
    spec = catalog.find_model("lstm-s")
    peaks = []
    for length in (50, 200):
        shape = checks.Example(length=length)
        module = spec.build(shape, 32).cuda()
        x = torch.randn(16, length, shape.inputs, device="cuda")
        y = torch.zeros(16, dtype=torch.int64, device="cuda")
        peaks.append(peak_bytes(training_step(module, x, y, 3.0), torch.device("cuda")))
    assert 0 < peaks[0] < peaks[1]
