"""Strangers' files with all kinds of faults; `tests/quality/fuzz_files.py` tries many more."""

import subprocess
import sys

import pytest
from quality.traits import Trait, expected, listed
from support import ROOT


def test_a_strangers_file_costs_its_own_cells_alone():
    """In a process that has computed nothing yet, as it is copied again and again."""
    line = [sys.executable, "tests/quality/fuzz_files.py", "8", "4"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (0, "0 faults", ""), done.stdout


@pytest.mark.parametrize("kind", ["model", "task"])
def test_every_trait_says_what_must_come_of_it(kind):
    known = listed(kind)
    assert len({(trait.place, trait.code) for trait in known}) == len(known)
    words = {word for trait in known for word in trait.words}
    assert words <= {"same", "ok", "refused", "failed", "diverged", "timed-out", "out-of-memory"}
    assert all(expected([trait]) for trait in known)


def test_what_comes_of_several_traits_is_the_worst_of_them():
    same, nan, exits = (
        Trait(place, (word,), "")
        for place, word in (("import", "same"), ("answer", "diverged"), ("forward", "failed!"))
    )
    assert expected([same]) == {"ok"}
    assert expected([same, nan]) == {"diverged"}
    assert expected([same, nan, exits]) == {"diverged", "failed"}
    assert expected([nan, Trait("import", ("refused",), "")]) == {"refused"}
    assert exits.needs_a_process
