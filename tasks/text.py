"""WikiText-2: the next word of encyclopedia articles from all words before it, measured by perplexity.

    words       2,088,628 to train, 217,646 to validate and 245,569 to test, each line's end an <eos>
    vocabulary  33,278: every word of the training text; rare ones are <unk> in the files already
    x           (pieces, steps) words in the order of the text, of which every piece goes on with the one before
    y           (pieces, steps) the words that follow each; what is left at the end of a text and fills no piece
                is dropped
    perplexity  exp of the cross-entropy in nats a word

A model maps embeddings (batch, time, E) to (batch, time, E), its own last linear map included; the frame
(LanguageModel) puts the same embedding before and the same softmax after every model, outside of its budget: with
a vocabulary of this size they would be nearly all of its weights, and a budget would compare vocabularies.

With `vocabulary` below 33,278 the commonest words of the training tokens taken keep their places, and all others
become <unk>, as do words of the other texts that are not among them. Guessing <unk> is easy: such a perplexity is
not comparable with any published one, nor with another vocabulary's.

Chance is the perplexity on the test text of the training words' frequencies. It is known for the task as it stands
and for its scales; with other options it is not given.

Merity, Xiong, Bradbury, Socher: Pointer sentinel mixture models, ICLR 2017, arXiv 1609.07843 (the data);
Hu, Wang, Qi: Learning to Adaptively Scale Recurrent Neural Networks, AAAI 2019 (a task for these models).

Departures: ASRNN's sizes, batch, epochs and perplexities are not recovered; RMSProp without clipping is its own,
batch 20, 40 epochs, pieces of 64 and E = 128 (as wide as its other models) are ours, and so is the bottleneck of E
between model and softmax. No dropout. The data seed changes nothing: there is one text. The reference is Grave,
Joulin, Usunier's LSTM (ICLR 2017, arXiv 1612.04426), quoted second-hand.
"""

from collections import Counter
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .data import fetch
from .spec import SequenceShape, Split, Splits, TaskSpec

CITE = (
    "Merity, Xiong, Bradbury, Socher: Pointer sentinel mixture models, ICLR 2017; "
    "Hu, Wang, Qi: Learning to Adaptively Scale Recurrent Neural Networks, AAAI 2019"
)
DATA = "wikitext-2"
WORDS = 33_278  # different ones in the training text
TOKENS = 2_088_628  # of the training text
END, UNKNOWN = "<eos>", "<unk>"
PUBLISHED = 99.3
SCALES: dict[str, dict[str, object]] = {
    "quick": {
        "vocabulary": 2_000,
        "embedding": 30,  # chosen by parameter counts alone: near 6,000 every model has a width
        "tokens": 300_000,
        "valid_tokens": 20_000,
        "test_tokens": 20_000,
    },
    "smoke": {
        "steps": 16,
        "vocabulary": 200,
        "embedding": 8,
        "tokens": 6_000,
        "valid_tokens": 1_000,
        "test_tokens": 1_000,
    },
}
TRAINING: dict[str, dict[str, object]] = {
    "paper": {"optimizer": "rmsprop", "clip": 0.0, "batch": 20, "epochs": 40},
    "desk": {"epochs": 8},
    "quick": {"batch": 20, "max_steps": 500},
}
# (steps, vocabulary, tokens, test_tokens) -> perplexity of the training words' frequencies
CHANCE = {
    (64, WORDS, None, None): 911.7154,
    (64, 2_000, 300_000, 20_000): 119.1723,
    (16, 200, 6_000, 1_000): 16.8909,
}

State = tuple[Tensor, ...]


def wikitext_2(
    *,
    steps: int = 64,
    vocabulary: int | None = None,
    embedding: int = 128,
    tied: bool = False,
    tokens: int | None = None,
    valid_tokens: int | None = None,
    test_tokens: int | None = None,
) -> TaskSpec:
    """The next word of a text, from all words before it.

    tokens, valid_tokens, test_tokens: so many of each text, from its beginning; None: all.
    tied: the softmax uses the embedding's weights.
    """
    if min(steps, embedding) < 1:
        raise ValueError(f"steps and embedding are {steps} and {embedding}; each must be at least 1")
    taken = {"train": tokens, "valid": valid_tokens, "test": test_tokens}
    if any(count is not None and count <= steps for count in taken.values()):
        raise ValueError(f"a piece of {steps} steps needs more than {steps} tokens of each text")
    if vocabulary is None and tokens is not None:
        raise ValueError("give a vocabulary with tokens: how many words a part of the text has is not known beforehand")
    words = WORDS if vocabulary is None else vocabulary
    if not 2 <= words <= WORDS:
        raise ValueError(f"the vocabulary is {words}; it must be 2 to {WORDS} words")
    chance = CHANCE.get((steps, words, tokens, test_tokens))
    whole = words == WORDS and test_tokens is None
    return TaskSpec(
        name="wikitext-2",
        title="WikiText-2",
        shape=SequenceShape(steps, embedding, embedding, per_step=True, carried=True, vocabulary=words),
        load=partial(_load, steps, words, taken),
        metric="perplexity",
        higher_is_better=False,
        chance=chance,
        target=None if chance is None else chance / 2,
        target_why="" if chance is None else "half of chance: one bit a word better than the words' frequencies alone",
        reference=PUBLISHED if whole and tokens is None else None,
        cite=CITE,
        scales=SCALES,
        detail=_detail(words, tokens, whole),
        training=TRAINING,
        data=DATA,
        frame=partial(LanguageModel, vocabulary=words, embedding=embedding, tied=tied),
    )


def _detail(words: int, tokens: int | None, whole: bool) -> str:
    known = f"{words:,} words" if words == WORDS else f"the {words:,} commonest words"
    told = f"{known}, {'all' if tokens is None else 'the first'} {tokens or TOKENS:,} training tokens"
    return told if whole else f"{told}; not comparable with published perplexities"


class LanguageModel(nn.Module):
    """Embedding, model, softmax: words (batch, time) int64 -> logits (batch, time, vocabulary).

    model: (batch, time, embedding) -> the same. What it can do beside that (ModelSpec), this can too. One that reads
    words is told them, is given the softmax's map, and answers with logits itself.
    """

    def __init__(self, model: nn.Module, *, vocabulary: int, embedding: int, tied: bool = False) -> None:
        super().__init__()
        self.model = model
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.weight = None if tied else nn.Parameter(torch.empty(vocabulary, embedding))
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        for parameter in (self.embedding.weight, self.weight):
            if parameter is not None:
                nn.init.uniform_(parameter, -0.1, 0.1)

    # properties, as both are absent where the model has none

    @property
    def initial_state(self):
        return self.model.initial_state

    @property
    def set_progress(self):
        return self.model.set_progress

    @property
    def penalised(self):
        return self.model.penalised

    @property
    def trained_as(self):
        said = self.model.trained_as
        return lambda: {f"model.{name}": numbers for name, numbers in said().items()}

    def forward(self, x: Tensor, state: State | None = None, **asked: bool | Tensor) -> Tensor | tuple[Tensor, ...]:
        given = (self.embedding(x),) if state is None else (self.embedding(x), state)
        if getattr(self.model, "reads_words", False):
            return self.model(*given, words=x, logits=self._logits, **asked)
        answer = self.model(*given, **asked)
        if isinstance(answer, Tensor):
            return self._logits(answer)
        outputs, *more = answer
        return self._logits(outputs), *more

    def _logits(self, outputs: Tensor) -> Tensor:
        return F.linear(outputs, self.embedding.weight if self.weight is None else self.weight, self.bias)


def _load(steps: int, words: int, taken: dict[str, int | None], data_seed: int, data_root: Path | None) -> Splits:
    folder = fetch.folder(DATA, data_root)
    texts = {part: _read(folder / f"wiki.{part}.tokens", count) for part, count in taken.items()}
    places = _places(texts["train"], words, folder / "wiki.train.tokens", whole=taken["train"] is None)
    splits = (_pieces(texts[part], places, steps, folder / f"wiki.{part}.tokens") for part in taken)
    return Splits(*splits, words=tuple(places))


def _read(path: Path, count: int | None) -> list[str]:
    """The words of a file, or the first so many."""
    words: list[str] = []
    try:
        # no other character ends a line
        with path.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                words += [*line.split(), END]
                if count is not None and len(words) >= count:
                    return words[:count]
    except OSError as error:
        raise fetch.DataError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise fetch.DataError(f"{path} is damaged: byte {error.start} is no UTF-8") from None
    if count is not None:
        raise fetch.DataError(f"{path} has {len(words):,} tokens, but this task takes the first {count:,}")
    return words


def _places(text: list[str], words: int, path: Path, *, whole: bool) -> dict[str, int]:
    """Each word's number, the commonest first; <unk> is always among them."""
    counted = Counter(text)
    if len(counted) < words or (whole and words == WORDS != len(counted)):
        raise fetch.DataError(f"{path} has {len(counted):,} different words, but this task has {words:,}")
    common = [word for word, _ in counted.most_common(words)]  # of equally common words the earlier comes first
    if UNKNOWN not in common:
        common[-1] = UNKNOWN
    return {word: place for place, word in enumerate(common)}


def _pieces(text: list[str], places: dict[str, int], steps: int, path: Path) -> Split:
    pieces = (len(text) - 1) // steps
    if pieces < 1:
        raise fetch.DataError(f"{path} has {len(text):,} tokens, too few for a piece of {steps} steps")
    unknown = places[UNKNOWN]
    numbers = torch.tensor([places.get(word, unknown) for word in text[: pieces * steps + 1]])
    return Split(numbers[:-1].view(pieces, steps), numbers[1:].view(pieces, steps))
