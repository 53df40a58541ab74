"""`bench gate`: is a commit worse than another? Prints, but does not exit."""

import shlex
import sys
from pathlib import Path

import click

from ..errors import BenchError
from ..stats.verdicts import EXIT, TIMES_MARGIN
from .options import Finite


@click.command()
@click.argument("base")
@click.argument("head", default=".")
@click.option("--models", help="Groups and names, separated by commas. [default: one for each kind of recurrence]")
@click.option("--seconds", type=Finite(0, 86_400), default=10.0, show_default=True, help="Of timing a model, at most.")
@click.option(
    "--margin",
    type=Finite(max=1000),
    default=100 * TIMES_MARGIN,
    show_default=True,
    help="A slowdown that does not matter, in %.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--format", "form", type=click.Choice(["plain", "md"]), default="plain", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="A file for the table as well, always Markdown.")
def gate(
    base: str,
    head: str,
    models: str | None,
    seconds: float,
    margin: float,
    device: str,
    form: str,
    output: Path | None,
) -> int:
    """Is commit HEAD worse than commit BASE? `.` is the working tree.

    Exit code 0: the same or better; 3: worse; 4: nobody can tell; 2: a commit is broken, or the words mean nothing.
    """
    try:
        from .. import machine
        from ..catalog import GATED, chosen
        from ..gate import gate as comparing
        from ..gate import page as gate_page
        from ..machine import find_device
        from ..process import tidy
        from .progress import Countdown, terminal
    except Exception as error:  # the commit that is checked out here may be the broken one
        raise BenchError(f"this tree's own code cannot be imported: {type(error).__name__}: {error}") from None

    names = GATED if models is None else tuple(chosen(models))
    wanted = comparing.Wanted(names, seconds, margin / 100, find_device(device))
    comparing.check(wanted)
    if output is not None and not output.resolve().parent.is_dir():
        raise BenchError(f"there is no folder {output.resolve().parent} to write {output.name} to")
    with tidy(), Countdown(wanted.jobs, lambda text: click.echo(text, err=True), terminal()) as tell:
        found = comparing.gate(base, head, wanted, tell)  # which removes its worktrees at the end
    facts = (shlex.join(["bench", *sys.argv[1:]]), machine.words(wanted.device))
    if output is not None:
        output.write_text(gate_page.page(found, *facts, "md"), encoding="utf-8")
    click.echo(gate_page.page(found, *facts, form), nl=False)
    return EXIT[found.verdict]
