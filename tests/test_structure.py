"""The house rules that a machine can check."""

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from support import ROOT

PACKAGES = ("harness", "models", "tasks")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
# the only modules of the harness that import models and tasks; the last two take nothing but tasks.fetch
DOORS = {"catalog.py", "datasets.py", "data_verbs.py"}
STATISTICS = ("stats", "across", "ranks", "survival", "aggregates", "equivalence", "power")
WITHOUT_TORCH = (
    *STATISTICS,
    "tables",
    "record",
    "store",
    "plan",
    "protocol",
    "report",
    "figures",
    "data_verbs",
    "report_verbs",
    "gate_verb",
    "judge",
    "trained",
    "worktrees",
)
WITHOUT_TORCH += ("papers", "paper_tables", "agreement", "overall", "convergence", "tradeoffs", "selection", "sheet")
WITHOUT_TORCH += ("arrivals", "practical", "equal_budget", "panels", "sketch", "rank_figure", "convergence_figures")
WITHOUT_TORCH += ("tradeoff_figure", "paper_figures")
WITHOUT_TORCH += ("seen", "gradients", "scales", "insight_figures", "time_figures", "scale_figures")
WITHOUT_TORCH += ("formats", "markdown", "drawing", "html")
WITHOUT_TORCH += ("conditions", "ratios", "measured", "latency_page", "memory_page", "measure_verbs")
ALLOWED = {"torch", "numpy", "triton", *sys.stdlib_module_names}  # of models and tasks
# and of the tasks, where they are needed: reading, fetching and augmenting data
LAZY = {"pooch", "scipy", "sklearn", "soundfile", "torchaudio", "torch_audiomentations"}


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Names of imported modules; relative ones keep their dots. Imports for type checking do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            found |= {dots + (node.module or alias.name) for alias in node.names}
    return found


def test_no_file_is_longer_than_300_lines():
    long = {str(path.relative_to(ROOT)): n for path in SOURCES if (n := len(path.read_text().splitlines())) > 300}
    assert not long


def test_models_and_tasks_know_only_torch_numpy_and_themselves():
    for package in ("models", "tasks"):
        for path in (ROOT / package).rglob("*.py"):
            for names, allowed in ((imports(path), ALLOWED | LAZY), (imports(path, top_level_only=True), ALLOWED)):
                known = allowed if package == "tasks" else ALLOWED
                strange = {name for name in names if not name.startswith(".") and name.partition(".")[0] not in known}
                assert not strange, f"{path.name} imports {strange}"


def test_only_the_doors_open_models_and_tasks():
    for path in (ROOT / "harness").glob("*.py"):
        direct = {name for name in imports(path) if name.partition(".")[0] in ("models", "tasks")}
        assert not direct or path.name in DOORS, f"{path.name} imports {direct}"


def test_imports_inside_a_package_are_relative():
    for path in SOURCES:
        own = path.relative_to(ROOT).parts[0]
        absolute = {name for name in imports(path) if name.partition(".")[0] == own}
        assert not absolute or path.name == "__main__.py", f"{path} imports {absolute}"


def test_the_harness_has_no_import_cycle():
    graph = {}
    for path in (ROOT / "harness").glob("*.py"):
        names = {name.lstrip(".") for name in imports(path) if name.startswith(".")}
        graph[path.stem] = {name for name in names if (ROOT / "harness" / f"{name}.py").exists()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_only_the_command_line_prints_or_exits():
    may = {
        "cli.py": {"sys.exit", "click.echo"},
        "data_verbs.py": {"click.echo"},
        "measure_verbs.py": {"click.echo"},
        "report_verbs.py": {"click.echo"},
        "gate_verb.py": {"click.echo"},
    }
    for path in (ROOT / "harness").glob("*.py"):
        calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
        assert not calls & {"print", "sys.exit", "click.echo"} - may.get(path.name, set()), path.name


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_what_needs_no_torch_does_not_import_it(module):
    code = f"import sys, harness.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_statistics_need_no_more_than_numpy_and_scipy():
    for name in STATISTICS:
        names = {name.partition(".")[0] for name in imports(ROOT / "harness" / f"{name}.py") if name[0] != "."}
        assert names <= {"numpy", "scipy", *sys.stdlib_module_names}, f"{name}.py imports {names}"


def test_the_slow_and_optional_packages_are_imported_when_needed():
    code = (
        "import sys, harness.run, harness.execute; sys.exit(bool({'matplotlib', 'pooch', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_report_reads_markdown_only_when_a_format_needs_it():
    code = "import sys, harness.report, harness.formats; sys.exit('markdown_it' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_runner_knows_no_names():
    from models import MODELS
    from tasks import TASKS

    for path in (ROOT / "harness").glob("*.py"):
        words = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        named = words & (set(MODELS) | set(TASKS))
        # the yardstick of latencies is a protocol's setting
        assert named <= ({"lstm-s"} if path.name == "protocol.py" else set()), f"{path.name} names {named}"


def test_project_file_lists_exactly_the_three_packages_and_stays_private():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["packages"] == list(PACKAGES)
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
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    assert inside == {str(path.relative_to(ROOT)) for path in SOURCES}
    assert {"harness/published.json", "harness/page.css", "harness/page.js"} <= set(zipfile.ZipFile(wheel).namelist())
    native = {f"models/{path.name}" for path in (ROOT / "models").iterdir() if path.suffix in (".cpp", ".h")}
    assert native <= set(zipfile.ZipFile(wheel).namelist())
