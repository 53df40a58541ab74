"""The published numbers as data, with source and status, and what stands for them here.

published.json beside this file has every number of TP-RNN's and ASRNN's tables and figures and those of other papers
on the same tasks, the names of tasks and models here, the layout of the papers' tables, and what their figures on a
trained model show. Status of a number:

    R               read in the paper or its code
    2nd             read in another paper's table
    D               derived
    M               from memory, unverified: never a target
    digitised       read off a figure by eye
    not_recovered   it exists, but is not known here
    not_reported    the paper has a dash
    not_applicable  there is nothing to report

`margin`: how far, in the metric's unit, ours may lie from the published number and still count as the same. It was
stated before any run, by one rule: the half width of the binomial 95 % interval of one test set of `tested` sequences,
at the lowest accuracy that the papers' own tables report there of any model, baselines included (50 % where none is
known), rounded up to half a percentage point: what a single figure on one test set is uncertain by. Where no number is
known that could be tested, no margin is stated.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ...write.words import DASH

PERCENT = ("acc_pct", "val_acc_pct")
ONE_DECIMAL = (*PERCENT, "test_ppl")
STEPS = "steps_to_low_mse"
UNKNOWN = ("not_recovered", "M")  # nothing to compare with
ABSENT = ("not_reported", "not_applicable")  # a dash in the paper
SECOND_HAND, RECALLED = " (second hand)", " (from memory, unverified)"

DIFFERENCES = {
    "TP-RNN": (
        "Here a number is the mean over seeds, each tested once at the checkpoint that validation picked; the paper "
        "gives one number and does not say of how many runs, or whether it is the best of them.",
        "Here every task of the paper trains for 200 epochs, as the released code does on pMNIST; the paper states no "
        "epochs, and its curves end after 70 on MNIST and 30 on noisy MNIST.",
        "Batch 50, clipping at a global norm of 3 and the late decay of the learning rate are the released code's; "
        'the paper says "learning rate 1e-3, decay rate 0.9" and does not mention clipping.',
        "The paper's numbers were presumably made with the released code, whose attention weights land on other "
        "elements than Eq. 8 says; the models here follow the paper, and variants of them the released code.",
        "The layouts of LSTM-M's output head and of HM-LSTM are inferred from the published parameter counts.",
        "The signals are drawn anew: the paper shows a sine only, and those of squares and saw-teeth are inferred.",
        "VCTK's sentences are split 7:1:2 for each speaker as the paper says, but not into its own, unknown parts.",
    ),
    "ASRNN": (
        "Here a number is the mean over seeds, each tested once at the checkpoint that validation picked; of how many "
        "runs the paper's numbers are is not known.",
        "Epochs, batch sizes and the sizes of the text model are not recovered; hidden units of 128 and 129 and the "
        "ranges of the low-density signals are recalled, unverified.",
        "The wavelet's normalisation, the scale that SLSTM and SGRU keep to and how scales are chosen in the test are "
        "not known; the defaults here are one reading.",
        "On MNIST and pMNIST training is TP-RNN's (Adam, clipping), since both papers have these tasks; ASRNN trains "
        "with RMSProp and without clipping, as its other tasks do here.",
        "The plain LSTM here has TP-RNN's 100 units; ASRNN's has about as many weights as its ASLSTM.",
    ),
}
"""What else differs from the papers where everything is trained as they say, a sentence each."""


@dataclass(frozen=True, slots=True)
class Published:
    """One number of a paper. `value`: in the metric's unit, or a text such as 'div' and 'ca. 98', or None."""

    paper: str
    table: str
    task: str
    model: str
    params: str | None
    metric: str  # acc_pct, val_acc_pct, steps_to_low_mse, cross_entropy or test_ppl
    value: float | int | str | None
    status: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """What stands here for a paper's task. `margin`, `tested`: see the module's docstring."""

    name: str
    margin: float | None
    tested: int | None
    robust: bool  # is it there at the scale of augmented sound as well?


@dataclass(frozen=True, slots=True)
class Page:
    """The layout of a paper's table: a cell is a text, or the published numbers that stand in it.

    picture: what is drawn of ours, `curves` of validation, or `lines` over the column of numbers; "" is nothing.
    baseline: what the paper calls chance.
    """

    name: str
    title: str
    caption: str
    note: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str | tuple[Published, ...], ...], ...]
    picture: str = ""
    baseline: str = "chance"

    @property
    def numbers(self) -> list[Published]:
        return [number for row in self.rows for cell in row if not isinstance(cell, str) for number in cell]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a paper on what a trained model does. said: what the paper says of it.

    shows: signal, classes or words. task, models: the paper's; stand_ins: tasks here that ask much the same.
    """

    name: str
    title: str
    caption: str
    said: str
    shows: str
    paper: str
    task: str
    stand_ins: tuple[str, ...]
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Everything in published.json. models: (paper, its name) -> the name here, or None."""

    results: tuple[Published, ...]
    originals: dict[tuple[str, str, str, str], float]  # (paper, table, task, model) of a misquoted number
    tasks: dict[str, Task]
    models: dict[tuple[str, str], str | None]
    pages: tuple[Page, ...]
    figures: dict[str, Figure]

    def ours(self, number: Published) -> tuple[str, str] | None:
        """The task and the model here that answer a published number; None where there is no such model."""
        model = self.models[(number.paper, number.model)]
        return None if model is None else (self.tasks[number.task].name, model)

    def shown(self, number: Published) -> str:
        """The published number as people read it; what is unknown says so."""
        if number.status in ABSENT:
            return DASH
        if number.value is None:
            return number.status.replace("_", " ")
        text = str(number.value) if number.metric != STEPS or isinstance(number.value, str) else f"{number.value:,}"
        if number.status == "digitised" and not isinstance(number.value, str):
            text = f"ca. {text}"
        original = self.originals.get((number.paper, number.table, number.task, number.model))
        text += f" (original {original})" if original is not None else ""
        return text + {"2nd": SECOND_HAND, "M": RECALLED}.get(number.status, "")


@cache
def book() -> Book:
    """The published numbers, read once."""
    data = json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))
    results = tuple(Published(**dict(zip(data["columns"], row, strict=True))) for row in data["results"])
    return Book(
        results,
        {(paper, table, task, model): value for paper, table, task, model, value in data["originals"]},
        {name: Task(**entry) for name, entry in data["tasks"].items()},
        {(paper, model): name for paper, models in data["models"].items() for model, name in models.items()},
        tuple(_page(entry, results) for entry in data["pages"]),
        {entry["name"]: _figure(entry) for entry in data["figures"]},
    )


def _figure(entry: dict[str, Any]) -> Figure:
    stand_ins, models = tuple(entry.pop("stand_ins")), tuple(entry.pop("models"))
    return Figure(stand_ins=stand_ins, models=models, **entry)


def _page(entry: dict[str, object], results: Sequence[Published]) -> Page:
    of = {(paper, table) for paper, table in entry.pop("of")}  # type: ignore[attr-defined]
    found = {(number.task, number.model): number for number in results if (number.paper, number.table) in of}
    rows = tuple(
        tuple(cell if isinstance(cell, str) else tuple(found[task, model] for task, model in cell) for cell in row)
        for row in entry.pop("rows")  # type: ignore[attr-defined]
    )
    return Page(headings=tuple(entry.pop("headings")), rows=rows, **entry)  # type: ignore[arg-type]
