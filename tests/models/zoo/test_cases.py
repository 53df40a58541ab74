"""The models of the zoo against cases: answers and gradients that their authors' code gave, in float64.

A file of cases/ has x, the trained weights `var/NAME` as that code stores them, `out`, a cotangent R, the loss
sum(out R) and its gradients `grad/NAME` and `grad_x` or `grad/x`; some have an initial state, some besides `logits`,
a few no R. support/zoo.py says how a model's weights are made from those, and the gradients are taken by
theirs. LMU has no case, since the licence of its authors' code does not let it be followed: test_facts.py and
test_whole.py hold it to its equations.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.zoo import SOURCES, full_unitary, normalised, running
from torch import Tensor
from torch.func import functional_call

from harness import catalog
from models.engine import scan
from models.zoo import fullunitary
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


@pytest.mark.parametrize("name", ["short", "long"])
def test_batch_normalisation_keeps_statistics_for_evaluation_as_the_authors_code(name):
    case = {key: torch.from_numpy(value) for key, value in np.load(CASES / f"indrnn-{name}.npz").items()}
    source = SOURCES["indrnn"][1]
    var = {key.removeprefix("var/"): value for key, value in case.items() if key.startswith("var/")}
    shape = SequenceShape(case["x"].shape[1], case["x"].shape[2], case["logits"].shape[1])
    module = catalog.find_model("indrnn").build(shape, source.width, **source.options(case)).double()
    weights = {**source.weights(var, case), **{key: var[key] for key in var if key.startswith("classifier.")}}
    module.load_state_dict(weights, strict=False)
    with torch.no_grad():
        module(case["x"])
        for layer, rnn in enumerate(module.rnns):
            for statistic in ("running_mean", "running_var"):
                near(getattr(rnn.norm, statistic), case[f"buffer/RNNs.{layer}.bn.{statistic}"], statistic)
        near(module.eval()(case["x"]), case["eval_logits"], "answers in evaluation")


@pytest.mark.parametrize("name", ["short", "long"])
def test_a_unitary_matrix_is_moved_as_by_the_authors_code(name):
    case = {key: torch.from_numpy(value) for key, value in np.load(CASES / f"fullurnn-{name}.npz").items()}
    n = len(case["var/hidden_bias"])

    def blocks(augmented):  # the first row of them
        return torch.stack(augmented[:n].split(n, dim=1))

    W, memory, rate = blocks(case["var/Waug"]), torch.zeros(2, n, n, dtype=torch.float64), case["lr_natgrad"].item()
    near(
        fullunitary.along(W, blocks(case["grad/Waug"]), rate), blocks(case["after1_noRMS/Waug"]), "one step of G itself"
    )
    for step in ("after1", "after2"):
        W, memory = fullunitary.turned(W, blocks(case["grad/Waug"]), memory, rate)
        near(W, blocks(case[f"{step}/Waug"]), step)
    turning = torch.complex(*W)
    near(turning @ turning.mH, torch.eye(n).to(turning), "unitary")
    for released, first, second in ((False, 1, 1), (True, 1, 0)):
        x, R = case["x"], case["R"]
        module = catalog.find_model("full-urnn").build(
            SequenceShape(*x.shape[1:], R.shape[2], True), n, released=released
        )
        var = {key.removeprefix("var/"): value for key, value in case.items() if key.startswith("var/")}
        weights = full_unitary(var, case) | {"classifier.weight": var["U"].t(), "classifier.bias": var["out_bias"]}
        weights["rnn.W"] = blocks(case["var/Waug"])
        module.double().load_state_dict(weights)
        (module(x) * R).sum().backward()
        (g11, g12), (g21, g22) = (rows.split(n, dim=1) for rows in case["grad/Waug"].split(n))
        near(module.rnn.W.grad, torch.stack([first * g11 + second * g22, first * g12 - second * g21]), "gradient")


@pytest.mark.parametrize("name", ["short", "long"])
def test_statistics_of_each_step_are_counted_as_in_the_authors_code(name):
    case = {key: torch.from_numpy(value) for key, value in np.load(CASES / f"bnlstm-{name}.npz").items()}
    var = {key.removeprefix("var/"): value for key, value in case.items() if key.startswith("var/")}
    shape = SequenceShape(case["x"].shape[1], case["x"].shape[2], 2)
    module = catalog.find_model("bn-lstm").build(shape, len(var["h0"])).double()
    module.load_state_dict(normalised(var, case), strict=False)
    with torch.no_grad():
        module(case["x"])
    for statistic, value in running(case, "after").items():
        near(getattr(module, statistic), value, statistic)


@pytest.mark.parametrize("path", sorted(CASES.glob("skip_*.npz")), ids=lambda path: path.stem)
def test_the_cost_of_updates_and_its_gradients_are_those_of_the_authors_code(path):
    (source,) = SOURCES[path.stem.partition("-")[0]]
    case = {key: torch.from_numpy(value) for key, value in np.load(path).items()}
    var = {key.removeprefix("var/"): value.requires_grad_() for key, value in case.items() if key.startswith("var/")}
    x, ours = case["x"].requires_grad_(), source.weights(var, case)
    shape = SequenceShape(x.shape[1], x.shape[2], 1)
    module = catalog.find_model(source.model).build(shape, source.width, **source.options(case)).double()
    assert module.penalised
    ours["classifier.weight"] = x.new_zeros(1, ours["update.weight"].shape[1])
    _, penalty = functional_call(module, ours, (x,), {"penalty": True})
    near(penalty, case["budget"], "budget")
    for name, weight in ours.items():
        module.get_parameter(name).data = weight.detach()
    assert torch.equal(module.scale_use(x).use, case["u"])
    grads = torch.autograd.grad(penalty, [x, *var.values()], materialize_grads=True)
    for key, gradient in zip(["_x", *(f"/{name}" for name in var)], grads, strict=True):
        near(gradient, case[f"grad_budget{key}"], key)


@pytest.mark.parametrize("path", sorted(CASES.glob("rlstm-*.npz")), ids=lambda path: path.stem)
def test_an_auxiliary_loss_and_its_gradients_are_those_of_the_port(path):
    (source,) = SOURCES["rlstm"]
    case = {key: torch.from_numpy(value) for key, value in np.load(path).items()}
    var = {key.removeprefix("var/"): value.requires_grad_() for key, value in case.items() if key.startswith("var/")}
    options, ours = source.options(case), source.weights(var, case)
    shape = SequenceShape(case["x"].shape[1], 1, case["out"].shape[1])
    module = catalog.find_model("r-lstm").build(shape, len(var["main.rnn.weight_hh_l0"].t()), **options).double()
    module.anchors = lambda like, steps: torch.full_like(like, case["anchor"].item(), dtype=torch.int64)
    assert set(ours) == {name for name, _ in module.named_parameters()}
    x = case["x"].unsqueeze(2) / (options["classes"] - 1)
    answers, penalty = functional_call(module, ours, (x.double(),), {"penalty": True})
    near(answers, case["out"], "out")
    near(penalty, case["aux_losses"].sum(), "auxiliary losses")
    loss = torch.nn.functional.cross_entropy(answers, case["y"]) + penalty
    near(loss, case["loss"], "loss")
    near(case["grad/main.encoder.weight"], case["grad/aux.encoder.weight"], "one embedding")
    known = sorted(key for key in case if key.startswith("grad/") and key != "grad/aux.encoder.weight")
    found = torch.autograd.grad(loss, [var[key.removeprefix("grad/")] for key in known])
    for key, gradient in zip(known, found, strict=True):
        near(gradient, case[key], key)


def near(ours: Tensor, theirs: Tensor, what: str) -> None:
    assert ours.shape == theirs.shape, what
    scale = max(1.0, float(theirs.abs().max()))
    assert float((ours - theirs).detach().abs().max()) <= TOLERANCE * scale, what
