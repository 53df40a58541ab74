"""What is installed: the project file, its pins, and what is in a wheel."""

import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
from support import ROOT

PACKAGES = ("harness", "models", "tasks")
DATA = {".json", ".bib", ".css", ".js", ".cpp", ".h"}  # what lies beside the sources and is installed with them


def test_project_file_lists_exactly_the_three_packages_and_stays_private():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["packages"]["find"]["include"] == [f"{name}*" for name in PACKAGES]
    assert "Private :: Do Not Upload" in project["project"]["classifiers"]
    assert project["project"]["scripts"] == {"bench": "harness.cli:main"}


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    pins = {
        line.partition("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().split()
    }
    names = {name.partition(">")[0].lower().replace("_", "-") for name in wanted}
    assert not names - pins


@pytest.mark.slow
def test_the_wheel_holds_the_three_packages_and_nothing_else(tmp_path):
    pytest.importorskip("build")
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "tests").mkdir()
    (source / "tests" / "__init__.py").touch()  # must stay outside
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info" not in name}
    here = {path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in {".py", *DATA}}
    assert inside == {path.relative_to(ROOT).as_posix() for path in here}
    assert {path.suffix for path in here} == {".py", *DATA}
