"""The published numbers, ours beside.

book       published.json, and what stands for each number here
tables     the papers' tables
figures    the papers' digitised figures
scales     ASRNN's figures of scales
agreement  does ours reproduce theirs?
"""
