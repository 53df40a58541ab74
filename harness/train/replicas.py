"""The seeds that train together: one module as it is, or several of one model in one pass.

Both kinds take and give tensors with a leading replica axis, (R, ...), so the trainer knows one loop.
A model cannot be stacked where vmap has no rule for an operator, where a module keeps a state of its
own, or where it draws noise that vmap cannot part; `difference` finds out before anything is trained.
"""

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..engine import noise_streams
from ..prepare.modules import doubled
from ..seeds import global_stream, stream_seed
from .fitting import at_once

Score = Callable[[Any, Tensor], Tensor]  # (a model's answer, targets) -> a number
State = dict[str, Any]  # what a module's state_dict has
Carried = tuple[Tensor, ...]  # what a recurrence carries on, (R, batch, ...) each
Scored = tuple[Tensor, Carried]
Asked = Callable[[Tensor], dict[str, Any]]  # targets -> what a module is asked for beside its answer
TOLERANCE = {torch.float64: 1e-6}  # of the largest gradient
LOOSE = 1e-2  # for the rest: TF32 and rounding


class Alone:
    """One module, called as it is."""

    count = 1

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.module = module
        trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
        self.names, self.leaves = list(trained), list(trained.values())
        self.asked = _asked(module)
        # its noise comes from the global stream
        place = torch.cuda.current_device() if device.index is None and device.type == "cuda" else device.index
        self.generators = [torch.cuda.default_generators[place] if device.type == "cuda" else torch.default_generator]

    def scores(self, score: Score, x: Tensor, y: Tensor) -> Tensor:
        """score(answer to x, y) of each replica and the model's own penalty, (R,); x and y are (R, batch, ...)."""
        asked = self.asked(y[0])
        return _scored(self.module(x[0], **asked), y[0], score, asked).reshape(1)

    def scores_of_all(self, score: Score, x: Tensor, y: Tensor) -> Tensor:
        """score alone, where all replicas see one x and y, (batch, ...)."""
        return score(self.module(x), y).reshape(1)

    def scores_and_state(self, score: Score, x: Tensor, y: Tensor, state: Carried, *, shared: bool = False) -> Scored:
        """scores, and scores_of_all where x and y are shared, from a state (R, batch, ...); with the state after it."""
        asked = {} if shared else self.asked(y[0])
        outputs, after, *more = self.module(x if shared else x[0], tuple(s[0] for s in state), **asked)
        return sum(more, score(outputs, y if shared else y[0])).reshape(1), tuple(s[None] for s in after)

    def noise(self) -> AbstractContextManager[None]:
        """Inside it the replicas draw from `generators`."""
        return nullcontext()

    def clip(self, most: float) -> None:
        """Scale each replica's gradient so that its norm is at most this."""
        nn.utils.clip_grad_norm_(self.leaves, most)

    def weights(self, replica: int) -> State:
        """A copy of what the replica's own state_dict would be."""
        return copy.deepcopy(self.module.state_dict())

    def load(self, states: Sequence[State]) -> None:
        """Take over the `weights` of each replica."""
        self.module.load_state_dict(states[0])

    def random_state(self, replica: int) -> State:
        """Where the replica's streams of noise are."""
        return {"noise": self.generators[0].get_state(), "cpu": torch.get_rng_state()}

    def set_random_states(self, states: Sequence[State]) -> None:
        if "cpu" in states[0]:  # a replica of a group has none
            torch.set_rng_state(states[0]["cpu"].cpu())
        self.generators[0].set_state(states[0]["noise"].cpu())


class Stacked:
    """Modules of one model: their trainable parameters stacked, everything else the first one's."""

    def __init__(self, modules: Sequence[nn.Module], seeds: Sequence[int], device: torch.device) -> None:
        self.count, self.module = len(modules), modules[0]
        tables = [dict(module.named_parameters()) for module in modules]
        names = {id(parameter): name for name, parameter in tables[0].items() if parameter.requires_grad}
        self.trained = {
            name: torch.stack([table[name].detach() for table in tables]).requires_grad_() for name in names.values()
        }
        self.names, self.leaves = list(self.trained), list(self.trained.values())
        self.asked = _asked(self.module)
        # a tied parameter has several names
        every = self.module.named_parameters(remove_duplicate=False)
        self.name_of = {name: names[id(parameter)] for name, parameter in every if id(parameter) in names}
        # what is not trained, where it differs between replicas
        self.own = {name: torch.stack([value] * self.count) for name, value in _statistics(self.module).items()}
        self.generators = [torch.Generator(device).manual_seed(stream_seed(seed, "noise")) for seed in seeds]

    def scores(self, score: Score, x: Tensor, y: Tensor) -> Tensor:
        return self._mapped(score, 0, self.asked)(self.trained | self.own, x, y)

    def scores_of_all(self, score: Score, x: Tensor, y: Tensor) -> Tensor:
        return self._mapped(score, None, lambda y: {})(self.trained | self.own, x, y)

    def scores_and_state(self, score: Score, x: Tensor, y: Tensor, state: Carried, *, shared: bool = False) -> Scored:
        def one(tensors: dict[str, Tensor], x: Tensor, y: Tensor, state: Carried) -> Scored:
            asked = {} if shared else self.asked(y)
            outputs, after, *more = functional_call(self.module, tensors, (x, state), asked)
            return sum(more, score(outputs, y)), after

        axis = None if shared else 0
        mapped = torch.vmap(one, in_dims=(0, axis, axis, 0), randomness="error")
        return mapped(self.trained | self.own, x, y, state)

    def _mapped(self, score: Score, axis: int | None, asked: Asked) -> Callable[..., Tensor]:
        def one(tensors: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            given = asked(y)
            return _scored(functional_call(self.module, tensors, (x,), given), y, score, given)

        return torch.vmap(one, in_dims=(0, axis, axis), randomness="error")

    def noise(self) -> AbstractContextManager[None]:
        return noise_streams(self.generators)

    def clip(self, most: float) -> None:
        gradients = [leaf.grad for leaf in self.leaves if leaf.grad is not None]
        norms = [torch.linalg.vector_norm(g.reshape(self.count, -1), dim=1) for g in gradients]
        # as nn.utils.clip_grad_norm_
        factor = (most / (torch.linalg.vector_norm(torch.stack(norms), dim=0) + 1e-6)).clamp(max=1.0)
        for g in gradients:
            g.mul_(factor.view(-1, *[1] * (g.ndim - 1)))

    def weights(self, replica: int) -> State:
        return {
            name: copy.deepcopy(self._value(name, value)[replica] if self._is_own(name) else value)
            for name, value in self.module.state_dict().items()
        }

    def _is_own(self, name: str) -> bool:
        return name in self.name_of or name in self.own

    def _value(self, name: str, value: Tensor) -> Tensor:
        return self.trained[self.name_of[name]].detach() if name in self.name_of else self.own.get(name, value)

    @torch.no_grad()
    def load(self, states: Sequence[State]) -> None:
        for name, leaf in self.trained.items():
            for own, state in zip(leaf, states, strict=True):
                own.copy_(state[name])
        others = {name: value for name, value in states[0].items() if name not in self.name_of}
        self.module.load_state_dict(others, strict=False)
        # a buffer that a schedule changes is not the same at the best steps of two replicas
        kept, self.own = self.own, {}
        for name, here in self.module.state_dict().items():
            if name in others and isinstance(here, Tensor):
                values = [state[name].to(here) for state in states]
                if name in _statistics(self.module):
                    self.own[name] = kept[name].copy_(torch.stack(values))  # a recorded step finds it there
                elif not all(torch.equal(values[0], value) for value in values):
                    self.own[name] = torch.stack(values)

    def random_state(self, replica: int) -> State:
        return {"noise": self.generators[replica].get_state()}

    def set_random_states(self, states: Sequence[State]) -> None:
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state["noise"].cpu())


def _asked(module: nn.Module) -> Asked:
    """What a training step asks of a module that has a loss of its own (ModelSpec)."""
    told = getattr(module, "penalised", False)
    return lambda y: {"penalty": y if told == "targets" else True} if told else {}


def _scored(answer: Any, y: Tensor, score: Score, asked: dict[str, Any]) -> Tensor:
    if not asked:
        return score(answer, y)
    outputs, penalty = answer
    whole: Tensor = score(outputs, y) + penalty
    return whole


def _statistics(module: nn.Module) -> dict[str, Tensor]:
    """What batch normalisation counts while it trains, of each replica its own; by torch's name for that it does."""
    counting = [(name, part) for name, part in module.named_modules() if getattr(part, "track_running_stats", False)]
    return {
        f"{name}.{buffer}".lstrip("."): value
        for name, part in counting
        for buffer, value in part.named_buffers(recurse=False)
    }


def difference(modules: Sequence[nn.Module], seeds: Sequence[int], x: Tensor, y: Tensor, loss: Score) -> str:
    """Why these modules cannot be stacked, or an empty string where one pass gives what each gives alone.

    x, y: a batch (batch, ...), the same for all. Compares losses and gradients in training and losses in
    evaluation, of copies; the modules and the streams of random numbers stay as they were. What a model
    raises, vmap's complaints first of all, goes through to the caller.
    """
    if at_once(modules[0]):
        return "it is fitted to the data at once"
    reason = _difference(modules, seeds, x, y, loss)
    if reason and next(modules[0].parameters()).dtype == torch.float32 and x.is_floating_point():
        # a rounding error can tip a threshold; it does not in float64, if the two agree
        doubled = [doubled(copy.deepcopy(module)) for module in modules]
        return _difference(doubled, seeds, x.double(), y.double() if y.is_floating_point() else y, loss)
    return reason


def _difference(modules: Sequence[nn.Module], seeds: Sequence[int], x: Tensor, y: Tensor, loss: Score) -> str:
    modules = copy.deepcopy(list(modules))
    if name := _changed([_untrained(module) for module in modules]):
        return f"'{name}' is not trained and is another for each seed"
    before = copy.deepcopy(_untrained(modules[0]))
    stacked = Stacked(modules, seeds, x.device)
    with global_stream(seeds[0], "noise"), stacked.noise():
        together = _probed(stacked, x.expand(len(seeds), *x.shape), y.expand(len(seeds), *y.shape), loss)
    if name := _changed([before, _untrained(modules[0])]):
        return f"'{name}' changes while it answers"
    for replica, (module, seed) in enumerate(zip(modules, seeds, strict=True)):
        with global_stream(seed, "noise"):
            alone = _probed(Alone(module, x.device), x[None], y[None], loss)
        for pair in zip(together, alone, strict=True):
            scale = max((float(g.nan_to_num(0, 0, 0).abs().max()) for g in pair[1] if g is not None), default=0.0)
            for ours, wanted in zip(*pair, strict=True):
                if not _close(None if ours is None else ours[replica], wanted, scale):
                    return "one pass over stacked weights gives other numbers than each seed alone"
    return ""


Probed = tuple[list[Tensor | None], list[Tensor | None]]


def _probed(model: Alone | Stacked, x: Tensor, y: Tensor, loss: Score) -> Probed:
    """The losses in training and evaluation, and the gradients; a single module's without its replica axis."""
    losses = model.scores(loss, x, y)
    gradients = torch.autograd.grad(losses.sum(), model.leaves, allow_unused=True)
    model.module.eval()
    with torch.no_grad():
        evaluated = model.scores_of_all(loss, x[0], y[0])
    model.module.train()
    if isinstance(model, Alone):
        return [losses.detach()[0], evaluated[0]], list(gradients)
    return [losses.detach(), evaluated], list(gradients)


def _untrained(module: nn.Module) -> dict[str, Tensor]:
    frozen = {name: p for name, p in module.named_parameters() if not p.requires_grad}
    return frozen | dict(module.named_buffers())


def _changed(tables: Sequence[dict[str, Tensor]]) -> str:
    """The first name whose tensor is not the same in all tables, or an empty string."""
    for name, value in tables[0].items():
        if not all(torch.equal(value, table[name]) for table in tables):
            return name
    return ""


def _close(ours: Tensor | None, wanted: Tensor | None, scale: float) -> bool:
    """No gradient is a gradient of zero."""
    if ours is None or wanted is None:
        given = wanted if ours is None else ours
        return given is None or not bool(given.any())
    tolerance = TOLERANCE.get(wanted.dtype, LOOSE) * scale
    return torch.allclose(ours, wanted, rtol=0.0, atol=tolerance, equal_nan=True)
