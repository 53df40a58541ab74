"""A stranger's file as a module that may import what lies beside it, as when Python runs it; and what it was.

Each folder counts as a package of its own, so that two folders may have files of one name, and nobody but the files
of a folder sees what lies in it.
"""

import ast
import builtins
import hashlib
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

FOLDER = "bench_folder_"  # with a digest of its path: the package that a folder counts as
DIGEST = "__bench_digest__"  # of a module: what its sources were when it was imported
OURS = ("harness", "models", "tasks")
ROOT = Path(__file__).resolve().parent.parent


_places: dict[str, Path] = {}


def located(place: str) -> Path:
    """The path of a file, as it was before where a stranger has changed the working folder since."""
    path = Path(place)
    if path.is_file():
        _places[place] = path.resolve()
    return _places.get(place, path.resolve())


def digest(place: str) -> str:
    """SHA-256 of the sources of a file or package: its own and those that it imports from beside it, and so on.

    Of a file that imports nothing from there it is the file's own; of a package, what it imports of itself counts. An
    empty string where there is no source. As long as a file is imported, it is that of what was imported.
    """
    if place.endswith(".py"):
        path = located(place)
        known = getattr(sys.modules.get(module_name(path)), DIGEST, None)
        return known or (_digest(path, path.parent, "") if path.is_file() else "")
    top, *rest = place.split(".")
    found = PathFinder.find_spec(top) or PathFinder.find_spec(top, [str(Path.cwd())])
    if found is None or not found.origin or not found.origin.endswith(".py"):
        return ""
    origin = Path(found.origin).resolve()
    root = origin.parents[1 if origin.name == "__init__.py" else 0]
    *_, path = (origin, *_files(root, [top, *rest]))
    return _digest(path, root, top)


def _digest(path: Path, root: Path, top: str) -> str:
    sources = {path: path.read_bytes()}
    todo = [path]
    while todo:
        file = todo.pop()
        for other in _imported(file, sources[file], root, top):
            if other not in sources:
                sources[other] = other.read_bytes()
                todo.append(other)
    if len(sources) == 1:
        return hashlib.sha256(sources[path]).hexdigest()
    lines = [f"{file.relative_to(root).as_posix()} {hashlib.sha256(sources[file]).hexdigest()}" for file in sources]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _imported(file: Path, source: bytes, root: Path, top: str) -> Iterator[Path]:
    """The files below `root` that a file imports, anywhere in it. top: of a package, else an empty string."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return
    for node in nodes:
        words: list[str] = []
        if isinstance(node, ast.Import):
            words = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            words = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            words = [str(word.value) for word in node.args[:1] if isinstance(word, ast.Constant)]
        for word in words:
            first, *rest = word.split(".")
            if top in ("", first) and _may_lie_beside(first, root):
                yield from _files(root, [first, *rest])
        if isinstance(node, ast.ImportFrom) and 0 < node.level <= len(file.parents):
            folder = file.parents[node.level - 1]
            if folder.is_relative_to(root):
                for alias in node.names:
                    yield from _files(folder, [*(node.module or "").split("."), alias.name])


def _files(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """The sources of a dotted name below a folder: those of the packages on the way, and last its own."""
    for count in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:count])
        for file in (place.parent / f"{place.name}.py", place / "__init__.py"):
            if file.is_file():
                yield file


def _may_lie_beside(name: str, folder: Path) -> bool:
    """Is this name not one of the standard library's or of ours?"""
    return name not in sys.stdlib_module_names and not (name in OURS and folder == ROOT)


def file_module(path: Path) -> ModuleType:
    """The module of a file. Raises whatever the file raises."""
    path = path.resolve()
    key = module_name(path)
    if key not in sys.modules:
        loader = _Loader(key, str(path))
        spec = spec_from_file_location(key, path, loader=loader)
        assert spec is not None
        module = module_from_spec(spec)
        setattr(module, DIGEST, digest(str(path)))
        sys.modules[key] = module
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[key]
            raise
    return sys.modules[key]


def forget(folder: Path | None = None) -> None:
    """Import files anew when they are next looked at: those of a folder, or all."""
    package = FOLDER if folder is None else _package_of(folder)
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]


def package_module(place: str) -> ModuleType:
    """A package that is installed or on Python's path, or else lies in the working folder. Raises what it raises."""
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        top = place.partition(".")[0]
        if error.name != top or not _lies_beside(top, Path.cwd()):
            raise
    return importlib.import_module(f"{_package_of(Path.cwd())}.{place}")


def module_name(path: Path) -> str:
    """The name of a file's module, by which the files beside it can import it as well."""
    name = path.stem if path.stem.isidentifier() else f"file_{hashlib.sha256(path.stem.encode()).hexdigest()[:16]}"
    return f"{_package_of(path.parent)}.{name}"


def _package_of(folder: Path) -> str:
    """The package that a folder counts as."""
    name = FOLDER + hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    if name not in sys.modules:
        package = ModuleType(name, f"The files of {folder}.")
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return name


def _lies_beside(name: str, folder: Path) -> bool:
    """Is there a module of this name in a folder?"""
    place = folder / name
    there = (folder / f"{name}.py").is_file() or (place.is_dir() and next(place.glob("*.py"), None) is not None)
    return there and _may_lie_beside(name, folder)


class _Finder(MetaPathFinder):
    """Finds the files of folders that count as packages."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(fullname, path, target) if fullname.startswith(FOLDER) else None
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = _Loader(fullname, found.loader.path)
        return found


class _Loader(SourceFileLoader):
    """Loads a file whose imports look beside it first, then as usual. It reads the source, never what was compiled
    before, which may be that of a file of the same second and size."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        folder = Path(sys.modules[module.__name__.partition(".")[0]].__path__[0])
        look = partial(_import, folder, module.__name__)
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": look}
        super().exec_module(module)


def _import(
    folder: Path,
    own: str,
    name: str,
    globals: Mapping[str, Any] | None = None,
    locals: Mapping[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """What `import` means in the module `own` of a folder, also once that has been forgotten."""
    package, top = _package_of(folder), name.partition(".")[0]
    beside = f"{package}.{top}"
    if level or beside == own or not _lies_beside(top, folder):
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    if fromlist:
        return builtins.__import__(f"{package}.{name}", globals, locals, fromlist)
    importlib.import_module(f"{package}.{name}")
    return sys.modules[beside]
