"""TP-RNN: a recurrent network whose states are aggregated in pyramids over time.

    h_l     = f(U x_l + W h_{l-1} + b), but every g steps h_{l-1} is the highest node just built   (Eq. 1)
    h_i^j   = theta(the g nodes of level j - 1 that belong to it)                                  (Eq. 2)
    o_n     = theta(root of window n + 1, o_{n-1})                                                 (Eq. 3)
    next layer's input: the nodes of level 1, in time                                              (Eq. 4)
    output  = theta(o of layer 1, ..., o of layer K), then a classifier                            (Eq. 6)

A window of L steps is one pyramid; its root drives the first step of the next window. theta is in
aggregation.py, one layer in pyramid.py.

Ma, Lin, Chen, Cottrell, Temporal Pyramid Recurrent Neural Network, AAAI 2020. Supplement and code:
github.com/qianlima-lab/TPRNN.

Departures, all of them the released code's: c is aggregated as well as h, with weights of its own;
the iterative path orders its nodes [root, o]; each layer's output goes through a map M_l and the
output aggregation has no tanh; the forget bias is 0.1. So is the start: Glorot-uniform cells, attention and
classifier N(0, 0.1^2) cut at two standard deviations, the classifier's bias 0.1. `tp-rnn-s` and `tp-rnn-m` follow
the paper elsewhere. `-released` also computes the attention weights without Eq. 8's transpose and has that
code's faults in an incomplete last window (`official_tail`): where it holds a multiple of g steps
its first pending node is dropped and its last used twice, and where it holds one step that step is
lost and the previous root is used again. Where L is no power of g, that code also uses the last
pending node of every other window twice. Our own choices: with `top_down` off a window starts from
a zero state, and inside it nodes still replace h; with `iterative` off a layer's output is its last
root; with `output` off the last layer's output is classified; L must be a multiple of g.
"""

from collections.abc import Sequence
from functools import partial
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from .parts.aggregation import OutputAggregation
from .parts.pyramid import Pyramid, windows
from .spec import FORGET_BIASES, ModelSpec, ScaleUse, Shape, carries, spread

CITE = "Ma, Lin, Chen, Cottrell: Temporal Pyramid Recurrent Neural Network, AAAI 2020"
SOURCE = "https://github.com/qianlima-lab/TPRNN"


class TPRNN(nn.Module):
    """x (batch, time, inputs) -> logits (batch, outputs). See the module's docstring for the options.

    window, granularity: one integer for each layer (or one for all), else by `windows`.
    """

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        layers: int = 1,
        cell: str = "lstm",
        aggregation: str = "attention",
        iterative: bool = True,
        top_down: bool = True,
        output: bool = True,
        window: Sequence[int] | int | None = None,
        granularity: Sequence[int] | int | None = None,
        forget_bias: float = 0.1,
        weights: str = "equation",
        official_tail: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers is {layers}, but must be 1 or more")
        if weights not in ("equation", "released"):
            raise ValueError(f"weights are '{weights}', but must be 'equation' or 'released'")
        released = weights == "released"
        widths = spread(width, layers)
        self.layers = nn.ModuleList(
            Pyramid(
                inputs,
                h,
                L,
                g,
                cell=cell,
                kind=aggregation,
                iterative=iterative,
                top_down=top_down,
                forget_bias=forget_bias,
                released=released,
                official_tail=official_tail,
            )
            for inputs, h, (L, g) in zip(
                [shape.inputs, *widths[:-1]], widths, _settled(shape, layers, window, granularity), strict=True
            )
        )
        self.head = OutputAggregation(widths, kind=aggregation, released=released) if output and layers > 1 else None
        self.classifier = nn.Linear(widths[-1], shape.outputs)

    def outputs(self, x: Tensor) -> list[Tensor]:
        """o of each layer, (batch, h) each, before the output maps."""
        sequence = x.transpose(0, 1)
        found = []
        for layer in self.layers:
            o, sequence = layer(sequence)
            found.append(o)
        return found

    def forward(self, x: Tensor) -> Tensor:
        outputs = self.outputs(x)
        return self.classifier(self.head(outputs) if self.head is not None else outputs[-1])

    @torch.no_grad()
    def scale_use(self, x: Tensor) -> ScaleUse | None:
        """The attention on the way to the answer, mean over units: how much of a window passes along the path of its
        layer (Eq. 3), for all steps of the window, and how much the answer takes of each layer's output (Eq. 6), for
        all steps. None without attention."""
        batch, time, _ = x.shape
        sequence, stride = x.transpose(0, 1), 1
        labels, found, outputs = [], [], []
        for k, layer in enumerate(self.layers, 1):
            roots, level_1 = layer.roots(sequence)
            weights = layer.path_weights(roots)
            steps = layer.window * stride
            if weights is not None and len(roots) > 1:  # else all of the one window is passed on
                # steps that the released code loses count to the last window
                window = (torch.arange(time, device=x.device) // steps).clamp(max=len(roots) - 1)
                labels.append(f"path of layer {k} ({steps} steps)")
                found.append(weights[window].t())
            outputs.append(layer.output(roots))
            sequence, stride = level_1, stride * layer.g
        of_layers = self.head.weights(outputs) if self.head is not None else None
        for k, weights in enumerate(() if of_layers is None else of_layers, 1):
            labels.append(f"answer from layer {k}")
            found.append(weights.unsqueeze(1).expand(batch, time))
        if not found:
            return None
        meaning = "attention weight, from 0 to 1, mean over units and sequences"
        return ScaleUse(tuple(labels), torch.stack(found, dim=2), meaning)


def _settled(
    shape: Shape, layers: int, window: Sequence[int] | int | None, granularity: Sequence[int] | int | None
) -> list[tuple[int, int]]:
    """(L, g) of each layer from options that may be missing, one number, or one a layer; of L and g alone, L = g^2."""
    rule = windows(shape.length, layers, getattr(shape, "windows", None))
    given = []
    for name, option in (("window", window), ("granularity", granularity)):
        values = [None] * layers if option is None else [option] * layers if isinstance(option, int) else list(option)
        if len(values) != layers:
            raise ValueError(f"{name} has {len(values)} numbers for {layers} layers")
        given.append(values)
    settled = []
    for (L, g), given_L, given_g in zip(rule, *given, strict=True):
        if given_g is not None:
            L, g = given_g * given_g, given_g
        elif given_L is not None and isqrt(max(0, given_L)) ** 2 == given_L:
            g = isqrt(given_L)
        settled.append((L if given_L is None else given_L, g))
    return settled


def _why_not(shape: Shape) -> str | None:
    if carries(shape):
        return "it aggregates windows of the whole sequence before it answers, so it cannot predict a text's next word"
    if shape.per_step:
        return "it reads a whole sequence before it answers, and this task wants an answer at every step"
    return None


def _spec(name: str, title: str, layers: int, what: str, **options: Any) -> ModelSpec:
    return ModelSpec(
        name,
        title,
        partial(TPRNN, layers=layers, **options),
        paper_width=100,
        layers=layers,
        why_not=_why_not,
        what=f"{'one layer' if layers == 1 else 'three layers'}, {what}",
        cite=CITE,
        source=SOURCE,
        start="Glorot-uniform cells, attention and classifier truncated N(0, 0.1^2): the authors' code",
        head="truncated",
        opening=("forget_bias", (0.1, *FORGET_BIASES[1])),
    )


EQUATIONS = "states aggregated in pyramids over time"
TP_RNN_S = _spec("tp-rnn-s", "TP-RNN-S", 1, EQUATIONS)
TP_RNN_M = _spec("tp-rnn-m", "TP-RNN-M", 3, EQUATIONS)
RELEASED = "the released code's arithmetic, which departs from Eq. 8"
_RELEASED = {"weights": "released", "official_tail": True}
TP_RNN_S_RELEASED = _spec("tp-rnn-s-released", "TP-RNN-S, released code", 1, RELEASED, **_RELEASED)
TP_RNN_M_RELEASED = _spec("tp-rnn-m-released", "TP-RNN-M, released code", 3, RELEASED, **_RELEASED)
