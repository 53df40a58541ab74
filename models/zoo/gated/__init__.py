"""What adds to an LSTM or GRU.

zoneout       an LSTM of which random entries stay as they are in training
phased        an LSTM whose units are open by periods of their own
leaky         what those two are made of: an LSTM that takes a share of its new state, given for every unit and step
backtracking  an LSTM that attends to a few of its states: SAB
"""
