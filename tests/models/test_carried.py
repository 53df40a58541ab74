"""State carried from piece to piece: a long sequence in pieces is that sequence at once, for every model that can."""

import pytest
import torch
from support.agreement import gradients
from support.registry import EVERY, marked
from support.stacking import drawn, trainable
from torch.func import functional_call

from harness import catalog
from harness.checks import models as checks
from models import MODELS, PAPERS, VARIANTS, ZOO, asrnn
from models.engine import scan
from models.engine.native import kernels as native
from models.parts import stack
from models.spec import carries
from models.zoo.gated import auxiliary, zoneout
from models.zoo.text import variational
from tasks.spec import SequenceShape

PIECES = 3
LENGTHS = (16, 11)  # 11 is no multiple of the larger dilations


def shape_of(length):
    return SequenceShape(length, 2, 3, per_step=True, carried=True)


CARRY = [name for name in MODELS if catalog.find_model(name).why_not(shape_of(16)) is None]
OPTIONS = ["aslstm@taps=1", "asgru@mixture=straight-through", "sgru@fixed_scale=0", "clockwork@modules=5"]
OPTIONS += ["dilated-lstm@dilations=(1, 3, 20)", "zoneout-lstm@released=True", "sab@block=True+k_top=3"]
OPTIONS += ["hierarchical-rnn@k=2+levels=4"]
COUNTS = {"sab": 4}
"""Model -> the part of its state that counts steps, to which there is no gradient."""
CASES = [(name, n) for n in LENGTHS for name in CARRY if catalog.find_model(name).why_not(shape_of(n)) is None]
CASES += [(name, 16) for name in OPTIONS]


def in_zoo(name):
    return name.partition("@")[0] in ZOO


every_case = pytest.mark.parametrize(
    ("name", "length"), [pytest.param(*case, marks=[pytest.mark.zoo] * in_zoo(case[0])) for case in CASES]
)
every_model = pytest.mark.parametrize("name", marked(CARRY))
WAYS = [("eager", 0), ("eager", 5), ("auto", 0), ("auto", 5)]


def every_second(like):
    """Units of which every second one is 1 and the others 0, at all steps."""
    return torch.arange(like.shape[-1]).remainder(2).expand_as(like).to(like)


def but_every_third(like):
    """As every_second, which would drop what that keeps."""
    return torch.arange(like.shape[-1]).remainder(3).clamp(max=1).expand_as(like).to(like)


@pytest.fixture(autouse=True)
def noise_is_one(monkeypatch):
    """Noise is drawn in each call; the same at all steps, it is the same in pieces and at once."""
    monkeypatch.setattr(asrnn, "exponential", torch.ones_like)
    for part in (zoneout, auxiliary):
        monkeypatch.setattr(part, "uniform", every_second)
    for place, name in ((variational, "uniform"), (stack, "exponential")):
        monkeypatch.setattr(place, name, but_every_third)


def built(name, length=16, seed=4, dtype=torch.float64):
    """Weights so large, and seeds such that HM-LSTM's three cases all occur: a lost state is noticed."""
    torch.manual_seed(seed)
    return drawn(catalog.find_model(name).build(shape_of(length), 7).to(dtype), 0.6)


def numbers(*size, seed=1):
    return torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def in_pieces(call, x, state, length, axis=1):
    """The answers to all pieces, and the last state."""
    answers = []
    for piece in x.split(length, dim=axis):
        y, state = call(piece, state)
        answers.append(y)
    return torch.cat(answers, dim=axis), state


def gradients_of(y, leaves):
    """The gradients of a weighted sum of the answers."""
    return gradients((y * numbers(*y.shape, seed=2)).sum(), leaves, retain=True)


def assert_agree(ours, theirs):
    """Tensors, or lists of them. Terms that cancel leave an error of the size of the largest."""
    for one, other in zip(ours, theirs, strict=True) if isinstance(theirs, list | tuple) else [(ours, theirs)]:
        largest = max([1.0, *other.detach().abs().flatten().tolist()])
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11 * largest)


def test_of_the_papers_models_all_but_tp_rnn_carry_their_state():
    others = {"tp-rnn-s", "tp-rnn-m", "tp-rnn-s-released", "tp-rnn-m-released"}
    assert set(CARRY) - set(ZOO) == {*PAPERS, *VARIANTS} - others


@pytest.mark.parametrize("pieces", [2, PIECES])
@pytest.mark.parametrize(("back_end", "recompute"), WAYS)
@every_case
def test_a_sequence_in_pieces_is_the_sequence_at_once(name, length, back_end, recompute, pieces):
    module, x = built(name, length), numbers(3, pieces * length, 2).requires_grad_()
    leaves = [x, *trainable(module).values()]
    with scan.backend("eager"):
        expected = module(x)
        wanted = gradients_of(expected, leaves)
    with scan.backend(back_end, recompute) as used:
        answers, _ = in_pieces(module, x, module.initial_state(3), length)
        ours = gradients_of(answers, leaves)
    assert_agree(answers, expected)
    assert_agree(ours, wanted)
    no_kernel = "straight-through" in name or in_zoo(name)  # which may have loops of their own
    if back_end == "auto" and native.library() is not None and not no_kernel:
        assert used == {"native"}


@pytest.mark.parametrize("evaluation", ["argmax", "soft"])
@every_model
def test_a_sequence_in_pieces_is_the_sequence_at_once_in_evaluation(name, evaluation):
    module, x = built(name).eval(), numbers(3, PIECES * 16, 2)
    module.evaluation = evaluation  # the others have no such choice
    with torch.no_grad():
        assert_agree(in_pieces(module, x, module.initial_state(3), 16)[0], module(x))


@pytest.mark.parametrize("back_end", ["eager", "auto"])
@every_case
def test_replicas_carry_what_each_module_carries_alone(name, length, back_end):
    modules, x = [built(name, length, seed) for seed in (3, 4, 5)], numbers(3, 4, 2 * length, 2)
    weights = {key: torch.stack([trainable(m)[key].detach() for m in modules]) for key in trainable(modules[0])}
    leaves = {key: value.requires_grad_() for key, value in weights.items()}
    zeros = tuple(zero.expand(3, *zero.shape) for zero in modules[0].initial_state(4))

    def one(weights, x, state):
        return functional_call(modules[0], weights, (x, state))

    mapped = torch.vmap(one, randomness="error")
    with scan.backend(back_end):
        y, state = in_pieces(lambda x, state: mapped(leaves, x, state), x, zeros, length, axis=2)
    found = gradients_of(y, list(leaves.values()))
    pull = numbers(*y.shape, seed=2)
    for place, module in enumerate(modules):
        with scan.backend("eager"):
            alone, last = in_pieces(module, x[place], module.initial_state(4), length)
        wanted = torch.autograd.grad(alone, list(trainable(module).values()), pull[place], allow_unused=True)
        assert_agree(y[place], alone)
        assert_agree([tensor[place] for tensor in state], list(last))
        for ours, theirs in zip(found, wanted, strict=True):
            assert_agree(ours[place], torch.zeros_like(ours[place]) if theirs is None else theirs)


@every_model
def test_replicas_may_see_one_text(name):
    modules, x = [built(name, seed=seed).eval() for seed in (4, 5)], numbers(4, 32, 2)
    weights = {key: torch.stack([trainable(m)[key].detach() for m in modules]) for key in trainable(modules[0])}
    state = tuple(zero.expand(2, *zero.shape) for zero in modules[0].initial_state(4))
    mapped = torch.vmap(lambda w, x, state: functional_call(modules[0], w, (x, state)), in_dims=(0, None, 0))
    with torch.no_grad():
        answers = []
        for piece in x.split(16, dim=1):
            y, state = mapped(weights, piece, state)
            answers.append(y)
        for place, module in enumerate(modules):
            assert_agree(torch.cat(answers, dim=2)[place], module(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("back_end", ["eager", "auto"])
@every_case
def test_the_state_that_comes_back_has_the_shapes_of_the_first(name, length, back_end, dtype):
    module, x = built(name, length, dtype=dtype), numbers(5, length, 2).to(dtype)
    first = module.initial_state(5)
    assert isinstance(first, tuple)
    assert not any(tensor.any() for tensor in first)
    assert {tensor.shape[0] for tensor in first} == {5}
    with scan.backend(back_end):
        answers, after = module(x, first)
        # a product of other shapes may round float32 otherwise
        rtol, atol = (1e-6, 2e-7) if dtype is torch.float32 else (1e-9, 1e-11)
        torch.testing.assert_close(answers, module(x), rtol=rtol, atol=atol)
    assert [(t.shape, t.dtype, t.device) for t in after] == [(t.shape, t.dtype, t.device) for t in first]
    with torch.device("meta"):
        assert all(tensor.is_meta for tensor in catalog.find_model(name).build(shape_of(length), 7).initial_state(2))


@every_case
def test_every_part_of_the_state_matters(name, length):
    module, x = built(name, length), numbers(30, length, 2)  # rows enough that none of HM-LSTM's c is flushed in all
    _, state = module(x, module.initial_state(30))
    state = tuple(tensor.detach().requires_grad_() for tensor in state)
    answers = module(x, state)[0]
    for place, (part, gradient) in enumerate(zip(state, gradients_of(answers, state), strict=True)):
        # what HM-LSTM's top detector of the compact layout says is seen by the choice of the case alone
        other = [1 - tensor if number == place else tensor for number, tensor in enumerate(state)]
        assert bool(part.numel()) == (bool(gradient.any()) or not torch.equal(module(x, tuple(other))[0], answers))
        counted = place == COUNTS.get(name.partition("@")[0])
        assert bool(gradient.any()) == bool(part.numel()) or name == "hm-lstm-compact-gates" or counted


@pytest.mark.parametrize("name", EVERY)
def test_what_does_not_carry_says_why_not(name):
    spec = catalog.find_model(name)
    reason = spec.why_not(shape_of(16))
    module = spec.build(checks.Example(), 7)
    of_words = hasattr(module, "reads_words")  # tests/models/zoo/test_of_texts.py
    assert hasattr(module, "initial_state") == (reason is None or of_words)
    assert reason is None or name in ZOO or "cannot predict a text's next word" in reason


def test_clockwork_refuses_a_length_that_its_slowest_period_does_not_divide():
    spec = catalog.find_model("clockwork")
    assert spec.why_not(shape_of(64)) is None
    assert "every 4 steps, which do not divide the 18 steps" in spec.why_not(shape_of(18))
    assert spec.why_not(SequenceShape(18, 2, 3, per_step=True)) is None
    with pytest.raises(ValueError, match="every 16 steps, which do not divide the 24 steps"):
        spec.build(shape_of(24), 9, modules=5)
    assert spec.build(shape_of(24), 4, modules=5).widths == [1, 1, 1, 1]  # the slowest runs every 8 steps


def test_a_hierarchical_network_refuses_a_length_that_its_slowest_period_does_not_divide():
    spec = catalog.find_model("hierarchical-rnn")
    assert spec.why_not(shape_of(64)) is None
    assert "every 16 steps, which do not divide the 72 steps" in spec.why_not(shape_of(72))
    assert spec.why_not(SequenceShape(72, 2, 3, per_step=True)) is None
    with pytest.raises(ValueError, match="every 16 steps, which do not divide the 24 steps"):
        spec.build(shape_of(24), 9, levels=3)


def test_a_strangers_shape_carries_nothing():
    assert not carries(checks.Example(per_step=True))
    assert carries(shape_of(3))
