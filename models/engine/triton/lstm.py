"""LSTMs on a GPU, one launch forward and one back for all steps: autograd functions over triton_*ward.py.

R independent replicas ride along on the first axis. A program takes 8 or 16 sequences of one replica through all
steps and waits for no other program or the host, so CUDA graphs can hold the launches (but not a kernel's first
launch, which compiles it). Where the recurrent weights are, by h:

    h <= 64    on the chip for all steps, in shared memory, each as the two numbers of a precise product: 128 KiB at 64
    above      in L2, from where each step reads them again in blocks: at 128 they would take 512 KiB, without the
               split 256, and a program has 227. h_t goes from one step to the next through the output.

h is padded to a power of two up to 128, then to a multiple of 64. A product is three of tf32, as one alone has 10
bits and is not the eager loop's number. The weights' gradients are one batched product each, after the kernel.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

PRECISION = {torch.float32: "tf32x3", torch.float64: "ieee"}
PROGRAMS = 132  # multiprocessors of an H100 or H200; a program takes most of one
ROOMY = (9, 10)  # compute capabilities with 227 KiB of shared memory for a program
KEPT = 64  # the largest h whose weights stay on the chip
MAX_SCALES, MAX_INPUTS = 16, 64


@cache
def loaded() -> tuple[dict[str, Any], str]:
    """The kernels by name, or none and the reason; triton is imported here first."""
    try:
        from . import backward as triton_backward
        from . import forward as triton_forward
    except ImportError as error:
        return {}, f"triton is missing: {error}"
    return {"forward": triton_forward.forward, "backward": triton_backward.backward}, ""


def why_not() -> str:
    """Why there are no kernels, or an empty string."""
    if not torch.cuda.is_available():
        return "there is no CUDA device"
    if torch.version.hip is not None or torch.cuda.get_device_capability()[0] not in ROOMY:
        return "the kernels take up to 227 KiB of shared memory, as sm_90 and sm_100 have it"
    return loaded()[1]


def serves(*tensors: Tensor) -> bool:
    """Can the kernels take these?"""
    return all(t.is_cuda and t.dtype == torch.float32 for t in tensors) and not why_not()


def lstm(projected: Tensor, U: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, Tensor]:
    """h and c of every step, each (R, time, batch, h).

    projected: W x + b (R, time, batch, 4 h), gates in the order i, f, g, o; U (R, 4 h, h); h0, c0 (R, batch, h).
    """
    return LSTM.apply(projected, U, h0, c0, _is_differentiated(projected, U, h0, c0))


def scaled_lstm(
    z: Tensor, X: Tensor, W_z: Tensor, W: Tensor, b: Tensor, U: Tensor, hard: bool, h0: Tensor, c0: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The adaptive-scale cell (asrnn.py): h, c of every step (R, time, batch, h); y (R, time, batch, J), a constant.

    z (R, time, batch, J), X (R, time, batch, J, d), W_z (R, J, h), W (R, 4 h, d), b (R, 4 h), U (R, 4 h, h),
    h0, c0 (R, batch, h). hard: y is one-hot, and nothing can be differentiated.
    """
    needed = _is_differentiated(z, X, W_z, W, b, U, h0, c0)
    if hard and needed:
        raise ValueError("a hard choice of scales has no gradient; compute it under torch.no_grad()")
    return ScaledLSTM.apply(z, X, W_z, W, b, U, hard, h0, c0, needed)


class LSTM(torch.autograd.Function):
    """`lstm`; needed: keep what the way back takes."""

    @staticmethod
    def forward(ctx, projected, U, h0, c0, needed):
        ctx.set_materialize_grads(False)
        projected, U = _dense(projected, U)
        gates, hs, cs = _run_forward(projected, U, h0, c0, needed)
        ctx.save_for_backward(U, gates, hs, cs)
        return hs[:, 1:], cs[:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, d_cs):
        if d_hs is None and d_cs is None:
            return (None,) * 5
        U, gates, hs, cs = ctx.saved_tensors
        d_gates, d_h0, d_c0 = _run_backward(d_hs, d_cs, U, gates, cs)
        d_U = _over_time(d_gates, hs[:, :-1]) if ctx.needs_input_grad[1] else None
        return d_gates, d_U, d_h0, d_c0, None


class ScaledLSTM(torch.autograd.Function):
    """`scaled_lstm`; needed: keep what the way back takes."""

    @staticmethod
    def forward(ctx, z, X, W_z, W, b, U, hard, h0, c0, needed):
        ctx.set_materialize_grads(False)
        z, X, W_z, W, b, U = _dense(z, X, W_z, W, b, U)
        y, mixed = torch.empty_like(z), X.new_empty(*X.shape[:3], X.shape[4])
        gates, hs, cs = _run_forward(None, U, h0, c0, needed, (z, X, W_z, W, b, y, mixed), hard)
        ctx.save_for_backward(U, gates, hs, cs, X, W_z, W, y, mixed)
        ctx.mark_non_differentiable(y)
        return hs[:, 1:], cs[:, 1:], y

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, d_cs, _):
        if d_hs is None and d_cs is None:
            return (None,) * 10
        U, gates, hs, cs, X, W_z, W, y, mixed = ctx.saved_tensors
        d_gates, d_h0, d_c0, d_z, d_mixed = _run_backward(d_hs, d_cs, U, gates, cs, (X, y, W_z, W))
        d_X = y.unsqueeze(4) * d_mixed.unsqueeze(3) if ctx.needs_input_grad[1] else None
        d_W_z, d_U = _over_time(d_z, hs[:, :-1]), _over_time(d_gates, hs[:, :-1])
        return d_z, d_X, d_W_z, _over_time(d_gates, mixed), d_gates.sum((1, 2)), d_U, None, d_h0, d_c0, None


def _run_forward(
    projected: Tensor | None,
    U: Tensor,
    h0: Tensor,
    c0: Tensor,
    needed: bool,
    scales: Sequence[Tensor] | None = None,
    hard: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """gates (R, time, batch, 4 h), empty where they are not needed; h and c, each (R, time + 1, batch, h)."""
    R, batch, h = h0.shape
    steps = (scales[0] if projected is None else projected).shape[1]
    hs, cs = (U.new_empty(R, steps + 1, batch, h) for _ in range(2))
    hs[:, 0], cs[:, 0] = h0, c0
    gates = U.new_empty(R, steps, batch, 4 * h) if needed else U.new_empty(0)
    P, unread = blocks(h)["P"], U  # what is not read is still a pointer
    own, J, d, constants = [unread] * 7, 1, 1, {"JP": 0, "DP": 16}
    if scales:
        z, X, W_z, W, b, y, mixed = scales
        J, d = X.shape[3:]
        constants = _scale_blocks(J, d)
        W_z, W = _padded(W_z, constants["JP"], P), _padded(_by_gate(W), P, constants["DP"])
        own = [z, X, W_z, W, _padded(b.unflatten(1, (4, h)), 4, P), y, mixed]
    arrays = (unread if projected is None else projected, _padded(_by_gate(U), P, P), gates, hs, cs, *own)
    _launch("forward", (*arrays, steps, batch, h, J, d), R, batch, h, SAVE=needed, HARD=hard, **constants)
    return gates, hs, cs


def _run_backward(
    d_hs: Tensor | None,
    d_cs: Tensor | None,
    U: Tensor,
    gates: Tensor,
    cs: Tensor,
    scales: Sequence[Tensor] | None = None,
) -> tuple[Tensor, ...]:
    """The gradients of the gates before the squashing, of h0 and of c0; then of z and x~ where there are scales."""
    R, steps, batch, _ = gates.shape
    h = U.shape[2]
    d_gates, d_h0, d_c0 = torch.empty_like(gates), *(U.new_zeros(R, batch, h) for _ in range(2))
    P, unread = blocks(h)["P"], U
    own, J, d, constants = [unread] * 6, 1, 1, {"JP": 0, "DP": 16}
    made: tuple[Tensor, ...] = ()
    if scales:
        X, y, W_z, W = scales
        J, d = X.shape[3:]
        constants = _scale_blocks(J, d)
        made = torch.empty_like(y), X.new_empty(*X.shape[:3], d)
        V_x = _padded(_by_gate(W).transpose(2, 3), constants["DP"], P)
        own = [X, y, _padded(W_z, constants["JP"], P), V_x, *made]
    given = [unread if gradient is None else gradient.contiguous() for gradient in (d_hs, d_cs)]
    arrays = (*given, _padded(_by_gate(U).transpose(2, 3), P, P), gates, cs, d_gates, d_h0, d_c0, *own)
    constants |= {"HAS_H": d_hs is not None, "HAS_C": d_cs is not None}
    _launch("backward", (*arrays, steps, batch, h, J, d), R, batch, h, **constants)
    return d_gates, d_h0, d_c0, *made


def _launch(name: str, arguments: tuple[Tensor | int, ...], R: int, batch: int, h: int, **constants) -> None:
    kernels, reason = loaded()
    if reason:
        raise RuntimeError(reason)
    B = sequences(R, batch)
    first = arguments[0]
    with torch.cuda.device_of(first):
        kernel = kernels[name][(-(-batch // B), R)]
        kernel(*arguments, B=B, PRECISION=PRECISION[first.dtype], **constants, **blocks(h))


def sequences(R: int, batch: int) -> int:
    """How many of a replica's sequences one program takes: 16 where 8 would need more programs than run at once."""
    return 8 if R * -(-batch // 8) <= PROGRAMS else 16


def blocks(h: int) -> dict[str, int | bool]:
    """How the kernels split h units, with how many warps, and how far ahead they load."""
    if h <= KEPT:
        P = max(16, 1 << (h - 1).bit_length())
        return {"P": P, "N": P, "K": P, "KEPT": True, "num_warps": 4, "num_stages": 1}
    N = 128 if h <= 128 else 64  # one block while it can be
    return {"P": -(-h // N) * N, "N": N, "K": 32, "KEPT": False, "num_warps": N // 16, "num_stages": 3}


def _scale_blocks(J: int, d: int) -> dict[str, int]:
    """J and d padded; nothing smaller than 16 is a term of a product."""
    if J > MAX_SCALES or d > MAX_INPUTS:
        raise ValueError(f"at most {MAX_SCALES} scales of {MAX_INPUTS} inputs, not {J} of {d}")
    return {"JP": 1 << (J - 1).bit_length(), "DP": max(16, 1 << (d - 1).bit_length())}


def _is_differentiated(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _dense(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().contiguous() for tensor in tensors]


def _by_gate(W: Tensor) -> Tensor:
    """(R, 4 h, n) -> (R, 4, h, n)."""
    return W.unflatten(1, (4, -1))


def _padded(W: Tensor, rows: int, columns: int) -> Tensor:
    """(..., m, n) -> (..., rows, columns), with zeros."""
    return F.pad(W, (0, columns - W.shape[-1], 0, rows - W.shape[-2])).contiguous()


def _over_time(gradient: Tensor, given: Tensor) -> Tensor:
    """The sum over time and batch of gradient^T given: (R, time, batch, m), (R, time, batch, n) -> (R, m, n)."""
    return gradient.flatten(1, 2).transpose(1, 2) @ given.flatten(1, 2)
