"""Whose records a results folder holds: those of a committed campaign, or a user's own.

A campaign is a folder in `results/` that has a campaign.toml; its pages are committed too, in `reports/`:

closed = true   # no run adds a record

What somebody sends decides nothing: elsewhere such a file only closes the folder.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..errors import BenchError

FILE = "campaign.toml"
COMMITTED = Path("reports")  # the pages of a campaign
OWN = COMMITTED / "own"  # those of a user's own records, which git ignores


@dataclass(frozen=True, slots=True)
class Campaign:
    """reports: the folder of the pages; closed: no run adds a record."""

    reports: Path = OWN
    closed: bool = False


def campaign_of(results: Path) -> Campaign:
    """What a results folder is; without a campaign.toml it is a user's own.

    Raises BenchError for a campaign.toml that cannot be read or says anything else.
    """
    path = results / FILE
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Campaign()
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read ({' '.join(str(error).split())}); mend or delete it") from None
    closed = said.pop("closed", False)
    if said or not isinstance(closed, bool):
        raise BenchError(f"{path} may say `closed = true` and no more; mend or delete it")
    committed = results.resolve().parent == Path("results").resolve()
    return Campaign(COMMITTED if committed else OWN, closed)
