"""What any model or task must satisfy; `bench check`.

models  shapes, gradients, causality, seeds, checkpoints of a model
tasks   shapes, seeds and splits of a task's data
"""
