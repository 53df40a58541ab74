"""What is kept of runs and measurements, and the folder it lies in.

kinds    RunRecord, Measurement, Point: to and from JSON
fields   what a field of a record may hold
typed    JSON values become a dataclass, each of the type that its field declares
apart    what changed is not mixed, what bears one title is told apart
store    the results folder: atomic writes, what exists, checkpoints
names    names become parts of paths
campaign where the pages of a results folder lie, and whether a run may add to it
findings what `bench speed` finds: to and from JSON
"""
