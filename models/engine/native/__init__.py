"""Recurrences in C++.

kernels      builds and loads the C++ beside it
recurrences  LSTM, GRU, clockwork, attention: forward and backward
hmlstm       the same for HM-LSTM
"""
