"""All tasks together.

page          ranks, aggregates, pairs that can be told apart
pairwise      every pair: a matrix, and two models over tasks
tested        what both are made from
practical     which differences matter
equal_budget  ranks at equal budgets
zoo           where models of other papers ran, all from the best on
"""
