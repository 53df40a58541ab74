"""What `bench tune` found.

page      the page, and its tables for a terminal
outcomes  trials of one model on one task -> what a table says of them
figures   the expected best of k points; scores over learning rates
"""
