"""Pieces that models share.

cells        one step of LSTM, GRU and their kin
library      torch's own recurrences, where they serve
linear       the recurrence without a matrix
selective    the same with steps of time for every unit and step, and what is read of it
aggregation  how TP-RNN joins the states of a window
paired       complex numbers as pairs of real halves
stack        layers on one another and a classifier
pyramid      TP-RNN's windows over windows
haar         ASRNN's wavelets
"""
