"""The house rules that a machine can check."""

import ast
import re
import subprocess
import sys
from importlib.util import resolve_name
from pathlib import Path

import pytest
from support import ROOT

PACKAGES = ("harness", "models", "tasks")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HARNESS = [path for path in SOURCES if path.is_relative_to(ROOT / "harness")]
PAGES = "records stats compare draw write"  # what a page of a report is made from
REPORT = sorted(path.parent.name for path in (ROOT / "harness" / "report").glob("*/__init__.py"))
ROOMS = {
    # the words of the whole house; errors, plan and protocol are open to all rooms
    "harness": "",
    "harness.errors": "",
    "harness.plan": "",
    "harness.protocol": "synonyms",
    "harness.synonyms": "",
    "harness.seeds": "",
    "harness.machine": "",
    "harness.process": "",
    "harness.catalog": "strangers beside models models.spec models.targets models.starts models.vitals "
    "models.engine.scan tasks tasks.spec",
    "harness.strangers": "beside forms models.spec tasks.spec",
    "harness.beside": "",
    "harness.forms": "tasks.spec",
    "harness.engine": "models.engine models.engine.native",
    # the ground floor
    "harness.records": "machine tasks.data",
    "harness.stats": "records",
    # the wing that works
    "harness.tune": "records compare catalog",
    "harness.prepare": "tune records catalog strangers forms seeds tasks.data",
    "harness.train": "prepare records catalog engine machine seeds",
    "harness.checks": "train prepare catalog seeds",
    "harness.measure": "train prepare records stats catalog engine machine process seeds",
    "harness.execute": "measure train prepare tune records stats write catalog strangers engine machine process seeds",
    "harness.gate": "stats write catalog machine process",
    # the wing that reads
    "harness.draw": "records tasks.data",
    "harness.write": "records draw tasks.data",
    "harness.exchange": "records catalog tasks.data",
    "harness.compare": "records stats write catalog",
    "harness.report": " ".join(["records compare stats draw write catalog", *map("report.{}".format, REPORT)]),
    **{f"harness.report.{name}": PAGES for name in REPORT},
    "harness.report.measured": f"{PAGES} catalog",
    "harness.report.overall": f"{PAGES} report.task catalog",
    "harness.report.cards": f"{PAGES} report.insight report.task catalog",
    "harness.report.papers": f"{PAGES} report.insight catalog",
    "harness.report.tuning": f"{PAGES} tune",
    # the roof
    "harness.cli": "*",
    "harness.__main__": "cli",
    "models": "models.spec models.parts models.engine models.engine.native models.engine.triton",
    "models.zoo": "models.spec models.parts models.engine",
    "models.zoo.clocks": "models.spec models.parts models.engine",
    "models.zoo.gated": "models.spec models.parts models.engine",
    "models.zoo.modern": "models.spec models.parts models.engine",
    "models.zoo.yardsticks": "models.spec models.parts models.engine",
    "models.zoo.text": "models.zoo.gated models.spec models.parts models.engine",
    "models.spec": "",
    "models.targets": "",
    "models.starts": "",
    "models.vitals": "",
    "models.parts": "models.spec models.engine models.engine.native models.engine.triton",
    "models.engine": "models.engine.native models.engine.triton",
    "models.engine.native": "",
    "models.engine.triton": "",
    "tasks": "tasks.spec tasks.data tasks.audio",
    "tasks.spec": "",
    "tasks.audio": "tasks.spec tasks.data",
    "tasks.data": "",
}
"""Room -> the rooms and words that it may import. Names without a package are the harness's."""
OPEN = {"harness", "harness.errors", "harness.plan", "harness.protocol"}
WORDS = {name for name in ROOMS if name.count(".") == 1 and (ROOT / f"{name.replace('.', '/')}.py").exists()}
# rooms that need no torch
READING = (
    "records",
    "stats",
    "compare",
    "draw",
    "write",
    "exchange",
    "report",
    "gate",
    "tune",
    "cli",
)  # rooms that need no torch
WORKING = ("harness.gate.probe", "harness.cli.order", "harness.cli.progress")  # but for these
ALLOWED = {"torch", "numpy", "triton", "filelock", *sys.stdlib_module_names}  # of models and tasks
# and where they are needed: of the tasks for reading and augmenting data, of a model for what fits it
LAZY = {"models": {"sklearn"}, "tasks": {"scipy", "sklearn", "soundfile", "torchaudio", "torch_audiomentations"}}


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


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(path: Path) -> str:
    """The folder of a file, but for the words of the house, each of which is a room of its own."""
    name = module_of(path)
    return name if name in WORDS or path.name == "__init__.py" else name.rpartition(".")[0]


def imported_files(path: Path, *, checked: bool = False) -> set[Path]:
    """The files of ours that the imports of a file lead to. checked: those for type checking as well."""
    every = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    found = set()
    for node in every if checked else import_nodes(path):
        if isinstance(node, ast.Import):
            targets = [(ROOT.joinpath(*alias.name.split(".")), None) for alias in node.names]
        else:
            top = path.parents[node.level - 1] if node.level else ROOT
            place = top.joinpath(*(node.module or "").split("."))
            targets = [(place, alias.name) for alias in node.names]
        for place, name in targets:
            if place == ROOT or not place.is_relative_to(ROOT) or place.relative_to(ROOT).parts[0] not in PACKAGES:
                continue
            ways = [] if name is None else [place / name]  # a module of a package, or else a name of the module itself
            files = [file for way in (*ways, place) for file in (way.with_suffix(".py"), way / "__init__.py")]
            found.add(next(file for file in files if file.exists()))
    return found - {path}


def allowed(room: str) -> set[str]:
    names = {name if name.partition(".")[0] in PACKAGES else f"harness.{name}" for name in ROOMS[room].split()}
    own = OPEN if room.startswith("harness") else set()
    return {*names, *own, room}


def test_no_file_is_longer_than_300_lines():
    long = {name_of(path): n for path in SOURCES if (n := len(path.read_text().splitlines())) > 300}
    assert not long


def test_models_and_tasks_know_only_torch_numpy_and_themselves():
    for package in ("models", "tasks"):
        for path in sorted((ROOT / package).rglob("*.py")):
            lazily = ALLOWED | LAZY[package]
            for names, known in ((imports(path), lazily), (imports(path, top_level_only=True), ALLOWED)):
                strange = {name for name in names if not name.startswith(".") and name.partition(".")[0] not in known}
                assert not strange, f"{name_of(path)} imports {strange}"


def test_every_room_is_in_the_table_and_imports_what_it_says():
    assert {room_of(path) for path in SOURCES} == set(ROOMS)
    for path in SOURCES:
        room = room_of(path)
        if ROOMS[room] == "*":  # the roof; of tasks it takes what fetches data
            may = {name for name in ROOMS if name.startswith("harness")} - {"harness.__main__"} | {"tasks.data"}
        else:
            may = allowed(room)
        for other in sorted(imported_files(path, checked=True)):
            known = {room_of(other), module_of(other)}
            assert known & may, f"{name_of(path)} imports {name_of(other)}, and {room} may not"


def test_rooms_hang_in_no_circle():
    graph = {room: (allowed(room) - OPEN - {room}) & set(ROOMS) for room in ROOMS if ROOMS[room] != "*"}
    graph |= {"harness.cli": set(), **{word: set() for word in OPEN}}
    no_circle(graph, str)


def in_a_table() -> set[str]:
    """The modules that a table of names leads to: that is their map."""
    from harness.cli.bench import VERBS
    from harness.execute.executors import EXECUTORS
    from harness.report.index import PAGES

    functions = [*(verb.callback for verb in VERBS), *(make for _, make in PAGES.values())]
    modules = {getattr(function, "func", function).__module__ for function in functions}
    return modules | {resolve_name(place.partition(":")[0], "harness.execute") for place in EXECUTORS.values()}


def test_a_map_of_a_room_has_a_line_for_every_file_in_it_but_those_of_a_table_and_imports_nothing():
    known = in_a_table()
    assert {"harness.cli.measure", "harness.report.overall.page", "harness.execute.local"} <= known
    known |= {name.rpartition(".")[0] for name in known}  # and their rooms
    for path in SOURCES:
        if path.name == "__init__.py" and path.parent.parent != ROOT:
            lines = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[2:]  # after its sentence
            said = {name for line in lines for name in re.split(", ", re.match(r"\w+(, \w+)*|", line)[0])} - {""}
            files = {other.stem for other in path.parent.glob("*.py")} - {"__init__"}
            rooms = {other.parent.name for other in path.parent.glob("*/__init__.py")}
            lacking = {name for name in files | rooms if f"{module_of(path)}.{name}" not in known} - said
            assert not lacking, f"{name_of(path)} has no line for {lacking}"
            assert said <= files | rooms, f"{name_of(path)} has a line for {said - files - rooms}, which is not there"
            assert not imports(path) or path.parent.name == "cli", name_of(path)


def test_a_room_has_about_twelve_files_at_most():
    full = {}
    for room in {path.parent for path in SOURCES}:
        count = sum(other.suffix == ".py" for other in room.iterdir()) - 1
        if count > 14:
            full[name_of(room)] = count
    assert not full


def test_imports_inside_a_package_are_relative():
    for path in SOURCES:
        own = path.relative_to(ROOT).parts[0]
        absolute = {name for name in imports(path) if name.partition(".")[0] == own}
        assert not absolute or path.name == "__main__.py", f"{name_of(path)} imports {absolute}"


def test_files_hang_in_no_circle():
    no_circle({path: imported_files(path) for path in SOURCES}, name_of)


def no_circle(graph, named):
    done = set()

    def visit(node, trail):
        assert node not in trail, " -> ".join(map(named, (*trail, node)))
        if node not in done:
            for other in sorted(graph[node]):
                visit(other, (*trail, node))
            done.add(node)

    for node in graph:
        visit(node, ())


def test_only_the_command_line_prints_or_exits():
    for path in HARNESS:
        calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
        may = {"click.echo"} if room_of(path) == "harness.cli" else set()
        may |= {"sys.exit"} if name_of(path) == "harness/cli/bench.py" else set()
        assert not calls & {"print", "sys.exit", "exit", "click.echo"} - may, name_of(path)


def modules_of(room: str) -> list[str]:
    modules = [module_of(path) for path in HARNESS if module_of(path).split(".")[1:2] == [room]]
    return [name for name in modules if name not in WORKING]


@pytest.mark.parametrize(
    ("modules", "slow"),
    [
        *((modules_of(room), {"torch"}) for room in READING),
        (["harness.execute.run", "harness.execute.local"], {"altair", "rich"}),
        (["harness.cli.bench", "harness.catalog"], {"numpy", "pandas", "rich", "tabulate"}),
        (["harness.report.pages", "harness.write.formats"], {"markdown_it"}),
    ],
    ids=[*READING, "a run", "the command", "a report"],
)
def test_slow_packages_are_imported_only_when_they_are_needed(modules, slow):
    load = f"[importlib.import_module(name) for name in {modules}]"
    code = f"import importlib, sys; {load}; sys.exit(bool({slow} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_statistics_need_no_more_than_numpy_and_scipy():
    for path in sorted((ROOT / "harness" / "stats").glob("*.py")):
        names = {name.partition(".")[0] for name in imports(path) if name[0] != "."}
        assert names <= {"numpy", "scipy", *sys.stdlib_module_names}, f"{name_of(path)} imports {names}"


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
