"""The asv suite; `make asv` runs it on two commits, `make asv-publish` makes its pages.

The suite is that of this tree, the code that it measures that of the commit on the path (ASV_PYTHONPATH). In an
environment that asv makes itself, with everything installed from PyPI: `asv machine --yes --machine NAME`, then
`asv continuous -E virtualenv --machine NAME HEAD~1 HEAD`; VIRTUALENV_SYSTEM_SITE_PACKAGES=1 takes torch from the
interpreter's own packages where they have it.
"""
