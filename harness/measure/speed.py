"""`bench speed`: a training step of every model beside a step of torch's nn.LSTM, timed in turn in one process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .. import catalog, engine, machine
from ..errors import BenchError, counted, sentence
from ..machine import find_device
from ..plan import split_words, whole
from ..prepare.modules import made
from ..process import prepare_process
from ..records.findings import RECOMPUTE, Case, Findings, Sizes, Timing, Work
from ..stats import ratios
from ..train.fitting import at_once
from ..train.graph import Recorder, recorder_for
from . import latency
from . import steps as measure
from .flops import matmul_rate, step_flops
from .memory import peak_bytes
from .whole_run import time_whole_run

if TYPE_CHECKING:
    from ..catalog import ModelSpec, Shape

INPUTS, CLASSES, CLIP = 1, 10, 3.0
USUAL = {"cpu": ("eager", "native"), "cuda": ("eager", "compiled", "triton", "auto")}  # back ends
Job = tuple[str, str, Callable[[], str]]  # kind, name, and what adds to the findings and says what it found


class Yardstick(nn.Module):
    """nn.LSTM(1, h) as torch has it, and a linear classifier on its last state."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(shape.inputs, width, batch_first=True)
        self.classifier = nn.Linear(width, shape.outputs)

    def forward(self, x: Tensor) -> Any:
        return self.classifier(self.rnn(x)[0][:, -1])


class Bench:
    """One `bench speed`: what its words ask for. Raises BenchError for words that mean nothing."""

    def __init__(
        self,
        models: str,
        length: int,
        batch: int,
        width: str,
        replicas: str,
        backends: str | None,
        device: str,
        seconds: float,
        rounds: int,
        runs: bool,
    ) -> None:
        self.device = device = find_device(device)
        self.seconds, self.rounds, self.runs = seconds, rounds, runs and device == "cpu"
        self.backends = split_words(backends) if backends is not None else list(USUAL[device])
        wanted = "counts from 1 to a million, such as 1,5"
        self.sizes = Sizes(
            models=tuple(catalog.chosen(models)),
            replicas=tuple(_whole(word, "number of replicas", wanted) for word in split_words(replicas)),
            length=length,
            batch=batch,
            width=None if width == "paper" else _whole(width, "width", "a whole number from 1 to a million, or paper"),
            device=device,
        )
        for names, option in ((self.sizes.replicas, "--replicas"), (self.backends, "--backends")):
            if not names:
                raise BenchError(f"{option} names nothing")
        for name in self.sizes.models:
            catalog.find_model(name)
        for name in self.backends:
            try:
                with engine.backend(name):
                    pass
            except ValueError as error:
                raise BenchError(str(error)) from None
        self.shape = catalog.sequence_shape(length, INPUTS, CLASSES)
        self.yardstick = catalog.find_model(f"{__name__}:{Yardstick.__name__}")
        self.findings = Findings()

    def prepare(self) -> Iterator[str]:
        """Build the native code before it is timed; gives what a user should know meanwhile."""
        if self.device != "cpu" or not {"native", "auto"} & set(self.backends):
            return
        reason = yield from engine.build_native()
        if reason and "native" in self.backends:
            self.backends.remove("native")
            self.findings.missing.append(f"the native back end: {reason}")
            yield f"no native code for the recurrences: {reason}"
            if not self.backends:
                raise BenchError("there is no back end left to time; use --backends eager")

    def jobs(self) -> list[Job]:
        jobs: list[Job] = [("control", "the yardstick beside itself", self._control)]
        for model in self.sizes.models:
            for replicas in self.sizes.replicas:
                for backend in self.backends:
                    case = Case(model, backend, replicas)
                    name = f"{model}, {backend}, {counted(replicas, 'replica')}"
                    jobs.append((f"{backend} {replicas}", name, partial(self._time, case)))
            jobs.append(("work", f"{model}, FLOPs and memory", partial(self._work, model)))
        if self.runs:
            jobs.append(("runs", "whole runs", self._runs))
        return jobs

    def measure(self, tell: Callable[[str, str, str], None]) -> None:
        """Do all jobs; tell(kind, name, "") as one begins and tell(kind, name, finding) as it ends.

        Interrupted, what was not done stands in the findings as missing.
        """
        prepare_process(self.device, 1)
        left = self.jobs()
        try:
            while left:
                kind, name, call = left[0]
                tell(kind, name, "")
                found = self._tried(name, call)
                left.pop(0)
                tell(kind, name, found)
        finally:
            self.findings.missing += [f"{name}: interrupted" for _, name, _ in left]

    def _tried(self, name: str, call: Callable[[], str]) -> str:
        try:
            return call()
        except Exception as error:  # a model or a back end may raise anything; it costs this cell alone
            self.findings.missing.append(f"{name}: {sentence(error)}")
            return f"not measured: {sentence(error)}"
        finally:
            gc.collect()
            if self.device == "cuda":
                torch.cuda.empty_cache()

    # ---- the measurements

    def _control(self) -> str:
        self._peak()
        self.findings.yardstick_flops = self.flops(self.yardstick)
        rounds = max(self.rounds, ratios.FEWEST)
        timing = self.findings.control = self._beside_yardstick(self.yardstick_step(), 3 * self.seconds, rounds)
        return f"ratio {timing.ratio:.3f}, of minima {timing.least:.3f}"

    def _peak(self) -> None:
        """Measured again with every model: the most counts, as other processes can only take from it."""
        self.findings.peak_rate = max(self.findings.peak_rate or 0.0, matmul_rate(torch.device(self.device)))

    def _time(self, case: Case) -> str:
        slow = self.device == "cpu" and (case.backend == "eager" or case.replicas > 1)
        # nothing but the replicas' price hangs on the slowest cells of all, so one A B B A will do
        rounds = 1 if slow and case.backend == "eager" and case.replicas > 1 else self.rounds
        with engine.backend(case.backend) as used:
            step = self.step(case.model, case.replicas, recorder_for(self.device, case.backend))
            timing = self._beside_yardstick(step, self.seconds, rounds, 1 if slow else 2, used)
        self.findings.timings[case] = timing
        self.findings.notes += [f"{case.model}, {case.backend}: {note}" for note in used.notes]
        return f"{timing.ratio:.2f} x nn.LSTM ({counted(timing.compared.rounds, 'round')})"

    def _work(self, model: str) -> str:
        self._peak()
        flops = self.flops(catalog.find_model(model))
        self.findings.work[model] = Work(flops)
        best = self.findings.best(model)
        if best is None:
            return f"{flops:.3g} FLOPs"
        peaks = []
        for recompute in (0, RECOMPUTE):
            with engine.backend(best.backend, recompute):
                peaks.append(peak_bytes(self.step(model, 1), torch.device(self.device)))
        self.findings.work[model] = Work(flops, *peaks)
        return f"{flops:.3g} FLOPs, peak {peaks[0] / 2**20:,.0f} MiB"

    def _runs(self) -> str:
        self.findings.runs = runs = time_whole_run(machine.cores())
        return f"wall x {runs.workers} / cells alone = {runs.warm:.2f}; not training nor evaluation: {runs.rest:.1%}"

    def _beside_yardstick(
        self, step: Callable[[], None], seconds: float, rounds: int, warm_up: int = 2, used: Collection[str] = ()
    ) -> Timing:
        yardstick, device = self.yardstick_step(), torch.device(self.device)
        mine, theirs = latency.samples((step, yardstick), seconds, device, rounds=rounds, warm_up=warm_up)
        compared, least = ratios.of_rounds(mine, theirs), min(mine) / min(theirs)
        return Timing(compared, least, median(mine), median(theirs), min(mine), tuple(sorted(used)))

    def step(self, model: str, replicas: int, recorder: Recorder | None = None) -> Callable[[], None]:
        """A function that does one training step of a model, or of several replicas of it, as `bench run` does it."""
        spec = catalog.find_model(model)
        self.findings.titles[model] = spec.title
        if reason := spec.why_not(self.shape):
            raise BenchError(reason)
        modules = [self._made(spec, seed) for seed in range(replicas)]
        if at_once(modules[0]):
            raise BenchError(f"{model} is fitted to the data at once, so there is no training step to measure")
        x, y = self._batch(replicas)
        if replicas == 1:
            return measure.training_step(modules[0], x[0], y[0], CLIP, recorder)
        return measure.replicas_step(modules, x, y, CLIP, recorder)

    def yardstick_step(self) -> Callable[[], None]:
        """The same for nn.LSTM."""
        x, y = self._batch(1)
        return measure.training_step(self._made(self.yardstick), x[0], y[0], CLIP, recorder_for(self.device, "auto"))

    def flops(self, spec: ModelSpec) -> int:
        build, batch = partial(spec.build, self.shape, self._width_of(spec)), self.sizes.batch
        return step_flops(build, length=self.sizes.length, inputs=INPUTS, batch=batch)

    def _made(self, spec: ModelSpec, seed: int = 0) -> nn.Module:
        return made(spec, self.shape, self._width_of(spec), self.device, seed=seed)

    def _batch(self, replicas: int) -> tuple[Tensor, Tensor]:
        draw = torch.Generator().manual_seed(0)
        x = torch.randn(replicas, self.sizes.batch, self.sizes.length, INPUTS, generator=draw)
        y = torch.randint(CLASSES, (replicas, self.sizes.batch), generator=draw)
        return x.to(self.device), y.to(self.device)

    def _width_of(self, spec: ModelSpec) -> int:
        return self.sizes.width or spec.paper_width_at(self.shape) or self.sizes.yardstick_width


def _whole(word: str, what: str, wanted: str) -> int:
    if (number := whole(word)) is None:
        raise BenchError(f"'{word[:40]}' is no {what}; write {wanted}")
    return number
