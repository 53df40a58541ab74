"""Where the code is from does not depend on the environment or the working folder."""

import subprocess

from support import ROOT

from harness import machine


def test_the_commit_is_that_of_this_tree_whatever_git_is_told(monkeypatch, tmp_path):
    machine._commit.cache_clear()
    known = machine._commit()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere"))
    monkeypatch.chdir(tmp_path)
    machine._commit.cache_clear()
    assert machine._commit() == known
    assert (known["commit"] is None) == (not (ROOT / ".git").exists())
    machine._commit.cache_clear()


def test_a_device_is_looked_for_in_a_copy_as_copies_of_who_has_looked_cannot_use_it(monkeypatch):
    asked = []
    monkeypatch.setattr("torch.backends.cuda.is_built", lambda: True)
    for there, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr("torch.cuda.is_available", lambda there=there: asked.append(there) or there)
        assert machine.find_device("auto") == device
    assert asked == [False]  # that there is none may be due to the copy
