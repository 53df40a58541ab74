"""What a command line may say: the targets of make and the options of each verb."""

import re

from harness.cli import cli

from . import ROOT

TARGETS = set(re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def options_of(*words: str) -> set[str]:
    """Of the verb, and of the verb below it where it has some."""
    known = cli.commands[words[0]]
    if isinstance(known, type(cli)):
        known = known.commands[words[1]]
    return {word for option in known.params for word in (*option.opts, *option.secondary_opts)}
