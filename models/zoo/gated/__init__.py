"""Models of other papers that change what an LSTM or a GRU does with its state.

skipping      Skip-LSTM and Skip-GRU: the state waits until a sum of increments says that it moves
normalised    BN-LSTM: batch normalisation in each step
zoneout       an LSTM of which random entries stay as they are in training
phased        an LSTM whose units are open by periods of their own
leaky         what those two are made of: an LSTM that takes a share of its new state, given for every unit and step
auxiliary     an LSTM from one of whose states a second network tells what was read: r-LSTM
backtracking  an LSTM that attends to a few of its states: SAB
"""
