"""The models of the zoo for texts: in what a task puts around them, and by the cases of what code there is."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from plain.variational import masked
from plain.words import cached, pointed
from support.training import training
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from harness import catalog
from harness.checks import models as checks
from harness.seeds import global_stream
from harness.train.evaluate import evaluate, loss_of
from harness.train.replicas import Alone, Stacked, difference
from models.engine import scan
from models.parts import stack
from models.zoo.gated import zoneout
from models.zoo.text import variational
from tasks.spec import SequenceShape, Split, Splits
from tasks.text import LanguageModel

CASES = Path(__file__).parent / "cases"
WORDS, E, STEPS = 7, 4, 6
SHAPE = SequenceShape(STEPS, E, E, per_step=True, carried=True, vocabulary=WORDS)
NAMES = ["pointer-lstm", "pointer-lstm@window=9", "pointer-lstm@window=1", "cache-lstm", "cache-lstm@window=5"]
NAMES += ["cache-lstm@window=1+theta=2.0+lam=0.5"]
names = pytest.mark.parametrize("name", NAMES)


def framed(name, seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    inner = catalog.find_model(name).build(SHAPE, 5)
    module = LanguageModel(inner, vocabulary=WORDS, embedding=E).to(dtype)
    for parameter in module.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, std=0.7)
    return module


def read(*size, seed=1):
    return torch.randint(WORDS, size, generator=torch.Generator().manual_seed(seed))


def case_of(name):
    case = {key: torch.from_numpy(value) for key, value in np.load(CASES / f"{name}.npz").items()}
    return case, {key.removeprefix("var/"): case[key].requires_grad_() for key in case if key.startswith("var/")}


def near(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("back_end", ["eager", "auto"])
@pytest.mark.parametrize("name", ["short", "long"])
def test_a_pointer_answers_and_is_trained_as_its_port(name, back_end):
    case, var = case_of(f"pointer_sentinel-{name}")
    words, (V, H) = case["words"], var["embed.weight"].shape
    shape = SequenceShape(words.shape[1] - 1, H, H, per_step=True, vocabulary=V)
    inner = catalog.find_model("pointer-lstm@layers=1").build(shape, H)
    module = LanguageModel(inner, vocabulary=V, embedding=H).double()
    ours = {
        "embedding.weight": var["embed.weight"],
        "weight": var["affine1.weight"],
        "bias": var["affine1.bias"],
        "model.rnns.0.weight_ih_l0": var["rnn.weight_ih"],
        "model.rnns.0.weight_hh_l0": var["rnn.weight_hh"],
        "model.rnns.0.bias_ih_l0": var["rnn.bias_ih"] + var["rnn.bias_hh"],
        "model.query.weight": var["affine2.weight"],
        "model.query.bias": var["affine2.bias"],
        "model.sentinel": var["sentinel_vector"][:, 0],
        "model.classifier.weight": torch.eye(H, dtype=torch.float64),
        "model.classifier.bias": torch.zeros(H, dtype=torch.float64),
    }
    assert {*ours, "model.rnns.0.bias_hh_l0"} == {name for name, _ in module.named_parameters()}
    x, y = words[:, :-1], words[:, 1:]
    with scan.backend(back_end):
        log_p, penalty = functional_call(module, ours, (x,), {"penalty": y})
    near(log_p, case["log_p"])
    loss = loss_of(log_p, y)  # the trainer's, as of logits
    near(loss, case["loss_word"])
    near(penalty, case["loss_pointer"])
    for total, kind in ((loss, "grad_word"), (loss + penalty, "grad")):
        for key, gradient in zip(var, torch.autograd.grad(total, list(var.values()), retain_graph=True), strict=True):
            near(gradient, case[f"{kind}/{key}"])


class Given(nn.Module):
    """Says what it reads."""

    def forward(self, x, state):
        return x, (x[:, -1], x[:, -1])


@pytest.mark.parametrize("name", ["one_piece", "pieces"])
def test_a_cache_is_that_of_the_code_where_it_is_released(name):
    case, _ = case_of(f"neural_cache-{name}")
    h, text, (V, H) = case["h"].unsqueeze(0), case["text"].unsqueeze(0), case["W"].shape
    shape = SequenceShape(int(case["bptt"]), H, H, per_step=True, vocabulary=V)
    options = {"window": int(case["window"]), "theta": case["theta"].item(), "lam": case["lam"].item()}
    module = catalog.find_model("cache-lstm").build(shape, H, released=True, **options).double().eval()
    state = module.initial_state(1)
    module.rnn, module.classifier = Given(), nn.Identity()
    nll = torch.zeros((), dtype=torch.float64)
    pieces = (part.split(shape.length, dim=1) for part in (h, text[:, :-1], text[:, 1:]))
    for x, words, y in zip(*pieces, strict=True):
        answers, state = module(x, state, words=words, logits=lambda v: v @ case["W"].t() + case["b"])
        nll += loss_of(answers, y, reduction="sum")
    near(nll, case["nll_sum"])
    near(nll / text.shape[1], case["returned"])


@pytest.mark.parametrize("back_end", ["eager", "auto"])
@names
def test_what_it_says_of_words_is_its_plain_loop_in_values_and_gradients(name, back_end):
    module, x = framed(name).eval(), read(3, 2 * STEPS)
    weights = {key: value for key, value in module.named_parameters() if value.requires_grad}
    inner, options = module.model, {}
    if name.startswith("cache"):
        options = {"theta": inner.theta, "lam": inner.lam}
    own = {key.removeprefix("model."): value for key, value in weights.items()}

    def logits(v):
        return weights["weight"] @ v + weights["bias"]

    loop = cached if options else pointed
    rows = [loop(own, weights["embedding.weight"][row], row, logits, inner.window.size, **options) for row in x]
    wanted = torch.stack(rows).log()
    with scan.backend(back_end):
        found = module(x)
    near(found, wanted)
    pull = torch.linspace(-1, 1, found.numel(), dtype=found.dtype).view_as(found)
    pairs = (torch.autograd.grad(y, list(weights.values()), pull, allow_unused=True) for y in (found, wanted))
    for pair in zip(*pairs, strict=True):
        near(*(torch.zeros(()) if gradient is None else gradient for gradient in pair))


@names
def test_log_probabilities_serve_as_logits(name):
    """Of normalised p the softmax of log p is p, so the cross-entropy of log p is -log p."""
    module, x, y = framed(name).eval(), read(3, STEPS), read(3, STEPS, seed=2)
    log_p = module(x)
    near(log_p.logsumexp(2), torch.zeros(3, STEPS, dtype=log_p.dtype))
    near(loss_of(log_p, y), -log_p.gather(2, y.unsqueeze(2)).mean())
    near(log_p.softmax(2), log_p.exp())


@pytest.mark.parametrize("length", [1, 5, 6])
@pytest.mark.parametrize("training", [True, False])
@names
def test_pieces_of_a_text_are_the_text_at_once_in_values_and_gradients(name, length, training):
    module, x = framed(name).train(training), read(3, 5 * STEPS)
    state, answers = module.initial_state(3), []
    first = state
    for piece in x.split(length, dim=1):
        y, state = module(piece, state)
        answers.append(y)
    assert not any(part.any() for part in first)
    assert [(p.shape, p.dtype) for p in state] == [(p.shape, p.dtype) for p in first]
    whole, pull = module(x), torch.randn(3, 5 * STEPS, WORDS, dtype=torch.float64)
    near(torch.cat(answers, dim=1), whole)
    leaves = [p for p in module.parameters() if p.requires_grad]
    pairs = (torch.autograd.grad(y, leaves, pull, allow_unused=True) for y in (torch.cat(answers, dim=1), whole))
    for ours, wanted in zip(*pairs, strict=True):
        near(*(torch.zeros(()) if gradient is None else gradient for gradient in (ours, wanted)))


@pytest.mark.parametrize("name", ["pointer-lstm@window=9", "cache-lstm@window=5"])
def test_every_part_of_the_state_matters(name):
    module, x = framed(name).eval(), read(30, STEPS)
    _, state = module(x, module.initial_state(30))
    answers, _ = module(x, state)
    for place, part in enumerate(state):
        other = [torch.zeros_like(part) if number == place else same for number, same in enumerate(state)]
        assert not torch.equal(module(x, tuple(other))[0], answers)


@pytest.mark.parametrize("name", ["pointer-lstm@window=9", "cache-lstm@window=5"])
def test_seeds_train_and_answer_together_as_alone(name):
    seeds, (x, y) = [3, 4, 5], read(2, 4, STEPS)
    modules = [framed(name, seed) for seed in seeds]
    assert difference(modules, seeds, x, y, loss_of) == ""
    together, device = Stacked(modules, seeds, torch.device("cpu")), torch.device("cpu")
    states = tuple(part.expand(3, *part.shape) for part in modules[0].initial_state(4))
    xs, ys = (torch.stack([part.roll(n, 1) for n in range(3)]) for part in (x, y))
    first, after = together.scores_and_state(loss_of, xs, ys, states)
    second, _ = together.scores_and_state(loss_of, xs, ys, after)
    grads = torch.autograd.grad((first + second).sum(), together.leaves)
    for place, module in enumerate(modules):
        alone = Alone(module, device)
        begin = tuple(part[None] for part in module.initial_state(4))
        one, then = alone.scores_and_state(loss_of, xs[place][None], ys[place][None], begin)
        two, _ = alone.scores_and_state(loss_of, xs[place][None], ys[place][None], then)
        near(torch.cat([one, two]), torch.stack([first[place], second[place]]))
        for ours, wanted in zip(grads, torch.autograd.grad((one + two).sum(), alone.leaves), strict=True):
            near(ours[place], wanted)
    begins = tuple(part.repeat(3, *[1] * part.ndim) for part in modules[0].initial_state(4))
    wanted = [
        evaluate(Alone(m, device), x.view(-1, 3), y.view(-1, 3), "perplexity", tuple(b[:1] for b in begins), 4)
        for m in modules
    ]
    found = evaluate(together, x.view(-1, 3), y.view(-1, 3), "perplexity", begins, 4)
    assert found == pytest.approx([value for (value,) in wanted], rel=1e-10)


def test_a_training_step_adds_what_the_pointer_gives_the_target():
    module, (x, y) = framed("pointer-lstm@window=9"), read(2, 3, STEPS)
    log_p, penalty = module(x, penalty=y)
    assert torch.equal(module(x), log_p)
    assert penalty > 0
    alone = Alone(module, torch.device("cpu"))
    near(alone.scores(loss_of, x[None], y[None]), (loss_of(log_p, y) + penalty).reshape(1))
    near(alone.scores_of_all(loss_of, x, y), loss_of(log_p, y).reshape(1))
    state = module.initial_state(3)
    _, after, again = module(x, state, penalty=y)
    assert len(after) == len(state)
    near(again, penalty)


def data():
    def split(pieces, seed):
        tokens = read(pieces * STEPS + 1, seed=seed)
        return Split(tokens[:-1].view(pieces, STEPS), tokens[1:].view(pieces, STEPS))

    return Splits(split(11, 3), split(5, 4), split(7, 5))


@pytest.mark.parametrize("seeds", [[3], [3, 5]])
@pytest.mark.parametrize("name", ["pointer-lstm@window=9", "cache-lstm@window=5", "variational-lstm"])
def test_a_run_goes_on_from_the_middle_of_a_text_as_an_undisturbed_one(name, seeds):
    usual = {"batch": 2, "max_steps": 13, "evaluations": 4, "learning_rate": 0.05, "carried": True}
    usual |= {"metric": "perplexity", "classes": WORDS}

    def run():
        return training([framed(name, seed) for seed in seeds], seeds, data(), **usual)

    whole, first, second = run(), run(), run()
    first.stop = lambda: first.step == 8
    with global_stream(seeds[0], "noise"):
        points = [point for step in whole for point in step.values()]
    with global_stream(seeds[0], "noise"):
        list(first)
        stored = io.BytesIO()
        torch.save([first.state(place) for place in range(len(seeds))], stored)
    stored.seek(0)
    with global_stream(seeds[0], "noise"):
        second.restore(torch.load(stored, weights_only=True))
        list(second)
    assert all(math.isfinite(point.train_loss) for point in points)
    for place in range(len(seeds)):
        for key, value in whole.model.weights(place).items():
            assert torch.equal(second.model.weights(place)[key], value), key
    assert second.test() == whole.test()


def test_in_training_a_cache_is_the_lstm_of_its_baseline():
    cache = catalog.find_model("cache-lstm")
    module, x = framed("cache-lstm"), read(3, STEPS)
    torch.manual_seed(0)
    inner = catalog.find_model("lstm-s").build(SHAPE, 5).double()
    inner.load_state_dict(module.model.state_dict())
    near(module(x), module._logits(inner(module.embedding(x))))
    assert not torch.allclose(module(x), module.eval()(x))
    for name in ("lstm-s", "cache-lstm"):
        torch.manual_seed(7)
        drawn = catalog.find_model(name).build(SHAPE, 5)
        cache = drawn.state_dict() if name == "lstm-s" else cache
    assert all(torch.equal(value, cache[key]) for key, value in drawn.state_dict().items())


def test_a_sentinel_is_trained_but_where_it_is_released():
    for released in (False, True):
        inner = catalog.find_model("pointer-lstm").build(SHAPE, 5, released=released)
        assert inner.sentinel.requires_grad is not released
    modules = [framed("pointer-lstm@released=True", seed) for seed in (1, 2)]
    reason = difference(modules, [1, 2], *read(2, 3, STEPS), loss_of)
    assert "not trained and is another for each seed" in reason


@pytest.mark.parametrize("name", ["pointer-lstm", "cache-lstm"])
def test_what_reads_words_asks_for_a_text(name):
    spec = catalog.find_model(name)
    said = "it says which word follows the words that it has read, and this task does not ask for that"
    for task in ("sfc", "copy-120"):
        assert spec.why_not(catalog.find_task(task).shape) == said
    assert spec.why_not(SequenceShape(9, 4, 4, vocabulary=7)) == said
    assert spec.why_not(catalog.find_task("wikitext-2").shape) is None
    assert spec.why_not(checks.Example()) is None
    with pytest.raises(ValueError, match="must be told the words that it reads: call it with words= and logits="):
        spec.build(SHAPE, 5)(torch.zeros(1, 3, E))


def test_a_text_that_was_not_read_gives_no_answer_that_is_no_number():
    """Words that are so unlikely for the softmax that float32 has no number for that, and that were not read."""
    for name in ("pointer-lstm", "cache-lstm"):
        module, x = framed(name, dtype=torch.float32).eval(), torch.zeros(1, STEPS, dtype=torch.int64)
        with torch.no_grad():
            module.bias.copy_(torch.linspace(0, -300, WORDS))
        loss = F.cross_entropy(module(x).flatten(0, 1), torch.full((STEPS,), WORDS - 1))
        loss.backward()
        assert loss.isfinite()
        assert loss > 50
        assert all(p.grad.isfinite().all() for p in module.parameters() if p.grad is not None)


# ---- entries that are dropped for a sequence


def half(like):
    """Draws of which every second one is 0 and the others 1."""
    return torch.arange(like.shape[-1]).remainder(2).expand_as(like).to(like)


@pytest.mark.parametrize("back_end", ["eager", "auto"])
def test_masks_of_a_sequence_are_those_of_the_plain_loop_in_values_and_gradients(monkeypatch, back_end):
    drawn = []

    def noted(draw):
        def call(like):
            drawn.append(draw(like))
            return drawn[-1]

        return call

    for place, name in ((zoneout, "uniform"), (variational, "uniform"), (stack, "exponential")):
        monkeypatch.setattr(place, name, noted(getattr(place, name)))
    shape = checks.Example(9, 4, 3, per_step=True)
    module, x = checks.built(catalog.find_model("variational-lstm"), shape), checks.inputs_for(shape)
    with scan.backend(back_end):
        found = module(x)
    first, *rest = drawn  # of x; then of each layer: z_h, both k, what is dropped of what it says
    below = -math.log1p(-0.5)
    z = [(d > below).double() / 0.5 for d in (first, rest[2], rest[5])]
    z_h = [(rest[3 * layer] >= 0.3).double() / 0.7 for layer in range(2)]
    k_c, k_h = zip(*(rest[3 * layer + 1].chunk(2, dim=2) for layer in range(2)), strict=True)
    k_c, k_h = ([(k >= share).double() for k in kept] for kept, share in ((k_c, 0.5), (k_h, 0.05)))
    weights = dict(module.named_parameters())
    wanted = torch.stack(
        [
            masked(weights, row, *(tuple(part[n] for part in parts) for parts in (z[:2], z_h)), z[2][n],
                   *([part[n] for part in parts] for parts in (k_c, k_h)))
            for n, row in enumerate(x)
        ]
    )  # fmt: skip
    near(found, wanted)
    pull = torch.randn(found.shape, dtype=found.dtype)
    pairs = (torch.autograd.grad(y, list(weights.values()), pull) for y in (found, wanted))
    for ours, theirs in zip(*pairs, strict=True):
        near(ours, theirs)


def test_a_sequence_has_one_mask_and_another_has_its_own():
    module = catalog.find_model("variational-lstm").build(SHAPE, 400)
    dropped = module.between(torch.ones(5, 9, 400))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
    for z, share in ((dropped[:, 0], 0.5), (module.rnns[0].read(5)[0], 0.3)):
        assert z.unique().tolist() == pytest.approx([0, 1 / (1 - share)])
        assert (z == 0).double().mean().item() == pytest.approx(share, abs=0.05)
    module.eval()
    assert module.rnns[0].read(5) == ()
    assert torch.equal(module.between(torch.ones(5, 9, 4)), torch.ones(5, 9, 4))
