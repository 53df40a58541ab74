"""reports/<protocol>/latency.md: how long the models take, beside the yardstick and over the length of sequences."""

import pandas as pd

from ...records.kinds import Latency
from ...stats import ratios, shares
from ...stats.verdicts import TIMES_MARGIN
from ...write import tables
from ...write.words import DASH, fixed, number
from .parts import Page, Part

OPENING = """\
# How long a step takes

*Forward*: a batch in evaluation, without gradients. *Forward + backward*: in training, without the update. *Step*:
forward, loss, backward, clipping and update, as training does it. *One time step*: a single step of the recurrence
with its state carried, of one sequence and of a batch; a model whose work depends on the place in the sequence is
timed at its first place. *First call*: the first training step of a fresh process, in brackets what torch.compile says
it took of that. These are medians in milliseconds, taken after a warm-up that goes on until medians agree within 2 %.
*Device*: the step between two events on the GPU, many steps to one wait; *Step* less this is what launching costs.

*Step / yardstick*: both run in one process in rounds A B B A, so that a slow minute falls on both; the median over
rounds of the ratio of geometric means, and its 99 % interval between order statistics. *Verdict*: faster or
slower where the whole interval is beyond the margin, equivalent where all of it is inside, else it cannot be told.
*A/A*: the yardstick beside itself in as many rounds, right after the model's; from the smallest to the largest of
these controls. The margin is 5 %, or the largest deviation of these controls where that is more. *Jitter*: from the
10 % to the 90 % quantile of the step, as a part of its median. *In T* and *in batch*: the slope of log time over log
size; 1 is proportional."""


def table(part: Part) -> pd.DataFrame:
    rows = []
    on_gpu = any(one.device_step is not None for one in part.measured)
    for title, one in zip(part.titles, part.measured, strict=True):
        first = fixed(one.first_call_ms) + (f" ({fixed(one.compile_ms)})" if one.compile_ms else "")
        row = {
            "Model": title,
            "Forward": _ms(one.forward),
            "Forward + backward": _ms(one.backward),
            "Step": _ms(one.step),
            **({"Device": _ms(one.device_step)} if on_gpu else {}),
            "One time step": _ms(one.inference),
            f"of {one.batch}": _ms(one.inference_batch),
            "First call": first,
            "Step / yardstick": number(one.ratio, ".2f"),
            "Verdict": DASH,
            "A/A": DASH,
            "Jitter": number(one.step.jitter if one.step else None, ".0%"),
            "in T": number(one.over_length.time_exponent if one.over_length else None, ".2f"),
            "in batch": number(one.over_batch.time_exponent if one.over_batch else None, ".2f"),
        }
        if one.compared is not None:
            row["Step / yardstick"] = f"{one.compared.median:.2f} ({number(one.compared.low, '.2f')} to "
            row["Step / yardstick"] += f"{number(one.compared.high, '.2f')})"
            row["Verdict"] = ratios.verdict(one.compared, ratios.margin_of(one.controls))
        if one.controls:
            medians = [control.median for control in one.controls]
            row["A/A"] = f"{min(medians):.3f} to {max(medians):.3f}"
        rows.append(row)
    return pd.DataFrame(rows)


def false_alarm(part: Part) -> str:
    """How often this machine called two equal things different, in a sentence."""
    controls = part.controls
    if not controls:
        return "No control was measured, so nothing is said of how far a ratio can be trusted."
    alarms = ratios.false_alarms(controls)
    share = shares.success_interval(alarms, len(controls))
    return (
        f"The yardstick beside itself, {len(controls)} times: {alarms} were called faster or slower beyond "
        f"{TIMES_MARGIN:.0%}, a false-alarm rate of {share.mean:.1%} (95 % interval {max(0.0, share.low):.1%} to "
        f"{share.high:.1%}). The yardstick is `{part.measured[0].yardstick}`."
    )


def _ms(latency: Latency | None) -> str:
    return fixed(None if latency is None else latency.median)


sheet = Page(
    "latency",
    OPENING,
    "How long the models take.",
    lambda part: [tables.markdown(table(part)), false_alarm(part)],
    lambda growth: growth.ms,
    "training step, ms",
    ("A training step", "ms"),
    ("settled", "inference", "over_length", "over_batch", "rss_bytes"),
).sheet
