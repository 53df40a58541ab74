"""What is said to a wrong option: what its writer meant."""

import click

from ..protocol import SETTINGS
from ..synonyms import meant_by


def said(error: click.ClickException) -> str:
    """The sentence of an error; for an option that other programs have, what to write here."""
    if isinstance(error, click.NoSuchOption):
        hint = _hint(error.option_name, [] if error.ctx is None else error.ctx.command.params)
        if hint is not None:
            return f"there is no option {error.option_name}; {hint}"
    return error.format_message()


def _hint(option: str, params: list[click.Parameter]) -> str | None:
    names = {name for param in params for name in param.opts}
    word = option.strip("-").lower().replace("-", "_")
    meant = word if word in SETTINGS else meant_by(word)
    if meant in SETTINGS and "--set" in names:
        return f"write --set {meant}=VALUE"
    return f"write {meant}" if meant in names else None
