"""FLOPs of a step against formulas by hand and against a counted plain loop."""

import pytest
import torch
from support import steps
from support.registry import STEPPED
from support.unusual import Diagonal
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from harness import catalog, engine
from harness.measure.flops import _unfused, forward_flops, step_flops
from harness.measure.speed import Yardstick

T, B, H = 7, 3, 5
SIZES = {"length": T, "inputs": 1, "batch": B}
SHAPE = catalog.sequence_shape(T, 1, 10)


def by_hand(gates: int, h: int = H, classes: int = 10) -> int:
    """Forward, and backward by weights and by inputs: three products of 2 m n k each, for recurrence and classifier.

    The input x and the first state need no gradient.
    """
    rows = gates * h
    recurrence = 3 * 2 * T * B * rows * (1 + h) - 2 * T * B * rows * 1 - 2 * B * rows * h
    return recurrence + 3 * 2 * B * h * classes


def built(name: str):
    return lambda: catalog.find_model(name).build(SHAPE, H)


@pytest.mark.parametrize(
    ("make", "gates"),
    [(lambda: Yardstick(SHAPE, H), 4), (built("lstm-s"), 4), (built("slstm"), 4), (built("gru"), 3)],
    ids=["yardstick", "lstm-s", "slstm", "gru"],
)
def test_library_layers_have_the_formulas_count_although_their_kernel_is_one_operator(make, gates):
    assert step_flops(make, **SIZES) == by_hand(gates)


def test_a_gru_whose_reset_gate_acts_first_has_the_count_of_a_plain_loop():
    """Its r h_{-1} needs a gradient, for r, even where h_{-1} needs none: the formula does not hold."""
    module = catalog.find_model("sgru").build(SHAPE, H)
    cell = module.rnn
    with FlopCounterMode(display=False) as counter:
        h = torch.zeros(B, H)
        for frame in torch.randn(B, T, 1).unbind(1):
            h = steps.gru(cell.weight_x, cell.weight_h, cell.bias, frame, h)
        module.classifier(h).sum().backward()
    assert step_flops(built("sgru"), **SIZES) == counter.get_total_flops()


def test_a_clockwork_has_the_count_of_a_plain_loop_over_the_modules_that_are_due():
    module = catalog.find_model("clockwork").build(SHAPE, H)
    widths = module.widths
    with FlopCounterMode(display=False) as counter:
        x = torch.randn(B, T, 1)
        y = torch.zeros(B, H)
        W_H = torch.randn(H, H, requires_grad=True)
        W_I = torch.randn(H, 1, requires_grad=True)
        projected = F.linear(x, W_I).unbind(1)
        for t in range(T):
            due = sum(width for i, width in enumerate(widths) if t % 2**i == 0)
            y = torch.cat([torch.tanh(projected[t][:, :due] + F.linear(y, W_H[:due])), y[:, due:]], dim=1)
        module.classifier(y).sum().backward()
    assert step_flops(built("clockwork"), **SIZES) == counter.get_total_flops()


@pytest.mark.parametrize("model", ["tp-rnn-s", "hm-lstm", "aslstm", "dilated-lstm"])
def test_the_count_of_one_sequence_times_the_batch_is_that_of_the_batch(model):
    module = built(model)()
    with _unfused(), engine.backend("eager"), FlopCounterMode(display=False) as whole:
        F.cross_entropy(module(torch.randn(B, T, 1)), torch.zeros(B, dtype=torch.int64)).backward()
    assert step_flops(built(model), **SIZES) == whole.get_total_flops()


def test_counting_leaves_the_random_numbers_and_the_fused_kernels_alone():
    before, fused = torch.get_rng_state(), torch.backends.mkldnn.enabled
    step_flops(lambda: nn.Sequential(nn.Flatten(), nn.Linear(T, 10)), **SIZES)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.backends.mkldnn.enabled == fused


# of a sequence of 37 steps at width 9: what a closed formula, written beside each model, gave for it
KNOWN = {
    "lstm-s": 26_820,
    "lstm-m": 124_182,
    "gru": 20_160,
    "hm-lstm": 198_056,
    "dilated-lstm": 77_364,
    "tp-rnn-s": 54_252,
    "tp-rnn-m": 114_246,
    "tp-rnn-s-released": 54_252,
    "tp-rnn-m-released": 109_926,
    "slstm": 26_820,
    "sgru": 20_160,
    "aslstm": 29_780,
    "asgru": 23_120,
    "clockwork": 4_068,
    "hm-lstm-compact-gates": 199_388,
    "tp-rnn-m@aggregation=senet+iterative=no": 69_654,
    "tp-rnn-m-released@window=12+granularity=2": 118_134,
    "clockwork@modules=3": 4_410,
    "dilated-lstm@dilations=(1,3,6)": 52_740,
}


@pytest.mark.parametrize(("name", "flops"), KNOWN.items())
def test_a_forward_pass_has_the_count_of_the_papers_equations(name, flops):
    module = catalog.find_model(name).build(catalog.sequence_shape(37, 1, 10), 9)
    assert forward_flops(module, torch.randn(1, 37, 1)) == flops


@pytest.mark.parametrize("length", [24, 96])
@pytest.mark.parametrize("name", STEPPED)
def test_a_step_is_three_forward_passes_less_the_gradients_that_inputs_do_not_need(name, length):
    shape, spec = catalog.sequence_shape(length, 1, 10), catalog.find_model(name)
    module = spec.build(shape, 16)
    three = 3 * forward_flops(module, torch.randn(1, length, 1))
    step = step_flops(lambda: module, length=length, inputs=1, batch=1)
    least = 0.8 if name == "lmu" else 0.9  # the matrix of its memory is not trained
    assert least * three <= step <= three


def test_counting_a_module_leaves_it_where_and_as_it_is():
    module = catalog.find_model("gru").build(SHAPE, H).eval()
    forward_flops(module, torch.randn(1, T, 1))
    assert not module.training
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_product_of_complex_numbers_is_four_of_real_ones():
    width, inputs, outputs = 6, 2, 3
    module = Diagonal(catalog.sequence_shape(T, inputs, outputs), width)
    assert forward_flops(module, torch.randn(1, T, inputs)) == 4 * 2 * width * (T * inputs + outputs)
