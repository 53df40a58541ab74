"""What is kept of runs and measurements, and the folder it lies in.

kinds    RunRecord, Measurement, Point: to and from JSON
store    the results folder: atomic writes, what exists, checkpoints
campaign where the pages of a results folder lie, and whether a run may add to it
findings what `bench speed` finds: to and from JSON
typed    JSON values become dataclasses, each of the type that is declared
"""
