"""A real Slurm of this machine: munged, a controller and two nodes in a folder, as who runs the tests."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "setpriv")
WAIT = 60.0  # seconds for a daemon to come up
CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=30
SchedulerParameters=sched_interval=2,batch_sched_delay=1
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=tests Nodes=n1,n2 Default=YES OverTimeLimit=0 PriorityTier=1
PartitionName=urgent Nodes=n1,n2 PriorityTier=2
"""


def lacking() -> str:
    """Why there can be no Slurm here, in a sentence; or nothing."""
    missing = [name for name in PROGRAMS if _place(name) is None]
    if missing:
        return f"no {', '.join(missing)}: apt-get install slurm-wlm munge"
    return "" if os.getuid() == 0 else "slurmd starts jobs as root alone"


def _place(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def waited(ready: Callable[[], object], seconds: float = WAIT, every: float = 0.3) -> None:
    """Raise AssertionError where something is not so after so many seconds."""
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, f"not so after {seconds:.0f} s"
        time.sleep(every)


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """What the environment of one who uses it has beside its own."""
    (folder / "state").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    conf = folder / "slurm.conf"
    ports = [_port() for _ in range(3)]
    conf.write_text(CONF.format(host=socket.gethostname(), folder=folder, user="root", ports=ports))
    own = {"SLURM_CONF": str(conf)}
    starting = [
        ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={key}"]
        + [f"--{kind}-file={folder}/munged.{kind}" for kind in ("pid", "log", "seed")],
        ["slurmctld", "-D", "-c", "-f", str(conf)],
        *(["slurmd", "-D", "-N", name, "-f", str(conf)] for name in ("n1", "n2")),
    ]
    running = []
    try:
        for words in starting:
            place = _place(words[0])
            assert place is not None
            running.append(
                subprocess.Popen(
                    ["setpriv", "--pdeathsig=TERM", place, *words[1:]],  # a test that is killed leaves none
                    env={**os.environ, **own},
                    stdin=subprocess.DEVNULL,
                    stdout=(folder / f"{words[0]}.out").open("ab"),
                    stderr=subprocess.STDOUT,
                )
            )
            if words[0] == "munged":
                waited((folder / "munge.socket").exists)
            if words[0] == "slurmctld":  # a node that cannot register at once is slow to try again
                waited(lambda: " is UP" in _said(own, "scontrol", "ping"))
        nodes = {"n1 idle", "n2 idle"}  # of both partitions
        waited(lambda: nodes == set(_said(own, "sinfo", "--noheader", "--Node", "--format=%N %t").splitlines()))
        yield own
    finally:
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(["scancel", "--user=root"], env={**os.environ, **own}, timeout=20, check=False)
        for process in reversed(running):
            process.terminate()
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _said(own: dict[str, str], *words: str) -> str:
    return subprocess.run(words, env={**os.environ, **own}, capture_output=True, text=True, check=False).stdout
