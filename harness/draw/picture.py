"""A chart that is drawn when somebody looks at it, and kept: static SVG for Markdown, a specification for HTML."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import BenchError
from ..records.writing import write_whole
from . import look

if TYPE_CHECKING:
    import altair as alt

PACKAGES = {"altair": "altair", "vl-convert-python": "vl_convert"}  # the extra `charts`
VEGA_LITE = "6.4"  # of those that vl-convert has, the one that Altair writes for
KEPT_SECONDS = 90 * 24 * 3600.0
DIGITS = 5  # of a number in a chart
UNSEEN = re.compile(r'<path [^>]*\bopacity="0"[^>]*(?:/>|></path>)')  # what only a pointer finds
IDS = re.compile(r'(?:(?<=id=")|(?<=url\(#))(clip|gradient_)\d+')
TAG, LONG = re.compile(r"<[^>]*>"), re.compile(r"\d+\.\d{2,}")
MADE_BY = re.compile(r"<!-- drawn by (.*) -->\s*$")
Spec = dict[str, Any]


class Picture:
    """A chart of these data. draw: one of this room's functions; it runs only where the chart is not kept yet.

    data: frames, and what has a `repr` that says all of it.
    """

    def __init__(self, draw: Callable[..., alt.TopLevelMixin], *data: Any, **named: Any) -> None:
        self._draw, self._data, self._named = draw, data, named
        self._spec: Spec | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def spec(self) -> Spec:
        """Vega-Lite's specification, without the configuration that all charts share."""
        if self._spec is None:
            self._spec = json.loads(_kept(f"{self._key()}.json", self._drawn))
        return self._spec

    @property
    def svg(self) -> str:
        """The same text in every process, whatever the machine, for one version of what draws it."""
        return _kept(f"{self._key()}.svg", lambda: static(self.spec))

    def _drawn(self) -> str:
        from altair.utils.schemapi import debug_mode

        with debug_mode(False):  # the schema is checked in the tests
            drawn = self._draw(*self._data, **self._named).to_dict(validate=False)
        return json.dumps({key: value for key, value in drawn.items() if key not in ("$schema", "config")})

    def _key(self) -> str:
        """Of all that the chart depends on, so that one that is kept needs not even Altair's import."""
        words = [made_by(), _source(), f"{self._draw.__module__}.{self._draw.__qualname__}"]
        words += [_said(value) for value in (*self._data, *self._named.items())]
        return hashlib.sha256("\0".join(words).encode()).hexdigest()


def missing() -> str:
    """Why there are no charts, in a sentence; "" where they can be drawn."""
    lacking = [name for name, module in PACKAGES.items() if util.find_spec(module) is None]
    return f"charts are left out: `pip install {' '.join(lacking)}` lets `bench report` draw them" if lacking else ""


@cache
def made_by() -> str:
    """What draws, with its versions: SVG of others may differ."""
    return ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)


def maker(svg: str) -> str:
    """What drew this SVG; "" where it does not say."""
    found = MADE_BY.search(svg)
    return found[1] if found else ""


def static(spec: Spec) -> str:
    """SVG of a specification, without a network and without what only a pointer finds."""
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, config=look.config(), allowed_base_urls=[])
    ids: dict[str, str] = {}  # Vega numbers them on through all charts of a process
    drawn = IDS.sub(lambda found: ids.setdefault(found[0], f"{found[1]}{len(ids)}"), drawn)
    drawn = TAG.sub(lambda tag: LONG.sub(_shortened, tag[0]), UNSEEN.sub("", drawn))  # words stay as they are
    return drawn.replace("<rect ", '<rect rx="8" ', 1) + f"\n<!-- drawn by {made_by()} -->\n"


def _shortened(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


def script() -> str:
    """What draws charts in a page, as one script: it sets `vegaEmbed` and needs no network."""

    def bundled() -> str:
        import vl_convert

        return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE))

    return _kept(f"embed-{VEGA_LITE}-{hashlib.sha256(made_by().encode()).hexdigest()[:16]}.js", bundled)


def live(pictures: Iterable[Picture]) -> str:
    """The specifications as JSON for a page's script, with the page's colours and each data set by its columns.

    A column of words that stand there more than once is {of: the words, at: the place of each row's}.
    """
    return _themed(
        {"config": look.config() | {"background": "transparent"}, "charts": [_packed(p.spec) for p in pictures]}
    )


def _packed(spec: Spec) -> Spec:
    sets = {
        name: {key: _column([row[key] for row in rows]) for key in rows[0]}
        for name, rows in spec["datasets"].items()
        if rows
    }
    return spec | {"datasets": sets}


def _column(values: list[Any]) -> Any:
    if not all(isinstance(value, str) for value in values):
        return values
    words = {word: place for place, word in enumerate(dict.fromkeys(values))}
    return values if len(words) == len(values) else {"of": list(words), "at": [words[value] for value in values]}


def _themed(data: Any) -> str:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    return re.sub("|".join(look.THEMED), lambda colour: look.THEMED[colour[0]], text)


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A tidy frame as Vega takes it: a number in a few digits, a missing one as null."""
    columns = {str(name): [_short(value) for value in frame[name].tolist()] for name in frame}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _short(value: Any) -> Any:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return None
        return int(value) if value.is_integer() and abs(value) < 1e9 else float(f"{value:.{DIGITS}g}")
    return value


def _said(value: Any) -> str:
    if isinstance(value, pd.DataFrame):
        return value.to_json(orient="split", double_precision=15)
    return repr(value)


@cache
def _source() -> str:
    """A digest of this room: another drawing is another chart."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


@cache
def _pruned(folder: Path) -> None:
    """Once in a process: what no report has asked for in a quarter of a year is drawn again if one does."""
    for path in folder.iterdir():
        if path.is_file() and time.time() - path.stat().st_mtime > KEPT_SECONDS:
            path.unlink(missing_ok=True)


def _kept(name: str, make: Callable[[], str]) -> str:
    """What `make` gives, from the user's cache where it is there and whole; a cache that cannot be written is none."""
    from tasks.data.fetch import cache_folder

    path = cache_folder() / "charts" / name
    try:
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
        if digest == hashlib.sha256(text.encode()).hexdigest():
            with suppress(OSError):
                os.utime(path)  # it is of use
            return text
    except (OSError, UnicodeDecodeError):
        pass
    text = make()
    with suppress(OSError):
        _pruned(path.parent)
    with suppress(OSError, BenchError):
        write_whole(path, f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}".encode(), flush=False)
    return text
