"""What any model must satisfy; `bench check`.

models  shapes, gradients, causality, seeds, checkpoints of a model
"""
