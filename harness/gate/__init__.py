"""Is a commit worse than another? `bench gate`.

gate       two commits side by side
worktrees  both of them on disk
workers    a process for each
probe      what such a process does, for any commit
race       steps of all of them in turn
trained    a small training of any commit, and its numbers
judge      verdicts on numbers and times
page       what is printed
"""
