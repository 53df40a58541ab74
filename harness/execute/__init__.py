"""Cells become records, wherever they run.

run       cells -> their records, whatever happens     <- start reading here
group     the cells that differ in the seed alone, trained together
executors the table of what runs them
local     worker processes on this machine
planning  what `bench plan` tells beforehand
"""
