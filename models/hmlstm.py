"""HM-LSTM: layers of LSTM that find the boundaries of segments, and change only at them.

For layer l of L, with z^0_t = 1:

    s = U_l^l h^l_{t-1} + z^l_{t-1} U_{l+1}^l h^{l+1}_{t-1} + z^{l-1}_t W_{l-1}^l h^{l-1}_t + b     in R^{4h+1}
    f, i, o = sigmoid(s_f, s_i, s_o);  g = tanh(s_g)
    z~^l_t = hardsigm(s_z) = max(0, min(1, (a s_z + 1) / 2));  z^l_t = 1[z~^l_t > 1/2]
    UPDATE  z^l_{t-1} = 0, z^{l-1}_t = 1    c^l_t = f c^l_{t-1} + i g;  h^l_t = o tanh(c^l_t)
    COPY    z^l_{t-1} = 0, z^{l-1}_t = 0    c^l_t = c^l_{t-1};          h^l_t = h^l_{t-1}
    FLUSH   z^l_{t-1} = 1                   c^l_t = i g;                h^l_t = o tanh(c^l_t)
    output  g^l_t = sigmoid(w^l [h^1_t; ..; h^L_t]);  h^e_t = ReLU(sum_l g^l_t W^e_l h^l_t)

The top layer has no boundary detector (z^L = 0) and no top-down input. The gradient goes straight through
the threshold. The paper does not say whether it also goes through the choice of the case:

    selection=where         no, as the two public ports that we know have it: z is a constant there, and reached through
                            what it switches of s alone; that of the compact layout's top layer switches nothing there,
                            so it does not learn
    selection=arithmetic    yes: c = z ig + (1 - z)(1 - zb) c + (1 - z) zb (f c + ig), with z = z^l_{t-1} and
                            zb = z^{l-1}_t; h likewise. The values are the same

The default is the one that learns characters better (reports/vitals.md): in 3,000 steps it had fewer bits for each on
the validation text in all of three seeds.

The slope a goes up linearly from 1 to `slope_end` over the training; the forward values do not depend on it.

Chung, Ahn, Bengio, Hierarchical multiscale recurrent neural networks, ICLR 2017, arXiv 1609.01704, with the
classifier on the average of h^e_t over time that the TP-RNN paper describes (on each h^e_t where per_step).

Weights for layers of h units, an embedding e as wide as the top layer, d inputs, C outputs:

    HM_LSTM                 (4h+1)(d+2h+1) + (4h+1)(3h+1) + 4h(2h+1) + 3 * 3h + 3h e + C(e+1)
                            314,013 for h = 100, d = 1, C = 10
    HM_LSTM_COMPACT_GATES   (4h+1)(d+2h) + 2 (4h+1) 3h + 3 * 3h + 3h e + C(e+1)
                            353,111, the number of TP-RNN's tables (353K)

The second is the layout of a public implementation, which the TP-RNN authors may have used: no biases, and a
top layer like the others, so with a boundary detector that flushes it, and with top-down weights that read
nothing, counted but dead.

Departures: no layer normalisation, as in the TP-RNN paper. Glorot-uniform weights and a forget bias of 1, the
classifier as torch's Linear: neither paper's text, as far as we have it, says how the weights start, and of the two
ports that we know one starts orthogonal, and of the other nothing is known. The
slope's end, 5, is recalled, unverified. The public layout's own sigmoid is the paper's hard one here.
"""

import math
from functools import cache, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .engine.native import hmlstm as hmlstm_native
from .engine.scan import Recurrence, State, scan
from .spec import FORGET_BIASES, ModelSpec, ScaleUse, Shape, spread

CITE = "Chung, Ahn, Bengio: Hierarchical multiscale recurrent neural networks, ICLR 2017, arXiv 1609.01704"
LAYERS = 3


class Layer(nn.Module):
    """The weights of one layer; rows f, i, o, g (h each) and z (one, where there is a detector)."""

    def __init__(
        self, below: int, width: int, above: int, *, detector: bool, reads_above: bool, forget_bias: float | None
    ) -> None:
        super().__init__()
        self.width, self.detector, self.reads_above = width, detector, reads_above
        rows = 4 * width + detector
        self.U = nn.Parameter(torch.empty(rows, width))  # U_l^l
        self.W = nn.Parameter(torch.empty(rows, below))  # W_{l-1}^l
        self.U_above = nn.Parameter(torch.empty(rows, above)) if above else None  # U_{l+1}^l
        limit = math.sqrt(6 / (width + below + above + rows))
        for weight in self.parameters():
            nn.init.uniform_(weight, -limit, limit)
        self.b = None if forget_bias is None else nn.Parameter(torch.zeros(rows))
        if self.b is not None:
            with torch.no_grad():
                self.b[:width] = forget_bias

    def folded(self, slope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """W, [U, U_above] and b, with (a s + 1) / 2 worked into the row of z: hardsigm is then a clamp."""
        U = torch.cat([self.U, self.U_above], dim=1) if self.reads_above else self.U
        b = U.new_zeros(len(U)) if self.b is None else self.b
        if not self.detector:
            return self.W, U, b
        scale = torch.cat([U.new_ones(4 * self.width), slope.view(1) / 2])
        return self.W * scale[:, None], U * scale[:, None], b * scale + F.pad(0 * scale[1:], (0, 1), value=1 / 2)


def threshold(s: Tensor) -> Tensor:
    """1[hardsigm > 1/2] of s = (a s_z + 1) / 2; its gradient is that of hardsigm."""
    soft = s.clamp(0, 1)
    value = soft.detach()
    return soft + (value.round() - value)  # exactly 0 or 1, as half rounds to 0


class HMLSTM(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    state: h^1 .. h^L, c^1 .. c^L (batch, units), z^1 .. of the layers with a detector (batch, 1).
    """

    def __init__(
        self,
        compact: bool,
        shape: Shape,
        width: float,
        *,
        slope_end: float = 5.0,
        forget_bias: float | None = None,  # 1 where there are biases
        selection: str = "where",
    ) -> None:
        super().__init__()
        if selection not in ("arithmetic", "where"):
            raise ValueError(f"selection is '{selection}'; choose one of arithmetic, where")
        if not slope_end >= 1:
            raise ValueError(f"slope_end is at least 1, where the slope starts, not {slope_end}")
        if compact and forget_bias is not None:
            raise ValueError("the compact layout has no biases, so no forget_bias")
        if not compact and forget_bias is None:
            forget_bias = 1.0
        self.per_step = shape.per_step
        self.selects = selection == "arithmetic"
        self.slope_end = slope_end
        # a tensor, as a captured training step reads it from its place
        self.register_buffer("slope", torch.ones(()), persistent=False)
        widths = spread(width, LAYERS)
        if widths[-1] < 1:
            raise ValueError(f"a width of {width} leaves a layer without units")
        self.layers = nn.ModuleList()
        for l, h in enumerate(widths):
            top = l == LAYERS - 1
            self.layers.append(
                Layer(
                    below=widths[l - 1] if l else shape.inputs,
                    width=h,
                    # the compact layout gives its top layer weights for the h of the first, read by nobody
                    above=widths[(l + 1) % LAYERS] if compact or not top else 0,
                    detector=compact or not top,
                    reads_above=not top,
                    forget_bias=forget_bias,
                )
            )
        self.gates = nn.Linear(sum(widths), LAYERS, bias=False)
        self.embedding = nn.Linear(sum(widths), widths[-1], bias=False)
        for linear in (self.gates, self.embedding):
            nn.init.xavier_uniform_(linear.weight)
        self.classifier = nn.Linear(widths[-1], shape.outputs)

    def set_progress(self, fraction: float) -> None:
        """Anneal the slope: this part of the training, in [0, 1], is done."""
        self.slope.fill_(1.0 + (self.slope_end - 1.0) * fraction)

    def initial_state(self, batch: int) -> State:
        like = self.gates.weight
        zeros = [like.new_zeros(batch, layer.width) for layer in self.layers]
        return *zeros, *zeros, *(like.new_zeros(batch, 1) for layer in self.layers if layer.detector)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        after, hs = self._run(x, "h", state)
        g = torch.sigmoid(self.gates(torch.cat(hs, dim=2))).split(1, dim=2)
        gated = torch.cat([g_l * h_l for g_l, h_l in zip(g, hs, strict=True)], dim=2)
        h_e = torch.relu(self.embedding(gated))  # (time, batch, e)
        answers = self.classifier(h_e.transpose(0, 1) if self.per_step else h_e.mean(0))
        return answers if state is None else (answers, after)

    @torch.no_grad()
    def boundaries(self, x: Tensor) -> Tensor:
        """z^l_t of the layers with a detector, (batch, time, layers) bool."""
        return torch.cat(self._run(x, "z")[1], dim=2).transpose(0, 1) > 0

    def scale_use(self, x: Tensor) -> ScaleUse:
        """Where the layers find boundaries: the layer above is updated there, and the layer begins anew after it."""
        labels = tuple(f"boundary of layer {l}" for l, layer in enumerate(self.layers, 1) if layer.detector)
        return ScaleUse(labels, self.boundaries(x).to(x.dtype), "share of sequences in which the layer ends a segment")

    def _run(self, x: Tensor, kept: str, state: State | None = None) -> tuple[State, State]:
        """The last state; h^1 .. h^L, or z^1 .. of the layers with a detector, at all steps, (time, batch, units)."""
        (W, *upper), U, b = zip(*(layer.folded(self.slope) for layer in self.layers), strict=True)
        kernels = [U[0], *(torch.cat(pair, dim=1) for pair in zip(U[1:], upper, strict=True))]
        shape = tuple((layer.width, layer.detector) for layer in self.layers)
        before = self.initial_state(x.shape[0]) if state is None else state
        return scan(hierarchy(shape, kept, self.selects), (W, *kernels, *b), before, (x.transpose(0, 1),))


def project(weights: State, x: Tensor) -> State:
    """W x + b of the first layer."""
    return (F.linear(x, weights[0], weights[1 + LAYERS]),)


def step(
    sizes: tuple[tuple[int, int], ...], kept: slice, selects: bool, weights: State, state: State, projected: Tensor
):
    """One step of all layers; state: h^1 .. h^L, c^1 .. c^L, z^1 .. of the layers with a detector."""
    h, c, z = state[:LAYERS], state[LAYERS : 2 * LAYERS], state[2 * LAYERS :]
    kernels, biases = weights[1 : 1 + LAYERS], weights[1 + LAYERS :]
    new_h, new_c, new_z = [], [], []
    for l, (width, detector) in enumerate(sizes):
        seen = [h[l]]
        if l < LAYERS - 1:
            seen.append(z[l] * h[l + 1])
        if l > 0:
            zb = new_z[-1]
            seen.append(zb * new_h[-1])
        s = torch.addmm(biases[l] if l else projected, torch.cat(seen, dim=1), kernels[l].t())
        fio, g, *s_z = s.split([3 * width, width] + [1] * detector, dim=1)
        f, i, o = torch.sigmoid(fio).chunk(3, dim=1)
        ig = i * torch.tanh(g)
        if s_z:
            z_l = z[l] if selects else z[l].detach()
        if l > 0 and not selects:
            zb = zb.detach()
        if l == 0:  # zb = 1: no COPY
            c_l = ig + f * ((1 - z_l) * c[l])
            h_l = o * torch.tanh(c_l)
        elif not s_z:  # z = 0: no FLUSH
            c_l = torch.lerp(c[l], f * c[l] + ig, zb)
            h_l = torch.lerp(h[l], o * torch.tanh(c_l), zb)
        else:
            stay = 1 - z_l
            copy = stay * (1 - zb)
            move = 1 - copy
            c_l = move * ig + (copy + (stay - copy) * f) * c[l]
            h_l = torch.lerp(h[l], o * torch.tanh(c_l), move)
        new_h.append(h_l)
        new_c.append(c_l)
        new_z += map(threshold, s_z)
    state = (*new_h, *new_c, *new_z)
    return state, state[kept]


def native(sizes: tuple[tuple[int, int], ...], kept: slice, selects: bool, weights: State, state: State, x: Tensor):
    (projected,) = project(weights, x)
    kernels, biases = [kernel.t() for kernel in weights[1 : 1 + LAYERS]], weights[2 + LAYERS :]
    every = hmlstm_native.HMLSTM.apply([width for width, _ in sizes], selects, projected, *kernels, *biases, *state)
    sequences = tuple(sequence for sequence in every[: 3 * LAYERS] if sequence is not None)
    return every[3 * LAYERS :], sequences[kept]


@cache
def hierarchy(sizes: tuple[tuple[int, int], ...], kept: str, selects: bool) -> Recurrence:
    """The recurrence of layers of (units, is there a detector), which of h and z it gives, how cases are chosen."""
    which = slice(0, LAYERS) if kept == "h" else slice(2 * LAYERS, None)
    return Recurrence(partial(step, sizes, which, selects), project, native=partial(native, sizes, which, selects))


START = "Glorot-uniform, classifier as torch's Linear: no source of the authors says how it starts"
CASES = ("selection", ("where", "arithmetic"))
_spec = partial(
    ModelSpec,
    paper_width=100,
    layers=LAYERS,
    cite=CITE,
    start=START,
    head="default",
    further=CASES,
    revision=2,  # 1: selection=arithmetic
)
HM_LSTM = _spec(
    "hm-lstm",
    "HM-LSTM",
    partial(HMLSTM, False),
    what="layers of LSTM that copy, update or flush at boundaries that they find",
    opening=FORGET_BIASES,
)
HM_LSTM_COMPACT_GATES = _spec(
    "hm-lstm-compact-gates",
    "HM-LSTM (compact gates)",
    partial(HMLSTM, True),
    what="HM-LSTM in the layout of a public port, which has TP-RNN's count, 353,111",
    source="https://github.com/n-s-f/hierarchical-rnn",
    licence="none",
)
