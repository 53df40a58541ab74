"""How often the verdicts on claims are wrong, by simulation of the whole procedure, counted in a page.

    python tests/quality/claims.py

Records by hand go through the judgement of harness/compare/claims.py, as those of `bench run` do. Outcomes are on the
way from chance to a perfect score. It takes some minutes of one core; --share 0.1 a tenth of that.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[0] = str(ROOT)

from harness.compare.claims import REFUTED, SUPPORTED, judge  # noqa: E402
from harness.errors import counted  # noqa: E402
from harness.plan import Cell  # noqa: E402
from harness.records.claims import Claim  # noqa: E402
from harness.records.kinds import Point, RunRecord, TaskFacts  # noqa: E402
from harness.stats.verdicts import CANNOT_TELL  # noqa: E402
from harness.tune.choice import best  # noqa: E402
from harness.tune.space import points_of, seeds_of  # noqa: E402
from harness.write import tables  # noqa: E402

PAGE = ROOT / "reports" / "quality" / "claims.md"
COMMAND = "python tests/quality/claims.py"
SEEDS = (5, 8)
STUDIES = 1000
POINTS = points_of("quick")
MARGIN = 2.0  # % of the way
FACTS = TaskFacts("Counting", "accuracy", True, chance=0.0, target=0.7, length=10)
Outcomes = dict[str, np.ndarray]  # model -> test metric (seeds,)
Draw = Callable[[np.random.Generator, int], Outcomes]


def learns(rng: np.random.Generator, share: float, n: int, spread: float = 0.02) -> np.ndarray:
    """Runs of two parts: so many learn, 0.9 +- the spread, the others stay where they began, 0.01 +- 0.004."""
    return np.where(rng.random(n) < share, 0.9 + spread * rng.normal(size=n), 0.01 + 0.004 * rng.normal(size=n))


def alike(rng: np.random.Generator, n: int) -> Outcomes:
    return {name: 0.5 + 0.05 * rng.normal(size=n) for name in ("a", "b0")}


def unequal(ratio: float) -> Draw:
    """A run of a beats one of b as often as not, and b spreads so many times as wide."""
    return lambda rng, n: {"a": 0.5 + 0.02 * rng.normal(size=n), "b0": 0.5 + ratio * 0.02 * rng.normal(size=n)}


def one_of_five(rng: np.random.Generator, n: int) -> Outcomes:
    """a is far above four models, and like the fifth."""
    found = {f"b{k}": 0.5 + 0.05 * rng.normal(size=n) for k in range(4)}
    return found | {name: 0.8 + 0.05 * rng.normal(size=n) for name in ("a", "b4")}


def all_alike(rng: np.random.Generator, n: int) -> Outcomes:
    return {name: 0.5 + 0.05 * rng.normal(size=n) for name in ("a", *(f"b{k}" for k in range(5)))}


def above_all(rng: np.random.Generator, n: int) -> Outcomes:
    """a is above five models by 2.5 standard deviations of a run."""
    found = {f"b{k}": 0.5 + 0.05 * rng.normal(size=n) for k in range(5)}
    return found | {"a": 0.625 + 0.05 * rng.normal(size=n)}


def at_the_margin(spread: float) -> Draw:
    return lambda rng, n: {
        "a": 0.8 + MARGIN / 100 + spread * rng.normal(size=n),
        "b0": 0.8 + spread * rng.normal(size=n),
    }


def parts(first: float, second: float, spread: float = 0.02) -> Draw:
    return lambda rng, n: {"a": learns(rng, first, n, spread), "b0": learns(rng, second, n, spread)}


def tuned(landscape: Callable[[np.random.Generator, int, int], np.ndarray]) -> Draw:
    """a and b have the same outcomes at each point; each trains at the one that its own two tuning seeds choose."""

    def draw(rng: np.random.Generator, n: int) -> Outcomes:
        found = {}
        for name in ("a", "b0"):
            trials = np.array([landscape(rng, point, len(seeds_of("quick"))) for point in range(POINTS)])
            found[name] = landscape(rng, best(trials), n)
        return found

    return draw


def ladder(gap: float) -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """Each point so far below the one before, as steady as its runs are."""
    return lambda rng, point, n: 0.9 - gap * point + 0.02 * rng.normal(size=n)


def chances(rng: np.random.Generator, point: int, n: int) -> np.ndarray:
    """Points that learn in 5 to 95 % of their runs."""
    return learns(rng, 0.95 - 0.9 * point / (POINTS - 1), n)


def verdicts(
    draw: Draw, n: int, studies: int, kind: str = "better", test: str = "metric", outcome: str = "every"
) -> Counter[str]:
    """How often each verdict is given."""
    rng, found = np.random.default_rng(0), Counter[str]()
    others = tuple(name for name in draw(rng, n) if name != "a")
    claim = Claim("one", "", kind, ("sfc",), "paper", n, test, a=("x.py:a",), b=tuple(f"x.py:{b}" for b in others),
                  outcome=outcome, margin=MARGIN)  # fmt: skip
    served = {claim.id: claim.digest}
    for _ in range(studies):
        runs = [
            record(served, name, seed, float(value))
            for name, values in draw(rng, n).items()
            for seed, value in enumerate(values)
        ]
        found[judge([claim], runs)[0].verdict] += 1
    return found


def record(served: dict[str, str], model: str, seed: int, metric: float) -> RunRecord:
    curve = (Point(100, 100, 1.0, None, min(1.0, max(0.0, metric))),)
    return RunRecord(
        Cell("paper", "sfc", f"x.py:{model}", "paper", seed), "ok", 1, task=FACTS, test_metric=metric, curve=curve,
        claims=served,
    )  # fmt: skip


Row = tuple[str, Draw, dict[str, str], tuple[str, ...]]  # name, outcomes, the claim, which verdicts are wrong
BOTH = (SUPPORTED, REFUTED)
WRONG: list[Row] = [
    ("two models alike", alike, {}, (SUPPORTED,)),
    ("as often above as below, b spreads three times as wide", unequal(3), {}, BOTH),
    ("as often above as below, b spreads ten times as wide", unequal(10), {}, BOTH),
    ("above four of five models, like the fifth: every", one_of_five, {}, (SUPPORTED,)),
    ("like five of five models: every", all_alike, {}, (SUPPORTED,)),
    ("like five of five models: any", all_alike, {"outcome": "any"}, (SUPPORTED,)),
    ("above five of five models: every", above_all, {}, (REFUTED,)),
    ("at the margin, steady: equivalent", at_the_margin(0.005), {"kind": "equivalent"}, BOTH),
    ("at the margin, steady: not better", at_the_margin(0.005), {"kind": "not-better"}, BOTH),
    ("at the margin, varied: equivalent", at_the_margin(0.02), {"kind": "equivalent"}, BOTH),
    ("half of the runs of both learn", parts(0.5, 0.5), {}, (SUPPORTED,)),
    ("half of the runs of both learn: solved", parts(0.5, 0.5), {"test": "solved"}, BOTH),
    ("half of the runs of both learn: steps", parts(0.5, 0.5), {"kind": "faster", "test": "steps"}, BOTH),
    ("half of the runs of both learn: alive", parts(0.5, 0.5), {"kind": "alive", "test": "share"}, BOTH),
    ("one and three of ten runs learn: equivalent", parts(0.1, 0.3), {"kind": "equivalent"}, (SUPPORTED,)),
    ("none and a fifth of the runs learn: equivalent", parts(0.0, 0.2), {"kind": "equivalent"}, (SUPPORTED,)),
]
TUNED: list[Row] = [
    ("points 0.2 standard deviations of a run apart", tuned(ladder(0.004)), {}, (SUPPORTED,)),
    ("points 1 standard deviation apart", tuned(ladder(0.02)), {}, (SUPPORTED,)),
    ("points 3 standard deviations apart", tuned(ladder(0.06)), {}, (SUPPORTED,)),
    ("points that learn in 5 to 95 % of the runs: better", tuned(chances), {}, (SUPPORTED,)),
    ("points that learn in 5 to 95 % of the runs: solved", tuned(chances), {"test": "solved"}, (SUPPORTED,)),
]
RARE: list[Row] = [
    (
        "all and nine of ten runs learn, these steadily: equivalent",
        parts(1.0, 0.9, 0.005),
        {"kind": "equivalent"},
        (SUPPORTED,),
    ),
    (
        "all and eight of ten runs learn, these steadily: equivalent",
        parts(1.0, 0.8, 0.005),
        {"kind": "equivalent"},
        (SUPPORTED,),
    ),
]
FOUND: list[Row] = [
    ("above five of five models by 2.5 standard deviations: every", above_all, {}, (SUPPORTED,)),
    ("nine and one of ten runs learn: better", parts(0.9, 0.1), {}, (SUPPORTED,)),
    ("nine and one of ten runs learn: solved", parts(0.9, 0.1), {"test": "solved"}, (SUPPORTED,)),
    ("all and none of the runs learn: alive", parts(1.0, 0.0), {"kind": "alive", "test": "share"}, (SUPPORTED,)),
    ("alike and steady: equivalent", lambda rng, n: {k: 0.8 + 0.005 * rng.normal(size=n) for k in ("a", "b0")},
     {"kind": "equivalent"}, (SUPPORTED,)),
]  # fmt: skip


def table(rows: list[Row], share: float) -> str:
    """Of each row the share of studies with one of its verdicts, of so many seeds."""
    shown, studies = [], max(20, int(share * STUDIES))
    for name, draw, words, wrong in rows:
        row = {"": name, "Counted": " or ".join(wrong)}
        for n in SEEDS:
            found = verdicts(draw, n, studies, **words)
            row[f"{n} seeds"] = f"{100 * sum(found[word] for word in wrong) / studies:.1f}"
            row[f"cannot tell, {n}"] = f"{100 * found[CANNOT_TELL] / studies:.1f}"
        print(*row.values(), flush=True)
        shown.append(row)
    return tables.markdown(pd.DataFrame(shown))


def adding(share: float) -> str:
    """How often two models alike are told apart where seeds are added until they are, from five to fifteen."""
    from harness.stats.contrasts import brunner_munzel_p

    rng, wrong, studies = np.random.default_rng(0), 0, max(20, int(share * STUDIES))
    for _ in range(studies):
        x, y = rng.normal(size=(2, 15))
        wrong += any(brunner_munzel_p(x[:n], y[:n]) <= 0.05 for n in range(5, 16, 2))
    return f"{100 * wrong / studies:.0f} %"


def page(share: float) -> str:
    begin = time.process_time()
    studies = share * STUDIES
    text = [
        "# How often verdicts on claims are wrong",
        f"`{COMMAND}`: {studies:,.0f} studies of a claim for each number, of records made by hand and judged by "
        f"`harness/compare/claims.py`, in %; 5 % is known to {100 * (0.05 * 0.95 / studies) ** 0.5:.1f} points. The "
        f"margin is {MARGIN:g} % of the way. Two parts: a run learns, 90 % of the way +- 2, or stays where it began, "
        "1 +- 0.4.",
        "## Wrong verdicts",
        "No more than 5 is promised, of those counted together.",
        table(WRONG, share),
        "Two models alike may rightly be called equivalent, so that *refuted* is right there of a claim that one is "
        "better. Of one true null among five effects only *supported* is wrong.",
        "## Two models alike, each tuned",
        f"Both come to the same at each of {POINTS} points, and each trains at the one that its own two tuning seeds "
        "choose (`harness/tune/choice.py`), on fresh seeds. As the choice is made once, all seeds of a model share its "
        "luck: a verdict on tuned models is one on the points that were chosen, and as one on the models themselves it "
        "errs as often as stands here.",
        table(TUNED, share),
        "## Where it errs",
        "Brunner and Munzel's test is exact where two models are alike, and nearly so where one is as often above as "
        "below the other: above 5 % where one spreads ten times as wide, hardly varying beside one that does.",
        "Equivalence is a word on the runs seen. Where all of them learned, one of ten further runs may still fail, "
        "which five or eight seeds mostly do not show; a margin of means is then wrong. No test on so few runs can do "
        "better, so the page of claims says how many further runs may end otherwise.",
        table(RARE, share),
        "## What it finds",
        table(FOUND, share),
        "## Why a follow-up takes fresh seeds",
        "Two models alike, five seeds each, and two more of each as long as they are not told apart, up to fifteen: "
        f"they are in {adding(share)} of the studies.",
        f"It takes {counted(max(1, round((time.process_time() - begin) / 60)), 'minute')} of one core.",
    ]
    return "\n\n".join(text) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the studies")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    given.page.write_text(page(given.share), encoding="utf-8")
