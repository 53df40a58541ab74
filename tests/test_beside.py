"""A stranger's file imports what lies beside it, and its digest says when any of it has changed."""

import hashlib
import pickle
import sys

import pytest

from harness import beside, catalog
from harness.errors import BenchError


def written(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/', 1)}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def test_two_files_of_one_name_each_get_the_neighbour_of_their_own_folder(tmp_path):
    for word in ("a", "b"):
        written(tmp_path / word, net=f"import layers\nfrom layers import WORD\n{word} = 1", layers=f"WORD = '{word}'")
    modules = [beside.file_module(tmp_path / word / "net.py") for word in ("a", "b")]
    assert [module.WORD for module in modules] == ["a", "b"]
    assert [module.layers.WORD for module in modules] == ["a", "b"]
    assert "layers" not in sys.modules
    assert str(tmp_path / "a") not in sys.path


@pytest.mark.parametrize(
    ("imports", "value"),
    [
        ("import layers; found = layers.X", 1),
        ("import layers as one; found = one.X", 1),
        ("from layers import X as found", 1),
        ("from layers import *; found = X", 1),
        ("import parts.deep; found = parts.deep.Y", 3),
        ("import parts.deep as deep; found = deep.Y", 3),
        ("from parts import deep; found = deep.Y", 3),
        ("from parts.deep import Y as found", 3),
        ("from .layers import X as found", 1),
        ("import importlib; found = importlib.import_module('.layers', __package__).X", 1),
    ],
)
def test_every_form_of_an_import_finds_it(tmp_path, imports, value):
    deep = "from . import other\nimport layers\nY = layers.X + other.Z"
    written(tmp_path, net=imports, layers="X = 1", parts____init__="", parts__deep=deep, parts__other="Z = 2")
    assert beside.file_module(tmp_path / "net.py").found == value


def test_an_import_inside_a_function_finds_it_when_it_is_called(tmp_path):
    late = "def late():\n    from {} import X\n    return X\n"
    written(tmp_path, net=late.format("layers") + "import far", far=late.format("layers"), layers="X = 7")
    module = beside.file_module(tmp_path / "net.py")
    assert (module.late(), module.far.late()) == (7, 7)


def test_the_standard_library_and_what_is_installed_are_not_disturbed(tmp_path):
    written(tmp_path, net="import random, numpy\nfrom layers import numpy as theirs", random="X = 1")
    written(tmp_path, layers="import numpy", numpy="X = 5")
    module = beside.file_module(tmp_path / "net.py")
    assert hasattr(module.random, "shuffle")
    assert module.theirs.X == 5
    import numpy

    assert numpy.asarray([1]).sum() == 1


def test_a_file_of_the_name_of_what_it_imports_gets_what_is_installed(tmp_path):
    written(tmp_path, tabulate="import tabulate\nfound = tabulate.tabulate")
    assert callable(beside.file_module(tmp_path / "tabulate.py").found)


def test_what_lies_beside_can_be_pickled(tmp_path):
    written(tmp_path, net="from layers import Thing\nmade = Thing()", layers="class Thing:\n    x = 4")
    assert pickle.loads(pickle.dumps(beside.file_module(tmp_path / "net.py").made)).x == 4


def test_a_neighbour_that_is_broken_is_a_sentence_and_is_tried_again(tmp_path):
    written(tmp_path, net="from layers import Net", layers="1 / 0")
    with pytest.raises(BenchError, match=r"net\.py' cannot be imported: ZeroDivisionError"):
        catalog.find_model(f"{tmp_path / 'net.py'}:Net")
    written(tmp_path, layers="def Net(shape, width): pass")
    assert catalog.find_model(f"{tmp_path / 'net.py'}:Net").title == "Net"


def test_a_file_may_have_any_name(tmp_path):
    (tmp_path / "my net.v2.py").write_text("from layers import X")
    written(tmp_path, layers="X = 1")
    assert beside.file_module(tmp_path / "my net.v2.py").X == 1


def test_the_source_is_read_and_no_compiled_file_of_the_same_second_and_size(tmp_path):
    path = tmp_path / "net.py"
    path.write_text("X = 1")
    assert beside.file_module(path).X == 1
    del sys.modules[beside.file_module(path).__name__]
    path.write_text("X = 2")
    assert beside.file_module(path).X == 2
    assert not (tmp_path / "__pycache__").exists()


def test_a_package_in_the_working_folder_is_found_from_any_way_to_start(tmp_path, monkeypatch):
    written(tmp_path, own____init__="", own__net="from own.layers import Net", own__layers="Net = lambda s, w: None")
    monkeypatch.chdir(tmp_path)
    assert catalog.find_model("own.net:Net").name == "own.net:Net"
    with pytest.raises(BenchError, match="No module named 'nowhere'"):
        catalog.find_model("nowhere:Net")


def test_the_digest_of_a_file_alone_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "net.py"
    path.write_text("import torch, random\nX = 1")
    (tmp_path / "other.py").write_text("Y = 1")
    assert beside.digest(str(path)) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert catalog.source_digest(f"{path}:X@width=3") == beside.digest(str(path))


@pytest.mark.parametrize("changed", ["layers", "far", "parts/deep", "parts/__init__", "late", "named"])
def test_the_digest_changes_with_whatever_is_imported_from_beside(tmp_path, changed):
    net = "import layers\ndef f():\n    import late\nimport importlib\nimportlib.import_module('named')\n"
    written(tmp_path, net=net + "from parts import deep", layers="import far", far="", late="", named="")
    written(tmp_path, parts____init__="", parts__deep="", parts__unused="", unused="")
    before = beside.digest(str(tmp_path / "net.py"))
    for name in ("unused", "parts/unused"):
        (tmp_path / f"{name}.py").write_text("Z = 1")
    assert beside.digest(str(tmp_path / "net.py")) == before
    (tmp_path / f"{changed}.py").write_text("Z = 1")
    assert beside.digest(str(tmp_path / "net.py")) != before


def test_the_digest_does_not_depend_on_where_the_files_lie(tmp_path):
    for word in ("a", "b"):
        written(tmp_path / word, net="import layers", layers="X = 1")
    assert len({beside.digest(str(tmp_path / word / "net.py")) for word in ("a", "b")}) == 1


def test_the_digest_of_what_is_imported_stays_what_it_was(tmp_path):
    written(tmp_path, net="import layers", layers="X = 1")
    path = str(tmp_path / "net.py")
    before = beside.digest(path)
    module = beside.file_module(tmp_path / "net.py")
    written(tmp_path, layers="X = 2")
    assert beside.digest(path) == before
    del sys.modules[module.__name__]
    assert beside.digest(path) != before


def test_of_a_package_its_own_files_count(tmp_path, monkeypatch):
    files = {"own____init__": "", "own__net": "from . import layers\nimport own.far\nimport beside_it"}
    written(tmp_path, **files, own__layers="", own__far="", own__unused="", beside_it="")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = catalog.source_digest("own.net:Net")
    for name in ("own/unused", "beside_it"):
        (tmp_path / f"{name}.py").write_text("Z = 1")
    assert catalog.source_digest("own.net:Net") == before
    seen = {before}
    for name in ("own/net", "own/far", "own/layers", "own/__init__"):
        path = tmp_path / f"{name}.py"
        path.write_text(path.read_text() + "\nZ = 1")
        seen.add(catalog.source_digest("own.net:Net"))
    assert len(seen) == 5


def test_ours_have_a_revision_and_no_digest():
    assert {catalog.source_digest(name) for name in ("lstm-s@forget_bias=2", "sfc", "addition-37")} == {""}
    assert catalog.source_digest("gru@forget_bias=2") == f"revision {catalog.find_model('gru').revision}"
    assert catalog.source_digest("nowhere.py:Net") == ""


def test_a_file_is_found_where_it_was_after_the_working_folder_has_changed(tmp_path, monkeypatch):
    written(tmp_path, moving="import os\nclass Net: ...\nos.chdir('/')")
    monkeypatch.chdir(tmp_path)
    before = catalog.source_digest("moving.py:Net")
    assert catalog.find_model("moving.py:Net").build is catalog.find_model("moving.py:Net").build
    assert catalog.source_digest("moving.py:Net") == before != ""


def test_the_files_of_a_folder_are_run_anew_once_they_are_forgotten(tmp_path):
    for word in ("a", "b"):
        written(tmp_path / word, net="import layers\ndef late():\n    import layers\n    return layers", layers="")
    first = {word: beside.file_module(tmp_path / word / "net.py") for word in ("a", "b")}
    catalog.forget_files(f"{tmp_path / 'a' / 'net.py'}:late@x=1")
    assert first["a"].late() is not first["a"].layers
    again = {word: beside.file_module(tmp_path / word / "net.py") for word in ("a", "b")}
    assert again["a"] is not first["a"]
    assert again["a"].layers is first["a"].late()
    assert (again["b"], again["b"].layers) == (first["b"], first["b"].layers)
