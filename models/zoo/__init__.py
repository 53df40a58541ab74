"""Models of other papers, beside which those of the two may be seen: one source a file.

simple         one tanh or relu layer: TANH-RNN and iRNN
mgu            a GRU whose two gates are one
highway        several highway layers inside one step
feedback       layers of LSTM or GRU that all read each other
timescale      layers of GRU that are slower from one to the next
hornn          one layer that reads its last states
skip           a tanh layer that also reads its state of some steps ago
mist           a tanh layer that attends to some of its states
qrnn           gates that read the input alone
fullunitary    a complex state that any unitary matrix may turn
unitary        a complex state that a unitary matrix turns
frequency      a memory that is kept apart by frequency
independent    layers of relu whose units do not read each other
rotations      a GRU whose candidate reads a state that rotations turn
clocks         layers that run at periods of their own
gated          an LSTM or a GRU that does something else with its state
modern         since 2019
yardsticks     without a recurrence
text           for texts: what looks back at words, and the LSTM beside which it was shown
"""
