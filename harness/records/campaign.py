"""Whose records a results folder holds: those of a committed campaign, if it has a campaign.toml, else a user's own.

reports = "../../reports"   # where the pages of these records lie, seen from here; they are committed as well
closed = true               # no run adds a record
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..errors import BenchError

FILE = "campaign.toml"
OWN = Path("reports", "own")  # the pages of a user's own records, which git ignores


@dataclass(frozen=True, slots=True)
class Campaign:
    """reports: the folder of the pages; closed: no run adds a record."""

    reports: Path = OWN
    closed: bool = False


def campaign_of(results: Path) -> Campaign:
    """What a results folder says of itself; without a campaign.toml it is a user's own.

    Raises BenchError for a campaign.toml that cannot be read or says anything else.
    """
    path = results / FILE
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Campaign()
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read ({' '.join(str(error).split())}); mend or delete it") from None
    reports, closed = said.pop("reports", None), said.pop("closed", False)
    if said or not isinstance(reports, str) or not isinstance(closed, bool):
        raise BenchError(
            f'{path} must say `reports = "FOLDER"`, may say `closed = true`, and no more; mend or delete it'
        )
    return Campaign(Path(os.path.normpath(results / reports)), closed)
