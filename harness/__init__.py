"""Plan, train, measure, record, compare.

Two wings stand on one ground floor. One works, and needs torch; one reads records, and needs none. Each room's own
docstring is its map; tests/test_structure.py has the table of who may import whom.

the words of the house
    errors, plan, protocol, seeds   sentences; cells; protocols and budgets; one seed -> named streams
    synonyms                        what other programs call what we have
    catalog, engine                 the doors: names -> specs of models and tasks; how recurrences run
    strangers, beside, forms        models and tasks of somebody else's; files beside them; what data may look like
    machine, process                provenance; what a process that trains or times must have
ground floor
    records   what is kept, and the folder it lies in
    stats     pure functions of arrays
the wing that works
    prepare   names become a module of the right width, and data
    train     the training loop
    measure   what a step costs
    execute   cells become records, wherever they run       <- start reading at execute/run
    checks    what any model must satisfy
    gate      is a commit worse than another?
the wing that reads
    compare   which runs are compared, and what may be said
    draw      charts
    write     pages become files
    report    which pages there are
the roof
    cli       the verbs; prints and exits
"""

__version__ = "0.4.0"


def foreign_package() -> str | None:
    """A sentence if `models` or `tasks` on the path are not the packages beside this one."""
    from importlib.util import find_spec
    from pathlib import Path

    here = Path(__file__).resolve().parent.parent
    for name in ("models", "tasks"):
        found = find_spec(name)
        origin = found.origin if found else None
        if origin is None or Path(origin).resolve().parent.parent != here:
            return (
                f"the package '{name}' that Python finds is {origin or 'missing'}, not the one beside harness; "
                f"run from another folder, or take the other '{name}' off PYTHONPATH"
            )
    return None
