"""Neural cache: a trained LSTM that in evaluation also says again the words that followed states like its own.

    h_t, logits_t of a layer of LSTM;  in training p = softmax(logits_t)
    in evaluation p(w) = lam p_cache(w) + (1 - lam) softmax(logits_t)_w
    p_cache(w) ~ sum over j: w_{j+1} = w of exp(theta h_t h_j), of the last `window` pairs (h_j, w_{j+1}), j < t

The answers in evaluation are log p. As p sums to 1, their cross-entropy as logits is -log p: no trainer need know. The
memory spans pieces of a text, is carried, and is empty where a text, or a stream of it, begins; there p is the
softmax's. Nothing of it is trained: with the same seed the training is that of LSTM-S.

Grave, Joulin, Usunier: Improving neural language models with a continuous cache, ICLR 2017.

theta and lam are the defaults of salesforce/awd-lstm-lm, as we do not know the paper's; `window` is the larger one of
its table, which a stream of a short text does not fill. Weights start as LSTM-S's. The width for the budget "paper" is
the paper's, from memory.

Departures: logits_t are linear in C h_t + d, as the task's softmax reads as many numbers as its embedding has. That
code uses its cache once there are more pairs than `window`, and of pieces before keeps so many, so never at the first
word of a piece: `released=True`, which is exact in the pieces it is given alone. Outside of a text (`bench check`) it
is the LSTM with its linear map alone.
"""

import torch
from torch import Tensor

from ...engine.scan import State
from ...parts import cells, library
from ...spec import FORGET_BIASES, ModelSpec, Shape
from . import words as text


class CacheLSTM(cells.Classified):
    """As Classified; told words in evaluation, log p (batch, time, vocabulary).

    State: h, c (batch, width), the window's, and how many words were read (batch, 1); in training the last three stay.
    """

    reads_words = True

    def __init__(
        self,
        shape: Shape,
        width: int,
        *,
        window: int = 2000,
        theta: float = 0.6625523432485668,
        lam: float = 0.12785920428335693,
        released: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        if not 0 < lam < 1:
            raise ValueError(f"lam is {lam}; give a share above 0 and below 1")
        super().__init__(library.LSTM(shape.inputs, width, forget_bias=forget_bias), shape, width)
        self.window, self.of_text = text.Window(window, width), text.reads(shape)
        self.theta, self.lam, self.released = theta, lam, released

    def initial_state(self, batch: int) -> State:
        like = self.classifier.weight
        return *super().initial_state(batch), *self.window.empty(batch, like), like.new_zeros(batch, 1)

    def cached(self, h: Tensor, before: State, words: Tensor) -> tuple[State, State, Tensor]:
        """What is carried; shares (batch, time, K) and words (batch, K) of pairs; are they used? (batch, time, 1)."""
        last_h, _, *carried, read = before
        steps = torch.arange(h.shape[1], device=h.device)
        there = read + steps  # so many pairs
        used = read.clamp(max=self.window.size) + steps > self.window.size if self.released else there > 0
        keys = torch.cat([last_h.unsqueeze(1), h[:, :-1]], dim=1)
        keys, words = pairs = self.window.joined(tuple(carried), keys, (words + 1).to(h) * (there > 0))
        # a number, as a softmax over nothing is none
        hidden, least = ~self.window.seen(words, h.shape[1]), torch.finfo(h.dtype).min
        shares = (self.theta * h @ keys.transpose(1, 2)).masked_fill(hidden, least).softmax(2)
        return (*self.window.last(pairs), read + h.shape[1]), (shares, words), used.unsqueeze(2)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        *,
        words: Tensor | None = None,
        logits: text.Logits | None = None,
    ) -> Tensor | tuple[Tensor, State]:
        text.check_told(self.of_text, words)
        before = self.initial_state(len(x)) if state is None else state
        h, after = self.rnn(x, before[:2])
        answers, carried = self.classifier(h if self.per_step else after[0]), before[2:]
        if words is not None:
            answers = logits(answers)
            if not self.training:
                carried, (shares, those), used = self.cached(h, before, words)
                lam = self.lam * used.to(h)
                shares = text.of_words(lam * shares, those, answers)
                answers = text.mixed(answers, torch.log1p(-lam), shares, those)
        return answers if state is None else (answers, (*after, *carried))


CACHE_LSTM = ModelSpec(
    "cache-lstm",
    "Neural cache",
    CacheLSTM,
    paper_width=1024,
    why_not=text.why_not,
    what="one layer of LSTM that in evaluation says again what followed those of its last states that are like its own",
    cite="Grave, Joulin, Usunier: Improving neural language models with a continuous cache, ICLR 2017",
    source="https://github.com/salesforce/awd-lstm-lm",
    licence="BSD-3-Clause",
    start="as LSTM-S: Glorot-uniform cell, classifier as torch's Linear; no source says",
    head="default",
    opening=FORGET_BIASES,
    further=("window", (2000, 100)),
)
