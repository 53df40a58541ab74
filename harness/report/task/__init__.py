"""One task, all models.

page   the page of each task, and its tables for a terminal
table  records -> rows -> the strings of a table
"""
