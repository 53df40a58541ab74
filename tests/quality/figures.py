"""What comes of trials, by kind, and what is wrong with it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """ends: how many trials of a kind ended how; wrong: a sentence for each fault of a kind; tell: hears of these."""

    tell: Callable[[str], None] = lambda sentence: None
    ends: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, end: str, faults: Iterable[str]) -> None:
        """A trial."""
        self.ends.setdefault(kind, Counter())[end] += 1
        for fault in faults:
            self.wrong.setdefault(kind, []).append(fault)
            self.tell(f"{kind}: {fault}")

    @property
    def faults(self) -> list[str]:
        """Of all kinds."""
        return [fault for found in self.wrong.values() for fault in found]


def by_hand(fuzz: Callable[[int, int, Figures], Figures], count: int) -> None:
    """The command line of one file, `[COUNT [SEED]]`; exits with 1 where there is a fault."""
    given = [int(word) for word in sys.argv[1:]]
    figures = fuzz(*(given + [count, 0][len(given) :]), Figures(lambda fault: print(fault, flush=True)))
    for kind, ends in figures.ends.items():
        print(f"{kind}: {', '.join(f'{number} {end}' for end, number in ends.most_common())}")
    print(f"{len(figures.faults)} faults")
    sys.exit(bool(figures.faults))
