"""`bench list`: what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from ..errors import BenchError
from ..plan import split_options

if TYPE_CHECKING:
    from ..catalog import TaskSpec

CHANCE = {
    "accuracy": "{:.2%}",
    "mse": "MSE {:.4g}",
    "cross_entropy": "{:.4g} nats",
    "bits_per_character": "{:.4g} bits",
    "perplexity": "perplexity {:.1f}",
}


@click.command("list")
@click.argument("name", required=False)
@click.option(
    "--format", "form", type=click.Choice(["plain", "md"]), default="plain", show_default=True, help="md: as a table."
)
def list_(name: str | None, form: str) -> int:
    """List models, tasks, protocols and budgets; or one group of models, or the options of one of all these."""
    from .. import catalog

    groups = catalog.groups()
    plugged = [word for word in groups["all"] if word not in catalog.MODELS]
    groups["models"] = [*catalog.MODELS, *plugged]
    if form == "md":
        if name not in groups and name != "tasks":
            raise BenchError(f"--format md is for tasks, models and groups of them: {', '.join(groups)}")
        click.echo(_task_table() if name == "tasks" else _model_table(groups[name or "models"]))
    elif name in (None, "models"):
        for word, names in ({group: groups[group] for group in catalog.GROUPS} | {"plugged in": plugged}).items():
            if names:
                _print_models(word, names)
        if name is None:
            _print_tasks()
            _print_protocols()
    elif name in groups:
        _print_models(name, groups[name])
    elif name == "tasks":
        _print_tasks()
    elif name in ("protocols", "budgets"):
        _print_protocols()
    else:
        _print_options(name)
    return 0


def _first_lines(table: Mapping[str, str], package: str) -> dict[str, str]:
    from .. import catalog

    return {name: told.split("\n")[0] for name, told in catalog.docstrings(table, package).items()}


def _print_models(group: str, names: Sequence[str]) -> None:
    from .. import catalog

    lines = _first_lines(catalog.MODELS, "models")
    click.echo(f"Models, {group}:" if names else f"Models, {group}: none yet")
    for word in names:
        click.echo(f"  {word:24} {lines.get(word, 'plugged in')}")


def _print_tasks() -> None:
    from .. import catalog

    lines = _first_lines(catalog.TASKS, "tasks")
    click.echo("Tasks:")
    for word in catalog.task_names():
        click.echo(f"  {word:24} {lines.get(word, 'plugged in')}")
    click.echo(f"  any other length: {', '.join(f'{family}-N' for family in catalog.FAMILIES)}")


def _print_protocols() -> None:
    from ..protocol import PROTOCOLS

    click.echo("Protocols:")
    for word, protocol in PROTOCOLS.items():
        click.echo(
            f"  {word:24} version {protocol.version}, scale {protocol.scale}, budget {protocol.budget}, "
            f"{protocol.seeds} seeds"
        )
    click.echo("Budgets: paper, or any number of parameters, such as 10k, 42k, 234k")


def _print_options(name: str) -> None:
    from ..protocol import PROTOCOLS
    from .order import options_of

    options = options_of(name)
    how = "--set key=value" if name in PROTOCOLS else f"{name}@key=value"
    click.echo(f"{name}: change with {how}" if options else f"{name} has no options")
    if (start := _start_of(name)) is not None:
        click.echo(f"  weights start {start}")
    for key, value in options.items():
        click.echo(f"  {key} = {value}")


def _start_of(name: str) -> str | None:
    """How the weights of one of our models start, and who says so."""
    from .. import catalog

    base, _ = split_options(name)
    return catalog.find_model(base).start if base in catalog.MODELS else None


def _model_table(names: Iterable[str]) -> str:
    from .. import catalog

    rows, text = [], catalog.sequence_shape(64, 2, 3, carried=True, vocabulary=3)
    for name in names:
        spec = catalog.find_model(name)
        code = f"; [code]({spec.source})" if spec.source else ""
        licence = f", {spec.licence}" if spec.licence else ""
        carries = "–" if name not in catalog.MODELS else "yes" if spec.why_not(text) is None else "no"
        row = (f"`{name}`", spec.what, f"{spec.cite}{code}{licence}", "yes" if spec.causal else "no", carries)
        rows.append(row)
    return _table(("name", "what", "source, licence of its code", "causal", "carries a state"), rows)


def _task_table() -> str:
    from .. import catalog
    from ..execute.apart import asked_apart, look_at

    lines = _first_lines(catalog.TASKS, "tasks")
    rows = []
    names = catalog.task_names()
    look_at((), names)
    for name in names:
        with asked_apart((name,)):
            spec = catalog.find_task(name)
        family = name.rpartition("-")[0]
        others = f" `{family}-N`: any N." if family in catalog.FAMILIES else ""
        chance = (
            "–" if spec.chance is None else CHANCE.get(spec.metric, "{:.4g}").format(spec.chance).replace("%", " %")
        )
        size = "; ".join(filter(None, (spec.detail, spec.split)))
        rows.append(
            (
                f"`{name}`",
                f"{lines.get(name, spec.title)}{others}",
                chance,
                f"{spec.shape.length:,}",
                size,
                _source(spec),
            )
        )
    return _table(("name", "what", "chance", "steps", "size", "source, licence"), rows)


def _source(spec: TaskSpec) -> str:
    """The data set with its size and licence, and where the task was published."""
    from tasks.data.fetch import megabytes
    from tasks.data.sources import SOURCES

    data = SOURCES.get(spec.data)
    where = f"{data.title} (`{data.name}`, {megabytes(data.size)}), {data.licence}" if data else ""
    return "; ".join(filter(None, (where, spec.cite)))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows))
