"""What a field of a record may hold, as types that `typed` reads."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, get_type_hints

from ..errors import one_line
from ..plan import Cell
from ..protocol import Protocol
from .typed import LARGEST, Misfit, Rule, between, typed

RANGES = {  # of what a metric can be; of others nothing is known
    "accuracy": (0.0, 1.0),
    "mse": (0.0, LARGEST),
    "cross_entropy": (-1e-3, LARGEST),  # of sums that are rounded
    "bits_per_character": (-1e-3, LARGEST),
    "perplexity": (0.999, LARGEST),
}


def _name(text: str) -> str:
    if not text or not text.isprintable() or "`" in text:
        raise Misfit(f"is {json.dumps(text)[:50]}, which is no name that a page can show")
    return text


def _budget(text: str) -> str:
    if not re.fullmatch(r"paper|[1-9]\d*k?|width-\d+(\.\d+)?", text, re.ASCII):
        raise Misfit(f"is {json.dumps(text)[:50]}, but must be a number of parameters such as 42k, or paper")
    return text


def _origin(text: str) -> str:
    if not re.fullmatch(r"|revision [1-9]\d*|[0-9a-f]{64}", text, re.ASCII):
        raise Misfit(f"is {json.dumps(text)[:50]}, but must be empty, a revision or a SHA-256")
    return text


def _cell(cell: Cell) -> Cell:
    kinds = {"protocol": Name, "task": Name, "model": Name, "budget": Budget, "seed": Count}
    for name, kind in kinds.items():
        typed(kind, getattr(cell, name), name)
    return cell


def _lines(text: str) -> str:
    return "\n".join(map(one_line, text.splitlines()))


def _printable(value: Any) -> Any:
    """Plain values with every text in one line."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping):
        return {one_line(key): _printable(entry) for key, entry in value.items()}
    return list(map(_printable, value)) if isinstance(value, list) else value


def _machine(value: Mapping[str, Any]) -> Mapping[str, Any]:
    for key, entry in value.items():
        if isinstance(entry, list | dict):
            raise Misfit(f"is {json.dumps(entry)[:50]}, but must be a text or a number", (key,))
    return value


def _settings(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Each setting that this program's protocols have is of the type that it has there."""
    hints = _hints()
    return {key: typed(hints.get(key, Any), entry, key) for key, entry in _printable(value).items()}


@cache
def _hints() -> Mapping[str, Any]:
    return get_type_hints(Protocol)


Name = Annotated[str, Rule(_name)]  # an identity: as it was, or refused
Line = Annotated[str, Rule(one_line)]  # other words are made printable
Lines = Annotated[str, Rule(_lines)]
Budget = Annotated[str, Rule(_budget)]
Origin = Annotated[str, Rule(_origin)]  # what code or data are
Count = Annotated[int, between(0)]
Size = Annotated[int, between(1)]
Amount = Annotated[float, between(0)]
NamedCell = Annotated[Cell, Rule(_cell)]
Facts = Annotated[Mapping[str, Any], Rule(_printable)]
Machine = Annotated[Facts, Rule(_machine)]
Settings = Annotated[Mapping[str, Any], Rule(_settings)]
