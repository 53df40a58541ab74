"""What the harness knows of a model: a name, how to build it, and when it does not apply."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn


class Shape(Protocol):
    """What a model is told of its task. Any object with these attributes will do.

    It may also have `carried`: the sequences are pieces of one text, `length` steps each, and the answer to a
    piece depends on those before it. Only with `per_step`. Where it is missing, no state is carried (`carries`). And
    `stamps`: which of the inputs is the time of its step; where it is missing or None, steps are equally far apart.
    """

    @property
    def length(self) -> int: ...  # time steps of a sequence
    @property
    def inputs(self) -> int: ...  # features a step
    @property
    def outputs(self) -> int: ...  # classes, or regression targets
    @property
    def per_step(self) -> bool: ...  # one answer a step instead of one a sequence


def stamps_of(shape: Shape) -> int | None:
    """Which input is the time of its step, if one is."""
    found: int | None = getattr(shape, "stamps", None)
    return found


def carries(shape: Shape) -> bool:
    """Must a model for this shape go on from where the sequence before ended?"""
    return bool(getattr(shape, "carried", False))


@dataclass(frozen=True, slots=True)
class ScaleUse:
    """What the scales, layers or levels of a module do while it reads sequences, where it can tell.

    use: (batch, time, labels), at least 0. meaning: what the mean of a value over sequences is, in a clause.
    exclusive: at every step one label has 1 and the others 0.
    """

    labels: tuple[str, ...]
    use: Tensor
    meaning: str
    exclusive: bool = False


def _always_applies(shape: Shape) -> str | None:
    return None


FORGET_BIASES = ("forget_bias", (1.0, 3.0, 5.0))
"""How an LSTM may start (ModelSpec.opening): the customary bias, and ones that keep for 20 and for 150 steps."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that can be trained on any task whose shape it accepts.

    `build(shape, width, **options)` returns a module that maps x, (batch, time, inputs) float,
    to (batch, outputs), or to (batch, time, outputs) where `shape.per_step`. `width` is the mean
    number of hidden units of a layer: a whole number, or a multiple of 1 / layers (see `spread`).
    The keyword-only parameters of `build` are the options that `name@key=value` may change.
    `what` says in a clause what sets it apart, `cite` where it was published, `source` where code of it lies, `licence`
    that code's (SPDX, none or proprietary).
    `start` says how its weights start and who says so, `head` which of starts.py's its classifier has.
    `opening` and `further` are options with the values that tuning may give them, in order: how the cell starts, as
    its forget bias (a unit of bias b forgets in about e^b steps) or its scale, and one option more.

    A module may have a method `set_progress(fraction)`; the trainer then calls it before each
    step with the part of the training that is done, in [0, 1].

    A module that can go on from where the sequence before ended has a method
    `initial_state(batch) -> tuple of tensors`: zeros (batch, ...) on the device and in the dtype of
    its weights. It may then be called as `module(x, state)` and returns `(outputs, new_state)`, the
    new state in the shapes and dtypes of the old; `module(x)` starts from zeros and returns outputs
    alone. It is exact: a long sequence in pieces of `shape.length` steps, the state handed on, gives
    the outputs, and where nothing is detached the gradients, of the sequence at once. Modules built
    with `shape.per_step` must do so; `why_not` refuses a shape that is `carried` where they cannot.

    A module that says how single parameters are trained has a method `trained_as()`: {a parameter's name: {what: a
    number}}, by default as the protocol trains all. `rate`: times the protocol's learning rate. `decay`: the share of
    the weight that a step takes away, times that rate (decoupled, as AdamW's). `l2`: times the weight, added to its
    gradient. `most`: entries of the gradient are cut to +- this, before the clipping by norm. `low`, `high`: bounds of
    its entries after each step. `step`: a function (weight, gradient, memory, rate) -> (weight, memory) that takes the
    place of the optimizer's, where the weight is bound to a surface; memory is like the weight and begins at zero. A
    part of the module then says in `free_numbers`, {a parameter's name: a count}, how many of the numbers are free.

    A module that is fitted to the training data at once, and not by steps along gradients, has a method
    `fitted_to(x, y)`, which sets its parameters from x (n, time, inputs) and y (n,), wherever these lie and without
    augmentation. It is called once, without gradients, and draws from torch's global generator. Where it is itself a
    generator, the trainer may end it at any `yield`, and calls it anew when the run goes on.

    A module with a loss of its own beside the task's has `penalised = True`; a training step then calls it with
    `penalty=True`, and it returns that loss, a scalar and a mean over the batch, as one more value at the end. With
    `penalised = "targets"` it is called with `penalty=y`, the targets.

    A module that must know the words of a text has `reads_words = True`. Where the inputs of a task are words
    (`shape.vocabulary`), it is called with `words=` them, (batch, time) int64, and `logits=` the function from its
    outputs (batch, time, outputs) to (batch, time, vocabulary) that its task puts after every model, and answers with
    (batch, time, vocabulary): logits, or log-probabilities, which are logits of themselves.

    A module whose scales do something that can be read off has a method `scale_use(x) -> ScaleUse`, or any
    object with its attributes, or None where with these options there is nothing to read. x are sequences as
    for `module(x)`; called in evaluation mode it tells what the answer to x is made from, and changes nothing.
    """

    name: str
    title: str
    build: Callable[..., nn.Module]
    paper_width: Callable[[Shape], int] | int | None = None
    layers: Callable[[Shape], int] | int = 1
    why_not: Callable[[Shape], str | None] = _always_applies
    causal: bool = True  # where per_step: the answer at t depends on no later input
    what: str = ""
    revision: int = 1  # raised where what it computes changes; records of two revisions are not compared
    cite: str = ""
    source: str = ""
    licence: str = ""
    start: str = ""
    head: str = ""  # of a model of ours that ends in a classifier; a stranger's has none
    opening: tuple[str, tuple[Any, ...]] | None = None
    further: tuple[str, tuple[Any, ...]] | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
    """Modules that must be there beside torch and numpy -> the names under which pip knows them."""

    def layers_at(self, shape: Shape) -> int:
        return self.layers(shape) if callable(self.layers) else self.layers

    def paper_width_at(self, shape: Shape) -> int | None:
        return self.paper_width(shape) if callable(self.paper_width) else self.paper_width


def spread(width: float, layers: int) -> list[int]:
    """Hidden units of each layer: `width * layers` units in all, the first layers take the rest.

    A stack of layers changes its parameter count in large jumps when every layer grows at once;
    letting single layers be one unit wider meets a budget within 1 %. Raises ValueError for no number of layers.

    >>> spread(20, 3), spread(61 / 3, 3)
    ([20, 20, 20], [21, 20, 20])
    """
    if layers < 1 or layers != int(layers):
        raise ValueError(f"layers is {layers}; give a whole number of at least 1")
    whole, rest = divmod(round(width * layers), layers)
    return [whole + 1] * rest + [whole] * (layers - rest)
