"""The models of the zoo against cases: answers and gradients that their authors' code gave, in float64.

A file of cases/ has x, the trained weights `var/NAME` as that code stores them, `out`, a cotangent R, the loss
sum(out R) and its gradients `grad/NAME` and `grad_x` or `grad/x`; some have an initial state, some besides `logits`,
a few no R. support/zoo.py says how a model's weights are made from those, and the gradients are taken by
theirs.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.zoo import SOURCES
from torch import Tensor
from torch.func import functional_call

from harness import catalog
from models.engine import scan
from tasks.spec import SequenceShape

CASES = Path(__file__).parent / "cases"
TOLERANCE = 1e-8
EVERY = [
    pytest.param(path, source, id=f"{path.stem}{source.out}")
    for path in sorted(CASES.glob("*.npz"))
    for source in SOURCES[path.stem.partition("-")[0]]
    if source.serves(path.stem)
]


def test_there_is_a_case_for_every_source():
    assert {path.stem.partition("-")[0] for path in CASES.glob("*.npz")} == set(SOURCES)


@pytest.mark.parametrize("back_end", ["eager", "auto"])
@pytest.mark.parametrize(("path", "source"), EVERY)
def test_answers_and_gradients_are_those_of_the_authors_code(path, source, back_end):
    case = {key: value if value.dtype.kind == "U" else torch.from_numpy(value) for key, value in np.load(path).items()}
    if "out" not in case:
        case["out"], case["R"] = case.pop("logits"), case.pop("R_logits")
    var = {key.removeprefix("var/"): value.requires_grad_() for key, value in case.items() if key.startswith("var/")}
    x, R, theirs = case["x"].requires_grad_(), case.get(f"R{source.out}"), source.answers(case)
    starts = [key for key in case if key == "init" or key.startswith("init/")]
    state = source.state(case, [case[key].requires_grad_() for key in starts])
    ours, units = source.weights(var, case), theirs.shape[-1]
    heads = source.classifier(var)
    if not heads or "logits" in case:  # the answers are the h of all steps
        heads = [(torch.eye(units, dtype=x.dtype), torch.zeros(units, dtype=x.dtype)), *heads]
    weight, bias = (torch.cat(parts, dim=-1) for parts in zip(*heads, strict=True))
    ours |= {"classifier.weight": weight.t(), "classifier.bias": bias}
    shape = SequenceShape(x.shape[1], x.shape[2], len(bias), source.per_step)
    module = catalog.find_model(source.model).build(shape, source.width, **source.options(case)).double()
    source.prepare(module, case)
    assert set(ours) == {name for name, _ in module.named_parameters()}
    with scan.backend(back_end):
        out = functional_call(module, ours, (x, state) if state else (x,))
    out = out[0] if state else out
    if "logits" in case:
        logits = out[..., units:] if case["logits"].dim() == 3 else out[:, -1, units:]
        near(logits, case["logits"], "logits")
        out = out[..., :units]
    near(out, theirs, "out")
    if R is None:
        return
    loss = (out * R).sum() + ((logits * case["R_logits"]).sum() if "logits" in case else 0)
    near(loss, case[f"loss{source.out}"], "loss")
    grad = f"grad{source.out}"
    leaves = {f"{grad}/{key}": value for key, value in var.items()}
    leaves |= {f"{grad}_x": x, f"{grad}/x": x}
    leaves |= {f"{grad}{'_' if key == 'init' else '/'}{key}": case[key] for key in starts}
    known = {key for key in case if key.startswith(f"{grad}/") or key in (f"{grad}_x", f"{grad}_init")}
    assert known <= set(leaves)
    found = torch.autograd.grad(loss, [leaves[key] for key in sorted(known)])
    for key, gradient in zip(sorted(known), found, strict=True):
        near(gradient, case[key], key)


def near(ours: Tensor, theirs: Tensor, what: str) -> None:
    assert ours.shape == theirs.shape, what
    scale = max(1.0, float(theirs.abs().max()))
    assert float((ours - theirs).detach().abs().max()) <= TOLERANCE * scale, what
