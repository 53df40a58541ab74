"""A page of a report: its text, pictures and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..draw.picture import Picture
from ..records.kinds import Measurement, RunRecord


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page in Markdown, and the pictures that it shows: file name -> chart.

    A picture stands in the text as `![what it shows, in words](name.svg)`, a paragraph of its own.
    `files`: a CSV that says more than the tables as shown, file name -> content; a page with one has none made from
    its tables.
    records: those that it is made from; None: all of the material's. measured: measurements, where it is made from
    these and from no run; its text says where each was taken.
    """

    text: str
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    records: Sequence[RunRecord] | None = None
    measured: Sequence[Measurement] = ()
