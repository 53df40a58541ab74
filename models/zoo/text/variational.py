"""Zoneout + Variational LSTM: two layers of which entries are dropped for a sequence, and others stay for a step.

    g, f, i, o = tanh, sigmoid, sigmoid, sigmoid (W (z_x x_t) + U (z_h h_{t-1}) + b);  c~, h~, c_t, h_t as in Zoneout
    x_t of the second layer is h_t of the first; the answer is linear in z_y h_T
    each entry of z_x, z_h and z_y 0 with probability `dropout`, `recurrent` and `dropout`, else 1 over the probability
    of the others: drawn once a sequence, for each layer apart; in evaluation 1

Gal, Ghahramani: A theoretically grounded application of dropout in recurrent neural networks, NIPS 2016; Krueger et
al.: Zoneout: Regularizing RNNs by randomly preserving hidden activations, ICLR 2017. Put together as a row of Merity,
Xiong, Bradbury, Socher: Pointer sentinel mixture models, ICLR 2017, of which there is no public code: how the two meet
is our reading.

In a text a sequence is the piece that is read at once, as in Gal's code: masks are drawn anew with each, and the state
goes on. Weights and biases start U(-0.05, 0.05), as Zaremba's LSTM of this size, from which Gal's code sets out.

Departures: that row's shares are not known to us. `dropout` and `recurrent` are those of Gal's code, for larger layers;
z_c and z_h those of Zoneout's code for words. One mask serves all four gates, which Gal's paper calls tied; his code
has one a gate. It also drops whole words of the embedding, which here is the task's. The width for the budget "paper"
is Zaremba's medium one.
"""

from torch import Tensor, nn

from ...engine.replicas import uniform
from ...engine.scan import State
from ...parts.stack import Stack, check_dropout, dropped
from ...spec import ModelSpec, Shape
from ..gated.zoneout import Zoneout


class Layer(Zoneout):
    """As Zoneout, and z_h."""

    def __init__(self, inputs: int, width: int, z_c: float, z_h: float, recurrent: float) -> None:
        super().__init__(inputs, width, z_c, z_h, "orthogonal", 0.0, False)
        self.recurrent = recurrent
        for weight in (self.weight_x, self.weight_h, self.bias):
            nn.init.uniform_(weight, -0.05, 0.05)

    def read(self, batch: int) -> State:
        if not (self.training and self.recurrent):
            return ()
        kept = uniform(self.bias.new_empty(batch, self.weight_h.shape[1])) >= self.recurrent
        return (kept.to(self.bias) / (1 - self.recurrent),)


class VariationalLSTM(Stack):
    """As Stack; state: h, c of each layer."""

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        layers: int = 2,
        dropout: float = 0.5,
        recurrent: float = 0.3,
        z_c: float = 0.5,
        z_h: float = 0.05,
    ) -> None:
        for name, share in (("dropout", dropout), ("recurrent", recurrent), ("z_c", z_c), ("z_h", z_h)):
            check_dropout(share, name)
        super().__init__(shape, width, layers, lambda d, h, place: Layer(d, h, z_c, z_h, recurrent))
        self.dropout = dropout

    def between(self, h: Tensor) -> Tensor:
        return dropped(h, self.dropout if self.training else 0.0)

    def read(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        return super().read(self.between(x), state)


VARIATIONAL_LSTM = ModelSpec(
    "variational-lstm",
    "Zoneout + Variational LSTM",
    VariationalLSTM,
    paper_width=650,
    layers=2,
    what="two layers of LSTM of which, in training, entries are dropped for a sequence and others stay for a step",
    cite="Gal, Ghahramani: A theoretically grounded application of dropout in recurrent neural networks, NIPS 2016; "
    "Krueger et al.: Zoneout: Regularizing RNNs by randomly preserving hidden activations, ICLR 2017; "
    "Merity, Xiong, Bradbury, Socher: Pointer sentinel mixture models, ICLR 2017",
    source="https://github.com/yaringal/BayesianRNN",
    licence="MIT",
    start="cells U(-0.05, 0.05), biases too, as Zaremba's medium LSTM; classifier as torch's Linear",
    head="default",
    further=("dropout", (0.5, 0.2)),
)
