"""GRU on torch's own kernel, the gated baseline of ASRNN's tables.

    r, z = sigmoid(W x_t + U h_{t-1} + b);  g = tanh(W_g x_t + r (U_g h_{t-1}) + b_g)
    h_t = z h_{t-1} + (1 - z) g

Cho et al., Learning phrase representations using RNN encoder-decoder for statistical machine translation, EMNLP 2014.

All weights start Glorot-uniform, as ASRNN's paper says of its models, and biases at zero.

Departures: the reset gate acts after the product (as cuDNN's), not before it; same count.
"""

from .parts import library
from .parts.cells import Classified
from .spec import ModelSpec, Shape


class GatedRecurrentNetwork(Classified):
    """One layer; shapes as Classified, state: h (batch, width)."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__(library.GRU(shape.inputs, width), shape, width)


GRU = ModelSpec(
    "gru",
    "GRU",
    GatedRecurrentNetwork,
    paper_width=129,  # recalled from ASRNN's Table 2, unverified
    what="one layer of GRU",
    cite="Cho et al.: Learning phrase representations using RNN encoder-decoder for statistical machine translation, "
    "EMNLP 2014",
    start="Glorot-uniform, classifier included: ASRNN's paper, of whose tables this is a row",
    head="glorot",
    revision=2,  # 1: the classifier started as torch's Linear
)
