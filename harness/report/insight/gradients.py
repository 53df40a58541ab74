"""The page on how much gradient reaches each time step."""

import numpy as np
import pandas as pd

from ...compare.material import Material
from ...draw.curves import ends
from ...errors import counted
from ...write import tables
from ...write.sheet import Sheet
from ...write.words import number
from . import frames, seen
from .seen import Array, Group

TITLE = "How much gradient reaches each time step"
HOW_TO_READ = """\
A recurrent network learns from an early step only what the gradient of the loss brings back to it. A line gives, for
each time step, the Euclidean norm of the derivative of the loss of a sequence's last answer by the input of that step,
mean over test sequences: with the weights before training, and with those of the best checkpoint. Words are inputs by
their embedding. Steps of long sequences share a value.

*First / last tenth*: the mean over the first tenth of the steps over the mean over the last tenth. 1 says that the
first steps change the loss as much as the last ones do; 0.000001 that hardly anything comes back to them, so that
nothing can be learned from them; far more than 1 that the gradient grows on its way back, or that the answer depends
on the beginning. After training a small ratio is no fault where the answer does not depend on the first steps, as where
short sequences are filled up in front. The ratio does not depend on the size of the loss; the height of a line does: a
model with a small loss has small gradients everywhere.

All this is seen of one seed alone, the first. Another seed gives other numbers, and nothing here says how far apart;
differences of orders of magnitude are meant, not small ones."""


def sheet(material: Material) -> Sheet | None:
    """A page on all tasks of which this was recorded, or None where it was of none."""
    groups, faults = seen.groups(material)
    if not groups and not faults:
        return None
    places = material.places()
    pictures = {group.file("gradients"): frames.gradients(group.seen, places) for group in groups}
    parts = [f"# {TITLE}", HOW_TO_READ, *map(_section, groups), *(said for _, said in faults)]
    return Sheet("\n\n".join(parts) + "\n", pictures, records=seen.records(groups))


def _section(group: Group) -> str:
    rows = [
        {
            "Model": one.title,
            "First / last tenth, before training": number(ratio(one.initial), ".4g"),
            "First / last tenth, trained": number(ratio(one.trained), ".4g"),
        }
        for one in group.seen
    ]
    steps = max(one.steps for one in group.seen)
    alt = (
        f"Two plots show, before and after training, how much gradient reaches each of the {steps:,} time steps of "
        f"{group.title}, on a logarithmic axis, with a line for each of {counted(len(group.seen), 'model')}; after "
        "training the first tenth of them gets, of the last tenth's, "
        f"{ends({one.title: ratio(one.trained) for one in group.seen}, 'times')}."
    )
    return group.section("gradients", alt, tables.markdown(pd.DataFrame(rows)))


def ratio(gradient: Array) -> float:
    """The mean over the first tenth of the bins over that of the last, at least one bin each; NaN: not known."""
    tenth = max(1, round(len(gradient) / 10))
    first, last = float(np.mean(gradient[:tenth])), float(np.mean(gradient[-tenth:]))
    return first / last if last > 0 else np.nan
