"""Which cells run now, in whatever terminal: a small file for each, written now and then by what runs it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from .. import machine
from ..errors import Unwritable
from ..plan import Cell
from .kinds import Point
from .store import Store
from .writing import write_whole

EVERY = 5.0  # seconds from sign to sign, while steps are made
SILENT = 600.0  # seconds without a sign after which a process of another machine counts as gone


@dataclass(frozen=True, slots=True)
class Sign:
    """That a cell runs: how far it is, since when, where, and when that was said (seconds since 1970).

    first, since: the step at which this process took it up, and when; curve: step and validation of each evaluation.
    """

    cell: Cell
    pid: int
    born: int
    here: str  # the machine, by a word that names nobody
    started: str  # ISO 8601, UTC
    said: float
    step: int = 0
    steps: int = 0
    first: int = 0
    since: float = 0.0
    curve: tuple[tuple[int, float], ...] = ()

    @property
    def seconds_left(self) -> float | None:
        """From now to its last step, at the pace so far; None before a step was made."""
        if self.step <= self.first:
            return None
        pace = (self.said - self.since) / (self.step - self.first)
        return max(0.0, pace * (self.steps - self.step) - (time.time() - self.said))

    @property
    def is_alive(self) -> bool:
        """Does its process still run, as far as that can be seen from here?"""
        if self.here == machine.here():
            return machine.born(self.pid) == self.born
        return time.time() - self.said < SILENT

    def __str__(self) -> str:
        far = f"step {self.step:,} of {self.steps:,}" if self.steps else "before its first step"
        far += f", validation {self.curve[-1][1]:.4g}" if self.curve else ""
        ago = max(0.0, time.time() - self.said)
        return f"{self.cell.protocol} {self.cell}: running, {far}, since {self.started}, last sign {ago:.0f} s ago"


class Signs:
    """Those of the cells that this process runs; called with each cell that made steps, it writes now and then."""

    def __init__(self, store: Store, cells: Iterable[Cell]) -> None:
        self.store = store
        pid, started = os.getpid(), machine.now()
        born = machine.born(pid) or 0
        self.last = {cell: Sign(cell, pid, born, machine.here(), started, time.time()) for cell in cells}

    def __call__(self, cell: Cell, step: int, steps: int, points: Iterable[Point] = ()) -> None:
        """points: evaluations that were not told of before."""
        known = self.last.get(cell)
        if known is None:
            return
        more = tuple((point.step, point.valid_metric) for point in points if point.valid_metric is not None)
        known = self.last[cell] = replace(known, curve=known.curve + more) if more else known
        if not known.steps:
            self._write(replace(known, step=step, steps=steps, first=step, since=time.time(), said=time.time()))
        elif time.time() - known.said > EVERY:
            self._write(replace(known, step=step, steps=steps, said=time.time()))

    def _write(self, sign: Sign) -> None:
        self.last[sign.cell] = sign
        with suppress(Unwritable):  # of a full disk the records will tell
            content = json.dumps(asdict(sign)).encode()
            write_whole(self.store.running_path(sign.cell), content, flush=False)

    def begin(self) -> None:
        for sign in list(self.last.values()):
            self._write(sign)

    def end(self, cell: Cell) -> None:
        """The cell runs no more."""
        if self.last.pop(cell, None) is not None:
            with suppress(OSError):
                self.store.running_path(cell).unlink(missing_ok=True)


@contextmanager
def signs_of(store: Store, cells: Iterable[Cell]) -> Iterator[Signs]:
    """The signs of cells that run while this block does."""
    signs = Signs(store, cells)
    signs.begin()
    try:
        yield signs
    finally:
        for cell in list(signs.last):
            signs.end(cell)


def running(store: Store) -> list[Sign]:
    """The cells that run now with this results folder, in the order of their names."""
    return sorted((sign for _, sign in _signs(store) if sign is not None and sign.is_alive), key=lambda s: s.cell)


def sweep(store: Store) -> None:
    """Delete what dead processes have left: signs, and files that were not written to their end."""
    for path, sign in _signs(store):
        if sign is None or not sign.is_alive:
            with suppress(OSError):
                path.unlink(missing_ok=True)
    for path in store.root.rglob(".*.tmp"):
        here, _, rest = path.name[1:].partition("-")
        pid = rest.partition("-")[0]
        with suppress(OSError):
            if here == machine.here() and pid.isdecimal():
                gone = machine.born(int(pid)) is None
            else:
                gone = time.time() - path.stat().st_mtime > SILENT
            if gone:
                path.unlink(missing_ok=True)


def _signs(store: Store) -> Iterator[tuple[Path, Sign | None]]:
    for path in sorted((store.root / "running").glob("*.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            yield path, _sign(data)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            yield path, None


def _sign(data: Mapping[str, object]) -> Sign:
    curve = tuple((int(step), float(value)) for step, value in data.get("curve", ()))  # type: ignore[attr-defined]
    sign = Sign(**{**data, "cell": Cell(**data["cell"]), "curve": curve})  # type: ignore[arg-type]
    for each in fields(Sign):
        kind = {"str": str, "int": int, "float": (int, float)}.get(str(each.type), object)
        if not isinstance(getattr(sign, each.name), kind):  # type: ignore[arg-type]
            raise TypeError(each.name)
    return sign
