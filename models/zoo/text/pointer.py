"""Pointer sentinel LSTM: it answers with a word of its vocabulary, or with one that it has read not long ago.

    h_t of layers of LSTM;  q_t = tanh(W h_t + b)
    a = softmax(q_t h_j for the last `window` steps j <= t, q_t s), s the sentinel
    p(w) = sum_{j: w_j = w} a_j + a_s softmax(logits_t)_w, w_j the word that was read at j
    a training step adds to -log p(y_t) the mean of -log(sum_{j: w_j = y_t} a_j + a_s)

The answers are log p. As p sums to 1, the cross-entropy of log p taken for logits is -log p(y_t), so a trainer need not
know. The window spans pieces of a text: its states and words are carried.

Merity, Xiong, Bradbury, Socher: Pointer sentinel mixture models, ICLR 2017.

No code of the authors is known. Weights start as in the port MGSong/Pointer-Sentinel-Mixture-Model: W and s
U(-0.1, 0.1), b zero, the LSTM as torch's LSTMCell.

Departures: logits_t are linear in C h_t + d, as the task's softmax reads as many numbers as its embedding has. No
dropout. Training goes back through one piece, as of every model of a text: no error goes to states of those before. The
port has one layer, of a second bias, the piece as its window, and a sentinel that is not trained (`released=True`).
Outside of a text (`bench check`) it is the LSTM with its linear map alone.
"""

import math

import torch
from torch import Tensor, nn

from ...engine.scan import State
from ...parts import library
from ...parts.stack import Stack
from ...spec import ModelSpec, Shape
from . import words as text


class PointerLSTM(Stack):
    """As Stack; told words, log p (batch, time, vocabulary). State: h, c of each layer and the window's."""

    reads_words = True
    penalised = "targets"

    def __init__(
        self, shape: Shape, width: float, *, layers: int = 2, window: int = 100, released: bool = False
    ) -> None:
        super().__init__(shape, width, layers, lambda d, h, place: library.LSTM(d, h))
        self.of_text, units = text.reads(shape), self.classifier.in_features
        self.window = text.Window(window, units)
        self.query = nn.Linear(units, units)
        self.sentinel = nn.Parameter(torch.empty(units), requires_grad=not released)
        for rnn in self.rnns:
            limit = 1 / math.sqrt(rnn.hidden_size)
            for weight in (rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0):
                nn.init.uniform_(weight, -limit, limit)
        nn.init.zeros_(self.query.bias)
        for weight in (self.query.weight, self.sentinel):
            nn.init.uniform_(weight, -0.1, 0.1)

    def initial_state(self, batch: int) -> State:
        return *super().initial_state(batch), *self.window.empty(batch, self.sentinel)

    def pointed(self, h: Tensor, keys: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """log a of the pairs (batch, time, K), and of the sentinel (batch, time, 1)."""
        q = torch.tanh(self.query(h))
        scores = (q @ keys.transpose(1, 2)).masked_fill(~self.window.seen(words, h.shape[1]), -math.inf)
        sentinel = (q @ self.sentinel).unsqueeze(2)
        log_a = torch.log_softmax(torch.cat([scores, sentinel], dim=2), dim=2)
        return log_a[..., :-1], log_a[..., -1:]

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        *,
        words: Tensor | None = None,
        logits: text.Logits | None = None,
        penalty: Tensor | None = None,
    ) -> Tensor | tuple[Tensor | State, ...]:
        text.check_told(self.of_text, words)
        before = self.initial_state(len(x)) if state is None else state
        h, after = self.read(x, before[:-2])
        answers, carried, loss = self.classifier(h if self.per_step else h[:, -1]), before[-2:], h.new_zeros(())
        if words is not None:
            pairs = self.window.joined(carried, h, (words + 1).to(h))
            carried = self.window.last(pairs)
            log_a, log_s = self.pointed(h, *pairs)
            said = logits(answers)
            shares = text.of_words(log_a.exp(), pairs[1], said)
            answers = text.mixed(said, log_s, shares, pairs[1])
            if penalty is not None:
                of_target = text.log(shares.gather(2, penalty.unsqueeze(2)))
                loss = -torch.logaddexp(of_target, log_s).mean()
        more = [] if state is None else [(*after, *carried)]
        more += [] if penalty is None else [loss]
        return (answers, *more) if more else answers


POINTER_LSTM = ModelSpec(
    "pointer-lstm",
    "Pointer sentinel LSTM",
    PointerLSTM,
    paper_width=650,
    layers=2,
    why_not=text.why_not,
    what="two layers of LSTM that answer with a word of the vocabulary or point to one of the last hundred words",
    cite="Merity, Xiong, Bradbury, Socher: Pointer sentinel mixture models, ICLR 2017",
    source="https://github.com/MGSong/Pointer-Sentinel-Mixture-Model",
    licence="none",
    start="query map and sentinel U(-0.1, 0.1), LSTM as torch's LSTMCell: a port; classifier as torch's Linear",
    head="default",
    further=("window", (100, 20)),
)
