"""GRU on torch's own kernel, the gated baseline of ASRNN's tables.

    r, z = sigmoid(W x_t + U h_{t-1} + b);  g = tanh(W_g x_t + r (U_g h_{t-1}) + b_g)
    h_t = z h_{t-1} + (1 - z) g

Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014.

Departures: the reset gate acts after the product (as cuDNN's), not before it; same count.
"""

from torch import Tensor, nn

from . import library
from .spec import ModelSpec, Shape


class GatedRecurrentNetwork(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.per_step = shape.per_step
        self.rnn = library.GRU(shape.inputs, width)
        self.classifier = nn.Linear(width, shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        h, last = self.rnn(x)
        return self.classifier(h if self.per_step else last[0])


GRU = ModelSpec(
    "gru",
    "GRU",
    GatedRecurrentNetwork,
    paper_width=129,  # recalled from ASRNN's Table 2, unverified
    cite="Cho et al.: Learning phrase representations using RNN encoder-decoder, EMNLP 2014",
)
