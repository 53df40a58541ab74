"""The compiled kernels: whose they are, damaged ones, compilers that fail, and folders that others can write to."""

import ctypes
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT

from models.engine.native import build
from models.engine.native import kernels as native

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.why_not() or "built")
SMALL = 'extern "C" int answer() { return 42; }\n'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of the compiled kernels, of a source that is compiled at once; nothing is built there yet."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "small.cpp").write_text(SMALL)
    monkeypatch.setattr(build, "SOURCES", [tmp_path / "small.cpp"])
    monkeypatch.setattr(build, "HEADERS", [])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(native.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    yield tmp_path / "cache" / "multiscale-rnn-bench"
    native._stem.cache_clear()


def loaded():
    """As a new process finds them: the place of the library, or why there is none."""
    native._stem.cache_clear()
    library, reason = native._loaded.__wrapped__()
    if library is None:
        return reason
    assert reason == ""
    assert library.answer() == 42
    return Path(library._name)


def put(path, content):
    """Another file in the place of one that this process may have loaded, and must not change."""
    path.unlink()
    path.write_bytes(content)


def small(target, answer=42):
    """Another library, which is whole."""
    source = target.with_suffix(".cpp")
    source.write_text(SMALL.replace("42", str(answer)))
    subprocess.run([build.compiler(), "-shared", "-fPIC", "-o", target, source], check=True)
    source.unlink()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "kernels.lock")


def test_the_library_is_built_once_in_a_folder_of_the_users_own(cache):
    assert not native.is_built()
    assert not cache.exists()
    path = loaded()
    assert path.parent == cache
    assert native.is_built()
    assert names(cache) == [path.name]
    assert [stat.S_IMODE(place.stat().st_mode) for place in (cache, path)] == [0o700, 0o700]
    before = path.stat()
    assert loaded() == path
    assert path.stat() == before


def test_whatever_the_umask_the_folder_and_the_library_are_the_users_own(cache):
    before = os.umask(0)
    try:
        path = loaded()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(place.stat().st_mode) for place in (cache, path)] == [0o700, 0o700]


def flipped(content):
    return content[:2000] + bytes([content[2000] ^ 1]) + content[2001:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:4096],
        lambda content: b"",
        lambda content: bytes(len(content)),
        lambda content: os.urandom(8192),
        flipped,
        lambda content: content[:18] + b"\xb7\0" + content[20:],  # of another processor
        lambda content: content + b"more",
    ],
    ids=["cut", "empty", "zeros", "random", "flipped", "other processor", "longer"],
)
def test_a_damaged_library_is_never_loaded_and_built_again(cache, damage, monkeypatch):
    path = loaded()
    content = path.read_bytes()
    put(path, damage(content))
    assert not native.is_built()
    opened = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: opened.append(Path(name).read_bytes()) or SimpleLibrary(name))
    assert loaded() == path
    assert opened == [content]
    assert names(cache) == [path.name]


class SimpleLibrary:
    def __init__(self, name):
        self._name = name

    def answer(self):
        return 42


def test_a_library_of_another_source_or_of_other_flags_is_not_taken(cache, monkeypatch, tmp_path):
    path = loaded()
    small(tmp_path / "other.so", answer=7)
    put(path, (tmp_path / "other.so").read_bytes())  # of whatever else, under the name of ours
    assert loaded() == path
    monkeypatch.setattr(build, "FLAGS", [*build.FLAGS, "-DOTHER"])
    other = loaded()
    assert other.name.rpartition("-")[0] != path.name.rpartition("-")[0]
    assert names(cache) == sorted([path.name, other.name])  # each serves its own


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "dangling"])
def test_what_is_no_file_is_not_followed(cache, kind, tmp_path):
    path = loaded()
    path.rename(tmp_path / "moved.so")
    {
        "link": lambda: path.symlink_to(tmp_path / "moved.so"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "dangling": lambda: path.symlink_to(tmp_path / "nothing"),
    }[kind]()
    assert loaded() == path
    assert stat.S_ISREG(path.lstat().st_mode)
    assert (tmp_path / "moved.so").is_file()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_used(cache, mode, tmp_path):
    path = loaded()
    cache.chmod(mode)
    assert not native.is_built()
    other = loaded()
    assert other.parent == tmp_path / "temporary" / f"multiscale-rnn-bench-{os.getuid()}"
    assert native.is_built()
    assert stat.S_IMODE(cache.stat().st_mode) == mode  # whoever shares it may go on
    other.parent.chmod(0o777)
    reason = loaded()
    assert reason.startswith("there is no folder for the compiled kernels: ")
    assert f"others can write to {cache}; others can write to {other.parent}" in reason
    cache.chmod(0o700)
    assert loaded() == path


def test_a_parent_in_which_all_may_rename_is_not_used_but_one_with_a_sticky_bit_is(cache, tmp_path):
    path = loaded()
    cache.parent.chmod(0o777)
    assert loaded().parent.parent == tmp_path / "temporary"
    cache.parent.chmod(0o1777)
    assert loaded() == path


def test_another_users_folder_or_file_is_not_used(cache, monkeypatch, tmp_path):
    path = loaded()
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    reason = loaded()
    assert f"another user can write to {cache}" in reason
    assert not native.is_built()
    if me == 0:
        monkeypatch.undo()
        os.chown(path, 1234, 1234)
        assert native._found(cache, path.name.rpartition("-")[0]) is None


def test_a_link_of_ours_to_a_folder_of_ours_is_followed_and_no_other(cache, tmp_path):
    (tmp_path / "disk").mkdir(mode=0o700)
    cache.parent.mkdir()
    cache.symlink_to(tmp_path / "disk")
    assert loaded().parent == cache
    assert len(names(tmp_path / "disk")) == 1
    (tmp_path / "disk").chmod(0o777)
    assert loaded().parent.parent == tmp_path / "temporary"
    if os.getuid() == 0:
        (tmp_path / "disk").chmod(0o700)
        os.lchown(cache, 1234, 1234)
        assert loaded().parent.parent == tmp_path / "temporary"
    cache.unlink()
    cache.symlink_to(tmp_path / "nothing")
    assert loaded().parent.parent == tmp_path / "temporary"


def test_a_cache_that_cannot_be_written_serves_if_the_library_is_there(cache, tmp_path, monkeypatch):
    path = loaded()

    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(native, "FileLock", read_only)
    assert loaded() == path
    path.unlink()
    assert "Read-only file system" in loaded()


def test_nothing_is_written_beside_the_sources():
    package = Path(build.__file__).parent
    assert native._loaded()[0]._name.startswith("/")
    assert not Path(native._loaded()[0]._name).is_relative_to(ROOT)
    assert {path.suffix for path in package.iterdir()} <= {".py", ".cpp", ".h", ""}


def test_a_library_that_this_system_cannot_load_is_built_elsewhere(cache, monkeypatch, tmp_path):
    path, load = loaded(), ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name: load(str(tmp_path / "nothing") if Path(name) == path else name))
    assert loaded().parent.parent == tmp_path / "temporary"


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


VERSION = 'if [ "$1" = --version ]; then echo 1; exit; fi\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exit 3", "exit code 3"),
        ("kill -SEGV $$", "exit code -11"),
        ("echo 'no such processor' >&2; echo here; exit 1", "no such processor here"),
        ("exit 0", "it says nothing and writes nothing"),
        ("yes | head -c 10000000; exit 1", "y y y"),
    ],
)
def test_a_compiler_that_fails_is_a_reason_and_leaves_nothing(cache, tmp_path, monkeypatch, text, why):
    monkeypatch.setenv("CXX", script(tmp_path / "cxx", VERSION + text))
    reason = loaded()
    assert reason.startswith(f"{tmp_path / 'cxx'} cannot build the kernels: {why}")
    assert "\n" not in reason
    assert names(cache) == []
    monkeypatch.setenv("CXX", script(tmp_path / "cxx", text))  # already where it is asked for its version
    if text != "exit 0":
        assert loaded().startswith(f"{tmp_path / 'cxx'} cannot build the kernels: {why}")
        assert not native.is_built()


def test_a_compiler_that_hangs_is_ended_with_all_that_it_started_and_not_tried_again_at_once(
    cache, tmp_path, monkeypatch
):
    for room in (build, native):
        monkeypatch.setattr(room, "LIMIT", 1.0)
    monkeypatch.setenv("CXX", script(tmp_path / "cxx", f"{VERSION}sleep 1000 & echo $! > {tmp_path}/child; wait"))
    begun = time.monotonic()
    assert "it took more than 1 s" in loaded()
    assert time.monotonic() < begun + 10
    assert ended(int((tmp_path / "child").read_text()))
    (note,) = names(cache)
    assert note.endswith(".hung")
    (tmp_path / "child").unlink()
    assert f"delete {cache / note} to try it again" in loaded()
    assert not (tmp_path / "child").exists()
    os.utime(cache / note, (0, 0))
    assert "it took more than 1 s" in loaded()


def test_a_full_disk_is_passed_over(cache, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    left = {cache: 0, tmp_path / "temporary" / f"multiscale-rnn-bench-{os.getuid()}": usage.free}
    monkeypatch.setattr(native.shutil, "disk_usage", lambda folder: usage._replace(free=left[folder]))
    made = native.build

    def build_here(cxx, scratch):
        if scratch.is_relative_to(cache):
            raise build.Unbuildable("No space left on device")
        return made(cxx, scratch)

    monkeypatch.setattr(native, "build", build_here)
    assert loaded().parent.parent == tmp_path / "temporary"
    assert names(cache) == []


BUILD = (
    "import sys, pathlib; from models.engine.native import build, kernels\n"
    "build.SOURCES, build.HEADERS = [pathlib.Path(sys.argv[1])], []\n"
    "library, reason = kernels._loaded(); print(library._name if library else reason)\n"
)


def in_a_process(tmp_path, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, tmp_path / "small.cpp"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_processes_that_build_at_once_one_does(cache, tmp_path):
    slow = script(tmp_path / "cxx", f'echo "$*" >> {tmp_path}/calls; sleep 0.3; exec {build.compiler()} "$@"')
    processes = [in_a_process(tmp_path, CXX=slow) for _ in range(4)]
    found = {process.communicate(timeout=120)[0] for process in processes}
    assert len(found) == 1
    assert names(cache) == [Path(found.pop().strip()).name]
    assert (tmp_path / "calls").read_text().count("-shared") == 1


def in_the_middle(tmp_path):
    """A process whose compiler has begun and does not end, and the number of that."""
    slow = script(tmp_path / "cxx", f"{VERSION}echo $$ > {tmp_path}/begun; sleep 1000")
    process = in_a_process(tmp_path, CXX=slow)
    end = time.monotonic() + 60
    while not (tmp_path / "begun").exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.2)
    return process, int((tmp_path / "begun").read_text())


def ended(process):
    status = Path(f"/proc/{process}/status")
    return not status.exists() or "State:\tZ" in status.read_text()


def test_what_a_killed_build_leaves_is_swept_by_the_next(cache, tmp_path):
    process, _ = in_the_middle(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [name for name in names(cache) if name.startswith(native.SCRATCH)]
    (cache / "another.txt").touch()
    path = loaded()
    assert names(cache) == sorted(["another.txt", path.name])


def test_ctrl_c_ends_the_compilers_and_leaves_nothing(cache, tmp_path):
    process, compiler = in_the_middle(tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert names(cache) == []
    assert ended(compiler)
