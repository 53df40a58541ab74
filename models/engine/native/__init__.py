"""Recurrences in C++.

kernels      the C++ beside it as a library, from the user's cache
build        compiles it
recurrences  LSTM, GRU, clockwork, modReLU, attention: forward and backward
hmlstm       the same for HM-LSTM
selective    and for Mamba
"""
