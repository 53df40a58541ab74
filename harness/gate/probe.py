"""What a worker of `bench gate` does for one commit: steps of its models, a JSON line for each answer.

Run as a file, it takes `harness` from the commit's folder, by name and while it runs, as this file belongs to
another commit, the one that judges. So it uses only what older commits have too; what they lack is null.
`probe.py run WORDS` is the commit's own command line. The asv suite and tests/perf take their steps from here as well.
"""

import importlib
import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LENGTH, BATCH, WIDTH, INPUTS, CLASSES, CLIP = 100, 20, 32, 1, 10, 3.0
WARM_UP = 5  # on a GPU a step is recorded at the fourth

_made: dict[str, Callable[[], None]] = {}


def alone() -> None:
    """Take modules from the path alone: what a commit lacks must not come from a tree installed to be edited."""
    sys.meta_path[:] = [f for f in sys.meta_path if not getattr(f, "__module__", "").startswith("__editable__")]


def settle() -> None:
    """One thread, and no denormals, as a process that trains."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def build(model: str, length: int = LENGTH, width: int = WIDTH) -> Any:
    """The module of a model at the probe's sizes, always with the same weights."""
    catalog, seeds = (importlib.import_module(f"harness.{name}") for name in ("catalog", "seeds"))
    shape = importlib.import_module("tasks.spec").SequenceShape(length, INPUTS, CLASSES)
    with seeds.global_stream(0, "init"):
        return catalog.find_model(model).build(shape, width)


def step(
    model: str,
    length: int = LENGTH,
    batch: int = BATCH,
    width: int = WIDTH,
    device: str = "cpu",
    *,
    record: bool = True,
) -> Callable[[], None]:
    """A function that does one whole training step on one batch, always the same; on a GPU recorded, unless not."""
    import torch

    draw = torch.Generator().manual_seed(0)
    x = torch.randn(batch, length, INPUTS, generator=draw)
    y = torch.randint(CLASSES, (batch,), generator=draw)
    recorder_for = _lent("recorder_for", "train.graph", "graph") if device != "cpu" and record else None
    made: Callable[[], None] = _lent("training_step", "measure.steps", "measure")(
        build(model, length, width).to(device),
        x.to(device),
        y.to(device),
        CLIP,
        *([recorder_for(device, "auto")] if recorder_for else []),
    )
    return made


def facts(
    model: str, length: int = LENGTH, batch: int = BATCH, width: int = WIDTH, device: str = "cpu"
) -> dict[str, int | None]:
    """Trainable parameters, exact bytes at the peak of a step and FLOPs; None: this commit cannot count them."""
    import torch

    peak = _lent("peak_bytes", "measure.memory", "memory", "measure")
    flops = _lent("step_flops", "measure.flops", "flops")
    sizes = {"length": length, "inputs": INPUTS, "batch": batch}
    return {
        "params": sum(p.numel() for p in build(model, length, width).parameters() if p.requires_grad),
        "peak_bytes": peak and int(peak(step(model, length, batch, width, device, record=False), torch.device(device))),
        "flops": flops and int(flops(lambda: build(model, length, width), **sizes)),
    }


def make(model: str, device: str = "cpu") -> dict[str, Any]:
    """Make the module anew, so that it lies elsewhere in memory, and take its first steps."""
    import torch

    _made["step"] = step(model, device=device)
    _made["wait"] = (lambda: None) if device == "cpu" else torch.cuda.synchronize
    timed(WARM_UP)
    return {}


def timed(count: int) -> list[float]:
    """Milliseconds of so many steps of the module that was made last."""
    call, wait, taken = _made["step"], _made["wait"], []
    for _ in range(count):
        start = time.perf_counter()
        call()
        wait()
        taken.append((time.perf_counter() - start) * 1000)
    return taken


def known(task: str) -> dict[str, Any]:
    """The models of this commit, whether it has the task, and where its harness lies."""
    catalog = importlib.import_module("harness.catalog")
    try:
        catalog.find_task(task, "smoke")
        has_task = True
    except Exception:  # of whatever kind an older commit raises for a name that it does not have
        has_task = False
    return {"models": catalog.model_names(), "task": has_task, "place": str(Path(str(catalog.__file__)).resolve())}


def answer(request: dict[str, Any], device: str) -> dict[str, Any]:
    """The answer to one line. Raises what the commit's code raises."""
    if request["ask"] == "known":
        return known(request["task"])
    if request["ask"] == "facts":
        return dict(facts(request["model"], device=device))
    if request["ask"] == "make":
        return make(request["model"], device)
    return {"milliseconds": timed(request["count"])}


def _lent(name: str, *places: str) -> Any:
    """A function of the commit's harness from the first of these modules that has it, or None: older commits keep it
    elsewhere, or lack it."""
    for place in places:
        try:
            module = importlib.import_module(f"harness.{place}")
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("harness."):
                raise
            continue
        if found := getattr(module, name, None):
            return found
    return None


def serve(device: str) -> None:
    """Answer line after line until there are no more."""
    # what a model prints must not come between the answers
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        settle()
        for line in sys.stdin:
            try:
                said = answer(json.loads(line), device)
            except Exception as error:  # the commit's code may raise anything; the one that asked judges
                said = {"error": f"{type(error).__name__}: {error}".strip().splitlines()[0]}
            out.write(json.dumps(said) + "\n")
            out.flush()


if __name__ == "__main__":
    alone()
    if sys.argv[1] == "run":  # the commit's command line
        del sys.argv[1]
        runpy.run_module("harness", run_name="__main__", alter_sys=True)
    else:
        serve(sys.argv[1])
