"""What is kept of runs and measurements, and the folder it lies in.

kinds    RunRecord, Measurement, Point: to and from JSON
fields   what a field of a record may hold
typed    JSON values become a dataclass, each of the type that its field declares
apart    what changed is not mixed, what bears one title is told apart
store    the results folder: what exists, and where
writing  files written whole or not at all
checkpoints  an unfinished cell as bytes, with what it is of
running  which cells run now
names    names become parts of paths
campaign where the pages of a results folder lie, whether a run may add to it, and what it is to run
claims   what a campaign claims before its runs
merge    folders of records become one
findings what `bench speed` finds: to and from JSON
baselines  what `bench baselines` finds: the same
"""
