"""`bench check`: are models and tasks as any must be?"""

from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import BenchError
from .options import DATA

CHECK_SECONDS = 900.0  # of a stranger's model, which may hang


@click.command()
@click.option("--models", help="Groups and names, separated by commas. [default: all, unless --task is given]")
@click.option("--task", "tasks", help="all, or names separated by commas.")
@DATA
def check(models: str | None, tasks: str | None, data: Path | None) -> int:
    """Check that models do what any model must: shapes, gradients, causality, determinism and so on; or that tasks do.

    Tasks are loaded at the scale of the smoke protocol; one whose data are not there is not checked.
    """
    failed = 0
    if models is not None or tasks is None:
        failed += _check_models("all" if models is None else models)
    if tasks is not None:
        failed += _check_tasks(tasks, data)
    return int(failed > 0)


def _check_models(words: str) -> int:
    from .. import catalog
    from ..execute.apart import Lost, ask, look_at

    failed = 0
    names = catalog.chosen(words)
    look_at(names)
    for name in names:
        try:
            away, problems = ask(_verdict, name, CHECK_SECONDS) if catalog.strange_model(name) else _verdict(name)
        except Lost as why:
            away, problems = [], [f"{name}: {why}"]
        for line in away:
            click.echo(line)
        failed += _told(name, problems)
    return failed


def _verdict(name: str) -> tuple[list[str], list[str]]:
    """To which examples a model does not apply, and what is wrong with it on the others."""
    from .. import catalog
    from ..checks import models as checks

    spec = catalog.find_model(name)
    away, problems = [], []
    for shape in checks.EXAMPLES:
        if reason := spec.why_not(shape):
            away.append(f"{name}: does not apply to {shape}: {reason}")
        else:
            problems += checks.problems(spec, shape)
    return away, problems


def _check_tasks(words: str, data: Path | None) -> int:
    from .. import catalog
    from ..checks import tasks as checks
    from ..execute.apart import look_at
    from ..plan import split_words
    from ..prepare.data import check_data, prepare_data

    failed = 0
    names = catalog.task_names() if words == "all" else split_words(words)
    if not names:
        raise BenchError("--task names nothing; `bench list` shows what there is")
    look_at((), names)
    for name in names:
        spec = catalog.find_task(name, "smoke", data)
        try:
            check_data(spec, data)
            prepare_data(spec, data, lambda done, total: None)
        except BenchError as error:
            click.echo(f"not checked: {error}")
            continue
        failed += _told(name, checks.problems(spec, data))
    return failed


def _told(name: str, problems: Sequence[str]) -> bool:
    """Say how a check ended; True where it found something."""
    click.echo(f"{name}: {'FAILED' if problems else 'ok'}")
    for problem in dict.fromkeys(problems):
        click.echo(f"  {problem}")
    return bool(problems)
