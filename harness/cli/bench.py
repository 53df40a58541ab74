"""The command `bench`: its verbs, and how it ends. The only module that exits; beside it only the verbs print."""

import io
import sys

import click

from .. import __version__, foreign_package
from ..errors import BenchError, one_line
from ..process import open_streams
from . import check, data, lists, measure, options, report, run, submit, tune, watch

VERBS = (
    run.run,
    run.plan,
    run.params,
    submit.submit,
    lists.list_,
    check.check,
    check.vitals,
    watch.status,
    watch.curves,
    tune.tune,
    measure.measure,
    measure.speed,
    measure.baselines,
    report.report,
    report.compare,
    data.export,
    data.merge,
    measure.gate,
    data.data,
)


def main() -> None:
    """Run the command line; what the user can mend becomes one line and exit code 2."""
    open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # signs that its encoding lacks
    if message := foreign_package():
        click.echo(f"error: {message}", err=True)
        sys.exit(2)
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except ModuleNotFoundError as error:  # from a bare checkout what is not needed to run may be missing
        click.echo(f"error: the package '{error.name}' is missing; `pip install {error.name}` adds it", err=True)
    except (BenchError, click.ClickException) as error:
        text = options.said(error) if isinstance(error, click.ClickException) else str(error)
        click.echo(f"error: {one_line(text)}", err=True)
    except OSError as error:  # a path that the user named, or the machine: a full disk
        where = "" if error.filename is None else f"{error.filename}: "
        click.echo(f"error: {one_line(where + (error.strerror or str(error)))}", err=True)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on from here", err=True)
        sys.exit(130)
    sys.exit(2)


@click.group()
@click.version_option(__version__)
def cli() -> None:
    """Train multiscale recurrent networks side by side and compare them."""


for verb in VERBS:
    cli.add_command(verb)
