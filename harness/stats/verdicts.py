"""Verdicts: what a comparison may conclude, what the command then exits with, and the constants by which it is judged.

They are constants of the harness, the same for every task and protocol, so that no result can choose them.
"""

BETTER, WORSE, EQUIVALENT, CANNOT_TELL = "better", "worse", "equivalent", "cannot tell"  # of two models
SAME, BROKEN, NOT_JUDGED = "same", "broken", "not judged"  # of two commits, beside better, worse and cannot tell
FASTER, SLOWER = "faster", "slower"  # of two timings, beside equivalent and cannot tell
REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"  # of a published number, beside cannot tell
REACHED, MISSED, NOT_RUN = "reached", "not reached", "not run"  # of a target
EXIT = {BETTER: 0, EQUIVALENT: 0, SAME: 0, BROKEN: 2, WORSE: 3, CANNOT_TELL: 4, NOT_JUDGED: 4}

ALPHA = 0.05  # of a test, after its correction
LEVEL = 0.95  # of an interval
MARGIN = 0.01  # of the way from chance to a perfect score: a difference that does not matter
TIMES_LEVEL, TIMES_MARGIN = 0.99, 0.05  # the same of two timings; the gate judges its other numbers by this level too
PATTERNS = 2**14  # tried at most over tasks and seeds, beyond which they are drawn: a report should not take long
