import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from support import ROOT

from harness import catalog
from harness.errors import BenchError
from models import GROUPS, MODELS, PAPERS, PARTS, VARIANTS, ZOO
from tasks import TASKS

STRANGER = ROOT / "tests" / "support" / "stranger"


@pytest.mark.parametrize(
    ("find", "names"), [(catalog.find_model, MODELS), (catalog.find_task, TASKS)], ids=["models", "tasks"]
)
def test_every_built_in_name_resolves_to_a_spec_of_that_name(find, names):
    for name in names:
        spec = find(name)
        assert spec.name == name
        assert spec.title


def test_groups_part_the_models_and_none_has_the_name_of_a_model():
    assert [name for names in GROUPS.values() for name in names] == list(MODELS)
    assert not {*GROUPS, *PARTS, "all", "models", "tasks"} & {*MODELS, *TASKS}
    assert all({*names} < {*ZOO} for names in PARTS.values())
    assert catalog.chosen("yardsticks") == ["tcn", "transformer", "gmm", "raw-cnn"]
    assert {"lem", "mamba"} < {*catalog.chosen("modern")}
    assert len(PAPERS) == 12
    assert sorted(catalog.model_names()) == sorted(MODELS)


def test_words_stand_for_models_each_of_them_once(monkeypatch):
    assert catalog.chosen("all") == catalog.chosen("papers") == list(PAPERS)
    assert catalog.chosen("papers,variants") == [*PAPERS, *VARIANTS]
    mixed = catalog.chosen("gru, variants,mine.py:Net,papers,tp-rnn-s@aggregation=mean")
    others = [name for name in PAPERS if name != "gru"]
    assert mixed == ["gru", *VARIANTS, "mine.py:Net", *others, "tp-rnn-s@aggregation=mean"]
    point = EntryPoint("net", "somebody:Net", "bench.models")
    monkeypatch.setattr(catalog, "entry_points", lambda group: (point,) if group == "bench.models" else ())
    assert catalog.chosen("all") == [*PAPERS, "net"]
    assert catalog.chosen("papers") == list(PAPERS)
    assert catalog.model_names()[-1] == "net"


def test_an_empty_group_alone_is_a_sentence(monkeypatch):
    monkeypatch.setitem(catalog.GROUPS, "zoo", {})
    with pytest.raises(BenchError, match="--models is 'zoo', which has no model yet"):
        catalog.chosen("zoo")
    assert catalog.chosen("zoo,gru") == ["gru"]
    with pytest.raises(BenchError, match="--models names nothing"):
        catalog.chosen(" , ")


@pytest.mark.parametrize(
    ("find", "name", "sentence"),
    [
        (catalog.find_model, "tprnn-s", r"no model called 'tprnn-s'.*'tp-rnn-s'"),
        (catalog.find_task, "sfcc", r"no task called 'sfcc'.*'sfc'"),
        (catalog.find_task, "addition-1", "addition-1"),
        (catalog.find_model, "tp-rnn-s@agregation=mean", "'aggregation'"),
        (catalog.find_model, "tp-rnn-s@top_down=7", "yes or no"),
        (catalog.find_model, "tp-rnn-s@mean", "key=value"),
        (catalog.find_model, "nowhere.py:Net", r"no file nowhere\.py"),
    ],
)
def test_what_there_is_not_is_a_sentence_with_the_nearest(find, name, sentence):
    with pytest.raises(BenchError, match=sentence):
        find(name)


def test_a_family_takes_any_length():
    assert catalog.find_task("addition-37").shape.length == 37
    assert catalog.find_task("copy-15").shape.length == 35


def test_the_scale_of_a_protocol_changes_the_task_and_an_option_changes_it_further():
    paper, quick = catalog.find_task("sfc", "paper"), catalog.find_task("sfc", "quick")
    assert paper.shape.length == 1000
    assert quick.shape.length < 1000
    assert catalog.find_task("sfc@length=333", "quick").shape.length == 333


@pytest.mark.parametrize("title", ["'two\\n  lines'", "'two\\u2028lines\\t'", "'two lines'"])
def test_a_title_is_one_line_that_can_be_printed(tmp_path, title):
    folder = tmp_path / "me@home"
    folder.mkdir()
    (folder / "net.py").write_text(
        f"def Net(shape, width, *, a=1):\n    pass\nNet.title = {title}\ndef odd(shape, width):\n    pass\n"
        "odd.title = 'half \\ud800 \\ue000'\n"
        f"def task(data_seed, data_root):\n    import torch\n    x, y = torch.zeros(4, 3, 1), torch.arange(4) % 2\n"
        f"    return (x, y), (x, y), (x, y)\ntask.title = {title}\n"
    )
    assert catalog.find_model(f"{folder / 'net.py'}:Net").title == "two lines"
    assert catalog.find_model(f"{folder / 'net.py'}:Net@a=2").title == "two lines (a=2)"
    assert catalog.find_model(f"{folder / 'net.py'}:odd").title == "half � �"
    assert catalog.find_task(f"{folder / 'net.py'}:task").title == "two lines"
    assert len(catalog.source_digest(f"{folder / 'net.py'}:Net@a=2")) == 64


def test_options_of_a_model_make_another_name_and_title():
    spec = catalog.find_model("tp-rnn-s@aggregation=mean+top_down=no")
    assert spec.name == "tp-rnn-s@aggregation=mean+top_down=no"
    assert "aggregation=mean" in spec.title
    shape = catalog.sequence_shape(24, 1, 3)
    plain, changed = catalog.find_model("tp-rnn-s").build(shape, 5), spec.build(shape, 5)
    assert sum(p.numel() for p in changed.parameters()) < sum(p.numel() for p in plain.parameters())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def load(:", "cannot be imported: SyntaxError"),
        ("import nowhere_to_be_found", "cannot be imported: ModuleNotFoundError"),
        ("Net = 3", "is a int"),
        ("Met = 3", "nearest is 'Met'"),
    ],
)
def test_a_file_that_holds_no_model_is_a_sentence(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(BenchError, match=message):
        catalog.find_model(f"{path}:Net")


def test_two_owners_of_one_name_are_refused(monkeypatch):
    def claim(*points):
        monkeypatch.setattr(catalog, "entry_points", lambda group: points if group == "bench.models" else ())

    claim(EntryPoint("gru", "somebody:GRU", "bench.models"))
    with pytest.raises(BenchError, match=r"'gru' has two owners.*somebody:GRU"):
        catalog.find_model("gru")
    claim(EntryPoint("zoo", "somebody:Zoo", "bench.models"))
    with pytest.raises(BenchError, match=r"'zoo' has two owners: it is a group of models, and somebody:Zoo"):
        catalog.chosen("gru")
    claim(EntryPoint("net", "one:Net", "bench.models"), EntryPoint("net", "two:Net", "bench.models"))
    with pytest.raises(BenchError, match=r"'net' has two owners: one:Net and two:Net"):
        catalog.model_names()


@pytest.mark.slow
def test_an_installed_package_plugs_in_its_model_and_its_task(tmp_path):
    site, results = tmp_path / "site", tmp_path / "results"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site)]
    source = tmp_path / "stranger"
    source.mkdir()
    for name in ("pyproject.toml", "stranger.py"):
        (source / name).write_text((STRANGER / name).read_text())
    subprocess.run([*install, str(source)], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    words = ["run", "--task", "parity", "--models", "echo-net,gru", "--protocol", "smoke", "--budget", "1000"]
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words, "--results", str(results), "--workers", "1"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "echo-net" in done.stdout
    assert len(list((results / "runs" / "smoke" / "parity" / "echo-net").glob("*.json"))) == 2
    listed = subprocess.run(
        [sys.executable, "-m", "harness", "list"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert "echo-net" in listed.stdout
    assert "parity" in listed.stdout


def test_a_foreign_models_package_is_explained(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    run = "sys.argv = ['bench', 'list']; from harness.cli.bench import main; main()"
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {run}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "the package 'models' that Python finds is" in done.stderr
    assert "Traceback" not in done.stderr
