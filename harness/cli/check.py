"""`bench check`: are models and tasks as any must be?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import BenchError
from .options import DATA


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
    from ..checks import models as checks

    failed = 0
    for name in catalog.chosen(words):
        spec = catalog.find_model(name)
        problems = []
        for shape in checks.EXAMPLES:
            if reason := spec.why_not(shape):
                click.echo(f"{name}: does not apply to {shape}: {reason}")
            else:
                problems += checks.problems(spec, shape)
        failed += _told(name, problems)
    return failed


def _check_tasks(words: str, data: Path | None) -> int:
    from .. import catalog
    from ..checks import tasks as checks
    from ..plan import split_words
    from ..prepare.data import check_data, prepare_data

    failed = 0
    names = catalog.task_names() if words == "all" else split_words(words)
    if not names:
        raise BenchError("--task names nothing; `bench list` shows what there is")
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
