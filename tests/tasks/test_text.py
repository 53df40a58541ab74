"""WikiText-2: words and pieces of files made by hand, counts and chance of the real ones, the frame of a model."""

import math
import os
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from harness import catalog
from harness.checks import models as checks
from harness.train.replicas import difference
from models import PAPERS, VARIANTS
from tasks import text
from tasks.data.fetch import DataError
from tasks.text import LanguageModel, wikitext_2

REAL = Path(os.environ.get("BENCH_DATA") or "/nowhere")
needs_data = pytest.mark.skipif(
    not (REAL / "wikitext-2").is_dir(), reason="BENCH_DATA names no folder with wikitext-2 in it"
)
TRAIN = " \n = a = \n the cat saw the dog <unk> the cat \n"
# <eos> = a = <eos> the cat saw the dog <unk> the cat <eos>: three <eos>, three the, two =, two cat, one of the others
VALID = " the cow \n the cat \n"
TEST = "the dog saw a cow \n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """`files(train=..)` writes the three texts and gives the data root."""
    monkeypatch.setattr(text.fetch, "folder", lambda name, root: root / name)

    def write(**texts):
        folder = tmp_path / "wikitext-2"
        folder.mkdir(exist_ok=True)
        for part, content in ({"train": TRAIN, "valid": VALID, "test": TEST} | texts).items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / f"wiki.{part}.tokens").write_bytes(data)
        return tmp_path

    return write


def small(**options):
    return wikitext_2(**{"steps": 2, "vocabulary": 5, "embedding": 3, **options})


def in_order(split):
    """All words of the pieces, the last answer included."""
    return [*split.x.flatten().tolist(), int(split.y[-1, -1])]


def words_of(part):
    """The real words, read in another way."""
    content = (REAL / "wikitext-2" / f"wiki.{part}.tokens").read_text(encoding="utf-8")
    return content.replace("\n", " <eos> ").split()


# ---- words and pieces


def test_words_become_numbers_the_commonest_first(files):
    train, valid, test = small().load(0, files())
    # 0 <eos>, 1 the, 2 =, 3 cat; the fifth place is <unk>'s, as "a" is as common and came before it
    assert train.x.tolist() == [[0, 2], [4, 2], [0, 1], [3, 4], [1, 4], [4, 1]]
    assert train.y.tolist() == [[2, 4], [2, 0], [1, 3], [4, 1], [4, 4], [1, 3]]
    assert valid.x.tolist() == [[1, 4], [0, 1]]
    assert valid.y.tolist() == [[4, 0], [1, 3]]
    assert test.x.tolist() == [[1, 4], [4, 4]]  # its last words are too few for a piece
    assert test.y.tolist() == [[4, 4], [4, 4]]
    assert {split.x.dtype for split in (train, valid, test)} == {torch.int64}


def test_the_splits_know_the_words(files):
    splits = small().load(0, files())
    assert splits.words == ("<eos>", "the", "=", "cat", "<unk>")
    assert [splits.words[token] for token in splits.valid.x.flatten().tolist()] == ["the", "<unk>", "<eos>", "the"]


def test_a_common_unknown_keeps_its_own_place(files):
    train = small(vocabulary=3).load(0, files(train="<unk> <unk> <unk> b b b b c\n")).train
    assert in_order(train) == [1, 1, 1, 0, 0, 0, 0, 2, 1]


def test_as_many_words_as_the_text_has_leave_none_out(files):
    train = small(vocabulary=8).load(0, files()).train
    assert in_order(train) == [0, 2, 4, 2, 0, 1, 3, 5, 1, 6, 7, 1, 3]


def test_only_a_line_feed_ends_a_line(files):
    """Others are spaces to Python; a word that holds one is not to become a line."""
    train = small(vocabulary=3, steps=1).load(0, files(train="a <unk>\x0ca\x85a\x1ca\r\na\n")).train
    assert int((train.y == 1).sum()) == 2


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_answers_are_the_words_shifted_by_one_across_pieces(files, steps):
    for split in small(steps=steps).load(0, files(valid=VALID * 3, test=TEST * 2)):
        x, y = split.x.flatten(), split.y.flatten()
        assert split.x.shape == split.y.shape
        assert split.x.shape[1] == steps
        assert torch.equal(x[1:], y[:-1])


def test_parts_of_the_texts_are_taken_from_the_beginning(files):
    whole = small(vocabulary=3).load(0, files())
    part = small(vocabulary=3, tokens=7, valid_tokens=4, test_tokens=3).load(0, files())
    assert [len(split.x) for split in whole] == [6, 2, 2]
    assert [len(split.x) for split in part] == [3, 1, 1]
    # of <eos> = a = <eos> the cat: the vocabulary is that of the part
    assert part.train.x.tolist() == [[0, 1], [2, 1], [0, 2]]
    assert part.test.x.tolist() == [[2, 2]]


def test_the_text_is_the_same_for_every_data_seed(files):
    one, other = (small().load(seed, files()) for seed in (0, 1))
    assert all(torch.equal(a.x, b.x) and torch.equal(a.y, b.y) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ({}, {"vocabulary": 9}, r"wiki\.train\.tokens has 8 different words, but this task has 9"),
        ({}, {"vocabulary": None}, r"wiki\.train\.tokens has 8 different words, but this task has 33,278"),
        ({}, {"tokens": 15}, r"wiki\.train\.tokens has 14 tokens, but this task takes the first 15"),
        ({"test": "a\n"}, {}, r"wiki\.test\.tokens has 2 tokens, too few for a piece of 2 steps"),
        ({"valid": b"the \xff cat\n"}, {}, r"wiki\.valid\.tokens is damaged: byte 4 is no UTF-8"),
        ({"train": ""}, {}, r"wiki\.train\.tokens has 0 different words"),
    ],
)
def test_data_that_do_not_fit_are_a_sentence(files, texts, options, message):
    with pytest.raises(DataError, match=message):
        small(**options).load(0, files(**texts))


def test_more_words_than_there_should_be_are_a_sentence(files):
    many = " ".join(map(str, range(text.WORDS)))
    with pytest.raises(DataError, match="has 33,279 different words, but this task has 33,278"):
        small(vocabulary=None).load(0, files(train=many + "\n"))


def test_a_missing_file_is_a_sentence(files):
    root = files()
    (root / "wikitext-2" / "wiki.valid.tokens").unlink()
    with pytest.raises(DataError, match=r"wiki\.valid\.tokens cannot be read: No such file"):
        small().load(0, root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "at least 1"),
        ({"embedding": 0}, "at least 1"),
        ({"vocabulary": 1}, "2 to 33278 words"),
        ({"vocabulary": 33_279}, "2 to 33278 words"),
        ({"tokens": 1_000}, "give a vocabulary"),
        ({"test_tokens": 64}, "needs more than 64 tokens"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        wikitext_2(**options)


# ---- the real text


@needs_data
def test_the_real_text_has_the_published_numbers_of_words():
    splits = wikitext_2().load(0, REAL)
    for split, part, count in zip(splits, ("train", "valid", "test"), (2_088_628, 217_646, 245_569), strict=True):
        words = words_of(part)
        assert len(words) == count
        assert split.x.shape == ((count - 1) // 64, 64)
        assert torch.equal(split.x.flatten()[1:], split.y.flatten()[:-1])
    assert len(splits.train.y.unique()) == text.WORDS
    assert text.TOKENS == 2_088_628
    # the commonest words first: the , . of <unk> and in <eos>; one number a word
    known = dict(zip(words_of("train"), splits.train.x.flatten().tolist(), strict=False))
    assert [word for word, place in sorted(known.items(), key=lambda pair: pair[1])][:4] == ["the", ",", ".", "of"]
    assert [known[word] for word in words_of("test")[: splits.test.x.numel()]] == splits.test.x.flatten().tolist()


@needs_data
@pytest.mark.parametrize(("steps", "vocabulary", "tokens", "test_tokens"), text.CHANCE)
def test_chance_is_the_perplexity_of_the_training_words_frequencies(steps, vocabulary, tokens, test_tokens):
    train, test = words_of("train")[:tokens], words_of("test")[:test_tokens]
    common = {word for word, _ in Counter(train).most_common(vocabulary)}
    counts = Counter(word if word in common else "<unk>" for word in train)
    asked = test[1 : (len(test) - 1) // steps * steps + 1]
    nats = -sum(math.log(counts[word if word in common else "<unk>"] / len(train)) for word in asked)
    assert text.CHANCE[steps, vocabulary, tokens, test_tokens] == pytest.approx(math.exp(nats / len(asked)), abs=1e-4)


@needs_data
@pytest.mark.parametrize("scale", ["quick", "smoke"])
def test_the_scales_are_read_from_the_real_text(scale):
    spec = wikitext_2(**wikitext_2().scales[scale])
    splits = spec.load(0, REAL)
    V, steps = spec.shape.vocabulary, spec.shape.length
    taken = [spec.scales[scale][name] for name in ("tokens", "valid_tokens", "test_tokens")]
    assert [split.x.shape for split in splits] == [((n - 1) // steps, steps) for n in taken]
    assert {int(split.y.max()) < V for split in splits} == {True}
    assert len(splits.train.x.unique()) == V
    # chance again, from the numbers that a model sees
    p = torch.bincount(splits.train.x.flatten(), minlength=V).double()
    nats = cross_entropy((p / p.sum()).log().expand(splits.test.y.numel(), V), splits.test.y.flatten())
    assert float(nats.exp()) == pytest.approx(spec.chance, rel=1e-3)


# ---- what is told of the task


def test_facts():
    spec = catalog.find_task("wikitext-2")
    shape = spec.shape
    assert (shape.length, shape.per_step, shape.carried, shape.vocabulary) == (64, True, True, 33_278)
    assert shape.inputs == shape.outputs == 128
    assert (spec.metric, spec.higher_is_better, spec.data) == ("perplexity", False, "wikitext-2")
    assert spec.training["paper"] == {"optimizer": "rmsprop", "clip": 0.0, "batch": 20, "epochs": 40}
    assert spec.target == spec.chance / 2
    assert spec.reference < spec.target
    assert spec.detail == "33,278 words, all 2,088,628 training tokens"


def test_a_part_of_the_task_says_that_it_is_not_comparable():
    quick = catalog.find_task("wikitext-2", "quick")
    assert quick.detail == (
        "the 2,000 commonest words, the first 300,000 training tokens; not comparable with published perplexities"
    )
    assert quick.shape.vocabulary == 2_000
    assert quick.reference is None
    assert quick.chance is not None
    part = wikitext_2(test_tokens=20_000)
    assert part.detail.endswith("not comparable with published perplexities")
    for other in (part, wikitext_2(vocabulary=5_000), wikitext_2(steps=50)):
        assert (other.chance, other.target, other.target_why) == (None, None, "")
    assert wikitext_2(embedding=5, tied=True, valid_tokens=999).chance == wikitext_2().chance


@pytest.mark.parametrize("scale", ["paper", "quick", "smoke"])
def test_every_model_of_the_papers_but_tp_rnn_can_be_asked(scale):
    shape = catalog.find_task("wikitext-2", scale).shape
    names = {*PAPERS, *VARIANTS}
    asked = {name for name in names if catalog.find_model(name).why_not(shape) is None}
    assert asked == {name for name in names if not name.startswith("tp-rnn")}


# ---- the frame


class Twice(nn.Module):
    """Neither carries a state nor is told of the progress."""

    def forward(self, x):
        return 2 * x


def framed(name="lstm-s", seed=0, **options):
    spec = small(steps=8, **options)
    return spec, spec.frame(checks.built(catalog.find_model(name), spec.shape, seed=seed)).double()


def count(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_embedding_and_softmax_stand_outside_of_the_budget():
    for tied, around in ((False, 5 * 3 + 5 * 3 + 5), (True, 5 * 3 + 5)):
        spec, module = framed(tied=tied)
        assert isinstance(module, LanguageModel)
        assert count(module) - count(module.model) == around
        assert count(spec.frame(Twice())) == around


@pytest.mark.parametrize("tied", [False, True])
def test_words_are_embedded_answered_and_scored(tied):
    spec = small(tied=tied)
    torch.manual_seed(1)
    module = spec.frame(Twice())
    with torch.no_grad():
        module.bias.normal_()
    x = torch.tensor([[0, 4, 2], [1, 1, 3]])
    E, W, b = module.embedding.weight, module.embedding.weight if tied else module.weight, module.bias
    for row in range(2):
        for t in range(3):
            torch.testing.assert_close(module(x)[row, t], W @ (2 * E[x[row, t]]) + b)
    assert tied or not torch.equal(E, W)


def test_a_model_that_reads_words_is_told_them_and_answers_with_logits():
    class Reads(nn.Module):
        reads_words = True

        def forward(self, x, state=None, *, words, logits, penalty=None):
            answers = logits(2 * x) + words.unsqueeze(2)
            more = [] if state is None else [state]
            more += [] if penalty is None else [penalty]
            return (answers, *more) if more else answers

    reads, twice = small().frame(Reads()), small().frame(Twice())
    twice.load_state_dict(reads.state_dict())
    x = torch.tensor([[0, 4, 2], [1, 1, 3]])
    torch.testing.assert_close(reads(x), twice(x) + x.unsqueeze(2))
    assert reads(x, (x,), penalty=7)[1:] == ((x,), 7)


def test_the_frame_can_do_what_its_model_can():
    _, plain = framed("gru")
    _, annealed = framed("hm-lstm")
    bare = small().frame(Twice())
    assert [hasattr(module, "initial_state") for module in (plain, annealed, bare)] == [True, True, False]
    assert [hasattr(module, "set_progress") for module in (plain, annealed, bare)] == [False, True, False]
    annealed.set_progress(1.0)
    assert float(annealed.model.slope) == 5.0


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("name", ["lstm-s", "aslstm", "hm-lstm", "dilated-lstm"])
def test_pieces_of_a_text_are_the_text_at_once(name, tied):
    _, module = framed(name, tied=tied)
    module.eval()
    x = torch.randint(5, (3, 24), generator=torch.Generator().manual_seed(1))
    state, answers = module.initial_state(3), []
    for piece in x.split(8, dim=1):
        y, state = module(piece, state)
        answers.append(y)
    torch.testing.assert_close(torch.cat(answers, dim=1), module(x))


@pytest.mark.parametrize("tied", [False, True])
def test_framed_models_train_together_as_alone(tied):
    modules = [framed("gru", seed, tied=tied)[1] for seed in range(3)]
    x, y = torch.randint(5, (2, 4, 8), generator=torch.Generator().manual_seed(1))

    def loss(outputs, y):
        return cross_entropy(outputs.flatten(0, 1), y.flatten())

    assert difference(modules, [0, 1, 2], x, y, loss) == ""


def test_every_weight_of_the_frame_is_trained():
    for tied in (False, True):
        _, module = framed(tied=tied)
        x = torch.arange(5).expand(3, 5)
        module(x).square().sum().backward()
        assert all(p.grad is not None and p.grad.any() for p in module.parameters() if p.requires_grad)


def test_the_start_is_near_a_blind_guess():
    """Small weights: the first perplexity is about the number of words."""
    spec = wikitext_2(vocabulary=500, embedding=16, steps=32)
    torch.manual_seed(0)
    module = spec.frame(catalog.find_model("lstm-s").build(spec.shape, 20))
    x, y = torch.randint(500, (2, 4, 32))
    with torch.no_grad():
        assert float(cross_entropy(module(x).flatten(0, 1), y.flatten()).exp()) == pytest.approx(500, rel=0.05)
