"""The words that `fuzz_lines.py` makes command lines of.

right: must be taken; wrong: means nothing, and must be refused; odd: may be either. {} is the folder that is furnished
for the lines; a word in capitals is one, or several, of the named ones.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

LOST = "\udcff"  # what is no UTF-8 in the words of a process
NAMED: dict[str, tuple[str, ...]] = {
    "LOST": (LOST,),
    "LONG": ("x" * 300,),
    "DIGITS": ("9" * 5000,),
    "BREAK": ("a\nb",),
}
NAMED["NO_COUNT"] = ("", "nan", "inf", "-1", "1.5", "x", "1e400", "٣x", LOST, *NAMED["DIGITS"])
NAMED["NO_NUMBER"] = ("", "nan", "inf", "-inf", "-1", "x", "1e999", LOST)
NAMED["NO_NAME"] = ("nan", "-1", "nothing", "@", "=1+2", "{a,b}", "..", "../../up", "a`b", "a\nb", LOST, "x" * 300)
NAMED["NO_FOLDER"] = ("", "{}/file", "{}/loop", "{}/file/below", f"{{}}/{'x' * 300}")


class Words(NamedTuple):
    """Of a place in a command line."""

    right: tuple[str, ...]
    wrong: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


class Slot(NamedTuple):
    """An option with its words, or a place without an option; `often`: how often it is there."""

    option: str
    words: Words
    often: float = 0.25


class Verb(NamedTuple):
    """A verb and the words that it always has. codes: with which a right line may end; reads: it writes nothing;
    passes: options that it does not know are another program's."""

    words: tuple[str, ...]
    slots: tuple[Slot, ...]
    weight: int
    codes: tuple[int, ...] = (0,)
    reads: bool = True
    slow: bool = False
    passes: bool = False


def words(right: str, wrong: str = "", odd: str = "") -> Words:
    """Each of the words in a text, as a shell parts it."""
    return Words(
        *(tuple(w for word in shlex.split(text) for w in NAMED.get(word, (word,))) for text in (right, wrong, odd))
    )


TASK = words(
    "sfc sti sdigits addition-37 copy-15 sfc@length=600 sfc,sti ' sfc ' {}/own.py:task",
    "'' , ' ' NO_NAME sfcc gru copy-100000000 copy-0 copy- copy-nan copy-15@train=-3 addition-1 sfc@length=nan sfc@=3 "
    "sfc@length=-1 sfc@length= sfc@length sfc@nothing=1 sfc@length=x sfc@length=1.5 sfc@sequences=0 sfc@length=None "
    "{}/own.py {}/own.py: {}/own.py:Bare {}/own.py:number {}/own.py:nobody {}/own.py:exits "
    "{}/broken.py:task {}/exits.py:task {}/:task {}/loop:task {}/nothing.py:task os:getcwd no.such.package:task "
    ": :x json:",
    "{}/own.py:missing sfc@ sfc@length=1e3 sfc@length=yes sfc@length=99999999999 copy-15@train=10**9 "
    "copy-15@train=99999999999",
)
MODEL = words(
    "gru lstm-s gru,lstm-s gru, ' gru ' tp-rnn-s@aggregation=mean {}/own.py:Net gru,{}/own.py:Net",
    "'' , ' ' NO_NAME lstms sfc gru@nothing=1 gru@layers=nan tp-rnn-s@aggregation=nothing tp-rnn-s@top_down=nan os:sep "
    "{}/own.py: {}/own.py:number {}/own.py:nobody {}/broken.py:Net {}/exits.py:Net {}/leaves.py:Net {}/nothing.py:Net "
    "no.such.package:Net :",
    "gru@ {}/own.py:Bare {}/own.py:two os:getcwd variants all",
)
OURS = Words(MODEL.right[:-2], MODEL.wrong, (*MODEL.odd, *MODEL.right[-2:]))  # a stranger has no paper's width
SEEDS = words(
    "1 2 0 2..4 0,3,5-7 3, ' 2 ' 4294967295, 1:3",
    "NO_COUNT 5-2 3,,x 0-99999999999 99999999999 99999999999, 2- 1e3 , 0x3 '1 2'",
    "1,1 007",
)
BUDGET = words(
    "3k paper 4000 3_000 ' 3K ' 0.004m width-20",
    "NO_NUMBER 0 1e30 k 3kk DIGITS LONG width- width-nan width-0 width--3 width-99999999999",
    "1 1e3 10m width-0.5",
)
WIDTH = words("20 7.5", "NO_NUMBER 0 DIGITS 99999999999", "0.001")
PROTOCOL = words(
    "smoke quick smoke@batch=10",
    "'' NO_NAME quik smoke@batch=0 smoke@nothing=1 smoke@batch smoke@learning_rate=nan smoke@clip=-1",
    "smoke@ smoke@batch=1e1",
)
SET = words(
    "learning_rate=0.01 clip=0 max_steps=2 batch=10 optimizer=rmsprop seeds=1 yardstick=gru",
    "'' = x =3 batch batch= batch=0 batch=-3 batch=nan batch=1.5 batch=yes batch=[[[[ batch={} lr=0.1 epochs=nan "
    "clip=-1 clip=inf tolerance=nan tolerance=-1 learning_rate=0 learning_rate=1e999 learning_rate=x seeds=0 "
    "name=x seeds=99999999999 yardstick=nothing yardstick= version=7 schedule=often optimizer=sgd scale=huge "
    "BREAK budget=nan epochs=0 measure_seconds=-3 data_seed=-1 evaluations=0 max_steps=None+epochs=None LOST",
    "batch=1e1 epochs=None max_steps=2+epochs=1 batch=10+batch=20 learning_rate=1_0e-4",
)
ODD_FOLDERS = "{}/fresh/a@b=c,d {}/fresh/=1 {}/link/../fresh/r {}/locked/r"
RECORDS = words("{}/good {}/fresh/r {}/link", "NO_FOLDER", ODD_FOLDERS)
FRESH = words("{}/fresh/r {}/fresh/deep/er", "NO_FOLDER", ODD_FOLDERS)
FULL = words("{}/good {}/link", "NO_FOLDER {}/empty {}/nothing", "{}/good/runs")
DATA = words("{}/data {}/nothing", "''", "{}/file {}/loop {}/own.py LOST BREAK LONG")
DEVICE = words("cpu auto", "'' tpu nan CPU LOST", "cuda cuda:9")
FORM = words("plain md", "'' html MD nan LOST")
MARGIN = words("1 0.5 100", "NO_NUMBER 1001", "0 1e-9")
SIZE = words("5 1 20", "NO_COUNT 0 99999999999")
WORKERS = words("0 1 1000", "NO_COUNT 1001 99999999999")
LIMIT = words("30s 90 2h 0.5m", "NO_NUMBER 0 '30 s' 1d 99999999999h DIGITS")
AGAIN = words("failed all ok timed-out *", "'' , nothing nan LOST BREAK LONG")
SHAPE = words(
    "10x1x2 784x1x10 1X1x1", "NO_COUNT 0x0x0 3x-1x2 1x1 1x1x1x1 axbxc 99999999999999999999x1x1 1000001x1x1 DIGITSx1x1"
)
CELLS = (
    Slot("--task", TASK, 1),
    Slot("--models", MODEL, 1),
    Slot("--protocol", PROTOCOL, 1),
    Slot("--results", RECORDS, 1),
    Slot("--seeds", SEEDS, 0.5),
    Slot("--budget", BUDGET),
    Slot("--device", DEVICE),
    Slot("--set", SET),
    Slot("--backend", words("auto eager", "'' fast nan", "native triton")),
    Slot("--recompute", words("0 5", "NO_COUNT 99999999999")),
    Slot("--data", DATA),
)
MORE = (
    Slot("--workers", WORKERS),
    Slot("--replicas", words("auto 1 2", "NO_COUNT 0", "99999999999")),
    Slot("--cell-limit", LIMIT),
    Slot("--again", AGAIN),
    Slot("--executor", words("local ray", "'' NO_NAME {}/own.py:nobody {}/own.py:number {}/exits.py:f {}/loop:f :")),
)
SMALL = (
    Slot("--task", Words(("addition-37", "copy-15", "{}/own.py:task"), TASK.wrong), 1),
    Slot("--models", Words(("gru", "{}/own.py:Net"), MODEL.wrong), 1),
    Slot("--protocol", Words(("smoke", "smoke@batch=10"), PROTOCOL.wrong), 1),
)
SUBMIT = (
    Slot("--partition", words("short", "", "'' nan")),
    Slot("--time", words("1:00:00 30", "BREAK")),
    Slot("--cpus-per-task", words("1 8", "NO_COUNT 0 1001")),
    Slot("--at-most", words("1 50", "NO_COUNT 0")),
    Slot("--replicas", words("auto 1", "NO_COUNT 0")),
    Slot("", words("--mem=4G --exclusive '--comment=two words'", "--array=1 -a --job-name=x -J --comment=BREAK")),
)
NET = Slot("--models", words("gru {}/own.py:Net", "'' , lstms {}/own.py:nobody {}/exits.py:Net BREAK"), 1)
TINY = ("--workers", "0", "--no-measure", "--device", "cpu", "--set", "max_steps=2", "--set", "evaluations=1")
LISTED = words(
    "models tasks protocols budgets variants sfc gru smoke copy-15",
    "'' NO_NAME addition-x protcols copy-100000000 {}/own.py {}/own.py:nobody",
    "{}/own.py:Net {}/own.py:task",
)
SPEED = (
    NET,
    *(Slot(option, SIZE, 1) for option in ("--length", "--batch", "--width")),
    Slot("--replicas", words("1 1,2", "NO_COUNT 0 ,"), 1),
    Slot("--backends", words("eager", "'' , fast LOST"), 1),
    Slot("--seconds", words("0", "NO_NUMBER 86401"), 1),
    Slot("--rounds", words("1", "NO_COUNT 0"), 1),
    Slot("--results", FRESH, 1),
    Slot("--reports", FRESH, 1),
)
REPORT = (
    Slot("--results", FULL, 1),
    Slot("--reports", FRESH, 1),
    Slot("--protocol", words("smoke", "'' nan nothing LOST ../up")),
    Slot("--task", words("sfc sti sfc,sti", "nothing LOST BREAK", "'' , sfc,nothing")),
    Slot("--format", words("md csv md,tex html", "'' , pdf nan LOST", "md,x"), 0.5),
)
COMPARE = (
    *(Slot("", words("gru lstm-s", "'' NO_NAME", "{}/good"), 1) for _ in range(2)),
    Slot("--results", FULL, 1),
    Slot("--protocol", words("smoke", "'' nan nothing LOST")),
    Slot("--task", words("sfc sti", "nothing LOST BREAK", "'' ,")),
    Slot("--margin", MARGIN, 0.4),
    Slot("--format", FORM),
)
GATE = (  # never right, which would take minutes
    Slot("", words("", "'' NO_NAME no-such-branch HEAD~99 -x {}/file HEAD:file"), 1),
    Slot("", words("HEAD .", "'' NO_NAME"), 0.5),
    Slot("--models", MODEL, 0.3),
    Slot("--margin", MARGIN),
    Slot("--seconds", words("1", "NO_NUMBER")),
    Slot("--output", words("{}/fresh/gate.md", "{}/nothing/gate.md {}/loop/x ''")),
    Slot("--format", FORM),
)
STATUS = (
    Slot("--results", words("{}/good {}/link {}/nothing", "NO_FOLDER", ODD_FOLDERS), 0.9),
    Slot("--protocol", Words(PROTOCOL.right, (), PROTOCOL.wrong), 0.3),
)
CURVES = (
    Slot("--results", FULL, 1),
    Slot("--protocol", words("smoke", "'' nan nothing LOST ../up")),
    Slot("--task", words("sfc sti sfc,sti", "nothing LOST BREAK", "'' , sfc,nothing")),
    Slot("--models", words("gru gru,lstm-s", "'' , nothing LOST BREAK LONG", "gru,nothing")),
    Slot("--rows", words("4 20", "NO_COUNT 3 201")),
)
EXPORT = (
    *CURVES[:3],
    Slot("--output", words("{}/fresh/runs {}/fresh/deep/runs", "{}/loop/x '' {}/empty {}/file/x")),
)
EXPORTED = words("csv json every-eval-ever", "'' xml CSV LOST")
DATA_OF = (
    Slot(
        "--task",
        words("sfc copy-15 addition-37", "'' sfc,sti smnist sdigits {}/own.py:task nothing LOST"),
        1,
    ),
    Slot("--protocol", PROTOCOL._replace(right=("smoke",)), 1),
    Slot("--output", words("{}/fresh/data", "'' {}/file {}/loop/x"), 1),
)
SCALE = Slot("--scale", words("smoke paper quick", "'' NO_NAME huge", "robust"))
PARAMS = (Slot("--models", OURS, 1), Slot("--budget", BUDGET))
CHECKED = words("addition-37 {}/own.py:task", "'' , sfcc copy-100000000 {}/own.py:Bare {}/own.py:number BREAK LOST")
MERGE = (
    Slot("", words("{}/good {}/link", "NO_FOLDER {}/nothing {}/empty", "{}/good/runs"), 1),
    Slot("--results", FRESH, 1),
)
TUNE = (
    *SMALL,
    Slot("--points", words("2 12", "NO_COUNT 1 1001"), 0.7),
    Slot("--budget", BUDGET),
    Slot("--results", FRESH, 1),
)
VITALS = (
    Slot("--models", words("gru tp-rnn-s,lstm-s papers", "'' , lstms NO_NAME {}/own.py:Net", "variants all"), 1),
    Slot("--results", words("{}/good {}/fresh/r", "NO_FOLDER", ODD_FOLDERS), 1),
    Slot("--reports", FRESH, 1),
    Slot("--workers", WORKERS),
)
VERBS = (
    Verb(("list",), (Slot("", LISTED, 0.8), Slot("--format", Words(("plain",), FORM.wrong, ("md",)))), 6),
    Verb(("params",), (Slot("--task", TASK, 1), *PARAMS, SCALE, Slot("--data", DATA)), 6),
    Verb(("params",), (Slot("--shape", SHAPE, 1), *PARAMS), 5),
    Verb(("params",), (Slot("--shape", SHAPE, 1), PARAMS[0], Slot("--width", WIDTH, 1)), 3),
    Verb(("plan", "--no-time"), (*SMALL, Slot("--results", RECORDS, 1), Slot("--width", WIDTH, 1)), 3),
    Verb(("plan", "--no-time"), CELLS, 10),
    Verb(("plan",), (*SMALL, Slot("--seeds", SEEDS), Slot("--results", RECORDS, 1)), 3, slow=True),
    Verb(("run", "--dry-run"), CELLS + MORE, 30),
    Verb(
        ("run", *TINY),
        (*SMALL, Slot("--seeds", SEEDS._replace(right=("1", "3,")), 1), Slot("--results", FRESH, 1)),
        6,
        (0, 1),
        reads=False,
        slow=True,
    ),
    Verb(("submit", "--dry-run"), SMALL + SUBMIT, 5, slow=True, passes=True),
    Verb(("submit", "--status"), (Slot("--results", words("{}/good", "", "NO_FOLDER"), 1),), 2, passes=True),
    Verb(("status",), STATUS, 6),
    Verb(("curves",), CURVES, 5),
    Verb(("report",), REPORT, 8, reads=False),
    Verb(("merge",), MERGE, 4, reads=False),
    Verb(("tune", "--dry-run"), TUNE, 4),
    Verb(("vitals", "--no-run"), VITALS, 3, reads=False),
    Verb(("export",), (*EXPORT, Slot("--format", EXPORTED, 0.7)), 5, reads=False),
    Verb(("export", "--format", "croissant"), DATA_OF, 4, reads=False),
    Verb(("compare",), COMPARE, 7, (0, 3, 4)),
    Verb(("check",), (NET,), 3, slow=True),
    Verb(("check",), (Slot("--task", CHECKED, 1), Slot("--data", DATA)), 5, slow=True),
    Verb(("data", "list"), (Slot("--data", DATA, 0.7),), 3),
    Verb(
        ("data", "verify"),
        (Slot("", words("mnist wikitext-2", "'' , NO_NAME"), 0.7), Slot("--data", DATA, 1)),
        4,
        (0, 2),
    ),
    Verb(
        ("measure", "--device", "cpu", "--seconds", "0"),
        (*SMALL, Slot("--lengths", words("5,10", "NO_COUNT 5 5,5 0,5 5,9999999999 5;6")), Slot("--results", FRESH, 1)),
        4,
        (0, 1),
        reads=False,
        slow=True,
    ),
    Verb(("speed", "--no-runs", "--device", "cpu"), SPEED, 5, reads=False, slow=True),
    Verb(("gate",), GATE, 5),
)
SPOILED: tuple[tuple[tuple[str, ...], str], ...] = (  # at the end of a line
    *(((word,), "wrong") for word in ("--nothing", "-x", "--batch-size=3", f"--{LOST}", "--a\nb", f"--{'x' * 300}")),
    *(((word,), "odd") for word in ("--", "--help", "further", "", LOST)),
    (("--lr", "0.1"), "wrong"),
    (("--epochs", "3"), "wrong"),
    (("--hidden", "nan"), "wrong"),
    (("--results",), "wrong"),  # without its word
)
