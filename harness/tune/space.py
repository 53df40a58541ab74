"""The space of tuning, one unit cube for all models, and its points: the same for every model.

coordinate 0   learning rate, log-uniform between the ends of RATES
           1   classifier's start, HEADS (models/starts.py)
           2   how the cell starts, where the model's spec says how that may vary (`ModelSpec.opening`)
           3   one option more, where the spec has one (`ModelSpec.further`)

Point 0 is the source's: its own start and options at the protocol's rate. The others are a Latin hypercube (McKay,
Beckman, Conover, 1979), so that each stratum of the rates is tried once, its columns exchanged until their centred
discrepancy is small, so that no start goes with high rates alone. A model ignores a coordinate that it lacks;
of somebody else's model the rate alone is tuned.

Where a winner lies at the end of the rates, they are widened for all models: WIDER has the rates that further points
try, a Latin hypercube of its own, and the points before stay as they are.

Where a trial takes an hour, the points are a grid instead, GRIDS: each of a few rates with both classifier's starts,
the source's own among them as point 0, and with one seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

from ..catalog import find_model, options_of, strange_model
from ..errors import BenchError
from ..plan import Group, split_options
from ..protocol import PAPER, Protocol, find_protocol, parse_changes, with_changes
from .choices import Point

RATES = {"paper": (1e-4, 3e-2), "quick": (5e-4, 5e-2), "smoke": (5e-4, 5e-2), "robust": (5e-4, 5e-2)}
"""Scale of a protocol -> the least and the greatest learning rate."""
WIDER = {"quick": (5e-2, 0.15, 2)}
"""Protocol -> the least and the greatest learning rate of its further points, and how many they are.

`quick`: of the first twelve points that with the greatest rate, 0.0493, won for HM-LSTM, TP-RNN-S, SLSTM and ASGRU on
`addition-200`, GRU and ASGRU on `copy-120`, LSTM-M, HM-LSTM and ASLSTM on `pmnist`, TP-RNN-M on `low-density` and
ASLSTM on `sti`."""
HEADS = ("default", "normal")
GRIDS = {"desk": (3e-4, 1e-3, 3e-3)}
"""Protocol -> the learning rates of its grid."""
POINTS = PAPER.points  # unless a command or a grid says otherwise
NOT_TUNED = {"track", "point", "points"}  # of a protocol's name
SEED = 0  # of the hypercube; another one makes other points


def trial_of(name: str, point: int, points: int) -> Protocol:
    """The protocol called `name`, or of a track of it, as a trial of `bench tune`."""
    return with_changes(find_protocol(untracked(name)), {"point": point, "points": among(name, point, points)})


def among(name: str, point: int, points: int) -> int:
    """Of how many points a point is one: what was tried before the space was widened keeps its name."""
    return POINTS if is_widened(name, points) and point < POINTS else points


@cache  # a display asks for all cells of a command, many times a second
def together_of(group: Group) -> Group:
    """What cells have in common that may train together: the seeds of a cell, and of a trial the other points' too."""
    protocol = find_protocol(group.protocol)
    is_trial = protocol.point is not None
    return group._replace(protocol=trial_of(protocol.name, 0, protocol.points).name) if is_trial else group


def is_widened(name: str, points: int) -> bool:
    """Are so many points those of a space that was widened?"""
    return name.partition("@")[0] in WIDER and points == points_of(name)


def untracked(name: str) -> str:
    """What is tuned for a track or a trial: 'quick@batch=20+track=tuned' -> 'quick@batch=20'."""
    base, _, changes = name.partition("@")
    kept = [part for part in changes.split("+") if part and part.partition("=")[0] not in NOT_TUNED]
    return f"{base}@{'+'.join(kept)}" if kept else base


def grid_of(name: str) -> tuple[tuple[float, str], ...] | None:
    """(rate, classifier's start) of every point of a protocol's grid, the source's too; None where it has none."""
    rates = GRIDS.get(name.partition("@")[0])
    return None if rates is None else tuple(product(rates, HEADS))


def points_of(name: str) -> int:
    """With how many points a protocol is tuned where nobody says it."""
    if (grid := grid_of(name)) is not None:
        return len(grid)
    return POINTS + (WIDER[base][2] if (base := name.partition("@")[0]) in WIDER else 0)


def seeds_of(name: str) -> tuple[int, ...]:
    """The seeds of each point: those that are judged by the test set count from 0, and none that chose may judge.

    Two, as of points that learn now and then they find better ones than one does; of a grid one.
    """
    return (1000, 1001) if grid_of(name) is None else (1000,)


@cache
def cube(number: int) -> tuple[tuple[float, ...], ...]:
    """So many points, 4 coordinates in [0, 1) each."""
    from scipy.stats.qmc import LatinHypercube

    if number == 0:
        return ()
    return tuple(map(tuple, LatinHypercube(4, rng=SEED, optimization="random-cd").random(number).tolist()))


def point_at(protocol: str, points: int, number: int, model: str) -> Point:
    """A point as a model takes it; an option that the model's name sets is none that varies.

    Raises BenchError for a point that a grid does not have.
    """
    if number == 0:
        return Point(0, among(protocol, 0, points), None)
    usual = find_protocol(protocol.partition("@")[0])
    if (grid := grid_of(protocol)) is not None:
        if number >= len(grid):
            raise BenchError(f"point {number} is none of the {len(grid)} of {usual.name}, which are counted from 0")
        own = usual.learning_rate, _own_head(model)
        rate, head = [at for at in grid if at != own][number - 1]
        return Point(number, points, rate, {"head": head} if "head" in varied(model) else {})
    of, (low, high) = among(protocol, number, points), RATES[usual.scale]
    if is_widened(protocol, points) and number >= POINTS:
        low, high, further = WIDER[usual.name]
        rate, *others = cube(further)[number - POINTS]
    else:
        rate, *others = cube(of - 1)[number - 1]
    options = {
        option: _pick(values, u)
        for u, (option, values) in zip(others, _varied(model), strict=True)
        if option and values
    }
    return Point(number, of, float(f"{low * (high / low) ** rate:.3g}"), options)


def varied(model: str) -> dict[str, tuple[Any, ...]]:
    """The options of a model that vary, and their values in order."""
    return {option: values for option, values in _varied(model) if option}


def _own_head(model: str) -> str:
    """The classifier's start of a model that takes none of the others."""
    spec = None if strange_model(model) else find_model(model)
    own = HEADS[0] if spec is None else options_of(spec.build, skip=2).get("head", HEADS[0])
    return own if own in HEADS else HEADS[0]


def _varied(model: str) -> Sequence[tuple[str, tuple[Any, ...]]]:
    """An option and its values for each coordinate after the rate; empty where the model has none."""
    nothing: tuple[str, tuple[Any, ...]] = ("", ())
    if strange_model(model):
        return [nothing] * 3
    spec = find_model(model)
    fixed: Mapping[str, object] = parse_changes(split_options(model)[1])
    found = [("head", HEADS) if spec.head else nothing, spec.opening or nothing, spec.further or nothing]
    return [nothing if option in fixed else (option, values) for option, values in found]


def _pick(values: Sequence[Any], u: float) -> Any:
    return values[int(u * len(values))]
