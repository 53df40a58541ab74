"""The options that several verbs share, what is said to a wrong one, and how lines are said."""

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..errors import BenchError
from ..execute.executors import EXECUTORS
from ..plan import MOST_UNITS
from ..protocol import SETTINGS
from ..synonyms import meant_by


class Finite(click.FloatRange):
    """A number in a range; nan lies in none, and infinity in none either."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Fails as click's own types do."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


class Folder(click.Path):
    """A path that is not empty: `--results "$OUT"` without an OUT is not the working folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Fails as click's own types do."""
        if value == "":
            self.fail("the name of the folder is empty.", param, ctx)
        return super().convert(value, param, ctx)


RESULTS = click.option("--results", type=Folder(), default="results", show_default=True, help="Folder of the records.")
REPORTS = click.option(
    "--reports",
    type=Folder(),
    help="Folder of the pages. [default: reports/own, or what campaign.toml in --results says]",
)
WIDTH = click.option(
    "--width", type=Finite(0, MOST_UNITS, min_open=True), help="Units of every layer of every model, for a budget."
)
DATA = click.option("--data", type=Folder(), envvar="BENCH_DATA", help="Folder of the data sets.")


def seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """A number of seconds, or 30s, 30m, 2h. Raises BenchError for anything else."""
    option = parameter.opts[0]
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", value.strip().lower())
    number = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if not 0 < number < 1e9:
        raise BenchError(f"{option} is '{value}', but must be a time such as 90 (seconds), 30s, 30m or 2h")
    return number


WORKERS = click.option(
    "--workers", type=click.IntRange(0, 1000), help="Processes. [default: one a core, one for a GPU; 0: this process]"
)
AGAIN = click.option(
    "--again",
    is_flag=False,
    flag_value="failed",
    metavar="WORDS",
    help="Run finished cells again: failed, all, a status, or models and tasks, with * for anything.",
)
CELL_LIMIT = click.option(
    "--cell-limit",
    "limit",
    callback=seconds,
    metavar="TIME",
    help="CPU time that a cell may take: seconds, or 30s, 30m, 2h. [default: none]",
)


def executor_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--executor, as `executed`, and --ray-address, which Ray itself looks for in the environment."""

    def told(context: click.Context, option: click.Parameter, address: str | None) -> None:
        if address is not None:
            os.environ["RAY_ADDRESS"] = address

    command = click.option(
        "--ray-address",
        metavar="HOST:PORT",
        callback=told,
        expose_value=False,
        help="The Ray cluster to run on. [default: RAY_ADDRESS, else one of this machine]",
    )(command)
    return click.option(
        "--executor",
        "executed",
        default="local",
        show_default=True,
        metavar="NAME",
        help=f"What runs the cells: {', '.join(EXECUTORS)} or file.py:function.",
    )(command)


REPLICAS = click.option(
    "--replicas",
    default="auto",
    help="Seeds that train together, of a tuning points too. [default: auto, all on a GPU, 1 on a CPU]",
)
IDLE = click.option(
    "--idle", is_flag=True, help="Give way to everything else on this machine: one worker, no measurements."
)
LIMIT = click.option(
    "--limit",
    "most",
    callback=seconds,
    metavar="TIME",
    help="Stop after so long, as 2h, and begin nothing that would not end by then; the same command goes on.",
)


def cell_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name cells."""
    seeds = click.option("--seeds", help="A count, or a list such as 0,3,5-7. [default: the protocol's]")
    return group_options(seeds(command))


def group_options(command: Callable[..., Any], results: Callable[..., Any] = RESULTS) -> Callable[..., Any]:
    """The options that name tasks, models and a budget, and say where and how they run."""
    options: list[Callable[..., Any]] = [
        click.option("--task", "tasks", multiple=True, help="Names, separated by commas."),
        click.option("--models", default="all", show_default=True, help="Groups and names, separated by commas."),
        click.option(
            "--protocol", "protocol_name", help="paper, desk, quick or smoke. [default: paper with CUDA, else quick]"
        ),
        click.option("--budget", help="10k, 42k, any number, or paper. [default: the protocol's]"),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
        click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting of the protocol."),
        results,
        click.option(
            "--backend",
            type=click.Choice(["auto", "eager", "compiled", "native", "triton"]),
            default="auto",
            show_default=True,
            help="How recurrences run.",
        ),
        click.option(
            "--recompute",
            type=click.IntRange(0, 10**9),
            default=0,
            show_default=True,
            metavar="STEPS",
            help="Keep only every so many steps for the way back: less memory, the same numbers. 0: keep all.",
        ),
        DATA,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def speed_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What to time, and for how long."""
    options = [
        click.option("--models", default="all", show_default=True, help="Groups and names, separated by commas."),
        click.option("--length", type=click.IntRange(1, 10**6), default=1000, show_default=True, help="Steps."),
        click.option("--batch", type=click.IntRange(1, 10**6), default=50, show_default=True),
        click.option("--width", default="100", show_default=True, help="Units of every layer, or paper."),
        click.option("--replicas", default="1,5", show_default=True, help="Counts, separated by commas."),
        click.option("--backends", help="Names, separated by commas. [default: those that run here]"),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
        click.option(
            "--seconds", type=Finite(0, 86_400), default=4.0, show_default=True, help="Of timing for each cell."
        ),
        click.option(
            "--rounds", type=click.IntRange(1, 10**6), default=2, show_default=True, help="At least so many A B B A."
        ),
        click.option("--runs/--no-runs", default=True, show_default=True, help="Time whole runs as well (CPU)."),
        RESULTS,
        REPORTS,
    ]
    for option in reversed(options):
        command = option(command)
    return command


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


def saying(*, err: bool = False) -> Callable[[str], None]:
    """What says a line; when nobody reads the output any more, what runs goes on without a word."""

    def say(text: str) -> None:
        try:
            click.echo(text, err=err)
        except BrokenPipeError:
            unread(err=err)

    return say


def unread(*, err: bool = False) -> None:
    """Nobody reads an output any more: what is said further goes nowhere."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2 if err else 1)
    os.close(nothing)
