"""Recurrences in Triton.

lstm      what is called: LSTM-shaped recurrences
forward   the kernels forward
backward  and backward
"""
