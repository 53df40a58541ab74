"""The published numbers, ours beside.

book       published.json, and what stands for each number here
recorded   records as these pages need them, and how far they train as the papers say
tables     the papers' tables
figures    the papers' digitised figures
scales     ASRNN's figures of scales
agreement  does ours reproduce theirs?
"""
