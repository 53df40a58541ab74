"""What `bench tune` found.

page      the page, and its tables for a terminal
outcomes  trials of one model on one task -> what a table says of them
frames    the expected best of k points and scores over learning rates, for charts
"""
