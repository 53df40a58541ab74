"""reports/<protocol>/memory.md: what a training step holds, how much work it is and what energy it takes."""

import pandas as pd

from ...write import tables
from ...write.words import count, fixed, mib, number
from .parts import Page, Part

OPENING = """\
# What a step holds and computes

*Peak*: the most that live tensors of a training step hold at once, beyond weights, optimizer state and data, to the
byte on a CPU and by the allocator on a GPU. *Forecast*: what two steps on a few sequences foretell of it, from which
`bench plan` says what will fit. *Saved*: what the forward pass keeps for the backward pass, each storage once, weights
and inputs aside. *Process*: the most that a fresh process had resident during its first steps, beyond what it had
before them. *CUDA*: the most that the allocator gave to tensors, weights included, and took from the device. *In T* and
*in batch*: the slope of log peak over log size; 1 is proportional. *State*: numbers carried from one time step to the
next, of one sequence. *MFLOP*: of the matrix products of a step, three times those of the forward pass, counted on the
plain loop. *Of peak*: FLOPs a second of the fastest step over the most that a large float32 matrix product reached in
the same process. *Joules*: of a step, by the board's own counter, over a second of steps; on a CPU none is read."""


def table(part: Part) -> pd.DataFrame:
    rows = []
    on_gpu = any(one.allocated_bytes is not None for one in part.measured)
    for title, one in zip(part.titles, part.measured, strict=True):
        cuda = f"{fixed(mib(one.allocated_bytes))} / {fixed(mib(one.reserved_bytes))}"
        rows.append(
            {
                "Model": title,
                "Peak, MiB": fixed(mib(one.peak_bytes)),
                "Forecast": fixed(mib(one.predicted_bytes)),
                "Saved": fixed(mib(one.saved_bytes)),
                "Process": fixed(mib(one.rss_bytes)),
                **({"CUDA": cuda} if on_gpu else {}),
                "in T": number(one.over_length.bytes_exponent if one.over_length else None, ".2f"),
                "in batch": number(one.over_batch.bytes_exponent if one.over_batch else None, ".2f"),
                "Parameters": count(one.params),
                "State": count(one.state),
                "MFLOP a step": fixed(one.flops / 1e6 if one.flops is not None else None),
                "Of peak": number(one.flops_share, ".0%"),
                "Joules a step": fixed(one.joules),
            }
        )
    return pd.DataFrame(rows)


sheet = Page(
    "memory",
    OPENING,
    "What the models hold, and how much they compute.",
    lambda part: [tables.markdown(table(part))],
    lambda growth: [held / 2**20 for held in growth.bytes],
    "peak of a step, MiB",
    ("The peak of a training step", "MiB"),
    ("state", "saved_bytes", "rss_bytes", "flops", "joules", "over_length"),
).sheet
