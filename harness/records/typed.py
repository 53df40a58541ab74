"""JSON values become a dataclass again: one schema, which is read off the class's annotations.

A number is finite and below LARGEST, whose square is a number still; a key that the class does not have is left out, as
a later version may know it. What more a value must be stands in its annotation, as Annotated[type, Rule].
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

LARGEST = 1e100
SEAL = ',\n "checksum": "'  # then the digest of all that stands before
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}

Check = Callable[[Any], Any]
Number = TypeVar("Number", int, float)


class Misfit(ValueError):
    """A value that its field does not take. place: of the value, from the outermost field on."""

    def __init__(self, says: str, place: tuple[str, ...] = ()) -> None:
        super().__init__(says)
        self.says, self.place = says, place

    def __str__(self) -> str:
        return f"{'.'.join(self.place) or 'it'} {self.says}"


class Damaged(ValueError):
    """A text that is not as it was written."""


def sealed(text: str) -> str:
    """The text of a JSON object whose last entry is a checksum of the others."""
    body = text.rstrip().removesuffix("}").rstrip()
    return f'{body}{SEAL}{_digest(body)}"\n}}\n'


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Rule:
    """read: a value of the right type -> the value to keep; raises ValueError, saying what is wrong with it."""

    read: Check


def between(low: float, high: float = LARGEST) -> Rule:
    """A number from low to high."""

    def read(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"is {value:g}, but must be at least {low:g}{f' and at most {high:g}' * (high < LARGEST)}")
        return value

    return Rule(read)


def parsed(text: str) -> dict[str, Any]:
    """A JSON object whose numbers are finite and whose texts can be written. Raises ValueError for anything else.

    And Damaged, which is one, for no JSON and for what has another checksum than its own; records of before have none.
    """
    body, seal, rest = text.rpartition(SEAL)
    if seal and not rest.startswith(f'{_digest(body)}"'):
        raise Damaged("it is not as it was written: its checksum is another one")

    def refused(word: str) -> None:
        raise ValueError(f"it holds {word}, which is no number; a missing one is null")

    try:
        data = json.loads(text, parse_constant=refused, parse_int=_whole, parse_float=_broken)
        if "\\u" in text and SURROGATE.search(text):
            data = _printed(data)
    except json.JSONDecodeError as error:
        raise Damaged(str(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")
    return data


def typed(kind: Any, value: Any, *place: str) -> Any:
    """`value` as a `kind`: a dataclass, X | None, tuple, list, Mapping, Any, a plain type, or one of them Annotated.

    Raises Misfit, which names the place, where it is none.
    """
    return _at(place, _check_of(kind), value)


@cache
def _check_of(kind: Any) -> Check:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _ruled(_check_of(parts[0]), parts[1:])
    if NoneType in parts:
        inner = _check_of(next(part for part in parts if part is not NoneType))
        return lambda value: None if value is None else inner(value)
    if is_dataclass(kind):
        return _fields_of(kind)
    if origin in (tuple, list):
        return _each_of(origin, _check_of(parts[0]))
    if origin in (dict, Mapping):
        return _entries_of(*map(_check_of, parts))
    return (lambda value: value) if kind is Any else _plain(kind)


def _ruled(check: Check, rules: tuple[Rule, ...]) -> Check:
    def read(value: Any) -> Any:
        value = check(value)
        for rule in rules:
            try:
                value = rule.read(value)
            except Misfit:
                raise
            except ValueError as error:
                raise Misfit(str(error)) from None
        return value

    return read


def _fields_of(kind: Any) -> Check:
    hints = get_type_hints(kind, include_extras=True)
    known = {field.name: _check_of(hints[field.name]) for field in fields(kind)}
    needed = [field.name for field in fields(kind) if field.default is field.default_factory is MISSING]

    def read(value: Any) -> Any:
        found = _an_object(value)
        if missing := [name for name in needed if name not in found]:
            raise Misfit(f"lacks {', '.join(missing)}")
        return kind(**{name: _at((name,), check, found[name]) for name, check in known.items() if name in found})

    return read


def _each_of(kind: Callable[[Any], Any], check: Check) -> Check:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise Misfit(f"is {_shown(value)}, but must be a list")
        return kind(_at((str(place),), check, entry) for place, entry in enumerate(value))

    return read


def _entries_of(key_of: Check, check: Check) -> Check:
    return lambda value: {key_of(key): _at((key,), check, entry) for key, entry in _an_object(value).items()}


def _plain(kind: Any) -> Check:
    def read(value: Any) -> Any:
        if type(value) is kind:
            return value
        if kind is float and type(value) is int:
            return float(value)
        raise Misfit(f"is {_shown(value)}, but must be {WORDS[kind]}")

    return read


def _an_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Misfit(f"is {_shown(value)}, but must be an object")
    return value


def _at(place: tuple[str, ...], check: Check, value: Any) -> Any:
    try:
        return check(value)
    except Misfit as misfit:
        raise Misfit(misfit.says, (*place, *misfit.place)) from None


def _shown(value: Any) -> str:
    return json.dumps(value)[:50]


def _whole(word: str) -> int:
    return _small(int(word), 2**63 - 1)


def _broken(word: str) -> float:
    return _small(float(word), LARGEST)


def _small(number: Number, most: float) -> Number:
    """The number. Raises ValueError for one that no page could compute with."""
    if abs(number) <= most:
        return number
    raise ValueError(f"it holds {str(number)[:12]}..., a number too large")


def _printed(value: Any) -> Any:
    """The value with � for half of a surrogate pair."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, dict):
        return {_printed(key): _printed(entry) for key, entry in value.items()}
    return list(map(_printed, value)) if isinstance(value, list) else value
