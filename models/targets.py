"""How long a training step may take, beside a step of nn.LSTM(1, 100) at 1,000 steps and batch 50.

`bench speed` compares its measurements with this table. `cpu` is one thread, `cuda` an H200. GATED: what `bench gate`
looks at.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepTarget:
    """step of `model` / step of nn.LSTM <= cpu or cuda, with every layer 100 units wide.

    yardsticks: compared with so many steps of nn.LSTM. per_flop: with a step of nn.LSTM of the same FLOPs.
    own: of our code alone, not of torch's kernel where a back end takes that.
    """

    title: str
    model: str
    cpu: float
    cuda: float
    yardsticks: int = 1
    per_flop: bool = False
    own: bool = False


STEP_TARGETS = (
    StepTarget("our LSTM recurrence / nn.LSTM", "lstm-s", 0.8, 1.0, own=True),
    StepTarget("TP-RNN-S / nn.LSTM", "tp-rnn-s", 1.6, 1.5),
    StepTarget("ASLSTM / nn.LSTM", "aslstm", 1.0, 2.0),
    StepTarget("clockwork / nn.LSTM", "clockwork", 1.0, 1.5),
    StepTarget("dilated LSTM / nn.LSTM of the same FLOPs", "dilated-lstm", 1.2, 1.5, per_flop=True),
    StepTarget("HM-LSTM (3 layers) / three steps of nn.LSTM", "hm-lstm", 1.5, 2.0, yardsticks=3),
)

GATED = ("lstm-s", "gru", "hm-lstm", "tp-rnn-m", "aslstm", "clockwork")
"""One model for each kind of recurrence that has code of its own: what two commits are compared on."""
