"""Provenance: what ran where. With measure/board the only module that asks the system. It never names the host."""

import ctypes
import hashlib
import os
import platform
import re
import subprocess
import sys
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from . import __version__
from .errors import BenchError


def provenance(device: str) -> dict[str, Any]:
    """Commit, versions, processor, GPU and threads of this process."""
    import torch

    facts: dict[str, Any] = {
        "bench": __version__,
        **_commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "device": device,
    }
    if device.startswith("cuda"):
        facts["gpu"] = torch.cuda.get_device_name()
        facts["cuda"] = torch.version.cuda
    return facts


def now() -> str:
    """The time in UTC, to the second, as records say it (ISO 8601)."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def words(device: str) -> str:
    """'2 cores of Some processor', with the name of the GPU before it where that is the device."""
    import torch

    gpu = f"{torch.cuda.get_device_name()}, " if device.startswith("cuda") else ""
    return f"{gpu}{cores()} cores of {cpu_name()}"


def board(device: str) -> str:
    """The name that a GPU has all over the world, as NVIDIA's tools take it."""
    import torch

    uuid = str(torch.cuda.get_device_properties(torch.device(device)).uuid)
    return uuid if uuid.startswith("GPU-") else f"GPU-{uuid}"


def slug(device: str) -> str:
    """A short file name for this kind of machine: processor, cores and device."""
    import torch

    name = torch.cuda.get_device_name() if device.startswith("cuda") else f"{cpu_name()} {cores()} cores"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def free_memory(device: str) -> int | None:
    """Bytes that this process could still take on a device, or None where the system does not tell."""
    if device.startswith("cuda"):
        import torch

        cached = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0]) + cached
    available = _numbers(Path("/proc/meminfo")).get("MemAvailable:")
    known = [] if available is None else [1024 * available]
    for limit, used, reclaimable in CGROUPS:  # of a container
        most, now = _numbers(Path(limit)).get(""), _numbers(Path(used)).get("")
        if most is not None and now is not None:
            files = _numbers(Path(used).with_name("memory.stat")).get(reclaimable, 0)
            known.append(max(0, most - now + files))
    return min(known, default=None)


CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "inactive_file"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def resident(reset: bool = False) -> int | None:
    """The most memory that this process has had resident, in bytes; reset: counted from now on, where that works.

    getrusage's number begins with that of the process which started this one, so the kernel's own is better.
    """
    if reset:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    if (peak := _numbers(Path("/proc/self/status")).get("VmHWM:")) is not None:
        return 1024 * peak
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@cache
def here() -> str:
    """A word for this machine since it was started, as far as its processes see each other. It names nobody."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii") + os.readlink("/proc/self/ns/pid")
    except OSError:
        text = str(uuid.getnode())
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def born(pid: int) -> int | None:
    """When a process began, in the system's ticks; 0 where the system does not tell; None where there is none."""
    if Path("/proc/self/stat").exists():
        fields = _stat(pid)
        return None if fields[:1] in ([], ["Z"]) else int(fields[19])
    try:
        os.kill(pid, 0)
    except OSError:
        return None
    return 0


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has taken, with all its threads; 0 where the system does not tell."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def runnable_seconds(pid: int) -> float:
    """How long a process's first thread has run or waited for a core; its CPU time where the system does not tell."""
    fields = _bytes(f"/proc/{pid}/schedstat").split()
    return (int(fields[0]) + int(fields[1])) / 1e9 if len(fields) > 1 else cpu_seconds(pid)


def marked(word: str) -> set[int]:
    """The processes that began with this word in their environment, and those that they forked."""
    return {pid for pid in _processes() if word.encode() in _bytes(f"/proc/{pid}/environ")}


def forked() -> set[int]:
    """The processes that this one has forked and that still run, without those that then began another program."""
    me, program = str(os.getpid()), _bytes("/proc/self/cmdline")
    own = (pid for pid in _processes() if _stat(pid)[1:2] == [me] and _stat(pid)[:1] != ["Z"])
    return {pid for pid in own if _bytes(f"/proc/{pid}/cmdline") == program}


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    """What the system says of a process after its name: its state, its parent and so on."""
    return _bytes(f"/proc/{pid}/stat").rpartition(b")")[2].decode("ascii").split()


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def trim() -> None:
    """Give the system back what was freed and is kept for later."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _numbers(path: Path) -> dict[str, int]:
    """The lines 'name number ...' of a file of the system; a line without a name has the name ''."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    entries = [words if len(words) > 1 else ["", *words] for words in map(str.split, lines) if words]
    return {name: int(number) for name, number, *_ in entries if number.isdecimal()}


@cache
def cpu_name() -> str:
    """The processor's model name, or its architecture where the system does not tell."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.machine()
    return platform.processor() or platform.machine()


@cache
def _commit() -> dict[str, Any]:
    root = Path(__file__).resolve().parent.parent

    def git(*words: str) -> str | None:
        command = ["git", "-C", str(root), *words]
        try:
            done = subprocess.run(command, env=git_environment(), capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if not (root / ".git").exists():  # an installed package inside somebody else's repository
        return {"commit": None, "dirty": None}
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "harness", "models", "tasks")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changed is None else bool(changed)}


def git_environment() -> dict[str, str]:
    """Ours without what a git hook sets, which would speak of another repository."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}


def find_device(word: str) -> str:
    """'cpu' or 'cuda' for auto, cpu or cuda. Raises BenchError where there is no CUDA device."""
    found = _has_cuda()
    if word == "cuda" and not found:
        raise BenchError("there is no CUDA device here; use --device cpu, or auto to take what there is")
    return "cuda" if found and word != "cpu" else "cpu"


def _has_cuda() -> bool:
    """Ask a copy of this process first: copies of one that has asked by itself cannot use the device any more."""
    import torch

    if torch.backends.cuda.is_built() and hasattr(os, "fork"):
        if (copy := os.fork()) == 0:
            try:
                os._exit(int(torch.cuda.is_available()))
            finally:
                os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) == 1:
            return True
    return torch.cuda.is_available()
