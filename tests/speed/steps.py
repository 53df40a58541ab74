"""A training step of every model, as `bench speed` times it, at a length that CI can afford.

asv starts a process for each benchmark and model, so torch is imported only where a step is made.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT)] * (str(ROOT) not in sys.path)
os.environ.setdefault("OMP_NUM_THREADS", "1")

from models import MODELS  # noqa: E402

LENGTH, BATCH, WIDTH = 100, 20, 32
SECONDS = 1.0  # of interleaved timing for each model


def bench():
    """The cells at this suite's sizes, on the fastest back end of the CPU, in a process that is ready to time them."""
    from harness.prepare import prepare_process
    from harness.speed import Bench

    made = Bench(
        models="all",
        length=LENGTH,
        batch=BATCH,
        width=str(WIDTH),
        replicas="1",
        backends="auto",
        device="cpu",
        seconds=SECONDS,
        rounds=2,
        runs=False,
        reports=Path("."),
    )
    for _ in made.prepare():  # builds the native code
        pass
    prepare_process("cpu", 1)
    return made


class Step:
    """Seconds of one step: this machine's alone."""

    params = tuple(MODELS)
    param_names = ("model",)
    timeout = 300
    version = "1"
    warmup_time, number, rounds, repeat = 0.5, 1, 2, (3, 10, 3.0)

    def setup(self, model):
        self.step = bench().step(model, 1)
        self.step()

    def time_step(self, model):
        self.step()


class Beside:
    """What noise moves little or not at all: the interleaved ratio to nn.LSTM, bytes and FLOPs."""

    params = tuple(MODELS)
    param_names = ("model",)
    timeout = 600
    version = "1"

    def setup_cache(self):
        import torch

        from harness import latency, memory

        made, device = bench(), torch.device("cpu")
        found = {}
        for model in self.params:
            step = made.step(model, 1)
            mine, theirs = latency.pair_samples(step, made.yardstick_step(), SECONDS, device)
            found[model] = (min(mine) / min(theirs), memory.peak_bytes(step, device), made.flops(model))
        return found

    def track_ratio(self, found, model):
        return found[model][0]

    def track_peak_bytes(self, found, model):
        return found[model][1]

    def track_flops(self, found, model):
        return found[model][2]

    track_ratio.unit = "x nn.LSTM"
    track_peak_bytes.unit = "bytes"
    track_flops.unit = "FLOPs"
