"""The models, one paper a file. This table is the only place that lists them.

A name leads to "file:attribute", a ModelSpec, which is imported only when it is asked for. The
order is that of the papers' tables. To add a model, write a file and add one line.
"""

MODELS: dict[str, str] = {
    "lstm-s": ".lstm:LSTM_S",
    "lstm-m": ".lstm:LSTM_M",
    "gru": ".gru:GRU",
    "hm-lstm": ".hmlstm:HM_LSTM",
    "dilated-lstm": ".dilated:DILATED_LSTM",
    "tp-rnn-s": ".tprnn:TP_RNN_S",
    "tp-rnn-m": ".tprnn:TP_RNN_M",
    "tp-rnn-s-released": ".tprnn:TP_RNN_S_RELEASED",
    "tp-rnn-m-released": ".tprnn:TP_RNN_M_RELEASED",
    "slstm": ".asrnn:SLSTM",
    "sgru": ".asrnn:SGRU",
    "aslstm": ".asrnn:ASLSTM",
    "asgru": ".asrnn:ASGRU",
    "clockwork": ".clockwork:CLOCKWORK",
    "hm-lstm-compact-gates": ".hmlstm:HM_LSTM_COMPACT_GATES",
}
