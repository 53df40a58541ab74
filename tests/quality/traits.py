r"""What `fuzz_files.py` makes files of models and tasks of.

A line of `model_traits.txt` or `task_traits.txt` is a trait: its place in a file, what comes of it, and its code.
refused: the command ends with one sentence before anything runs. same: ok, with the numbers of a file without it.
Another word is the status of the record; two words are either. !: it may do away with its process, so it needs one.
"""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import NamedTuple

GOOD = ("same", "ok")
THEN = "  # and then: "  # what follows in a trait's code stands at the end of the file


FRAMES = {
    "model": """
import atexit, gc, os, random, signal, subprocess, sys, threading, time, warnings
import numpy as np
import torch
from torch import nn

{import}
class Net(nn.Module):
    {attributes}
    def __init__(self, shape, width):
        super().__init__()
        self.rnn, self.top = nn.GRU(shape.inputs, width, batch_first=True), nn.Linear(width, shape.outputs)
        self.steps, self.factor, self.cast = 0, lambda: 1.0, torch.Tensor.float
        {layers}
        if torch.empty(0).device.type != "meta":
            {built}
            pass

    def forward(self, x):
        self.steps += self.training
        trains = self.training and len(x) == 20
        {forward}
        answer = self.top(self.rnn(self.cast(x))[0][:, -1]) * self.factor()
        {answer}
        return answer

    {methods}
""",
    "task": """
import os, signal, sys, time
import numpy as np
import torch

{import}
def task(data_seed, data_root):
    x = torch.randn(120, 8, 1, generator=torch.Generator().manual_seed(data_seed))
    y = (x.sum((1, 2)) > 0).long()
    {draws}
    {form}
    pairs = [(x[a:b], y[a:b]) for a, b in ((0, 80), (80, 100), (100, 120))]
    {gives}
    return pairs

{says}
""",
}


class Trait(NamedTuple):
    """A line of traits.py."""

    place: str
    outcomes: tuple[str, ...]
    code: str

    @property
    def places(self) -> set[str]:
        """All that it takes up."""
        return {self.place} | ({"says"} if THEN in self.code else set())

    @property
    def needs_a_process(self) -> bool:
        return self.outcomes[-1].endswith("!")

    @property
    def is_fatal(self) -> bool:
        return not set(GOOD) & set(self.words)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word.rstrip("!") for word in self.outcomes)


def listed(kind: str) -> list[Trait]:
    """The traits of models or of tasks."""
    lines = Path(__file__).with_name(f"{kind}_traits.txt").read_text(encoding="utf-8").splitlines()
    parts = [re.fullmatch(r"(\w+) +(\S+(?: \S+)?)  +(.+)", line) for line in lines]
    assert all(parts), lines[parts.index(None)]
    return [Trait(part[1], tuple(part[2].split()), part[3]) for part in parts if part]


def mixed(first: Trait, known: list[Trait], draw: Random) -> list[Trait]:
    """A trait with none, one or two more at other places, mostly such as change no number."""
    some = [first]
    for _ in range(draw.choice((0, 1, 1, 2))):
        harmless = draw.random() < 0.8
        places = {place for trait in some for place in trait.places}
        fits = [t for t in known if places.isdisjoint(t.places) and (t.words == ("same",) or not harmless)]
        some.append(draw.choice(fits))
    return some


def expected(some: list[Trait]) -> set[str]:
    """What may come of a file with these traits."""
    words = {word for trait in some for word in trait.words}
    if "refused" in words:
        return {"refused"}
    fatal = [trait for trait in some if trait.is_fatal]
    if not fatal:
        return {"ok" if word == "same" else word for word in words}
    first = {word for trait in fatal for word in trait.words}
    others = words - {"same"}
    return first | (others if all(trait.place == "import" for trait in fatal) else others - {"ok"})


def written(kind: str, some: list[Trait]) -> str:
    """The text of a file with these traits."""
    codes = {trait.place: trait.code.replace("\\n    def", "\n    def") for trait in some}
    for code in list(codes.values()):
        if THEN in code:
            codes["says"] = code.partition(THEN)[2]
    return re.sub(r"\{(\w+)\}", lambda place: codes.get(place[1], "pass"), FRAMES[kind])
