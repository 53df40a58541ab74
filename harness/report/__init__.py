"""Which pages there are: records in, pages out.

pages        the pages of one report but the tasks'
vitals       the page of `bench vitals`
tuning       the page of `bench tune`
front        the first screen of a report
index        the table of the pages on all tasks, and the index of all
task         a page for each task: all models
cards        a card for each model: all tasks
overall      all tasks together
convergence  how fast models learn
measured     what was measured: latency, memory, speed
insight      what trained models do with time
papers       the published numbers, ours beside
"""
