"""The page on what the scales, layers and levels of each model do."""

import pandas as pd

from ...compare.material import Material
from ...write import tables
from ...write.sheet import Sheet
from . import frames, seen
from .seen import Group, Scales, Seen

TITLE = "What each model's scales do"
HOW_TO_READ = """\
What a model itself tells of its scales, layers or levels at the best checkpoint, for test sequences. On the left of a
picture the mean over sequences at each time step, on the right the first sequence alone: where just one scale is in
use at a time its colour, behind the signal where there is one, else a line for each scale that is filled where it is
in use. The table has the mean over sequences and steps, and says what a value is. Models without anything of the kind,
as a plain LSTM or one whose scales are fixed, are not listed. All this is seen of one seed alone, the first."""


def sheet(material: Material) -> Sheet | None:
    """A page on all tasks and models of which this was recorded, or None where it was of none."""
    groups, faults = seen.groups(material)
    found = [(group, many) for group in groups if (many := told(group.seen))]
    if not found and not faults:
        return None
    pictures, used = {}, []
    parts = [f"# {TITLE}", HOW_TO_READ]
    for group, many in found:
        first = many[0][0]
        pictures[group.file("scales")] = frames.over_time(_rows(many), first.time, first.sequences)
        parts.append(_section(group, many))
        used += [one.run for one, _ in many]
    return Sheet("\n\n".join([*parts, *(said for _, said in faults)]) + "\n", pictures, records=tuple(used))


def told(many: tuple[Seen, ...]) -> list[tuple[Seen, Scales]]:
    """Those models of one task that tell something of their scales."""
    return [(one, one.scales) for one in many if one.scales is not None]


def _rows(many: list[tuple[Seen, Scales]]) -> list[frames.Row]:
    return [(one.title, scales) for one, scales in many]


def _section(group: Group, many: list[tuple[Seen, Scales]]) -> str:
    rows = [
        {"Model": one.title, "Scale": label, "Mean": f"{value:.4g}", "Note": scales.meaning}
        for one, scales in many
        for label, value in zip(scales.labels, scales.overall, strict=True)
    ]
    steps = max(one.steps for one, _ in many)
    alt = (
        f"Plots show what the scales of {', '.join(one.title for one, _ in many)} do over the {steps:,} time steps of "
        f"{group.title}, on the left as the mean over sequences and on the right for the first sequence: "
        f"{frames.mostly(_rows(many))}."
    )
    return group.section("scales", alt, tables.markdown(pd.DataFrame(rows)))
