"""One layer of TP-RNN: windows of L steps, a pyramid of aggregations over each, a path through their roots.

The equations and the citation are in tprnn.py.
"""

from functools import partial

import torch
from torch import Tensor, nn

from ..engine.scan import recomputed, scan, stretches
from .aggregation import Aggregation
from .cells import make_cell

# The supplement's table: (L, g) of layers 1, 2, 3 for lengths 200, 500 and 1,000; for 3,600 and 5,400; and two more.
USUAL = ((100, 10), (25, 5), (4, 2))
LONG = ((100, 10), (25, 5), (9, 3))
PAPER_WINDOWS = {784: ((49, 7), (16, 4), (4, 2)), 300: ((25, 5), (4, 2), (2, 2))}


def windows(length: int, layers: int, given: tuple[tuple[int, int], ...] | None = None) -> list[tuple[int, int]]:
    """(L, g) of each layer: those given for the task; else the supplement's at its lengths, and at any other
    of 100 steps or more the row that it gives to most (from 2,000 steps on, to the longest); else, and for a
    layer that the row does not have, by rule.

    The rule takes L = g^2 and, of the g in 2..10 that leave at most 20 windows and fill at least one,
    the smallest whose square divides the layer's length, else the smallest that divides it, else the
    smallest. Under 4 steps g is 2.
    """
    row = given or PAPER_WINDOWS.get(length, () if length < 100 else USUAL if length < 2000 else LONG)
    found = list(row)[:layers]
    n = length
    for _, g in found:
        n = -(-n // g)
    while len(found) < layers:
        few = [g for g in range(2, 11) if g * g <= max(n, 4) and n <= 20 * g * g] or [10]
        g = next((g for g in few if n % (g * g) == 0), next((g for g in few if n % g == 0), few[0]))
        found.append((g * g, g))
        n = -(-n // g)
    return found


class Pyramid(nn.Module):
    """One layer. forward: (time, batch, inputs) -> its output (batch, h) and level 1, (time / g, batch, h)."""

    def __init__(
        self,
        inputs: int,
        width: int,
        window: int,
        granularity: int,
        *,
        cell: str,
        kind: str,
        iterative: bool,
        top_down: bool,
        forget_bias: float,
        released: bool,
        official_tail: bool,
    ) -> None:
        super().__init__()
        if granularity < 2 or window < granularity or window % granularity:
            raise ValueError(
                f"window {window} must be a multiple of granularity {granularity}, which must be 2 or more"
            )
        self.window, self.g = window, granularity
        self.top_down, self.official_tail = top_down, official_tail
        self.cell = make_cell(cell, inputs, width, forget_bias=forget_bias)
        self.tree = Aggregation(granularity, sets=self.cell.states, kind=kind, released=released)
        self.path = Aggregation(2, kind=kind, released=released) if iterative else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        roots, level_1 = self.roots(x)
        return self.output(roots), level_1

    def roots(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """The root of each window, (batch, h) each, and level 1 as `forward` gives it."""
        state = self.cell.initial_state(x.shape[1])
        weights = (*self.cell.weights, *self.tree.matrices)
        roots: list[Tensor] = []
        level_1: list[Tensor] = []
        # the last stretch is short or as long as the others
        length = self.window * stretches(self.window)
        for number, stretch in enumerate(x.split(length)):
            call = partial(self._windows, len(state), number * length, len(x))
            new_roots, nodes, *state = recomputed(len(stretch), call, *state, stretch, *weights)
            roots += new_roots.unbind(0)
            level_1.append(nodes)
        return roots, torch.cat(level_1)

    def _windows(self, states: int, done: int, steps: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Some windows from step number `done` of `steps` on: (state, x, weights) -> roots, level 1, state."""
        state, x, weights, matrices = (
            tensors[:states],
            tensors[states],
            tensors[states + 1 :][:3],
            tensors[states + 4 :],
        )
        zero = tuple(torch.zeros_like(s) for s in state)
        roots: list[Tensor] = []
        level_1: list[Tensor] = []
        for piece in x.split(self.window):
            done += len(piece)
            before = state
            if not self.top_down:
                state = zero
            levels: list[list[Tensor]] = []  # of this window; levels[j] holds nodes of level j + 1
            leftover: Tensor | None = None
            for chunk in piece.split(self.g):
                _, outputs = scan(self.cell.recurrence, weights, tuple(state), (chunk,))
                node = self.tree.aggregate(torch.stack(outputs), *matrices)
                level_1.append(node[0])
                if len(chunk) == self.g:
                    state = self._grow(levels, node, matrices).unbind(0)
                else:
                    leftover = node
            if self.official_tail and 1 == len(piece) < steps:
                roots.append(before[0])  # the released code's fault with a single last step
                level_1.pop()
                continue
            root = self._root(levels, leftover, matrices, last=done == steps)
            roots.append(root[0])
            state = root.unbind(0)
        nodes = torch.stack(level_1) if level_1 else x.new_empty(0, *zero[0].shape)
        return torch.stack(roots), nodes, *state

    def _grow(self, levels: list[list[Tensor]], node: Tensor, matrices: tuple[Tensor, ...]) -> Tensor:
        """Add a node (states, batch, h) to level 1 and build what it completes; return the highest node built."""
        for level in levels:
            level.append(node)
            if len(level) % self.g:
                return node
            node = self.tree.aggregate(torch.stack(level[-self.g :], dim=1), *matrices)
        levels.append([node])
        return node

    def _root(
        self, levels: list[list[Tensor]], leftover: Tensor | None, matrices: tuple[Tensor, ...], *, last: bool
    ) -> Tensor:
        """The root of a window; `leftover` is the node of fewer than g steps at its end.

        Pending nodes of each level join the one that came up from below; a lone one goes up as it is.
        """
        carried = leftover
        for number, level in enumerate(levels):
            nodes = level[len(level) - len(level) % self.g :]
            if carried is not None:
                nodes = [*nodes, carried]
            elif self.official_tail and nodes and self.g ** (number + 1) < self.window:
                # the released code adds the newest node a second time, at the end dropping the oldest
                nodes = [*nodes[last:], nodes[-1]]
            if nodes:
                carried = nodes[0] if len(nodes) == 1 else self.tree.aggregate(torch.stack(nodes, dim=1), *matrices)
        assert carried is not None
        return carried

    def output(self, roots: list[Tensor]) -> Tensor:
        if self.path is None:
            return roots[-1]
        output = roots[0]
        for root in roots[1:]:
            output = self.path(torch.stack([root, output]).unsqueeze(0))[0]
        return output

    def path_weights(self, roots: list[Tensor]) -> Tensor | None:
        """How much of each window's root is in the output, (windows, batch), mean over units.

        Eq. 3 weighs a root against the output before it: a root's own weight times those that the output has
        from then on. tanh is left out. None where there is no path, or it pools its nodes.
        """
        if self.path is None or not self.path.matrices:
            return None
        output, passed = roots[0], [torch.ones_like(roots[0])]
        for root in roots[1:]:
            nodes = torch.stack([root, output]).unsqueeze(0)
            new, old = self.path.weights(nodes, *self.path.matrices)[0]
            passed = [*(weight * old for weight in passed), new.expand_as(root)]
            output = self.path(nodes)[0]
        return torch.stack(passed).mean(2)
