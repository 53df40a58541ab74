"""How the classifier of a model may start: the option `head` of every model here, `name@head=normal`.

The classifier is the linear layer `module.classifier`, which every model makes as torch's Linear. Which start is a
model's own stands in its spec (`ModelSpec.head`); it is drawn anew once the model is built, so no other weight of a
seed depends on it.

    default       torch's Linear: weight and bias uniform within 1 / sqrt(inputs)
    normal        weight and bias N(0, 1)
    normal-0.1    weight N(0, 0.1^2), bias 0
    normal-0.001  weight N(0, 0.001^2), bias 0
    uniform-0.04  weight and bias U(-0.04, 0.04)
    glorot        weight Glorot-uniform, bias 0
    glorot-normal weight N(0, 2 / (inputs + outputs)), bias 0
    lecun         weight N(0, 1 / inputs), bias 0
    he            weight N(0, 2 / inputs), bias as torch's Linear
    he-zero       weight N(0, 2 / inputs), bias 0
    orthogonal    weight orthogonal, bias 0
    truncated     weight N(0, 0.1^2) cut at two standard deviations, bias 0.1
"""

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn


def _normal(classifier: nn.Linear) -> None:
    nn.init.normal_(classifier.weight)
    nn.init.normal_(classifier.bias)


def _narrow(std: float, classifier: nn.Linear) -> None:
    nn.init.normal_(classifier.weight, std=std)
    nn.init.zeros_(classifier.bias)


def _uniform(limit: float, classifier: nn.Linear) -> None:
    nn.init.uniform_(classifier.weight, -limit, limit)
    nn.init.uniform_(classifier.bias, -limit, limit)


def _glorot(classifier: nn.Linear) -> None:
    nn.init.xavier_uniform_(classifier.weight)
    nn.init.zeros_(classifier.bias)


def _glorot_normal(classifier: nn.Linear) -> None:
    nn.init.xavier_normal_(classifier.weight)
    nn.init.zeros_(classifier.bias)


def _lecun(classifier: nn.Linear) -> None:
    _narrow(1 / math.sqrt(classifier.in_features), classifier)


def _he_zero(classifier: nn.Linear) -> None:
    _narrow(math.sqrt(2 / classifier.in_features), classifier)


def _he(classifier: nn.Linear) -> None:
    nn.init.normal_(classifier.weight, std=math.sqrt(2 / classifier.in_features))


def _orthogonal(classifier: nn.Linear) -> None:
    nn.init.orthogonal_(classifier.weight)
    nn.init.zeros_(classifier.bias)


def _truncated(classifier: nn.Linear) -> None:
    nn.init.trunc_normal_(classifier.weight, std=0.1, a=-0.2, b=0.2)
    nn.init.constant_(classifier.bias, 0.1)


STARTS: dict[str, Callable[[nn.Linear], None]] = {
    "default": lambda classifier: None,  # as every model makes it
    "normal": _normal,
    "normal-0.1": partial(_narrow, 0.1),
    "normal-0.001": partial(_narrow, 0.001),
    "uniform-0.04": partial(_uniform, 0.04),
    "glorot": _glorot,
    "glorot-normal": _glorot_normal,
    "lecun": _lecun,
    "he": _he,
    "he-zero": _he_zero,
    "orthogonal": _orthogonal,
    "truncated": _truncated,
}


def with_head(build: Callable[..., nn.Module], head: str) -> Callable[..., nn.Module]:
    """`build` with a keyword-only option more, `head`, whose default this is. Raises ValueError for an unknown one."""

    def started(*given: Any, head: str = head, **options: Any) -> nn.Module:
        if head not in STARTS:
            raise ValueError(f"head is '{head}'; choose one of {', '.join(STARTS)}")
        module = build(*given, **options)
        STARTS[head](module.classifier)
        return module

    signature = inspect.signature(build)
    option = inspect.Parameter("head", inspect.Parameter.KEYWORD_ONLY, default=head)
    started.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])
    return started
