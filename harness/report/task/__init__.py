"""One task, all models.

table  records -> rows -> the strings of a table
"""
