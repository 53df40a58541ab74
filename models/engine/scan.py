"""The one loop over time that every custom recurrence uses, and its back ends.

A Recurrence is pure: a step function `(weights, state, *frame) -> (state, outputs)` over tuples of
tensors, and what needs no state (the input projection), computed for all steps before. Its back ends:

    eager     the step function once for each step: the truth
    compiled  the step function fused by torch.compile, once for each step
    library   torch's own kernel for the whole sequence (cuDNN on a GPU)
    native    our C++ for the whole sequence, on a CPU (native.py)
    triton    our Triton kernels for the whole sequence, on a GPU (triton_lstm.py)

`auto` takes the fastest that serves. All give the same numbers; tests compare them. What was asked
for and could not be had, and why, is kept with the names of those that were used.

With `recompute`, stretches of so many steps keep only their ends and are computed a second time on
the way back: less memory, the same values and gradients.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

from .native import kernels as native
from .recompute import again
from .replicas import each, lifted
from .triton import lstm as triton_lstm

State = tuple[Tensor, ...]
BACKENDS = ("auto", "eager", "compiled", "native", "triton")


def _as_they_are(weights: State, *inputs: Tensor) -> State:
    return inputs


@dataclass(frozen=True, slots=True)
class Recurrence:
    """What a recurrent layer computes.

    step      (weights, state, *frame, [due]) -> (state, outputs)
    prepare   (weights, *inputs) -> frames, (time, ...) each
    library, native, triton   (weights, state, *inputs, [schedule=]) -> (state, outputs over time), or None;
              triton's tensors have a leading replica axis
    """

    step: Callable[..., tuple[State, State]]
    prepare: Callable[..., State] = _as_they_are
    library: Callable[..., tuple[State, State]] | None = None
    native: Callable[..., tuple[State, State]] | None = None
    triton: Callable[..., tuple[State, State]] | None = None


class Used(set[str]):
    """The names of the back ends that were used, and sentences on those that could not be had."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


_chosen, _recompute, _used = "auto", 0, Used()


@contextmanager
def backend(name: str, recompute: int = 0) -> Iterator[Used]:
    """Take this back end inside the block; gives those that were used in it. recompute: steps a stretch, 0: off."""
    global _chosen, _recompute, _used
    if name not in BACKENDS:
        raise ValueError(f"no back end '{name}'; choose one of {', '.join(BACKENDS)}")
    before = _chosen, _recompute, _used
    _chosen, _recompute, _used = name, recompute, Used()
    try:
        yield _used
    finally:
        _chosen, _recompute, _used = before


def scan(
    recurrence: Recurrence,
    weights: State,
    state: State,
    inputs: State,
    due: Sequence[Hashable] | None = None,
) -> tuple[State, State]:
    """Apply a recurrence along the first axis of `inputs`, tensors (time, ...) of one length of at least 1.

    Returns the last state, and each output stacked over time, (time, ...).
    """
    call = partial(_all_steps, recurrence, (len(weights), len(state)), None if due is None else tuple(due))
    results = lifted(call, *weights, *state, *inputs)
    return results[: len(state)], results[len(state) :]


def _all_steps(
    recurrence: Recurrence, counts: tuple[int, int], due: tuple | None, replicas: int | None, *tensors: Tensor
) -> State:
    """The last state and the outputs as one flat tuple; with replicas every tensor has them as its first axis."""
    fixed, inputs = tensors[: sum(counts)], tensors[sum(counts) :]
    weights, state = fixed[: counts[0]], fixed[counts[0] :]
    call = partial(_stretch, recurrence, counts, _choice(recurrence, replicas, tensors), replicas)
    time = 0 if replicas is None else 1
    length = inputs[0].shape[time]
    if not _recompute or length <= _recompute or not torch.is_grad_enabled():
        return call(due, *tensors)
    collected = []
    for number, frames in enumerate(zip(*(x.split(_recompute, dim=time) for x in inputs), strict=True)):
        now = None if due is None else due[number * _recompute : (number + 1) * _recompute]
        results = again(partial(call, now), *weights, *state, *frames)
        state, outputs = results[: counts[1]], results[counts[1] :]
        collected.append(outputs)
    return *state, *(torch.cat(column, dim=time) for column in zip(*collected, strict=True))


def recomputed(steps: int, function: Callable[..., State], *tensors: Tensor) -> State:
    """`function` of a stretch of so many steps: with `again` where recomputation is on.

    function: pure; all that its result depends on is in `tensors`.
    """
    if not _recompute or not torch.is_grad_enabled():
        return function(*tensors)

    def call(replicas: int | None, *tensors: Tensor) -> State:
        return again(function if replicas is None else torch.vmap(function), *tensors)

    return lifted(call, *tensors)


def stretches(length: int) -> int:
    """How many pieces of `length` steps make one stretch that is recomputed together."""
    return max(1, _recompute // length) if _recompute else 1


def _stretch(
    recurrence: Recurrence,
    counts: tuple[int, int],
    choice: str,
    replicas: int | None,
    due: tuple | None,
    *tensors: Tensor,
) -> State:
    """_all_steps for a stretch of time on one back end."""
    schedule = {} if due is None else {"schedule": due}
    whole = {"library": recurrence.library, "native": recurrence.native, "triton": recurrence.triton}.get(choice)

    def sequence(*tensors: Tensor) -> State:
        weights, state, inputs = _parts(counts, tensors)
        state, outputs = whole(weights, state, *inputs, **schedule)
        return *state, *outputs

    if choice == "triton":
        results = sequence(*(tensors if replicas else (tensor.unsqueeze(0) for tensor in tensors)))
        return results if replicas else tuple(result.squeeze(0) for result in results)
    if whole is not None:
        return each(sequence, replicas, *tensors)
    if choice == "compiled":
        weights, state, inputs = _parts(counts, tensors)
        if torch.is_grad_enabled():  # else the first step, whose state has no gradient, is compiled by itself
            state = tuple(s if s.requires_grad else s.detach().requires_grad_() for s in state)
        stepper = partial(_compiled, recurrence.step, replicas)
        return _loop(recurrence, counts, due, stepper, replicas, *weights, *state, *inputs)
    loop = partial(_loop, recurrence, counts, due, partial(partial, recurrence.step), None)
    return loop(*tensors) if replicas is None else torch.vmap(loop)(*tensors)


def _parts(counts: tuple[int, int], tensors: State) -> tuple[State, State, State]:
    first, second = counts[0], sum(counts)
    return tensors[:first], tensors[first:second], tensors[second:]


def _loop(
    recurrence: Recurrence,
    counts: tuple[int, int],
    due: tuple | None,
    stepper: Callable[..., Callable[..., tuple[State, State]]],
    replicas: int | None,
    *tensors: Tensor,
) -> State:
    """One step after the other. unbind, not indexing: the gradient of x[t] fills a whole sequence for every step."""
    weights, state, inputs = _parts(counts, tensors)
    prepare = recurrence.prepare if replicas is None else torch.vmap(recurrence.prepare)
    time = 0 if replicas is None else 1
    frames = zip(*(x.unbind(time) for x in prepare(weights, *inputs)), strict=True)
    collected = []
    for t, frame in enumerate(frames):
        step = stepper() if due is None else stepper(due=due[t])
        state, outputs = step(weights, state, *frame)
        collected.append(outputs)
    return *state, *(torch.stack(column, dim=time) for column in zip(*collected, strict=True))


@cache
def _compiled(step: Callable[..., tuple[State, State]], replicas: int | None, **due: Hashable) -> Callable:
    """The step function compiled for one value of `due`."""
    # all mapped functions share vmap's code, and torch.compile counts its variants by code
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 512)
    step = partial(step, **due)
    return torch.compile(step if replicas is None else torch.vmap(step), fullgraph=True, dynamic=False)


# ---- which back end


def _choice(recurrence: Recurrence, replicas: int | None, tensors: State) -> str:
    """The back end for these tensors; it counts as used."""
    on_gpu = tensors[0].is_cuda
    reasons = {"native": _why_not_native(recurrence, tensors), "triton": _why_not_triton(recurrence, tensors)}
    if _chosen in reasons:
        if recurrence.library is None and reasons[_chosen]:
            raise RuntimeError(f"no {_chosen} code for this recurrence: {reasons[_chosen]}")
        choice = "library" if reasons[_chosen] else _chosen
        if reasons[_chosen]:
            _used.note(f"no {_chosen} code for a recurrence, torch's own kernel serves: {reasons[_chosen]}")
    elif _chosen == "compiled":
        choice = "compiled"
    elif _chosen == "eager":
        choice = "library" if recurrence.library else "eager"
    elif not on_gpu:
        choice = "native" if not reasons["native"] else "library" if recurrence.library else "eager"
    elif recurrence.library and (replicas is None or reasons["triton"]):
        choice = "library"
    else:
        choice = "compiled" if reasons["triton"] else "triton"
        if recurrence.triton and reasons["triton"]:
            _used.note(f"no triton code for a recurrence: {reasons['triton']}")
    if choice == "compiled" and (reason := _why_not_compiled(tensors[0].device.type)):
        if _chosen == "compiled":
            raise RuntimeError(f"the step cannot be compiled: {reason}")
        _used.note(f"a step was not compiled, the eager loop serves: {reason}")
        choice = "eager"
    _used.add(choice)
    return choice


def takes_native(*tensors: Tensor) -> bool:
    """Is native code wanted, there, and able to take these tensors? If so it counts as used."""
    if _chosen not in ("auto", "native") or not native.serves(*tensors):
        return False
    _used.add("native")
    return True


def _why_not_native(recurrence: Recurrence, tensors: State) -> str:
    if recurrence.native is None:
        return "it has none"
    if native.serves(*tensors):
        return ""
    return native.why_not() or "it takes float32 and float64 on a CPU"


def _why_not_triton(recurrence: Recurrence, tensors: State) -> str:
    if recurrence.triton is None:
        return "it has none"
    if triton_lstm.serves(*tensors):
        return ""
    return triton_lstm.why_not() or "it takes float32 on a GPU"


@cache
def _why_not_compiled(device: str) -> str:
    """Why torch.compile can make no code here, tried once on a small function, or an empty string."""
    try:
        with torch.no_grad():  # it may be asked for inside a pass that is recorded
            torch.compile(lambda x: torch.tanh(x) * 2, fullgraph=True)(torch.ones(4, device=device))
    except Exception as error:  # whatever the compiler raises, the eager loop serves
        return f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return ""
