"""The loop over time, and its fast back ends.

scan       a recurrence is a pure function of a step; which back end runs it
recompute  keep every K-th step for the way back
replicas   noise of several seeds under one vmap
native     C++ for CPUs
triton     kernels for GPUs
"""
