"""What adds to an LSTM or GRU.

zoneout  an LSTM of which random entries stay as they are in training
leaky    what that is made of: an LSTM that takes a share of its new state, given for every unit and step
"""
