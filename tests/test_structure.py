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
HARNESS = [path for path in SOURCES if path.is_relative_to(ROOT / "harness")]
DATA = {".json", ".css", ".js", ".cpp", ".h"}  # what lies beside the sources and is installed with them
# the only modules of the harness that import models and tasks; engine takes the loop, the last two tasks.fetch
DOORS = {"harness/catalog.py", "harness/engine.py", "harness/datasets.py", "harness/data_verbs.py"}
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


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def import_nodes(path: Path, *, top_level_only: bool = False) -> list[ast.Import | ast.ImportFrom]:
    """The imports of a file, without those for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in skipped]


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Names of imported modules; relative ones keep their dots."""
    found = set()
    for node in import_nodes(path, top_level_only=top_level_only):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            dots = "." * node.level
            found |= {dots + (node.module or alias.name) for alias in node.names}
    return found


def imported_files(path: Path) -> set[Path]:
    """The files that the relative imports of a file lead to."""
    found = set()
    for node in import_nodes(path):
        if isinstance(node, ast.ImportFrom) and node.level:
            place = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for alias in node.names:
                inside = place / alias.name  # a module of a package, or else a name of the module itself
                ways = [way for each in (inside, place) for way in (each.with_suffix(".py"), each / "__init__.py")]
                found.add(next(way for way in ways if way.exists()))
    return found


def test_no_file_is_longer_than_300_lines():
    long = {name_of(path): n for path in SOURCES if (n := len(path.read_text().splitlines())) > 300}
    assert not long


def test_models_and_tasks_know_only_torch_numpy_and_themselves():
    for package in ("models", "tasks"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for names, allowed in ((imports(path), ALLOWED | LAZY), (imports(path, top_level_only=True), ALLOWED)):
                known = allowed if package == "tasks" else ALLOWED
                strange = {name for name in names if not name.startswith(".") and name.partition(".")[0] not in known}
                assert not strange, f"{name_of(path)} imports {strange}"


def test_only_the_doors_open_models_and_tasks():
    for path in HARNESS:
        direct = {name for name in imports(path) if name.partition(".")[0] in ("models", "tasks")}
        assert not direct or name_of(path) in DOORS, f"{name_of(path)} imports {direct}"


def test_imports_inside_a_package_are_relative():
    for path in SOURCES:
        own = path.relative_to(ROOT).parts[0]
        absolute = {name for name in imports(path) if name.partition(".")[0] == own}
        assert not absolute or path.name == "__main__.py", f"{name_of(path)} imports {absolute}"


def test_the_harness_has_no_import_cycle():
    graph = {path: imported_files(path) for path in HARNESS}
    done: set[Path] = set()

    def visit(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, " -> ".join(map(name_of, (*trail, path)))
        if path not in done:
            for other in sorted(graph[path]):
                visit(other, (*trail, path))
            done.add(path)

    for path in graph:
        visit(path, ())


def test_only_the_command_line_prints_or_exits():
    may = {
        "harness/cli.py": {"sys.exit", "click.echo"},
        "harness/data_verbs.py": {"click.echo"},
        "harness/measure_verbs.py": {"click.echo"},
        "harness/report_verbs.py": {"click.echo"},
        "harness/gate_verb.py": {"click.echo"},
    }
    for path in HARNESS:
        calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
        assert not calls & {"print", "sys.exit", "click.echo"} - may.get(name_of(path), set()), name_of(path)


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_what_needs_no_torch_does_not_import_it(module):
    code = f"import sys, harness.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_statistics_need_no_more_than_numpy_and_scipy():
    for name in STATISTICS:
        path = (ROOT / "harness").joinpath(*name.split(".")).with_suffix(".py")
        names = {name.partition(".")[0] for name in imports(path) if name[0] != "."}
        assert names <= {"numpy", "scipy", *sys.stdlib_module_names}, f"{name_of(path)} imports {names}"


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

    for path in HARNESS:
        words = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        named = words & (set(MODELS) | set(TASKS))
        # the yardstick of latencies is a protocol's setting
        may = {"lstm-s"} if name_of(path) == "harness/protocol.py" else set()
        assert named <= may, f"{name_of(path)} names {named}"


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
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in inside if name.endswith(".py")} == set(map(name_of, SOURCES))
    beside = {path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in DATA}
    assert {name_of(path) for path in beside} <= inside
    assert {path.suffix for path in beside} == DATA
