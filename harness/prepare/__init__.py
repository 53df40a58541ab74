"""Names become what runs: a module of the right width, and data.

modules  model and task at a protocol's scale, on the device
budget   counts parameters, and solves the width for a budget
data     what a task reads from disk: is it there, is it prepared
"""
