"""What a step costs, and what can be had without any.

steps     a training step and its parts, as functions
latency   timing: alone, and two in turn
memory    bytes of tensors, at their peak and for the way back
flops     work, counted
board     what the system and a GPU's board tell: load, clocks, heat, joules
forecast  the memory that a cell will hold, before it runs
subject   a model beside the yardstick, and the quick pass of measurements
whole     all that `bench measure` takes
fresh     what needs a process of its own
speed     all that `bench speed` times
whole_run `bench run` timed as a whole
baselines how far one comes on a task without a memory
"""
