"""`bench status`: what the folder of the records holds."""

from collections import Counter
from pathlib import Path

import click

from .options import RESULTS


@click.command()
@RESULTS
@click.option("--protocol", "protocol_name")
def status(results: Path, protocol_name: str | None) -> int:
    """Count the records, and say what did not end well."""
    from ..records.running import running
    from ..records.store import Store

    store = Store(results)
    loaded, alive = store.load(protocol_name), running(store)
    for sign in alive:
        click.echo(str(sign))
    if not loaded.runs and not loaded.left_out and not alive:
        click.echo(f"no records in {results}")
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for run in loaded.runs:
        found.setdefault((run.cell.protocol, run.cell.task, run.cell.budget), Counter())[run.status] += 1
    for key, counter in found.items():
        click.echo(f"{' '.join(key)}: {counts(counter)}")
    for run in loaded.runs:
        if run.status != "ok":
            click.echo(f"  {run.cell.protocol} {run.cell}: {run.status}: {run.reason}")
    for sentence in loaded.left_out:
        click.echo(f"  left out: {sentence}")
    return 0


def counts(counter: Counter[str]) -> str:
    """How many cells have which status: 3 ok, 1 failed."""
    return ", ".join(f"{count} {status}" for status, count in counter.most_common()) or "no cells"
