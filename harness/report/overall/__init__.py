"""All tasks together.

page          ranks, aggregates, pairs that can be told apart
practical     which differences matter
equal_budget  ranks at equal budgets
"""
