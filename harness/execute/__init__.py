"""Cells become records, wherever they run.

run          cells -> their records, whatever happens     <- start reading here
group        cells that train together, seeds or trials of one model
resuming     checkpoints of cells that are not finished
surroundings what a stranger's code changes of its process, put back
executors    the table of what runs them
local        worker processes on this machine, or this process
ray          a Ray cluster
slurm        a Slurm queue: array jobs of `bench run`, and what it has of them
pool         the workers as the runner sees them: fed, watched, ended
worker       the life of a worker
events       event files of TensorBoard
leaving      records for what could not write its own
apart        what strangers' models are asked in processes of their own, before any of them runs
planning     what `bench plan` tells beforehand
"""
