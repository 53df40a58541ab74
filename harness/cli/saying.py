"""Lines on the standard output, as long as somebody reads them."""

import os
from collections.abc import Callable

import click


def saying(*, err: bool = False) -> Callable[[str], None]:
    """What says a line; when nobody reads the output any more, what runs goes on without a word."""

    def say(text: str) -> None:
        try:
            click.echo(text, err=err)
        except BrokenPipeError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 2 if err else 1)
            os.close(nothing)

    return say
