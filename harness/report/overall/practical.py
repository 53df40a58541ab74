"""Are models practically equal over all tasks? Large p-values do not show that; the two tests here do."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ...errors import counted
from ...stats.across import family_means
from ...stats.equivalence import signed_rank, two_one_sided
from ...stats.over_seeds import holm
from ...stats.verdicts import MARGIN
from ...write import tables
from ...write.words import DASH

DRAWS = 10_000


def section(
    way: ArrayLike, titles: Sequence[str], best: int, rng: np.random.Generator, data: Sequence[str] | None = None
) -> str:
    """Each model against the best one: a table and how to read it.

    way: (tasks, models, seeds), from chance 0 to 1; data: what each task's data are shared under, by default all their
    own. Tasks that share data count as one, with the mean over them.
    """
    x = np.asarray(way, dtype=np.float64)
    if not len(x):
        return "Whether models are practically equal is not shown: no task here has a known chance level."
    x = family_means(x, data)
    equivalent = _equivalent(x)
    rows = []
    for place, title in enumerate(titles):
        row = {"Model": title}
        row |= dict.fromkeys(("P(worse)", "P(practically equal)", "P(better)", "p, equivalence"), DASH)
        if place != best:
            means = (x[:, place] - x[:, best]).mean(axis=1)
            found = signed_rank(means, MARGIN, rng=rng, draws=DRAWS)
            shares = {"P(worse)": found.worse, "P(practically equal)": found.equal, "P(better)": found.better}
            row |= {name: f"{share:.2f}" for name, share in shares.items()}
            row["p, equivalence"] = f"{equivalent[place, best]:.3g}"
        rows.append(row)
    families, seeds = x.shape[0], x.shape[2]
    tasks = families if data is None else len(data)
    of = "" if families == tasks else f", of which those that share data count as one: {counted(families, 'mean')}"
    asked = (
        f"Which models are practically equal to {titles[best]}, the best mean rank? Differences of at most "
        f"{100 * MARGIN:g} % of the way from chance to a perfect score count as such; this margin is a constant of the "
        "harness, the same for every task and protocol, and no result chose it."
    )
    read = (
        f"*P*: Bayesian signed-rank test (Benavoli et al., 2017) over {counted(tasks, 'task')}{of}, of the means over "
        "seeds: how likely it is that the model is worse, practically equal or better. *p, equivalence*: two one-sided "
        f"t-tests (Schuirmann, 1987) that the mean difference lies beyond the margin, over {families * seeds} paired "
        "differences of task, or tasks that share data, and seed, with Holm's correction for all pairs of models; a "
        "small one says that two models are equivalent. For these tasks it is cautious, since tasks differ; for other "
        "tasks it is too sure, since seeds of a task go together."
    )
    return "\n\n".join([asked, tables.markdown(pd.DataFrame(rows)), read])


def _equivalent(way: np.ndarray) -> np.ndarray:
    """The corrected p that two models differ by more than the margin, (models, models)."""
    first, second = np.triu_indices(way.shape[1], 1)
    differences = (way[:, first] - way[:, second]).transpose(1, 0, 2).reshape(first.size, -1)
    result = np.ones((way.shape[1],) * 2)
    result[first, second] = result[second, first] = holm([two_one_sided(d, MARGIN).p for d in differences])
    return result
