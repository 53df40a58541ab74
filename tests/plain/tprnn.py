"""TP-RNN step by step from the paper's equations; nothing of it comes from models/.

`weights` is the state_dict of the module under test. A tree is built by recursion over its
definition (Eq. 2), not by growing lists as the module does.
"""

import math
from functools import partial

import torch
from support import steps


def theta(E, w_in, w_out, *, kind="attention", released=False, squash=True):
    """Eqs. 7-10 for a list of M nodes (batch, h); w_in (M', 3 M'), w_out (3 M', M') with M' >= M."""
    nodes = torch.stack(E, dim=2)  # (batch, h, M): E of Eq. 7 for each sequence
    if kind == "mean":
        combined = nodes.mean(dim=2)
    elif kind == "max":
        combined = nodes.max(dim=2).values
    else:
        combined = (attention(E, w_in, w_out, kind=kind, released=released) * nodes).sum(dim=2)
    return torch.tanh(combined) if squash else combined


def attention(E, w_in, w_out, *, kind="attention", released=False):
    """S of Eq. 9, (batch, h or 1, M)."""
    M = len(E)
    nodes = torch.stack(E, dim=2)
    h = nodes.shape[1]
    W_1, W_2 = w_in[:M, : 3 * M], w_out[: 3 * M, :M]
    rows = nodes.mean(dim=1, keepdim=True) if kind == "senet" else nodes
    S = torch.sigmoid(torch.relu(rows @ W_1) @ W_2)
    if released:
        moved = torch.empty_like(S)
        for d in range(h):
            for m in range(M):
                k = d * M + m  # where the weight of (d, m) lies; the released code applies it there
                moved[:, k % h, k // h] = S[:, d, m]
        S = moved
    return S


def cell_step(kind, weights, prefix, x, state):
    """One step of the base cell; state is [h, c] or [h]."""
    W, U, b = (weights[f"{prefix}.cell.{name}"] for name in ("weight_x", "weight_h", "bias"))
    if kind == "tanh":
        return [torch.tanh(x @ W.T + state[0] @ U.T + b)]
    if kind == "lstm":
        return [*steps.lstm(W, U, b, x, *state)]
    return [steps.gru(W, U, b, x, *state)]


def faulty_root(node, tree, n, L, g, *, last):
    """The root that the released code builds at the end of a window of n steps, n a multiple of g.

    node(level, i) is Eq. 2. The nodes of one level that are in no node of the next are pending. Of the
    highest level just built, that code takes the newest once more after the pending ones, and drops
    the first of these where it counts them too early, at the end of the sequence (models.md, 2.3, A).
    """
    j = 1
    while n % g ** (j + 1) == 0:
        j += 1
    root = node(j, n // g**j)
    for level in range(j, n):
        if g**level >= (n if last else L):
            return root
        i = n // g**level
        pending = [node(level, k) for k in range(i - i % g + 1, i + 1)]
        if level == j and last:
            del pending[0]
        if pending:
            root = tree([*pending, root])


def layer(
    weights,
    prefix,
    x,
    L,
    g,
    *,
    cell="lstm",
    aggregation="attention",
    iterative=True,
    top_down=True,
    released=False,
    official_tail=False,
    shares=None,
):
    """x: list of (batch, d). Returns the layer's output and the list of level-1 nodes.

    shares: a list that takes, for each window, how much of its root is in the output, (batch,).
    """
    width = weights[f"{prefix}.cell.weight_h"].shape[1]
    states = 2 if cell == "lstm" else 1
    zero = [x[0].new_zeros(len(x[0]), width) for _ in range(states)]

    def tree(nodes):
        """Aggregate nodes, each a list of states; h and c with weights of their own."""
        if aggregation in ("mean", "max"):
            return [theta([node[s] for node in nodes], None, None, kind=aggregation) for s in range(states)]
        w_in, w_out = weights[f"{prefix}.tree.w_in"], weights[f"{prefix}.tree.w_out"]
        return [
            theta([node[s] for node in nodes], w_in[s], w_out[s], kind=aggregation, released=released)
            for s in range(states)
        ]

    roots, level_1, root = [], [], zero
    for start in range(0, len(x), L):
        inputs = x[start : start + L]
        hidden = []  # level 0 of this window

        def node(level, i, hidden=hidden):
            """The i-th node (from 1) of a level, by Eq. 2."""
            if level == 0:
                return hidden[i - 1]
            return tree([node(level - 1, k, hidden) for k in range((i - 1) * g + 1, i * g + 1)])

        state = root if top_down else zero
        for x_l in inputs:
            done = len(hidden)
            if done and done % g == 0:  # Eq. 1: j trailing zeros of the base-g number l - 1
                j = 0
                while done % g ** (j + 1) == 0:
                    j += 1
                state = node(j, done // g**j)
            state = cell_step(cell, weights, prefix, x_l, state)
            hidden.append(state)
        if official_tail and len(hidden) == 1 < len(x):  # fault B: the step is lost, the last root comes again
            roots.append(root[0])
            break
        groups = [hidden[k : k + g] for k in range(0, len(hidden), g)]
        level = [tree(group) for group in groups]
        level_1 += [entry[0] for entry in level]
        while len(level) > 1:
            groups = [level[k : k + g] for k in range(0, len(level), g)]
            level = [group[0] if len(group) == 1 else tree(group) for group in groups]
        root = level[0]
        if official_tail and len(hidden) % g == 0:
            root = faulty_root(node, tree, len(hidden), L, g, last=start + L >= len(x))
        roots.append(root[0])
    output = roots[0] if iterative else roots[-1]
    own, kept = [torch.ones_like(output)], []  # weights of each root, and of the output before it
    for following in roots[1:] if iterative else []:
        w = [weights.get(f"{prefix}.path.{name}") for name in ("w_in", "w_out")]
        w = [None if entry is None else entry[0] for entry in w]
        if shares is not None:
            S = attention([following, output], *w, kind=aggregation, released=released)
            own.append(S[:, :, 0].expand_as(output))
            kept.append(S[:, :, 1].expand_as(output))
        output = theta([following, output], *w, kind=aggregation, released=released)
    if shares is not None:
        shares += [math.prod(kept[n:], start=own[n]).mean(1) for n in range(len(own))]
    return output, level_1


def logits(weights, x, windows, *, output=True, **settings):
    """x (batch, time, inputs) -> (batch, outputs). windows: (L, g) of each layer; settings: layer's."""
    kind, released = settings.get("aggregation", "attention"), settings.get("released", False)
    sequence = [x[:, t] for t in range(x.shape[1])]
    outputs = []
    for k, (L, g) in enumerate(windows):
        o, sequence = layer(weights, f"layers.{k}", sequence, L, g, **settings)
        outputs.append(o)
    last = outputs[-1]
    if output and len(windows) > 1:
        mapped = [o @ weights[f"head.maps.{k}"] for k, o in enumerate(outputs)]
        w = [weights.get(f"head.theta.{name}") for name in ("w_in", "w_out")]
        w = [None if entry is None else entry[0] for entry in w]
        last = theta(mapped, *w, kind=kind, released=released, squash=False)
    return last @ weights["classifier.weight"].T + weights["classifier.bias"]


def loop(module, shape, **settings):
    windows = [(layer.window, layer.g) for layer in module.layers]
    return lambda weights, x: logits(weights, x, windows, **settings)


released = partial(loop, released=True, official_tail=True)

LOOPS = {"tp-rnn-s": loop, "tp-rnn-m": loop, "tp-rnn-s-released": released, "tp-rnn-m-released": released}
