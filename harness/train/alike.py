"""Which modules are one but for the values of their weights, so that one pass can do what each does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

TOLD = bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device
# of an nn.Module, looked into apart; torch's recurrences keep their weights a second and a third time
TABLES = {"_parameters", "_buffers", "_modules", "_flat_weights", "_flat_weight_refs"}


def alike(one: nn.Module, other: nn.Module) -> bool:
    """Are the classes, shapes, constants, and whatever is not trained, those of the other?

    False too where an attribute is of a kind that cannot be told, such as an object of a class of somebody's own.
    """
    parts, others = dict(one.named_modules()), dict(other.named_modules())
    return list(parts) == list(others) and all(
        type(part) is type(others[name]) and _same(_constants(part, parts), _constants(others[name], others))
        for name, part in parts.items()
    )


def _constants(part: nn.Module, parts: Mapping[str, nn.Module]) -> dict[str, Any]:
    """All that one of these parts is, without its trained weights' values and the parts inside."""
    known = {name: value for name, value in vars(part).items() if name not in TABLES}
    for name, value in known.items():
        if isinstance(value, MethodType):
            of = [place for place, other in parts.items() if other is value.__self__]
            known[name] = (of, value.__func__) if of else value
    known["trained"] = {name: (tuple(p.shape), p.dtype) for name, p in _own(part) if p.requires_grad}
    known["untrained"] = {name: p.detach() for name, p in _own(part) if not p.requires_grad}
    return known | {"buffers": dict(part.named_buffers(recurse=False))}


def _own(part: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return part.named_parameters(recurse=False)


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, TOLD):
        return bool(one == other)
    if isinstance(one, Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, Mapping):
        return list(one) == list(other) and _all_same(one.values(), other.values())
    if isinstance(one, Set):
        return bool(one == other)
    if isinstance(one, Sequence):
        return len(one) == len(other) and _all_same(one, other)
    if isinstance(one, partial):
        return _same((one.func, one.args, one.keywords), (other.func, other.args, other.keywords))
    if is_dataclass(one):
        return all(_same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return False


def _all_same(some: Iterable[Any], others: Iterable[Any]) -> bool:
    return all(_same(a, b) for a, b in zip(some, others, strict=True))
