"""Models of other papers whose layers run by clocks of their own.

hierarchical  layers of tanh, each slower than that below, which read each other: built after a description
"""
