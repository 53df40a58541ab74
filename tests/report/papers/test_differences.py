"""The page of what was looked into where a result is another than a paper's."""

from support.records import made_run

from harness.compare.material import Material
from harness.records.campaign import Difference
from harness.records.claims import Declared
from harness.records.kinds import TaskFacts
from harness.report.papers import differences

MODELS = ("dilated-lstm", "dilated-lstm@head=default", "gru")
ONE = Difference("sfc", "dilated-lstm", MODELS, "It starts | otherwise.", "Both starts.", "The start decides.")
FACTS = TaskFacts("Counting", "accuracy", True, chance=0.5, target=0.7, length=40)


def page(some, *differing):
    runs = [
        made_run(model, seed, metric, protocol="desk", budget="paper", task=FACTS)
        for model, metrics in some.items()
        for seed, metric in enumerate(metrics)
    ]
    return differences.sheet(Material(runs, [], MODELS, Declared(differences=differing)))


def test_the_paper_our_seeds_and_the_share_that_learned_stand_side_by_side():
    made = page({MODELS[0]: [0.994, 0.5, 0.997], MODELS[1]: [0.502, 0.502]}, ONE)
    assert len(made.records) == 5
    rows = [[cell.strip() for cell in line.split("|")[2:-1]] for line in made.text.splitlines() if line[:2] == "| "]
    assert rows[1:] == [
        ["76.7 (TP-RNN T2)", "2/3 (21% to 94%)", "99.4, 50.0, 99.7"],
        ["–", "0/2 (0% to 66%)", "50.2, 50.2"],
        ["–", "not run", "–"],
    ]
    assert "`bench run --task sfc --models dilated-lstm --protocol desk --seeds 0-2`; " in made.text
    for words in ("**Supposed.** It starts \\| otherwise.", "**Tried.** Both starts.", "**Found.** The start decides."):
        assert words in made.text


def test_without_a_run_or_a_difference_there_is_no_page():
    assert page({MODELS[0]: [0.9]}) is None
    assert page({"lstm-s": [0.9]}, ONE) is None
