"""What disturbs cells on a cluster: a node that Ray loses, and a job that Slurm takes off its node for another's."""

from __future__ import annotations

import atexit
import os
import random
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Any

from quality.disturbed import ROOT, SLOW, Campaign, Impossible
from support import slurm


@cache
def held() -> tuple[ExitStack, Path]:
    """What lasts as long as this process, and a folder for it."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack, Path(stack.enter_context(tempfile.TemporaryDirectory()))


@cache
def ray_cluster() -> Any:
    """With a head of one CPU. Raises Impossible without Ray."""
    try:
        from ray.cluster_utils import Cluster
    except ImportError:
        raise Impossible("Ray is not installed: pip install ray") from None
    stack, folder = held()
    (folder / "slow.py").write_text(SLOW)
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}  # of the nodes
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    stack.callback(found.shutdown)
    return found


def node_lost(campaign: Campaign, rng: random.Random, seconds: float) -> None:
    """One of two nodes of a Ray cluster dies."""
    cluster = ray_cluster()
    node = cluster.add_node(num_cpus=1)
    campaign.on("ray", {"RAY_ADDRESS": cluster.address})
    process = campaign.begin()
    slurm.waited(lambda: process.poll() is not None or ": training" in campaign.output(), every=0.1)
    time.sleep(rng.uniform(0, seconds / 2))
    cluster.remove_node(node, allow_graceful=False)
    campaign.end(process)


@cache
def slurm_cluster() -> dict[str, str]:
    """Its variables; of two nodes. Raises Impossible without Slurm."""
    if why := slurm.lacking():
        raise Impossible(why)
    stack, folder = held()
    (folder / "slurm").mkdir()
    return stack.enter_context(slurm.cluster(folder / "slurm"))


def preempted(campaign: Campaign, rng: random.Random, seconds: float) -> None:
    """A job of higher priority takes both nodes of a Slurm cluster."""
    own = slurm_cluster()
    campaign.on("slurm", own)

    def asked(*words: str) -> str:
        return subprocess.run(words, env=campaign.env, capture_output=True, text=True, cwd=campaign.folder).stdout

    def ours() -> list[str]:
        return asked("squeue", "--noheader", "--array", "--partition=tests", "--format=%F_%K %T").splitlines()

    process = campaign.begin()
    slurm.waited(lambda: process.poll() is not None or any("RUNNING" in line for line in ours()), every=0.1)
    time.sleep(rng.uniform(0, seconds))
    asked("sbatch", "--partition=urgent", "--nodes=2", "--output=/dev/null", "--wrap=sleep 1")
    with suppress(AssertionError):  # it may have ended before
        slurm.waited(lambda: any("PENDING" in line for line in ours()), 20.0, 0.1)
    slurm.waited(lambda: not asked("squeue", "--noheader", "--partition=urgent"))
    for line in ours():  # Slurm would let them wait for two minutes
        asked("scontrol", "update", f"JobId={line.split()[0]}", "StartTime=now")
    campaign.end(process)
