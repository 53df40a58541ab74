"""LSTM-S and LSTM-M, the plain baselines of TP-RNN's tables, on torch's own kernel.

    i, f, o = sigmoid(W x_t + U h_{t-1} + b);  g = tanh(W_g x_t + U_g h_{t-1} + b_g)
    c_t = f c_{t-1} + i g;  h_t = o tanh(c_t)

LSTM-S is one layer, its last h classified. LSTM-M is three layers; the h of each goes through
TP-RNN-M's output head (a bias-free map a layer, then the aggregation of the three).

Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9(8), 1997.

Departures: TP-RNN's paper does not say how LSTM-M joins its layers; this head is the reading
that gives its parameter counts. It does not say either how its baselines start, and its code has none of them: the
cells are Glorot-uniform, TensorFlow's default, the classifier is torch's, and so is the forget bias of 1 no more than
customary. That code's own classifier is `head=truncated`.
"""

from torch import Tensor, nn

from .engine.scan import State
from .parts import library
from .parts.cells import Classified
from .spec import FORGET_BIASES, ModelSpec, Shape, spread
from .tprnn import OutputAggregation

CITE = "Hochreiter, Schmidhuber: Long short-term memory, Neural Computation 9(8), 1997"


class LSTM(Classified):
    """One layer; shapes as Classified, state: h, c (batch, width)."""

    def __init__(self, shape: Shape, width: int, *, forget_bias: float = 1.0) -> None:
        super().__init__(library.LSTM(shape.inputs, width, forget_bias=forget_bias), shape, width)


class StackedLSTM(nn.Module):
    """Layers of LSTM, each of whose h reaches the classifier; shapes as LSTM, the state h, c of every layer."""

    def __init__(self, shape: Shape, width: float, *, layers: int = 3, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.per_step = shape.per_step
        widths = spread(width, layers)
        below = [shape.inputs, *widths[:-1]]
        self.rnns = nn.ModuleList(
            library.LSTM(d, h, forget_bias=forget_bias) for d, h in zip(below, widths, strict=True)
        )
        self.head = OutputAggregation(widths)
        self.classifier = nn.Linear(widths[-1], shape.outputs)

    def initial_state(self, batch: int) -> State:
        return tuple(zeros for rnn in self.rnns for zeros in rnn.initial_state(batch))

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        outputs, after = [], []
        for rnn, before in zip(self.rnns, library.of_layers(state, len(self.rnns)), strict=True):
            x, last = rnn(x, before)
            outputs.append(x if self.per_step else last[0])
            after += last
        answers = self.classifier(self.head(outputs))
        return answers if state is None else (answers, tuple(after))


START = "Glorot-uniform cells, classifier as torch's Linear: no source says how TP-RNN's baselines start"
LSTM_S = ModelSpec(
    "lstm-s",
    "LSTM-S",
    LSTM,
    paper_width=100,
    what="one layer of LSTM",
    cite=CITE,
    start=START,
    head="default",
    opening=FORGET_BIASES,
)
LSTM_M = ModelSpec(
    "lstm-m",
    "LSTM-M",
    StackedLSTM,
    paper_width=100,
    layers=3,
    what="three layers of LSTM, joined by TP-RNN-M's output head",
    cite=CITE,
    start=START,
    head="default",
    opening=FORGET_BIASES,
)
