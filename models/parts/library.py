"""torch's own recurrent kernels with one bias a gate, so that parameter counts are the papers'.

On a CPU the same recurrences run in our own native code where it can be built, which is faster; on a
GPU those of several replicas run in our Triton kernel where there is one.

torch.nn.LSTM and torch.nn.GRU carry two bias vectors whose sum is all that matters (but for the
GRU's candidate). The second is frozen at zero: exact, and not counted as trainable.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..engine.native import recurrences
from ..engine.scan import Recurrence, State
from . import cells


def lstm_library(weights: State, state: State, x: Tensor) -> tuple[State, State]:
    h, *state = torch.lstm(x, _layers(state), _flat(weights), True, 1, 0.0, torch.is_grad_enabled(), False, False)
    return tuple(s[0] for s in state), (h,)


def gru_library(weights: State, state: State, x: Tensor) -> tuple[State, State]:
    h, last = torch.gru(x, *_layers(state), _flat(weights), True, 1, 0.0, torch.is_grad_enabled(), False, False)
    return (last[0],), (h,)


def gru_step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    """The reset gate acts after the product."""
    _, _, U, *_ = weights
    (h,) = state
    r, z, g = projected.chunk(3, dim=1)
    U_r, U_z, U_g = F.linear(h, U).chunk(3, dim=1)
    z = torch.sigmoid(z + U_z)
    g = torch.tanh(g + torch.sigmoid(r + U_r) * U_g)
    h = g + z * (h - g)
    return (h,), (h,)


def gru_native(weights: State, state: State, x: Tensor) -> tuple[State, State]:
    h, last = recurrences.GRU.apply(x, *weights[:3], *state, True)
    return (last,), (h,)


def only_h(sequence: Callable[..., tuple[State, State]]) -> Callable[..., tuple[State, State]]:
    """The function without the outputs after the first."""

    def only(*given: State) -> tuple[State, State]:
        state, outputs = sequence(*given)
        return state, outputs[:1]

    return only


# c at all steps is no output here: torch's kernel does not give it
LSTM_H = Recurrence(
    only_h(cells.LSTM.step), cells.project, lstm_library, only_h(cells.LSTM.native), only_h(cells.LSTM.triton)
)
GRU_AFTER = Recurrence(gru_step, cells.project, gru_library, gru_native)


class Library(cells.Layer):
    """One layer, batch first, that starts like cells.Cell; its states have no axis of layers: (batch, width)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width, batch_first=True)
        limit = math.sqrt(6 / (inputs + width + self.weight_ih_l0.shape[0]))
        for weight in (self.weight_ih_l0, self.weight_hh_l0):
            nn.init.uniform_(weight, -limit, limit)
        for bias in (self.bias_ih_l0, self.bias_hh_l0):
            nn.init.zeros_(bias)
        self.bias_hh_l0.requires_grad_(False)

    @property
    def weights(self) -> State:
        return self.weight_ih_l0, self.bias_ih_l0, self.weight_hh_l0, self.bias_hh_l0


class LSTM(Library, nn.LSTM):
    """Its state is (h, c)."""

    recurrence = LSTM_H
    states = 2

    def __init__(self, inputs: int, width: int, *, forget_bias: float = 1.0) -> None:
        super().__init__(inputs, width)
        with torch.no_grad():
            self.bias_ih_l0[width : 2 * width] = forget_bias


class GRU(Library, nn.GRU):
    """Its reset gate acts after the product; its state is (h,)."""

    recurrence = GRU_AFTER


def of_layers(state: State | None, layers: int) -> list[State | None]:
    """The states of a stack, those of the first layer first, as one for each layer."""
    if state is None:
        return [None] * layers
    each = len(state) // layers
    return [state[l * each : (l + 1) * each] for l in range(layers)]


def _layers(state: State) -> list[Tensor]:
    """torch's kernels want a first axis of layers, and cuDNN's no gaps."""
    return [s.unsqueeze(0).contiguous() for s in state]


def _flat(weights: State) -> list[Tensor]:
    W, b, U, zeros = weights
    return [W, U, b, zeros]
