import os
from pathlib import Path

import numpy as np
import pytest
import torch
from plain import tprnn as plain
from support import ROOT
from support.official import from_official, official_names
from torch.nn import functional as F

from harness.checks.models import Example
from models.engine.scan import backend
from models.parts.aggregation import Aggregation, OutputAggregation
from models.tprnn import TP_RNN_M, TP_RNN_S, TP_RNN_S_RELEASED, TPRNN, windows
from tasks.spec import SequenceShape

OFFICIAL = Path(os.environ.get("BENCH_REFERENCE", ROOT.parent / "shared" / "reference")) / "tprnn"


def module_of(length, width=5, layers=1, inputs=2, outputs=3, seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = TPRNN(Example(length, inputs, outputs), width, layers=layers, **options).double()
        for parameter in module.parameters():  # larger than at the start, so that attention matters
            parameter.data.mul_(2).add_(0.1 * torch.randn_like(parameter))
        return module, torch.randn(3, length, inputs, dtype=torch.float64)


def agree(module, x, **settings):
    """The module's logits and all its gradients are the plain loop's."""
    pyramids = [(layer.window, layer.g) for layer in module.layers]
    weights = {name: value.detach().clone().requires_grad_() for name, value in module.named_parameters()}
    expected = plain.logits(weights, x, pyramids, **settings)
    pull = torch.linspace(-1, 1, expected.numel(), dtype=expected.dtype).view_as(expected)
    (expected * pull).sum().backward()
    for name in ("eager", "auto"):
        module.zero_grad()
        with backend(name):
            seen = module(x)
            (seen * pull).sum().backward()
        assert torch.allclose(seen, expected, rtol=1e-9, atol=1e-12)
        same_gradients(module, weights)


def same_gradients(module, weights):
    used = 0
    for name, parameter in module.named_parameters():
        wanted = weights[name].grad
        if wanted is None or not wanted.any():
            assert parameter.grad is None or not parameter.grad.any(), name
            continue
        used += 1
        assert torch.allclose(parameter.grad, wanted, rtol=1e-8, atol=1e-12), name
    assert used >= 5


LENGTHS = [(32, 8, 2), (30, 8, 2), (33, 8, 2), (27, 9, 3), (26, 9, 3), (20, 25, 5), (23, 16, 4), (16, 4, 4), (7, 4, 2)]


@pytest.mark.parametrize("weights", ["equation", "released"])
@pytest.mark.parametrize(("length", "L", "g"), LENGTHS)
def test_one_layer_agrees_with_the_plain_loop_at_whole_and_ragged_lengths(length, L, g, weights):
    module, x = module_of(length, window=L, granularity=g, weights=weights)
    agree(module, x, released=weights == "released")


@pytest.mark.parametrize("weights", ["equation", "released"])
@pytest.mark.parametrize("length", [64, 61, 37])
def test_three_layers_agree_with_the_plain_loop(length, weights):
    module, x = module_of(length, layers=3, window=(16, 8, 4), granularity=(4, 2, 2), weights=weights)
    agree(module, x, released=weights == "released")


@pytest.mark.parametrize("length", [45, 43, 37])
@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "gru"},
        {"cell": "tanh"},
        {"aggregation": "mean"},
        {"aggregation": "max"},
        {"aggregation": "senet"},
        {"iterative": False},
        {"top_down": False},
        {"output": False},
    ],
    ids=str,
)
def test_every_option_agrees_with_the_plain_loop(settings, length):
    module, x = module_of(length, layers=2, window=(9, 4), granularity=(3, 2), **settings)
    agree(module, x, **settings)


@pytest.mark.parametrize("name", ["auto", "eager"])
@pytest.mark.parametrize("length", [45, 37, 28])
@pytest.mark.parametrize("settings", [{}, {"aggregation": "senet"}, {"weights": "released", "official_tail": True}])
def test_use_of_scales_is_the_plain_loops_attention(settings, length, name):
    module, x = module_of(length, layers=2, window=(9, 4), granularity=(3, 2), **settings)
    with backend(name):
        told = module.scale_use(x)
    kind, released = settings.get("aggregation", "attention"), settings.get("weights") == "released"
    weights = module.state_dict()
    sequence, outputs, use = [x[:, t] for t in range(length)], [], []
    for k, (L, g, steps) in enumerate([(9, 3, 9), (4, 2, 12)]):
        shares = []
        options = {"cell": "lstm", "kind": kind, "iterative": True, "top_down": True, "released": released}
        options["official_tail"] = settings.get("official_tail", False)
        o, sequence = plain.layer(weights, f"layers.{k}", sequence, L, g, shares=shares, **options)
        outputs.append(o @ weights[f"head.maps.{k}"])
        use.append(torch.stack([shares[min(t // steps, len(shares) - 1)] for t in range(length)], dim=1))
    (w_in,), (w_out,) = weights["head.theta.w_in"], weights["head.theta.w_out"]
    S = plain.attention(outputs, w_in, w_out, kind=kind, released=released).mean(1)  # (batch, layers)
    use += [S[:, k : k + 1].expand(-1, length) for k in range(2)]
    assert told.labels == ("path of layer 1 (9 steps)", "path of layer 2 (12 steps)", *ANSWERS)
    torch.testing.assert_close(told.use, torch.stack(use, dim=2))


ANSWERS = ("answer from layer 1", "answer from layer 2")


def test_a_layer_of_one_window_has_no_path_to_tell_of():
    module, x = module_of(30, layers=2, window=(9, 16), granularity=(3, 4))
    assert module.scale_use(x).labels == ("path of layer 1 (9 steps)", *ANSWERS)


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({"aggregation": "mean"}, None),
        ({"aggregation": "max"}, None),
        ({"iterative": False, "output": False}, None),
        ({"iterative": False}, ANSWERS),
        ({"output": False}, ("path of layer 1 (9 steps)", "path of layer 2 (12 steps)")),
    ],
)
def test_without_attention_there_is_no_use_of_scales_to_tell(settings, labels):
    module, x = module_of(40, layers=2, window=(9, 4), granularity=(3, 2), **settings)
    told = module.scale_use(x)
    assert (told and told.labels) == labels


def test_options_that_change_the_connections_change_the_answer():
    answers = []
    for settings in ({}, {"iterative": False}, {"top_down": False}, {"output": False}, {"weights": "released"}):
        module, x = module_of(45, layers=2, window=(9, 4), granularity=(3, 2), aggregation="mean", **settings)
        if settings.get("weights"):
            module, x = module_of(45, layers=2, window=(9, 4), granularity=(3, 2), **settings)
        answers.append(module(x))
    for i, first in enumerate(answers):
        assert not any(torch.allclose(first, other) for other in answers[i + 1 :])


@pytest.mark.parametrize("case", ["s_even", "m_even", "s_ragged"])
def test_the_authors_variables_give_their_predictions_loss_and_gradients(case):
    if not (OFFICIAL / f"{case}.npz").exists():
        pytest.skip("the authors' numbers are not here; set BENCH_REFERENCE to their folder")
    data = np.load(OFFICIAL / f"{case}.npz")
    variables = {name.removeprefix("var/"): data[name] for name in data if name.startswith("var/")}
    sizes = {"window": [int(n) for n in data["w"]], "granularity": [int(n) for n in data["g"]]}
    module = from_official(variables, **sizes)
    x, y = torch.tensor(data["x"], dtype=torch.float32).unsqueeze(-1), torch.tensor(data["y"]).long()
    p = F.softmax(module(x), dim=1)
    loss = -(p[torch.arange(len(y)), y] + 1e-10).log().mean()
    loss.backward()
    close(p.detach(), data["pred"])
    close(loss.detach(), data["loss"])
    layers = np.stack([o.detach().numpy() for o in module.outputs(x)], axis=1)
    close(layers, data["layers"][0][:, None] if len(module.layers) == 1 else data["layers"][0])
    gradients = official_names(module)
    assert {f"grad/{name}" for name in gradients} == {name.removesuffix(":0") for name in data if "grad/" in name}
    for name, gradient in gradients.items():
        close(gradient, data[f"grad/{name}:0"])


def close(seen, expected):
    scale = np.abs(expected).max()
    assert np.abs(np.asarray(seen) - expected).max() <= 1e-4 * scale


@pytest.mark.parametrize(
    ("length", "L", "g", "differs"),
    [
        (20, 25, 5, True),  # 20 of 25, as in the adding problem's second layer at T = 200
        (45, 25, 5, True),
        (30, 8, 2, False),  # one pending node: nothing to drop
        (28, 8, 2, False),  # a whole pyramid, only lower
        (33, 8, 2, True),  # a single last step
        (23, 16, 4, False),  # no multiple of g
        (24, 12, 2, True),  # L is no power of g: every window
        (23, 12, 4, True),
    ],
)
def test_faults_of_the_released_code_at_the_ends_agree_with_the_plain_loop(length, L, g, differs):
    options = {"window": L, "granularity": g, "weights": "released"}
    module, x = module_of(length, official_tail=True, **options)
    agree(module, x, released=True, official_tail=True)
    correct, _ = module_of(length, **options)
    assert torch.allclose(correct(x), module(x)) != differs


@pytest.mark.parametrize("length", [80, 77, 65, 56])
def test_three_layers_with_the_released_faults_agree_with_the_plain_loop(length):
    options = {"window": (16, 9, 4), "granularity": (4, 3, 2), "official_tail": True}
    module, x = module_of(length, layers=3, **options)
    agree(module, x, official_tail=True)


def test_the_released_fault_loses_a_single_last_step():
    module, x = module_of(17, window=8, granularity=2, weights="released", official_tail=True)
    changed = x.clone()
    changed[:, -1] += 1
    assert torch.equal(module(x), module(changed))
    correct, _ = module_of(17, window=8, granularity=2, weights="released")
    assert not torch.allclose(correct(x), correct(changed))


def test_official_tail_changes_nothing_where_windows_are_whole():
    faulty, x = module_of(32, window=8, granularity=2, official_tail=True)
    correct, _ = module_of(32, window=8, granularity=2)
    assert torch.equal(faulty(x), correct(x))


def test_windows_follow_the_supplement_at_the_papers_lengths():
    assert [windows(T, 3) for T in (200, 500, 1000)] == [[(100, 10), (25, 5), (4, 2)]] * 3
    assert windows(784, 3) == [(49, 7), (16, 4), (4, 2)]
    assert windows(300, 3) == [(25, 5), (4, 2), (2, 2)]
    assert [windows(T, 3) for T in (3600, 5400)] == [[(100, 10), (25, 5), (9, 3)]] * 2
    assert windows(784, 1) == [(49, 7)]


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 13, 40, 97])
def test_windows_of_short_sequences_are_few_and_fit(length):
    n = length
    for L, g in windows(length, 6):
        assert g * g == L
        assert 2 <= g <= 10
        assert n <= 20 * L
        assert max(n, 4) >= L
        n = -(-n // g)


def test_windows_of_other_long_sequences_are_the_papers_usual_ones():
    assert windows(128, 3) == windows(1999, 3) == windows(1000, 3)
    assert windows(2000, 3) == windows(3600, 3)


def test_windows_of_a_task_come_before_those_of_its_length():
    pixels = ((49, 7), (16, 4), (4, 2))
    assert windows(1000, 3, pixels) == list(pixels)
    assert windows(1000, 1, pixels) == [(49, 7)]
    assert windows(1000, 4, pixels)[:3] == list(pixels)
    module = TPRNN(SequenceShape(1000, 1, 10, windows=pixels), 4, layers=3)
    assert [(layer.window, layer.g) for layer in module.layers] == list(pixels)
    assert TPRNN(SequenceShape(1000, 1, 10, windows=pixels), 4, window=25).layers[0].window == 25


def test_windows_prefer_whole_windows_then_whole_groups_then_small_ones():
    assert windows(98, 1) == [(49, 7)]  # 3 leaves few windows, but 49 divides
    assert windows(85, 1) == [(25, 5)]  # no square divides and leaves 20 windows; 5 divides
    assert windows(97, 1) == [(9, 3)]  # nothing divides


@pytest.mark.parametrize("length", [1, 2, 3, 7, 11])
@pytest.mark.parametrize("official_tail", [False, True])
def test_short_sequences_are_answered(length, official_tail):
    module, x = module_of(length, layers=3, official_tail=official_tail)
    agree(module, x, official_tail=official_tail)


def test_the_output_head_answers_at_every_step_as_at_one():
    torch.manual_seed(0)
    head = OutputAggregation([3, 5, 4]).double()
    outputs = [torch.randn(2, 6, h, dtype=torch.float64) for h in (3, 5, 4)]
    joined = head(outputs)
    assert joined.shape == (2, 6, 4)
    for t in range(6):
        (w_in,), (w_out,) = head.theta.w_in, head.theta.w_out
        mapped = [o[:, t] @ M for o, M in zip(outputs, head.maps, strict=True)]
        assert torch.allclose(joined[:, t], plain.theta(mapped, w_in, w_out, squash=False))
        assert torch.allclose(joined[:, t], head([o[:, t] for o in outputs]))


@pytest.mark.parametrize(
    ("shape", "count_s", "count_m"),
    [
        (Example(784, 1, 10), 42_422, 233_564),  # MNIST
        (Example(1000, 2, 1), 42_525, 233_775),  # addition
        (Example(300, 13, 109), 56_933, 247_931),  # speakers, MFCC
        (Example(3600, 1, 109), 53_033, 244_343),  # speakers, raw
    ],
    ids=["mnist", "addition", "mfcc", "raw"],
)
def test_parameter_counts_are_the_papers(shape, count_s, count_m):
    with torch.device("meta"):
        for spec, count in ((TP_RNN_S, count_s), (TP_RNN_M, count_m), (TP_RNN_S_RELEASED, count_s)):
            assert sum(p.numel() for p in spec.build(shape, 100).parameters()) == count


def test_layers_may_differ_in_width():
    module, x = module_of(40, width=16 / 3, layers=3)
    assert [layer.cell.weight_h.shape[1] for layer in module.layers] == [6, 5, 5]
    agree(module, x)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"aggregation": "sum"}, "no aggregation 'sum'"),
        ({"cell": "rnn"}, "no cell 'rnn'"),
        ({"weights": "mine"}, "'equation' or 'released'"),
        ({"window": 9, "granularity": 2}, "multiple of granularity"),
        ({"granularity": 1}, "2 or more"),
        ({"window": 0, "granularity": 2}, "multiple of granularity"),
        ({"granularity": 0}, "2 or more"),
        ({"window": (4, 4)}, "2 numbers for 1 layers"),
        ({"layers": 0}, "1 or more"),
    ],
)
def test_bad_options_are_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        TPRNN(Example(40), 5, **options)


def test_a_task_with_an_answer_a_step_does_not_apply():
    assert "every step" in TP_RNN_M.why_not(Example(per_step=True))
    assert TP_RNN_M.why_not(Example()) is None


def test_released_weights_land_on_other_elements_than_equation_8():
    E = torch.randn(1, 3, 2, 4, dtype=torch.float64)
    equation, released = Aggregation(3).double(), Aggregation(3, released=True).double()
    released.load_state_dict(equation.state_dict())
    right, wrong = (theta.weights(E, *theta.matrices) for theta in (equation, released))
    assert torch.equal(right.flatten().sort().values, wrong.flatten().sort().values)
    assert not torch.allclose(right, wrong)
    # the weight of (d, m) = (1, 0) lies at k = 3, which is node 0, dimension 3
    assert torch.equal(wrong[0, 0, :, 3], right[0, 0, :, 1])
