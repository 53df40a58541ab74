"""What the harness knows of a task: the shape of its sequences, its data, its measure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class SequenceShape:
    """The shape of one sequence and of the answer to it.

    windows: TP-RNN's (L, g) of layers 1, 2, ... where its paper gives them for this task.
    carried: the sequences are pieces of one text; a model takes up its state where the piece before ended.
    stamps: which of the inputs is the time of its step, in a unit of the task's; None: steps are equally far apart. For
    a model that does not ask, it is an input as others are.
    vocabulary: x are tokens below this number, and `TaskSpec.frame` makes them inputs; 0: x are numbers.
    """

    length: int  # time steps
    inputs: int  # features a step
    outputs: int  # classes, or regression targets
    per_step: bool = False  # one answer a step instead of one a sequence
    windows: tuple[tuple[int, int], ...] | None = None
    carried: bool = False
    vocabulary: int = 0
    stamps: int | None = field(default=None, repr=False)  # checkpoints of before know a shape by its text


class Split(NamedTuple):
    """x: (sequences, time, inputs) float32, or (sequences, time) int64 tokens; y: labels int64, or targets float32.

    y is (sequences,) or (sequences, time) labels, or (sequences, outputs) targets. Sequences of different
    lengths are padded with zeros in front: the last step of each is its last valid one, for every model.
    """

    x: Tensor
    y: Tensor


@dataclass(frozen=True, slots=True)
class Splits:
    """The data of a task; iterating gives train, valid and test.

    augment: (rows, keys) -> x of these training sequences, changed at random; rows and keys (n,) int64, a key
    seeds what happens to its row. None: training sees x as it is.
    more: further test sets under the names that tables show; the checkpoint is tested on these as well.
    words: what each token stands for, where x are tokens.
    """

    train: Split
    valid: Split
    test: Split
    augment: Callable[[Tensor, Tensor], Tensor] | None = None
    more: Mapping[str, Split] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Split]:
        return iter((self.train, self.valid, self.test))


def streams(data_seed: int, own: int) -> list[np.random.Generator]:
    """A stream each for train, valid and test: the test set does not change with the number of training sequences.

    own: a number that no other task has.
    """
    return np.random.default_rng([data_seed, own]).spawn(3)


def generated(
    generate: Callable[..., tuple[np.ndarray, ...]], own: int, sizes: Sequence[int], data_seed: int, data_root: object
) -> Splits:
    """Splits of so many sequences each, of generate(rng, sequences=n) -> x, y; own: as in `streams`."""
    pairs = (generate(rng, sequences=n) for rng, n in zip(streams(data_seed, own), sizes, strict=True))
    train, valid, test = (Split(torch.from_numpy(x), torch.from_numpy(y)) for x, y in pairs)
    return Splits(train, valid, test)


def check_sizes(train: int, valid: int, test: int) -> None:
    """Raises ValueError where a split is empty."""
    if min(train, valid, test) < 1:
        raise ValueError(f"train, valid and test are {train}, {valid} and {test}; each needs at least 1 sequence")


def no_preparation(data_root: Path | None, tell: Callable[[int, int], None]) -> str:
    """There is nothing to compute beforehand."""
    return ""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task, all options settled.

    A factory function makes it, `factory(**options) -> TaskSpec`; its keyword parameters are the
    options that `name@key=value` may change, and `scales` says which of them a protocol's scale
    changes. `load(data_seed, data_root)` gives the same data for the same data seed, whatever
    model or seed it is for.

    `target`: the validation metric that time-to-target waits for, fixed beforehand; `target_why`
    says how. `chance`: the test metric of the best answer that looks at no input.
    """

    name: str
    title: str
    shape: SequenceShape
    load: Callable[[int, Path | None], Splits]
    metric: str  # accuracy, mse, cross_entropy, bits_per_character or perplexity
    higher_is_better: bool
    chance: float | None = None
    target: float | None = None
    target_why: str = ""
    reference: float | None = None  # a good published value, for normalised scores
    cite: str = ""
    scales: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    revision: int = 1  # raised where its data change; records of two revisions are not compared
    class_names: tuple[str, ...] = ()  # of the labels 0, 1, ..., where they have other names than their numbers
    detail: str = ""  # what the data are at these options, in a clause: "14 x 14 pixels, 10,000 training images"
    split: str = ""  # how many sequences train, validate and test, where `detail` does not say
    training: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """A scale, or the name of a protocol, which goes first -> settings of such protocols that this task changes, as the
    paper's batch size."""
    data: str = ""  # the data set of fetch.py that must lie there
    needs: Mapping[str, str] = field(default_factory=dict)
    """Modules that must be there beside torch and numpy -> the names under which pip knows them."""
    prepare: Callable[[Path | None, Callable[[int, int], None]], str] = no_preparation
    """Compute once what `load` needs, into the user's cache folder; tell(done, total) of the progress. Gives a
    sentence where a user should know something of the data, as what of them cannot be used."""
    frame: Callable[[nn.Module], nn.Module] | None = None
    """What stands around a model built for `shape` and apart from the parameter budget, as embedding and softmax."""
