"""What asv follows from commit to commit: the step's time, what it costs, and what a small training comes to.

asv starts a process for each benchmark and model, so torch is imported only where a step is made, and the numbers of
a training are cached. Everything is lower the better and finite: asv takes more for worse, skips what is no number
and hangs on infinity; a run that diverged raises, and asv says `failed`. `version` is set by hand, as asv would else
drop the history with every comment that changes here.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
if importlib.util.find_spec("harness") is None:  # nobody says whose code to measure: this tree's
    sys.path.append(str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

MODELS = ("gru", "hm-lstm", "tp-rnn-m", "aslstm", "clockwork")  # models.targets.GATED, which older commits lack
TRAINED = ("gru", "hm-lstm", "aslstm")
TASK = "sti@sequences=4000"  # tasks.GATED_TASK
SIZES: dict[str, int] = {}  # the probe's; tests make them smaller
TRAINING: dict[str, int] = {}


def own(name):
    """A file of this tree's gate, whichever harness is measured; both of these take nothing of ours at import."""
    if f"own_{name}" not in sys.modules:
        spec = importlib.util.spec_from_file_location(f"own_{name}", ROOT / "harness" / "gate" / f"{name}.py")
        sys.modules[f"own_{name}"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[f"own_{name}"]


if Path(importlib.util.find_spec("harness").origin).parent.parent != ROOT:
    own("probe").alone()


class Step:
    """Seconds of one training step: this machine's alone."""

    params = MODELS
    param_names = ("model",)
    timeout = 300
    version = "2"
    warmup_time, number, rounds, repeat = 1.0, 1, 2, (5, 20, 2.0)

    def setup(self, model):
        own("probe").settle()
        self.step = own("probe").step(model, **SIZES)
        self.step()

    def time_step(self, model):
        self.step()


class Work:
    """What a step costs on any machine."""

    params = MODELS
    param_names = ("model",)
    timeout = 300
    version = "2"

    def setup_cache(self):
        own("probe").settle()
        return {model: own("probe").facts(model, **SIZES) for model in self.params}

    def track_params(self, found, model):
        return found[model]["params"]

    def track_peak_bytes(self, found, model):
        return found[model]["peak_bytes"]

    def track_flops(self, found, model):
        return found[model]["flops"]

    track_params.unit = "parameters"
    track_peak_bytes.unit = "bytes"
    track_flops.unit = "FLOPs"


class Training:
    """What a small training with fixed seeds comes to, through the command line of the commit that is measured."""

    params = TRAINED
    param_names = ("model",)
    timeout = 600
    version = "2"

    def setup_cache(self):
        trained = own("trained")
        place = str(Path(importlib.util.find_spec("harness").origin).parent.parent)
        path = os.pathsep.join(filter(None, (place, os.environ.get("PYTHONPATH"))))
        with tempfile.TemporaryDirectory() as results:
            words = trained.words(TASK, self.params, Path(results), **TRAINING)
            command = [sys.executable, "-P", str(ROOT / "harness" / "gate" / "probe.py"), "run", *words]
            subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path}, cwd=results)
            runs = trained.read(Path(results))
        keys = ("error", "steps", "loss")
        return {
            model: {key: [getattr(run, key) for run in seeds.values()] for key in keys} for model, seeds in runs.items()
        }

    def track_error(self, found, model):
        return own("trained").mean(found[model]["error"], model)

    def track_steps_to_target(self, found, model):
        return own("trained").mean(found[model]["steps"], model)

    def track_loss(self, found, model):
        return own("trained").mean(found[model]["loss"], model)

    track_error.unit = "1 - accuracy"
    track_steps_to_target.unit = "steps"
    track_loss.unit = "nats"
