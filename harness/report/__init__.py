"""Which pages there are: records in, pages out.

pages        the pages of one report, and its index
task         a page for each task: all models
overall      all tasks together
convergence  how fast models learn
measured     what was measured: latency, memory, speed
insight      what trained models do with time
papers       the published numbers, ours beside
"""
