"""One task, all models.

page    the page of each task, and its tables for a terminal
frames  the picture of all runs
table   records -> rows -> the strings of a table
"""
