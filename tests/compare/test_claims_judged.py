"""What the records say of claims that were declared before them."""

from dataclasses import replace

import numpy as np
import pytest
from support.records import FACTS, made_curve, runs_of

from harness.compare import follow_up
from harness.compare.claims import NOT_PLANNED, REFUTED, SUPPORTED, check, judge
from harness.compare.contrasts import OPEN, A, B
from harness.errors import BenchError
from harness.plan import Cell
from harness.records.campaign import Block
from harness.records.claims import Claim
from harness.stats.contrasts import brunner_munzel_p
from harness.stats.verdicts import CANNOT_TELL, EQUIVALENT, NOT_RUN

HIGH = [0.90, 0.91, 0.92, 0.93, 0.94]
LOW = [0.72, 0.73, 0.74, 0.75, 0.76]
WIDE = [0.6, 0.7, 0.75, 0.8, 0.9]
NEAR = [0.901, 0.909, 0.921, 0.929, 0.941]  # of HIGH, but for less than the margin, 40 % of the way


def claim(kind="better", test="metric", **changes):
    usual = {"a": ("gru",), "b": ("lstm-s",), "tasks": ("sfc",), "protocol": "smoke", "seeds": 5, "margin": 5.0}
    return Claim(id="one", says="A.", kind=kind, test=test, **(usual | changes))


def declared(one, scores, **changes):
    return [replace(run, claims={one.id: one.digest}) for run in runs_of(scores, **changes)]


def judged(one, scores, vitals=None, **changes):
    (found,) = judge([one], declared(one, scores, **changes), vitals=vitals)
    return found


@pytest.mark.parametrize(
    ("a", "b", "end", "verdict"),
    [
        (HIGH, LOW, A, SUPPORTED),
        (LOW, HIGH, B, REFUTED),
        (HIGH, [0.71, 0.72, 0.93, 0.95, 0.96], OPEN, CANNOT_TELL),
        (HIGH, NEAR, EQUIVALENT, REFUTED),
        (np.add(HIGH, 0.021) / 1.02, LOW, A, SUPPORTED),
        ([0.9, 0.9, 0.9, 0.9, 0.9], [0.9, 0.901, 0.899, 0.9, 0.902], OPEN, CANNOT_TELL),  # a side without spread
        ([0.502, 0.503, 0.504, 0.501, 0.505], [0.503, 0.501, 0.502, 0.504, 0.5], OPEN, CANNOT_TELL),  # none learned
        (HIGH, [None] * 5, A, SUPPORTED),  # runs that diverged are the worst
    ],
)
def test_a_contrast_ends_and_so_does_a_claim_of_one(a, b, end, verdict):
    wide = claim(margin=40.0) if end == EQUIVALENT or verdict == CANNOT_TELL else claim()
    found = judged(wide, {"gru": a, "lstm-s": b})
    assert (found.contrasts[0].end, found.verdict) == (end, verdict)


def test_a_significant_difference_within_the_margin_is_equivalent():
    tight = claim(margin=50.0)
    found = judged(tight, {"gru": HIGH, "lstm-s": [x - 0.05 for x in HIGH]})
    (one,) = found.contrasts
    assert one.p == pytest.approx(brunner_munzel_p(HIGH, [x - 0.05 for x in HIGH]))
    assert one.p <= 0.05
    assert (one.end, found.verdict) == (EQUIVALENT, REFUTED)
    assert judged(claim(), {"gru": HIGH, "lstm-s": [x - 0.05 for x in HIGH]}).verdict == SUPPORTED
    assert one.effect.mean == pytest.approx(10.0)  # % of the way from 0.5 to 1


def test_each_of_several_contrasts_must_hold_and_a_contrary_one_counts_after_holm():
    several = claim(b=("lstm-s", "lstm-m", "hm-lstm"))
    assert judged(several, {"gru": HIGH, "lstm-s": LOW, "lstm-m": LOW, "hm-lstm": LOW}).verdict == SUPPORTED
    mixed = {"gru": HIGH, "lstm-s": LOW, "lstm-m": LOW, "hm-lstm": [0.6, 0.8, 0.93, 0.95, 0.97]}
    assert judged(several, mixed).verdict == CANNOT_TELL
    above = [0.925, 0.935, 0.95, 0.96, 0.97]
    lost = judged(several, mixed | {"hm-lstm": above})
    p = brunner_munzel_p(HIGH, above)
    assert 0.05 / 3 < p <= 0.05
    assert (lost.contrasts[2].end, lost.verdict) == (B, CANNOT_TELL)  # Holm: three times p is above 5 %
    assert judged(several, mixed | {"hm-lstm": [x + 0.06 for x in HIGH]}).verdict == REFUTED


def test_any_holds_after_holm_and_is_refuted_where_each_contrary_is_shown():
    any_of = claim(b=("lstm-s", "lstm-m"), outcome="any")
    assert judged(any_of, {"gru": HIGH, "lstm-s": HIGH[::-1], "lstm-m": LOW}).verdict == SUPPORTED
    assert judged(any_of, {"gru": LOW, "lstm-s": HIGH, "lstm-m": HIGH}).verdict == REFUTED
    assert judged(any_of, {"gru": LOW, "lstm-s": HIGH, "lstm-m": WIDE}).verdict == CANNOT_TELL


def test_order_is_every_pair():
    order = claim("order", a=(), b=(), pairs=(("gru", "lstm-s"), ("lstm-s", "lstm-m")))
    third = [x - 0.1 for x in LOW]
    assert judged(order, {"gru": HIGH, "lstm-s": LOW, "lstm-m": third}).verdict == SUPPORTED
    assert judged(order, {"gru": HIGH, "lstm-s": LOW, "lstm-m": HIGH}).verdict == REFUTED


LIVES, SLEEPS = made_curve([0.5, 0.75, 0.8]), made_curve([0.5, 0.5, 0.5])  # the target is 0.7


def curves(one, comes, n):
    """Runs of gru, of which so many come to the target, and of lstm-s."""
    runs = declared(one, {"gru": [0.6] * n, "lstm-s": [0.6] * n})
    good = {("gru", k) for k in range(comes[0])} | {("lstm-s", k) for k in range(comes[1])}
    return [replace(run, curve=LIVES if (run.cell.model, run.cell.seed) in good else SLEEPS) for run in runs]


@pytest.mark.parametrize(
    ("comes", "n", "verdict"),
    [
        ((5, 0), 5, SUPPORTED),
        ((4, 0), 5, CANNOT_TELL),
        ((5, 1), 5, CANNOT_TELL),
        ((0, 8), 8, REFUTED),
        ((8, 8), 8, REFUTED),
    ],
)
def test_alive_takes_five_of_five_and_dead_none_of_five(comes, n, verdict):
    one = claim("alive", "share", seeds=n)
    assert judge([one], curves(one, comes, n))[0].verdict == verdict


def test_solved_is_boschloos_test_and_steps_log_ranks():
    one = claim(test="solved")
    assert judge([one], curves(one, (5, 0), 5))[0].verdict == SUPPORTED
    assert judge([one], curves(one, (5, 3), 5))[0].verdict == CANNOT_TELL
    sooner = claim("faster", "steps")
    quick, slow = (
        {seed: made_curve([0.5] * (k + seed) + [0.8] * (20 - k - seed)) for seed in range(5)} for k in (1, 8)
    )
    runs = declared(sooner, {"gru": [0.8] * 5, "lstm-s": [0.8] * 5})
    timed = [replace(r, curve=(quick if r.cell.model == "gru" else slow)[r.cell.seed]) for r in runs]
    (found,) = judge([sooner], timed)
    assert (found.verdict, found.contrasts[0].p) == (SUPPORTED, pytest.approx(2 / 252))
    assert found.contrasts[0].effect.mean == pytest.approx(-700)
    without = [replace(run, task=replace(FACTS, target=None)) for run in timed]
    assert judge([sooner], without)[0].contrasts[0].reason == "the task has no target"


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (LOW, HIGH, SUPPORTED),
        (HIGH, NEAR, SUPPORTED),
        (HIGH, LOW, REFUTED),
        (WIDE, LOW, CANNOT_TELL),
    ],
)
def test_not_better_is_within_the_margin_or_below(a, b, verdict):
    assert judged(claim("not-better", margin=12.0), {"gru": a, "lstm-s": b}).verdict == verdict


@pytest.mark.parametrize(
    ("b", "verdict"), [(NEAR, SUPPORTED), (LOW, REFUTED), ([0.6, 0.7, 0.92, 0.95, 0.96], CANNOT_TELL)]
)
def test_equivalent_by_the_margin(b, verdict):
    assert judged(claim("equivalent", margin=12.0), {"gru": HIGH, "lstm-s": b}).verdict == verdict


def test_there_is_no_verdict_before_all_declared_seeds_are_there():
    one = claim()
    found = judged(one, {"gru": HIGH, "lstm-s": LOW[:3]})
    assert (found.verdict, found.said, len(found.missing)) == (NOT_RUN, "not run: 3 of 5 seeds", 2)
    assert judged(one, {"gru": HIGH, "lstm-s": LOW}, status="skipped").verdict == NOT_RUN


def test_runs_of_another_claim_or_of_none_do_not_count():
    one, scores = claim(), {"gru": HIGH, "lstm-s": LOW}
    for runs in (runs_of(scores), [replace(run, claims={"one": "0" * 64}) for run in runs_of(scores)]):
        (found,) = judge([one], runs)
        assert (found.verdict, found.seeds, found.undeclared) == (NOT_RUN, 0, 10)


def test_what_no_block_has_is_not_planned():
    one = claim()
    block = Block("some", {"task": "sfc", "models": "gru", "protocol": "smoke", "seeds": "5"})
    (found,) = judge([one], [], [block])
    assert (found.verdict, found.blocks) == (NOT_PLANNED, ("some",))
    assert {cell.model for cell in found.unplanned} == {"lstm-s"}
    both = replace(block, words=block.words | {"models": "gru,lstm-s"})
    assert judge([one], [], [both])[0].verdict == NOT_RUN
    assert judge([replace(one, measure="gradients")], [], [both])[0].verdict == NOT_PLANNED


def test_a_win_over_a_model_that_is_not_shown_alive_is_open():
    found = judged(claim(), {"gru": HIGH, "lstm-s": LOW}, vitals=[])
    assert (found.verdict, found.contrasts[0].end) == (CANNOT_TELL, OPEN)
    assert found.contrasts[0].reason == "not shown alive: gru, lstm-s"
    strange = claim(a=("mine.py:A",), b=("mine.py:B",))
    assert judged(strange, {"mine.py:A": HIGH, "mine.py:B": LOW}, vitals=[]).verdict == SUPPORTED


def test_what_misses_the_target_in_forty_epochs_has_one_seed_at_the_papers_length_before_a_verdict():
    one = claim(protocol="desk")
    sleeping = [
        replace(run, curve=SLEEPS if run.cell.model == "lstm-s" else LIVES)
        for run in declared(one, {"gru": HIGH, "lstm-s": LOW}, protocol="desk", budget="paper")
    ]
    (found,) = judge([one], sleeping)
    assert (found.verdict, found.said) == (NOT_RUN, "not run: 5 of 5 seeds, but lstm-s not at the paper's length")
    assert found.missing == (Cell("paper", "sfc", "lstm-s", "paper", 0),)
    (long,) = runs_of({"lstm-s": [0.9]}, protocol="paper", budget="paper")
    dead, woken = ([*sleeping, replace(long, curve=curve)] for curve in (SLEEPS, LIVES))
    (settled,), (found,) = judge([one], dead), judge([one], woken)
    assert (settled.verdict, settled.contrasts[0].end, len(settled.runs)) == (SUPPORTED, A, 11)
    assert (found.verdict, found.said) == (CANNOT_TELL, "cannot tell at 40 epochs")
    assert found.contrasts[0].reason == "lstm-s comes to the target at the paper's length"
    block = Block("some", {"task": "sfc", "models": "gru,lstm-s", "protocol": "desk", "seeds": "5"})
    assert judge([one], sleeping, [block])[0].verdict == NOT_PLANNED
    awake = [replace(run, curve=LIVES) for run in sleeping]
    assert judge([one], awake)[0].verdict == SUPPORTED  # by the metric, and both come to the target
    timed = claim("faster", "steps", protocol="desk")
    again = [replace(run, claims={timed.id: timed.digest}) for run in sleeping]
    assert judge([timed], again)[0].verdict == SUPPORTED  # whoever wakes later is slower all the same


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "quick"}, "supported, at 6,000 parameters, a laptop's scale"),
        ({"protocol": "desk"}, "supported, at the scale of `desk`"),
        ({"protocol": "paper"}, "supported"),
    ],
)
def test_a_verdict_says_its_scale(changes, said):
    one = claim(**changes)
    budget = "6k" if changes["protocol"] == "quick" else "paper"
    assert judged(one, {"gru": HIGH, "lstm-s": LOW}, budget=budget, **changes).said == said


def test_a_verdict_on_models_that_were_not_tuned_says_so():
    one, settings = claim(protocol="quick"), {"track": "portable"}
    runs = declared(one, {"gru": HIGH, "lstm-s": LOW}, protocol="quick", budget="6k", settings=settings)
    tuned = [replace(run, point={"number": 3}) for run in runs]
    said = "supported, at 6,000 parameters, a laptop's scale"
    assert [judge([one], some)[0].said for some in (runs, tuned, [*tuned[1:], runs[0]])] == [
        f"{said}, not all models tuned",
        said,
        f"{said}, not all models tuned",
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"a": ("gruu",)}, "claim one: there is no model called 'gruu'; the nearest is 'gru'"),
        ({"tasks": ("sfcc",)}, "claim one: there is no task called 'sfcc'"),
        ({"tasks": ("addition-x",)}, "claim one: there is no task called 'addition-x'"),
    ],
)
def test_a_claim_of_what_there_is_not_is_one_sentence(changes, says):
    with pytest.raises(BenchError, match=says):
        check([claim(**changes)])


def test_a_follow_up_takes_fresh_seeds_and_as_many_as_the_difference_needs():
    assert follow_up.size_of(HIGH, LOW) == pytest.approx(0.18 / np.std(HIGH, ddof=1))
    assert follow_up.size_of([1, 1], [1, 1]) is None
    assert follow_up.size_of([2, 2], [1, 1]) == np.inf
    assert 16 <= follow_up.seeds_for(1.0) <= 18  # Cohen: 17 a group at 80 %
    assert follow_up.seeds_for(-1.0) == follow_up.seeds_for(1.0)
    assert follow_up.seeds_for(np.inf) == 4
    # binomial tables: 13 of 18 or more, P = 0.048 of a half; of 0.8 it is met with 0.87, of 17 runs 13 with 0.76
    assert follow_up.seeds_for_shares(((4, 5), (0, 5))) == 18
    assert follow_up.seeds_for_shares(((5, 5), (0, 5))) == 5
    assert follow_up.seeds_for_shares(()) is None  # no run had a result
    assert follow_up.seeds_for_shares(((2, 5), (0, 5))) is follow_up.seeds_for_shares(((3, 5), (0, 5))) is None
    assert follow_up.seeds_for(None) is follow_up.seeds_for(0.1) is None
    cells = [Cell("smoke", task, model, "3k", seed) for task in ("sfc", "sti") for model in "ab" for seed in (5, 6)]
    assert follow_up.commands(cells) == "`bench run --task sfc,sti --models a,b --protocol smoke --seeds 5-6`"
    rest = follow_up.commands([*cells[:-1], Cell("smoke", "sti", "b", "4k", 3)], "x y")
    assert rest == (
        "`bench run --task sfc,sti --models a --protocol smoke --seeds 5-6 --results 'x y'`; "
        "`bench run --task sfc --models b --protocol smoke --seeds 5-6 --results 'x y'`; "
        "`bench run --task sti --models b --protocol smoke --seeds 5-5 --results 'x y'`; "
        "`bench run --task sti --models b --protocol smoke --budget 4k --seeds 3-3 --results 'x y'`"
    )


def test_the_time_is_that_of_other_seeds_or_unknown():
    runs = runs_of({"gru": HIGH[:2]}, train_seconds=10.0, evaluation_seconds=2.0)
    cells = [Cell("smoke", "sfc", "gru", "3k", seed) for seed in (7, 8)]
    assert follow_up.seconds(cells, runs) == 24.0
    assert follow_up.seconds([*cells, Cell("smoke", "sfc", "lstm-s", "3k", 7)], runs) is None


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (claim(), "supported with 80% where it differs by 2.2 standard deviations of a run"),
        (claim(seeds=3), "no difference is found with 3 seeds"),
        (
            claim(b=("lstm-s", "lstm-m"), outcome="any"),
            "supported with 80% where one of its 2 contrasts differs by 2.7 standard deviations of a run",
        ),
        (
            claim("equivalent", seeds=8, margin=10.0),
            "supported with 80% where the means are one and the runs of each model spread by 5.6 % of the way at most",
        ),
        (claim(test="solved"), "supported where all 5 runs of each a come to the target and at most 1 of each b"),
        (claim("alive", "share"), "supported where 5 of 5 runs of each a come to the target, and 0 of each b"),
        (
            claim("faster", "steps"),
            "supported with 80% where it differs by 2.1 standard deviations of a run's steps",
        ),
    ],
)
def test_what_a_claim_can_show_is_said_beforehand(one, says):
    assert follow_up.promise(one) == says
