"""A page of a report: its text, pictures and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..records.kinds import Measurement, RunRecord


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page in Markdown, and the pictures that it shows: file name -> SVG.

    A picture stands in the text as `![what it shows, in words](name.svg)`, a paragraph of its own.
    In HTML its pure black and white become the ink and the paper of the reader's theme; words on a ground of their own
    need a colour of their own, such as #111111, and words in white stay white.
    `files`: a CSV that says more than the tables as shown, file name -> content; a page with one has none made from
    its tables.
    records: those that it is made from; None: all of the material's. measured: measurements, where it is made from
    these and from no run; its text says where each was taken.
    """

    text: str
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    records: Sequence[RunRecord] | None = None
    measured: Sequence[Measurement] = ()
