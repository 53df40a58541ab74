"""`bench list` and `bench check`: what there is, and whether it is as it must be."""

from __future__ import annotations

import click


@click.command("list")
@click.argument("name", required=False)
def list_(name: str | None) -> int:
    """List models, tasks, protocols and budgets; or the options of one of them."""
    from .. import catalog
    from ..protocol import PROTOCOLS

    if name is not None:
        return _options_of(name)
    for kind, names, package in (("Models", catalog.model_names(), "models"), ("Tasks", catalog.task_names(), "tasks")):
        lines = catalog.describe(getattr(catalog, kind.upper()), package)
        click.echo(f"{kind}:")
        for word in names:
            click.echo(f"  {word:24} {lines.get(word, 'plugged in')}")
    click.echo(f"  any other length: {', '.join(f'{family}-N' for family in catalog.FAMILIES)}")
    click.echo("Protocols:")
    for word, protocol in PROTOCOLS.items():
        click.echo(
            f"  {word:24} version {protocol.version}, scale {protocol.scale}, budget {protocol.budget}, "
            f"{protocol.seeds} seeds"
        )
    click.echo("Budgets: paper, or any number of parameters, such as 10k, 42k, 234k")
    return 0


def _options_of(name: str) -> int:
    from ..protocol import PROTOCOLS
    from .order import options_of

    options = options_of(name)
    how = "--set key=value" if name in PROTOCOLS else f"{name}@key=value"
    click.echo(f"{name}: change with {how}" if options else f"{name} has no options")
    for key, value in options.items():
        click.echo(f"  {key} = {value}")
    return 0


@click.command()
@click.option("--models", default="all", show_default=True)
def check(models: str) -> int:
    """Check that models do what any model must: shapes, gradients, causality, determinism and so on."""
    from .. import catalog
    from ..checks import models as checks
    from ..plan import split_words

    failed = 0
    for name in catalog.model_names() if models == "all" else split_words(models):
        spec = catalog.find_model(name)
        problems = []
        for shape in checks.EXAMPLES:
            if reason := spec.why_not(shape):
                click.echo(f"{name}: does not apply to {shape}: {reason}")
            else:
                problems += checks.problems(spec, shape)
        failed += bool(problems)
        click.echo(f"{name}: {'ok' if not problems else 'FAILED'}")
        for problem in dict.fromkeys(problems):
            click.echo(f"  {problem}")
    return int(failed > 0)
