import os
from pathlib import Path

import numpy as np
import pytest
import torch
from plain import tprnn as plain
from support import ROOT
from support.official import from_official, official_names
from torch.nn import functional as F

from harness.checks.models import Example, check_agrees
from models.engine.scan import backend
from models.tprnn import TP_RNN_M, TPRNN, windows
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
    for name in ("eager", "auto"):
        with backend(name):
            check_agrees(name, module, plain.loop(module, None, **settings), x)


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
@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {}),
        ({"aggregation": "senet"}, {"aggregation": "senet"}),
        ({"weights": "released", "official_tail": True}, {"released": True, "official_tail": True}),
    ],
)
def test_use_of_scales_is_the_plain_loops_attention(settings, options, length, name):
    module, x = module_of(length, layers=2, window=(9, 4), granularity=(3, 2), **settings)
    with backend(name):
        told = module.scale_use(x)
    weights = module.state_dict()
    sequence, outputs, use = [x[:, t] for t in range(length)], [], []
    for k, (L, g, steps) in enumerate([(9, 3, 9), (4, 2, 12)]):
        shares = []
        o, sequence = plain.layer(weights, f"layers.{k}", sequence, L, g, shares=shares, **options)
        outputs.append(o @ weights[f"head.maps.{k}"])
        use.append(torch.stack([shares[min(t // steps, len(shares) - 1)] for t in range(length)], dim=1))
    (w_in,), (w_out,) = weights["head.theta.w_in"], weights["head.theta.w_out"]
    kind, released = options.get("aggregation", "attention"), options.get("released", False)
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
        (32, 8, 2, False),  # whole windows
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
