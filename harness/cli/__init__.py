"""The verbs of `bench`. Only this room prints or exits.

bench    the command: run, plan, params, list, check, status, speed; the other verbs from the files beside it
data     `bench data`: list, fetch, verify
measure  `bench measure`
report   `bench report`, `bench compare`
gate     `bench gate`
options  options that several verbs have
order    the words of a command become a protocol, cells, a place to run and to keep them
progress what the terminal shows while cells run
"""

from .bench import cli, main

__all__ = ["cli", "main"]
