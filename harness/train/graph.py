"""A training step that is recorded once and then replayed.

A step of a recurrent network is thousands of small kernels, and starting each from Python takes
longer than running it. A CUDA graph starts all of them at once. For that the step must do the same
operations on the same tensors every time, and may not wait for the device; the trainer's does.
"""

from collections.abc import Callable, Sequence, Sized
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..errors import sentence

Step = Callable[[], None]
GRAPHED = ("auto", "compiled", "triton")  # back ends whose training step is recorded on CUDA
REHEARSALS = 3  # real steps before the recording, in which kernels are built and state is allocated


class Recorder(Protocol):
    """What can record a step."""

    def rehearse(self, step: Step) -> None:
        """Do the step as it will be recorded, but without recording it."""

    def record(self, step: Step, generators: Sequence[torch.Generator]) -> Step:
        """Do the step once; gives what does it again. Where it raises, nothing has been done."""


class Repeated:
    """A step that is rehearsed, recorded and from then on replayed, where there is a recorder.

    `note` says why it is not recorded, in a sentence, once that is known. Replaying runs no Python,
    so a module that keeps numbers in Python and changes them is left unrecorded.
    """

    def __init__(
        self,
        step: Step,
        recorder: Recorder | None,
        module: nn.Module,
        leaves: Sequence[Tensor],
        generators: Sequence[torch.Generator],
    ) -> None:
        self.step, self.recorder, self.module, self.leaves, self.generators = step, recorder, module, leaves, generators
        self.rehearsed = 0
        self.replay: Step | None = None
        self.note = ""
        self.told = hasattr(module, "set_progress")  # it may change the module at any step
        self.seen: dict[str, object] = {}

    @property
    def recorded(self) -> bool:
        return self.replay is not None

    def __call__(self) -> None:
        """Do one step."""
        if self.recorder is None or self.note:
            self.step()
            return
        if self.told or self.replay is None:
            self._watch()
        if self.note:
            self.replay = None
            self.step()
        elif self.replay is not None:
            self.replay()
        elif self.rehearsed < REHEARSALS:
            self.rehearsed += 1
            self.recorder.rehearse(self.step)
        else:
            self._record(self.recorder)

    def _watch(self) -> None:
        """Note it where the module is not what it was at the last step; its first step may complete it."""
        now = _python_state(self.module)
        if self.rehearsed > 1 and now != self.seen:
            changed = sorted(key for key in now.keys() | self.seen.keys() if now.get(key) != self.seen.get(key))
            self.note = f"no graph of the training step: the module changes '{changed[0]}' from step to step"
        self.seen = now

    def _record(self, recorder: Recorder) -> None:
        for leaf in self.leaves:
            leaf.grad = None  # the recorded step makes gradients in memory of its own
        try:
            self.replay = recorder.record(self.step, self.generators)
        except Exception as error:  # whatever cannot be recorded can still be run
            self.note = f"no graph of the training step: {sentence(error)}"
        if self.replay is None:
            for leaf in self.leaves:
                leaf.grad = None
            self.step()


class CudaGraphs:
    """Records with torch.cuda.CUDAGraph."""

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device)

    def rehearse(self, step: Step) -> None:
        here = torch.cuda.current_stream()
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            step()
        here.wait_stream(self.stream)

    def record(self, step: Step, generators: Sequence[torch.Generator]) -> Step:
        graph, here = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        states = [generator.get_state() for generator in generators]
        for generator in generators:
            if generator not in torch.cuda.default_generators:  # those register themselves
                graph.register_generator_state(generator)
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                step()
        except BaseException:
            # a broken recording leaves its stream current, and generators that believe they are still in it
            torch.cuda.set_stream(here)
            for generator, state in zip(generators, states, strict=True):
                fresh = torch.Generator(generator.device)
                fresh.set_state(state)
                generator.graphsafe_set_state(fresh)
            raise
        graph.replay()  # recording a step does not do it
        return graph.replay


def recorder_for(device: str, backend: str) -> Recorder | None:
    """What records the training step on this device with this back end of the recurrences; None: nothing does."""
    return CudaGraphs(torch.device(device)) if device != "cpu" and backend in GRAPHED else None


def _python_state(module: nn.Module) -> dict[str, object]:
    """What Python code could read of a module, as plain values; tensors and other objects by their identity."""
    state: dict[str, object] = {}
    for name, part in module.named_modules():
        for key, value in vars(part).items():
            state[f"{name}.{key}".lstrip(".")] = _plain(value)
        for key, buffer in part.named_buffers(recurse=False):
            state[f"{name}.{key}".lstrip(".")] = id(buffer)
    return state


def _plain(value: Any) -> object:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return (id(value), len(value)) if isinstance(value, Sized) and not isinstance(value, Tensor) else id(value)
