"""Models of other papers that change what an LSTM or a GRU does with its state.

skipping    Skip-LSTM and Skip-GRU: the state waits until a sum of increments says that it moves
normalised  BN-LSTM: batch normalisation in each step
"""
