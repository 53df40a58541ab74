"""A page of a report: what it is made from, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..records.claims import Declared
from ..records.kinds import Measurement, RunRecord
from .order import places


@dataclass(frozen=True, slots=True, eq=False)  # what is made of one is kept with it
class Material:
    """The records of one version of one protocol, the models' order in every table, and what was claimed beforehand."""

    runs: Sequence[RunRecord]
    measurements: Sequence[Measurement]
    order: Sequence[str]
    declared: Declared = field(default_factory=Declared)

    def places(self) -> dict[str, int]:
        """Every model's place, which is its colour (draw/look) on all pages that are made from these records."""
        names = [run.cell.model for run in self.runs] + [one.model for one in self.measurements]
        return places(names, self.order)

    def rng(self) -> np.random.Generator:
        """A generator that is the same for every page."""
        return np.random.default_rng(0)
