"""Whole recurrences in native code on a CPU: the .cpp files here, built on first use, called through ctypes.

The compiled file lies in the user's cache folder under a name that changes with the source, the
compiler and the processor. Where it cannot be built, `library()` is None and `why_not()` says why;
the eager loop then does the same, more slowly.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SOURCES = sorted(Path(__file__).parent.glob("*.cpp"))
HEADERS = sorted(Path(__file__).parent.glob("*.h"))
FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-funroll-loops"]
FLAGS += ["-fopenmp-simd"]  # sums in vectors where the source says so; no threads
KINDS = {torch.float32: "float", torch.float64: "double"}


def compiler() -> str | None:
    """The C++ compiler: $CXX, g++ or clang++."""
    return next(filter(None, map(shutil.which, filter(None, (os.environ.get("CXX"), "g++", "clang++")))), None)


@cache
def built() -> tuple[Path | None, str]:
    """The compiled kernels, or None and the reason; compiles them where they are not there yet."""
    cxx = compiler()
    if cxx is None:
        return None, "there is no C++ compiler (g++, clang++ or $CXX)"
    version = subprocess.run([cxx, "--version"], capture_output=True, text=True).stdout
    texts = [file.read_text(encoding="utf-8") for file in SOURCES + HEADERS]
    made_of = [*texts, version, *FLAGS, _processor()]
    name = f"kernels-{hashlib.sha256(chr(0).join(made_of).encode()).hexdigest()[:16]}.so"
    for folder in (_cache_folder(), Path(tempfile.gettempdir()) / f"multiscale-rnn-bench-{os.getuid()}"):
        path = folder / name
        if path.exists():
            return path, ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                fresh = Path(scratch) / name
                command = [cxx, *FLAGS, "-std=c++17", "-shared", "-fPIC", "-o", str(fresh), *map(str, SOURCES)]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    return None, f"{cxx} cannot build the kernels: {done.stderr.strip()[:300]}"
                os.replace(fresh, path)  # whole or not at all, whoever else builds it
            return path, ""
        except OSError:
            continue  # this folder cannot be written
    return None, "no folder for the compiled kernels can be written"


@cache
def library() -> ctypes.CDLL | None:
    """The kernels, or None."""
    path, _ = built()
    return None if path is None else ctypes.CDLL(str(path))


def why_not() -> str:
    """Why there are no kernels, or an empty string."""
    return built()[1]


def serves(*tensors: Tensor) -> bool:
    """Can the kernels take these?"""
    return all(t.device.type == "cpu" and t.dtype in KINDS for t in tensors) and library() is not None


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "multiscale-rnn-bench"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def _call(name: str, kind: torch.dtype, *arguments: Tensor | int | None) -> None:
    values = [
        ctypes.c_void_p(a.data_ptr() if isinstance(a, Tensor) else None) if not isinstance(a, int) else a
        for a in arguments
    ]
    getattr(library(), f"{name}_{KINDS[kind]}")(*values)


NO_SCALES = (0, 0, 0, None, None, None, None, None, None, None)


class LSTM(torch.autograd.Function):
    """(W x + b (time, batch, 4 h), U (4 h, h), h_0, c_0 (batch, h)) -> h, c of every step (time, batch, h)."""

    @staticmethod
    def forward(ctx, projected, U, h0, c0):
        steps, batch, _ = projected.shape
        h = U.shape[1]
        gates, U, h0, c0 = projected.clone(memory_format=torch.contiguous_format), *_dense(U, h0, c0)
        hs, cs, squashed = (projected.new_empty(steps, batch, h) for _ in range(3))
        _call("lstm_forward", gates.dtype, steps, batch, h, gates, U, h0, c0, hs, cs, squashed, *NO_SCALES)
        ctx.save_for_backward(gates, U, h0, c0, hs, cs, squashed)
        return hs, cs

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, d_cs):
        gates, U, h0, c0, hs, cs, squashed = _taken(ctx)
        steps, batch, h = hs.shape
        d_hs, d_cs = _dense(d_hs, d_cs)
        d_h, d_c = torch.zeros_like(h0), torch.zeros_like(c0)
        given = (gates, U, c0, cs, squashed, d_hs, d_cs, d_h, d_c, None, None)
        _call("lstm_backward", gates.dtype, steps, batch, h, *given, *NO_SCALES)
        return gates, _over_time(gates, hs, h0), d_h, d_c


class GRU(torch.autograd.Function):
    """(W x + b (time, batch, 3 h), U (3 h, h), h_0 (batch, h)) -> h of every step; reset before the product."""

    @staticmethod
    def forward(ctx, projected, U, h0):
        steps, batch, _ = projected.shape
        h = U.shape[1]
        gates, U, h0 = projected.clone(memory_format=torch.contiguous_format), *_dense(U, h0)
        hs, reset = (projected.new_empty(steps, batch, h) for _ in range(2))
        _call("gru_forward", gates.dtype, steps, batch, h, gates, U, h0, hs, reset, *NO_SCALES)
        ctx.save_for_backward(gates, U, h0, hs, reset)
        return hs

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs):
        gates, U, h0, hs, reset = _taken(ctx)
        d_h = torch.zeros_like(h0)
        given = (gates, U, h0, hs, *_dense(d_hs), d_h, None, None)
        _call("gru_backward", gates.dtype, *hs.shape, *given, *NO_SCALES)
        return gates, _gru_weights(gates, hs, h0, reset), d_h


class Tanh(torch.autograd.Function):
    """(W x + b (time, batch, h), U (h, h), h_0 (batch, h), due) -> h of every step.

    due: int32 (time,), how many units, the first ones, change at each step; or None for all. The
    rows of U of a unit are read only where it is due.
    """

    @staticmethod
    def forward(ctx, projected, U, h0, due):
        projected, U, h0 = _dense(projected, U, h0)
        hs = torch.empty_like(projected)
        _call("tanh_forward", hs.dtype, *hs.shape, projected, U, h0, due, hs)
        ctx.save_for_backward(U, h0, hs)
        ctx.due = due
        return hs

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs):
        U, h0, hs = ctx.saved_tensors
        d_projected, d_h = torch.empty_like(hs), torch.zeros_like(h0)
        _call("tanh_backward", hs.dtype, *hs.shape, U, ctx.due, hs, *_dense(d_hs), d_h, d_projected)
        return d_projected, _over_time(d_projected, hs, h0), d_h, None


class Scaled(torch.autograd.Function):
    """The adaptive-scale cells: (z (time, batch, J), X (time, batch, J, d), W_z (J, h), W (G h, d), b (G h),
    U (G h, h), hard, state) -> (h of every step, y (time, batch, J)); G = 4 for an LSTM's state (h, c), else 3.
    """

    @staticmethod
    def forward(ctx, z, X, W_z, W, b, U, hard, h0, *c0):
        z, X, W_z, W, b, U, h0, *c0 = _dense(z, X, W_z, W, b, U, h0, *c0)
        steps, batch, J, d = X.shape
        h = U.shape[1]
        gates = z.new_empty(steps, batch, len(U))
        y, mixed = torch.empty_like(z), z.new_empty(steps, batch, d)
        scales = (J, d, int(hard), z, X, W_z, W, b, y, mixed)
        extra = [z.new_empty(steps, batch, h) for _ in range(2 if c0 else 1)]  # c and tanh c, or r h
        hs = z.new_empty(steps, batch, h)
        name = "lstm_forward" if c0 else "gru_forward"
        _call(name, z.dtype, steps, batch, h, gates, U, h0, *c0, hs, *extra, *scales)
        ctx.save_for_backward(gates, hs, y, mixed, z, X, W_z, W, b, U, h0, *c0, *extra)
        ctx.hard = hard
        ctx.mark_non_differentiable(y)
        return hs, y

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, _):
        gates, hs, y, mixed, z, X, W_z, W, b, U, h0, *rest = _taken(ctx)
        steps, batch, J, d = X.shape
        d_h, d_z, d_mixed = torch.zeros_like(h0), torch.empty_like(z), torch.empty_like(mixed)
        sizes = (steps, batch, hs.shape[2])
        scales = (J, d, int(ctx.hard), z, X, W_z, W, b, y, mixed)
        (d_hs,) = _dense(d_hs)
        if len(rest) == 3:
            c0, cs, squashed = rest
            d_c = [torch.zeros_like(c0)]
            given = (gates, U, c0, cs, squashed, d_hs, torch.zeros_like(cs), d_h, *d_c, d_z, d_mixed)
            _call("lstm_backward", gates.dtype, *sizes, *given, *scales)
            d_U = _over_time(gates, hs, h0)
        else:
            d_c = []
            _call("gru_backward", gates.dtype, *sizes, gates, U, h0, hs, d_hs, d_h, d_z, d_mixed, *scales)
            d_U = _gru_weights(gates, hs, h0, rest[0])
        flat = gates.flatten(0, 1)
        d_X = y.unsqueeze(3) * d_mixed.unsqueeze(2) if ctx.needs_input_grad[1] else None
        d_W = flat.t() @ mixed.flatten(0, 1)
        return d_z, d_X, _over_time(d_z, hs, h0), d_W, flat.sum(0), d_U, None, d_h, *d_c


def _dense(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().contiguous() for tensor in tensors]


def _taken(ctx) -> tuple[Tensor, ...]:
    """The saved tensors, once: the kernels turn the gates into their gradients in place."""
    if getattr(ctx, "spent", False):
        raise RuntimeError("a native recurrence can go back through time once; compute the forward pass again")
    ctx.spent = True
    return ctx.saved_tensors


def _over_time(gradient: Tensor, hs: Tensor, h0: Tensor) -> Tensor:
    """sum_t gradient_t^T h_{t-1}: (time, batch, n), (time, batch, h) -> (n, h)."""
    total = gradient[0].t() @ h0
    if len(hs) > 1:
        total.addmm_(gradient[1:].flatten(0, 1).t(), hs[:-1].flatten(0, 1))
    return total


def _gru_weights(gates: Tensor, hs: Tensor, h0: Tensor, reset: Tensor) -> Tensor:
    """The gradient of U: r and z read h_{t-1}, the candidate reads r h_{t-1}."""
    h = hs.shape[2]
    flat = gates.flatten(0, 1)
    for_gates = _over_time(gates[:, :, : 2 * h], hs, h0)
    return torch.cat([for_gates, flat[:, 2 * h :].t() @ reset.flatten(0, 1)])
