"""Models of other papers since 2019.

nonsaturating  a relu layer beside a memory that heads write
minimal        gates that read the input alone: minGRU and minLSTM
lem            a state and a slower one, each at steps of time that it learns
cornn          coupled oscillators
xlstm          an LSTM with an exponential input gate: sLSTM
lru            diagonal linear recurrences of complex numbers
s4d            diagonal state spaces, as a convolution
mamba          diagonal state spaces that choose their steps of time by what they read
s5             one diagonal state space for all units
deep           what the last four stand in
unicornn       layers of oscillators that are not coupled
exprnn         an orthogonal matrix, the exponential of a skew-symmetric one
lmu            the Legendre coefficients of a window of the past
"""
