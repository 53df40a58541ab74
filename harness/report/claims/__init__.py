"""What was claimed before the runs, and what they say of it.

page      every claim: its verdict, what it rests on, what is missing
findings  what was decided, for a reader of five minutes
"""
