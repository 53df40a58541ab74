"""The mixtures of Gaussians against scikit-learn's, and what is said of their data."""

import math

import pytest
import torch

from harness import catalog
from harness.train.fitting import fit

mixture = pytest.importorskip("sklearn.mixture")
CLASSES = 3


def sequences(count=30, time=7, inputs=2, seed=0):
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % CLASSES
    return torch.randn(count, time, inputs, generator=draw, dtype=torch.float64) + y[:, None, None], y


def fitted(x, y, width=4, name="gmm", seed=0):
    module = catalog.find_model(name).build(catalog.sequence_shape(x.shape[1], x.shape[2], CLASSES), width).double()
    assert fit(module, seed, (x, y), lambda: False)
    return module


@pytest.mark.parametrize("pool", ["mean", "sum"])
def test_its_answers_are_the_scores_of_scikit_learns_mixtures(pool, monkeypatch):
    (x, y), kept = sequences(), []
    y[::10] = 0  # classes of different sizes

    class Kept(mixture.GaussianMixture):
        def fit(self, *given):
            kept.append(self)
            return super().fit(*given)

    monkeypatch.setattr(mixture, "GaussianMixture", Kept)
    module = fitted(x, y, name=f"gmm@pool={pool}")
    fresh, _ = sequences(11, seed=5)
    scores = [torch.from_numpy(one.score_samples(fresh.flatten(0, 1).numpy())).view(11, 7) for one in kept]
    shares = [(y == c).double().mean().log() for c in range(CLASSES)]
    wanted = torch.stack([score.sum(1) + share for score, share in zip(scores, shares, strict=True)], dim=1)
    wanted = wanted / 7 if pool == "mean" else wanted
    torch.testing.assert_close(module(fresh), wanted, rtol=1e-8, atol=1e-8)


def test_it_tells_classes_apart_that_differ_in_their_steps():
    module = fitted(*sequences(90))
    fresh, true = sequences(60, seed=1)
    assert (module(fresh).argmax(1) == true).double().mean() > 0.9


def test_a_class_with_few_steps_has_as_many_components_and_one_without_is_never_the_answer():
    x, y = sequences(6, time=1)
    y[y == 2] = 1
    module = fitted(x, y, width=3)
    assert module.log_pi[0].isfinite().tolist() == [True, True, False]
    assert module.log_pi[1].isfinite().all()
    assert module.log_prior.tolist() == pytest.approx([math.log(1 / 3), math.log(2 / 3), -math.inf])
    answers = module(x.requires_grad_())
    assert answers[:, :2].isfinite().all()
    assert (answers.argmax(1) < 2).all()
    (gradient,) = torch.autograd.grad(answers[:, :2].sum(), x)
    assert gradient.isfinite().all()


def test_it_uses_so_many_steps_at_most_drawn_by_the_seed():
    x, y = sequences()
    whole, some, again, other = (
        fitted(x, y, 2, name, seed) for name, seed in (("gmm", 0), *(("gmm@frames=60", seed) for seed in (0, 0, 1)))
    )
    assert torch.equal(some.mu, again.mu)
    assert not torch.allclose(some.mu, other.mu)
    assert not torch.allclose(some.mu, whole.mu)
    module = catalog.find_model("gmm").build(catalog.sequence_shape(7, 2, CLASSES), 2)
    drawn = module.drawn(x, torch.tensor([4, 9]), 5)
    steps = [step.tolist() for row in (4, 9) for step in x[row]]
    assert len({tuple(step) for step in drawn.tolist()}) == 5
    assert all(step in steps for step in drawn.tolist())


def test_in_parts_it_answers_as_at_once(monkeypatch):
    from models.zoo.yardsticks import gmm

    module = fitted(*sequences())
    x = sequences(11, seed=5)[0].requires_grad_()
    found = []
    for most in (2**24, 2 * 7 * 4):
        monkeypatch.setattr(gmm, "AT_ONCE", most)
        answers = module(x)
        (gradient,) = torch.autograd.grad(answers.square().sum(), x)
        with torch.no_grad():
            found.append((answers, module(x), gradient))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_far_from_zero_it_answers_in_float32_as_in_float64():
    x, y = sequences()
    module = fitted(x + 500, y)
    wanted = module(x + 500)
    torch.testing.assert_close(module.float()((x + 500).float()).double(), wanted, rtol=1e-3, atol=1e-3)


def test_it_asks_for_classes_and_whole_components():
    spec = catalog.find_model("gmm")
    assert spec.why_not(catalog.sequence_shape(7, 2, 1)) == "it names classes, and this task asks for a number"
    with pytest.raises(ValueError, match=r"the width is 2\.5; it is a number of components, and whole"):
        spec.build(catalog.sequence_shape(7, 2, 3), 2.5)
    with pytest.raises(ValueError, match="it names classes, and the targets of this task are numbers"):
        fitted(sequences()[0], torch.zeros(30, 3))
