"""The verbs of `bench`. Only this room prints or exits.

bench    the command: the table of the verbs, errors as one line, exit codes
run      `bench run`, `bench plan`, `bench params`
submit   `bench submit`
lists    `bench list`
check    `bench check` and `bench vitals`
tune     `bench tune`
data     `bench data`: list, fetch, verify; `bench export`
measure  `bench measure`, `bench speed`, `bench baselines`, `bench gate`
watch    `bench status` and `bench curves`
report   `bench report`, with whose last lines `make bench` ends, and `bench compare`
claims   what a file of claims makes of three verbs
options  options that several verbs have, what is said to one that there is not, and how lines are said
order    the words of a command become a protocol, cells, a place to run and to keep them
progress what the terminal shows while cells run
"""

from .bench import cli, main

__all__ = ["cli", "main"]
