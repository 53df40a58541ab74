"""What was measured.

parts            measurements of one task, budget and machine together
latency, memory  the pages of `bench measure`
speed, targets   the page of `bench speed`, and its targets
tradeoffs        accuracy against cost
conditions       what may have disturbed a measurement, in words
"""
