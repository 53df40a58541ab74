"""The asv suite; `make asv` runs it on two commits, `make asv-publish` makes its pages.

The suite is that of this tree, the code that it measures that of the commit on the path (ASV_PYTHONPATH).
"""
