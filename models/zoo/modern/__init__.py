"""Models of other papers since 2020.

minimal        gates that read the input alone: minGRU and minLSTM
lem            a state and a slower one, each at steps of time that it learns
cornn          coupled oscillators
"""
