"""Plain JSON values become a dataclass again, each of them of the type that the class declares."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints


def parsed(text: str) -> dict[str, Any]:
    """A JSON object as the standard has it, without NaN. Raises ValueError for anything else."""

    def refused(word: str) -> None:
        raise ValueError(f"{word} is no number")

    try:
        data = json.loads(text, parse_constant=refused)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")
    return data


def typed(kind: Any, value: Any, place: str) -> Any:
    """`value` as a `kind`: a dataclass, X | None, tuple, list, Mapping or a plain type.

    Raises ValueError, naming the place, where a value is of another type or a field is missing or unknown.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if NoneType in parts:
        return None if value is None else typed(parts[0], value, place)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        needed = {one.name for one in fields(kind) if one.default is one.default_factory is MISSING}
        if not isinstance(value, dict) or not needed <= set(value) <= set(hints):
            raise ValueError(f"{place} must have {', '.join(hints)}, and no more")
        return kind(**{name: typed(hints[name], entry, f"{place}.{name}") for name, entry in value.items()})
    if origin in (tuple, list) and isinstance(value, list):
        return origin(typed(parts[0], entry, place) for entry in value)
    if origin in (dict, Mapping) and isinstance(value, dict):
        return {key: typed(parts[1], entry, f"{place}.{key}") for key, entry in value.items()}
    if kind is Any:
        return value
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 2**63 else math.inf
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise ValueError(f"{place} is {str(value)[:50]!r}")
    return value
