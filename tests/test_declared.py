"""The claims that a committed record serves were in the file at the record's commit, so before its run."""

import subprocess
from functools import cache

import pytest
from support import ROOT
from support.records import made_run

from harness.records.claims import FILE, claims_of
from harness.records.store import Store

DESK = ROOT / "results" / "desk"


def said(*words):
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True)


pytestmark = pytest.mark.skipif(
    said("rev-parse", "--is-shallow-repository").stdout.strip() != "false", reason="no history of commits is here"
)


def undeclared(runs, folder):
    """(run, claim) of each claim that a run says it serves, and that its commit does not have."""

    @cache
    def declared(commit):
        path = folder / f"{commit}.toml"
        path.write_text(said("show", f"{commit}:{(DESK / FILE).relative_to(ROOT)}").stdout)
        return {claim.id: claim.digest for claim in claims_of(path)}

    return [
        (str(run.cell), name)
        for run in runs
        for name, digest in run.claims.items()
        if declared(run.machine["commit"]).get(name) != digest
    ]


def test_each_record_of_the_desk_came_after_its_claims(tmp_path):
    assert undeclared(Store(DESK).load().runs, tmp_path) == []


def test_a_claim_that_is_newer_or_another_is_found(tmp_path):
    """The last commit of the file has its first claim, the first commit of all has not."""
    claim = claims_of(DESK / FILE)[0]
    first = said("rev-list", "--max-parents=0", "HEAD").stdout.split()[-1]
    here = said("log", "--format=%H", "-1", "--", str(DESK / FILE)).stdout.strip()
    before, after, other = (
        made_run("gru", seed, machine={"commit": commit}, claims={claim.id: digest})
        for seed, commit, digest in ((0, first, claim.digest), (1, here, claim.digest), (2, here, "0" * 64))
    )
    assert undeclared([before, after, other], tmp_path) == [(str(one.cell), claim.id) for one in (before, other)]
