"""What the statistics do, whole: errors, coverage and power by simulation, counted in a page.

    python tests/quality/error_rates.py

Outcomes are normal, heavy-tailed (Student's t with 2 degrees of freedom) or of two parts: a run learns, 0.9 +- 0.02,
or stays where it began, 0.508 +- 0.002. It takes some minutes of one core; --share 0.1 a tenth of that.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[0] = str(ROOT)

from harness.compare.two import compare  # noqa: E402
from harness.plan import Cell  # noqa: E402
from harness.records.kinds import RunRecord, TaskFacts  # noqa: E402
from harness.stats import across, equivalence, over_seeds, power, ranks, shares  # noqa: E402
from harness.stats.verdicts import ALPHA, EQUIVALENT  # noqa: E402
from harness.write import tables  # noqa: E402

PAGE = ROOT / "reports" / "quality" / "statistics.md"
COMMAND = "python tests/quality/error_rates.py"
SEEDS = (3, 5, 8, 10)
STUDIES = 2000
LEARN = (0.1, 0.9)  # how likely a run learns, of the worse and of the better model
EFFECT = 2.0  # standard deviations of a run, or of the normal one under the heavy tails
Runs = np.ndarray


def two_part(rng: np.random.Generator, learn: float, shape: tuple[int, ...]) -> Runs:
    return np.where(
        rng.random(shape) < learn, 0.9 + 0.02 * rng.normal(size=shape), 0.508 + 0.002 * rng.normal(size=shape)
    )


OUTCOMES: dict[str, Callable[[np.random.Generator, bool, tuple[int, ...]], Runs]] = {
    "normal": lambda rng, better, shape: rng.normal(size=shape) + EFFECT * better,
    "heavy tails": lambda rng, better, shape: rng.standard_t(2, size=shape) + EFFECT * better,
    "two parts": lambda rng, better, shape: two_part(rng, LEARN[better], shape),
}


def table(
    rows: Iterable[tuple[str, Callable[[int, int], float | str]]], share: float, seeds: tuple[int, ...] = SEEDS
) -> str:
    """A row for each name; its function gives a share of so many studies of n seeds, or a text."""
    shown = []
    for name, of in rows:
        found = {f"{n} seeds": of(n, max(20, int(share * STUDIES))) for n in seeds}
        shown.append({"": name} | {k: v if isinstance(v, str) else f"{100 * v:.1f}" for k, v in found.items()})
        print(name, *found.values(), flush=True)
    return tables.markdown(pd.DataFrame(shown))


def told_apart(outcome: str, models: int, better: bool, rng: np.random.Generator) -> Callable[[int, int], float]:
    """How often the first model's p against the best of the others, or with no better one any p, is small."""

    def of(n: int, studies: int) -> float:
        hits = 0
        for _ in range(studies):
            runs = {str(k): OUTCOMES[outcome](rng, better and k == 0, (n,)) for k in range(models)}
            p = over_seeds.against(max(runs, key=lambda name: runs[name].mean()), runs)
            hits += (max if better else min)(p.values()) <= ALPHA
        return hits / studies

    return of


def learned_apart(learn: tuple[float, float], models: int, rng: np.random.Generator) -> Callable[[int, int], float]:
    """How often Boschloo's test of the shares that learned finds the first model apart from all others, after Holm."""
    pairs = power.comparisons(models)

    def of(n: int, studies: int) -> float:
        good = np.stack([rng.binomial(n, learn[k == 0], size=studies) for k in range(models)], axis=1)
        p = [[shares.boschloo_p((int(one[0]), n), (int(other), n)) for other in one[1:]] for one in good]
        return float(np.mean(pairs * np.max(p, axis=1) <= ALPHA))  # no step down: at least so often

    return of


def steady_and_failing(rng: np.random.Generator) -> Callable[[int, int], float]:
    def of(n: int, studies: int) -> float:
        steady = 0.9 * 0.9 + 0.1 * 0.508 + 0.02 * rng.normal(size=(studies, n))
        return float(np.mean([over_seeds.unpaired_p(x, two_part(rng, 0.9, (n,))) <= ALPHA for x in steady]))

    return of


def forecast(models: int, rng: np.random.Generator) -> Callable[[int, int], float]:
    return lambda n, _: power.power(EFFECT, n, rng=rng, alpha=ALPHA / power.comparisons(models))


def covered(draw: Callable[[tuple[int, ...]], Runs], truth: float) -> Callable[[int, int], float]:
    """How often Student's interval holds the mean."""

    def of(n: int, studies: int) -> float:
        found = [over_seeds.mean_interval(x) for x in draw((4 * studies, n))]
        return float(np.mean([one.low <= truth <= one.high for one in found]))

    return of


def shares_covered(first: float, second: float | None, rng: np.random.Generator) -> Callable[[int, int], float]:
    """How often Wilson's interval holds a share, or Newcombe's the difference of two."""

    def of(n: int, studies: int) -> float:
        good = rng.binomial(n, [first, second or 0.0], size=(4 * studies, 2)).tolist()
        if second is None:
            found, truth = [shares.success_interval(a, n) for a, _ in good], first
        else:
            found, truth = [shares.risk_difference((a, n), (b, n)) for a, b in good], first - second
        return float(np.mean([one.low <= truth <= one.high for one in found]))

    return of


def over_tasks(test: str, share_data: bool, rng: np.random.Generator) -> Callable[[int, int], float]:
    """Ten tasks, six models alike; three tasks correlated 0.38 under one seed, as the committed records are."""
    c = np.eye(10)
    c[:3, :3] = 0.38
    np.fill_diagonal(c, 1)
    root = np.linalg.cholesky(c)
    data = ["mnist"] * 3 + [str(task) for task in range(7)] if share_data else None

    def of(n: int, studies: int) -> float:
        wrong = 0
        for _ in range(studies // 4):
            x = np.einsum("tu,uks->tks", root, rng.normal(size=(10, 6, n)))
            if test == "pairs":
                wrong += across.stratified_pairs(x, data, rng=rng, patterns=2**10).adjusted.min() <= ALPHA
            else:
                wrong += ranks.friedman(x.mean(axis=2), data, rng=rng, draws=2**10).p <= ALPHA
        return wrong / (studies // 4)

    return of


def called_equivalent(kind: str, rng: np.random.Generator) -> Callable[[int, int], float]:
    """How often two one-sided tests, margin 1 % of the way, say so."""

    def of(n: int, studies: int) -> float:
        said = 0
        for _ in range(studies):
            if kind == "at the margin":
                d = 0.01 + 0.003 * rng.normal(size=n)
            else:
                stuck = 0.0 if kind == "none and a fifth learn" else 0.002
                learn = rng.random((2, n)) < [[0.0], [0.2]]
                x = np.where(learn, 0.9 + 0.02 * rng.normal(size=(2, n)), 0.508 + stuck * rng.normal(size=(2, n)))
                d = (x[1] - x[0]) / 0.492
                if min(np.ptp(x, axis=1)) == 0:
                    continue
            said += equivalence.two_one_sided(d, 0.01).p <= ALPHA
        return said / studies

    return of


def collapsed(rows: int, rng: np.random.Generator) -> Callable[[int, int], str]:
    """The verdicts of `bench compare` on two folders that are alike but for one row, which falls to chance."""
    facts = TaskFacts("Counting", "accuracy", True, chance=0.1, target=None, length=10)

    def side(n: int, falls: bool) -> dict[tuple[str, ...], dict[int, RunRecord]]:
        places = [("quick", f"task{row}", "6k", "gru") for row in range(rows)]
        return {
            place: {
                seed: RunRecord(Cell(*place[:2], "gru", "6k", seed), "ok", 1, task=facts, test_metric=value)
                for seed, value in enumerate(rng.normal(0.1 if falls and place == places[0] else 0.989, 0.001, n))
            }
            for place in places
        }

    def of(n: int, _: int) -> str:
        found = [compare(side(n, False), side(n, True), margin=0.01, rng=rng).verdict for _ in range(5)]
        return ", ".join(f"{found.count(word)} {word}" for word in dict.fromkeys((*found, EQUIVALENT)))

    return of


def page(share: float) -> str:
    begin, rng = time.process_time(), np.random.default_rng(0)
    names = [(outcome, models) for outcome in OUTCOMES for models in (2, 6)]
    wrong = [(f"{name}, {models} models", told_apart(name, models, False, rng)) for name, models in names]
    found = [(f"{name}, {models} models", told_apart(name, models, True, rng)) for name, models in names]
    normal = [(f"forecast for normal runs, {models} models", forecast(models, rng)) for models in (2, 6)]
    share_error = [(f"share that learns {q:g}", learned_apart((q, q), 2, rng)) for q in (0.1, 0.5, 0.9)]
    share_power = [(f"shares 0.1 and 0.9, {models} models", learned_apart(LEARN, models, rng)) for models in (2, 6)]
    student = [
        ("Student's, normal", covered(lambda shape: rng.normal(size=shape), 0.0)),
        ("Student's, heavy tails", covered(lambda shape: rng.standard_t(2, size=shape), 0.0)),
        ("Student's, two parts, 0.8 learn", covered(lambda shape: two_part(rng, 0.8, shape), 0.8 * 0.9 + 0.2 * 0.508)),
    ]
    wilson = [(f"Wilson's, {q:g} learn", shares_covered(q, None, rng)) for q in (0.1, 0.5, 0.8)]
    newcombe = [(f"Newcombe's, {a:g} and {b:g} learn", shares_covered(a, b, rng)) for a, b in ((0.5, 0.5), LEARN)]
    tasks = [
        (f"{name}, {'one block' if together else 'as if independent'}", over_tasks(test, together, rng))
        for test, name in (("pairs", "any pair (max-T)"), ("friedman", "Friedman's"))
        for together in (True, False)
    ]
    kinds = ("at the margin", "none and a fifth learn", "none and a fifth learn, others vary by 0.2 points")
    parts = [
        "# What the statistics do",
        f"`{COMMAND}`: simulations of the functions that the pages use, in per cent of {share * STUDIES:,.0f} studies, "
        f"so that 5 % is known to {100 * (0.05 * 0.95 / (share * STUDIES)) ** 0.5:.1f} points (over tasks a quarter of "
        "them, of intervals four times as many). Two parts: a run learns, 0.9 +- 0.02, or does not, 0.508 +- 0.002.",
        "## Errors of the exact test of labels",
        "No model differs (two parts: one of ten runs learns), and some p against the best mean, by Holm's correction "
        "for all pairs, is at most 5 %. No more than 5 is promised.",
        table(wrong, share),
        "Two models of one mean, a steady one and one that fails in one run of ten, are not alike, and the test says "
        "so in this part of the studies. That is no error of it; it would be one of a claim about means.",
        table([("steady and failing", steady_and_failing(rng))], share),
        "## Power",
        f"One model is better by {EFFECT:g} standard deviations, or learns in 0.9 of its runs where the others do in "
        "0.1, and is told apart from all others.",
        table([*found, *normal], share),
        "The forecast is `bench plan`'s for one pair at the first step of Holm. Shares that learn, by Boschloo's exact "
        "test: its error between two models alike, and its power.",
        table([*share_error, *share_power], share),
        "## Coverage of intervals",
        "95 is promised. Student's of two parts is why a page shows the share that learned instead.",
        table([*student, *wilson, *newcombe], share),
        "## Over tasks",
        "Ten tasks, six models alike; three tasks are correlated 0.38 under one seed, as the MNIST tasks are in the "
        "committed records. No more than 5 is promised; the pages take one block for one seed on all tasks that share "
        "data.",
        table(tasks, share, (3, 5)),
        "## Equivalence",
        "Two one-sided tests within 1 % of the way, of two models that differ by just that (5 is promised), and of two "
        "of which none and a fifth of the runs learn: the difference between what seeds saw and what is so, which is "
        "why the pages say how many further runs may end otherwise.",
        table([(kind, called_equivalent(kind, rng)) for kind in kinds], share),
        "`bench compare` of two folders that are alike but for one row, which falls from 98.9 % to chance in every "
        "seed: the verdicts on the whole of five studies.",
        table([(f"{rows} rows", collapsed(rows, rng)) for rows in (12, 180)], share, (3, 8)),
        f"It takes {(time.process_time() - begin) / 60:.0f} minutes of one core.",
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the studies")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    given.page.write_text(page(given.share), encoding="utf-8")
