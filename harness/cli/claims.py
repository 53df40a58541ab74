"""What claims make of `bench run`, `bench plan` and `bench report`: the cells they need, and what they can show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BenchError, counted
from ..write import tables
from ..write.words import DASH, clock

if TYPE_CHECKING:
    from ..records.claims import Claim


def claims_option(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--claims FILE."""
    return click.option("--claims", "claimed", type=click.Path(path_type=Path), metavar="FILE", help=help)


def read(path: Path) -> list[Claim]:
    """The claims of a file. Raises BenchError where there is none, or one is of a model or task that there is not."""
    from ..compare.claims import check
    from ..records.claims import claims_of

    claims = claims_of(path)
    if not claims:
        raise BenchError(f"there is no claim in {path}; docs/extending.md says how to write one")
    check(claims)
    return claims


def blocks(path: Path) -> dict[str, dict[str, Any]]:
    """The words of `bench run` for what each claim needs on each task; the records go beside the claims."""
    from ..records.claims import FILE
    from .order import alone

    if path.name != FILE:
        raise BenchError(f"{path} must be called {FILE}: the records go beside it, and keep which claim each serves")
    shared = alone("--claims", "claims say themselves what to run", path)
    results = click.get_current_context().params["results"]
    if not shared and results.resolve() != path.parent.resolve():
        raise BenchError(f"the records of claims lie beside them; leave --results out, or copy {path} to {results}")
    found: dict[str, dict[str, Any]] = {}
    for claim in read(path):
        for task in claim.tasks:
            models = dict.fromkeys(model for a, b, where in claim.contrasts if where == task for model in (a, b))
            found[f"{claim.id}, {task}"] = shared | {
                "tasks": (task,),
                "models": ",".join(models),
                "protocol_name": claim.protocol,
                "budget": claim.budget or None,
                "seeds": f"{claim.numbers[0]}-{claim.numbers[-1]}",
            }
    return found


def forecast(path: Path, words: dict[str, Any], *, timing: bool) -> None:
    """Print of each claim what it can show, which cells it lacks, and how long these take."""
    import pandas as pd

    from ..compare.follow_up import promise
    from ..execute.planning import seconds_left
    from .order import Order

    orders = [Order(**{**words, **block}) for block in blocks(path).values()]
    todo = dict.fromkeys(cell for order in orders for cell in order.todo()[0])
    took = seconds_left(list(todo), orders[0].where) if timing else {}
    rows = []
    for claim in read(path):
        left = [cell for cell in claim.cells if cell in todo]
        seconds = [took.get(cell) for cell in left]
        known = timing and None not in seconds
        rows.append(
            {
                "Claim": claim.id,
                "Contrasts": len(claim.contrasts),
                "Seeds": claim.seeds,
                "Cells left": len(left),
                "Time of a core": clock(sum(filter(None, seconds))) if known else DASH,
                "Note": promise(claim),
            }
        )
    click.echo(tables.plain(pd.DataFrame(rows)))
    total = f", about {clock(sum(took.values()))} of one core" if timing else ""
    if timing and len(took) < len(todo):
        total += f" without {len(todo) - len(took)} of which no time can be told"
    click.echo(f"{counted(len(todo), 'cell')} to run for all of them{total}")
