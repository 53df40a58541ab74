"""WikiText-2 by characters: the next character of encyclopedia articles from all before it, in bits per character.

    characters  of the files as they are, with their spaces and line ends, and `<unk>` as the five characters it is:
                the first 1,000,000 to train, 100,000 each of the other two texts to validate and to test
    vocabulary  100: the 99 commonest of the training characters taken, and one that stands for all others
    x, y        (pieces, steps) characters in the order of the text, and those that follow each, as in text.py

A model maps embeddings (batch, time, E) to (batch, time, E) between an embedding and a softmax that stand around every
model, outside of its budget, as in text.py.

Chance is what the training characters' frequencies give on the test text. It is known for the task as it stands and for
its scales; with other options it is not given.

Merity, Xiong, Bradbury, Socher: Pointer sentinel mixture models, ICLR 2017, arXiv 1609.07843 (the data).

Departures: this is no task of the papers, but a stand-in for what HM-LSTM's paper measures, characters of the Penn
Treebank and of Wikipedia; no published number is comparable. No dropout. The data seed changes nothing: there is one
text.
"""

from collections import Counter
from functools import partial
from pathlib import Path

import torch

from .data import fetch
from .spec import SequenceShape, Split, Splits, TaskSpec
from .text import LanguageModel

CITE = "Merity, Xiong, Bradbury, Socher: Pointer sentinel mixture models, ICLR 2017"
DATA = "wikitext-2"
OTHER = "\N{REPLACEMENT CHARACTER}"  # all that is not among the commonest
SCALES: dict[str, dict[str, object]] = {
    "quick": {
        "steps": 64,
        "embedding": 30,  # as of the words
        "characters": 300_000,
        "valid_characters": 20_000,
        "test_characters": 20_000,
    },
    "smoke": {
        "steps": 16,
        "vocabulary": 40,
        "embedding": 8,
        "characters": 6_000,
        "valid_characters": 1_000,
        "test_characters": 1_000,
    },
}
TRAINING: dict[str, dict[str, object]] = {
    "paper": {"batch": 20, "epochs": 40},
    "desk": {"epochs": 8},
    "quick": {"batch": 20},
}
# (steps, vocabulary, characters, test characters) -> bits per character of the training characters' frequencies
CHANCE = {
    (128, 100, 1_000_000, 100_000): 4.6344,
    (64, 100, 300_000, 20_000): 4.573,
    (16, 40, 6_000, 1_000): 4.4582,
}


def wikitext2_chars(
    *,
    steps: int = 128,
    vocabulary: int = 100,
    embedding: int = 128,
    characters: int = 1_000_000,
    valid_characters: int = 100_000,
    test_characters: int = 100_000,
) -> TaskSpec:
    """The next character of a text, from all characters before it.

    characters, valid_characters, test_characters: so many of each text, from its beginning.
    """
    if min(steps, embedding) < 1:
        raise ValueError(f"steps and embedding are {steps} and {embedding}; each must be at least 1")
    if vocabulary < 2:
        raise ValueError(f"the vocabulary is {vocabulary}; it must be at least 2 characters")
    taken = {"train": characters, "valid": valid_characters, "test": test_characters}
    if min(taken.values()) <= steps:
        raise ValueError(f"a piece of {steps} steps needs more than {steps} characters of each text")
    chance = CHANCE.get((steps, vocabulary, characters, test_characters))
    return TaskSpec(
        name="wikitext2-chars",
        title="WikiText-2 by characters",
        shape=SequenceShape(steps, embedding, embedding, per_step=True, carried=True, vocabulary=vocabulary),
        load=partial(_load, steps, vocabulary, taken),
        metric="bits_per_character",
        higher_is_better=False,
        chance=chance,
        target=None if chance is None else 3.0,
        target_why="" if chance is None else "about two thirds of what the characters' frequencies alone give",
        cite=CITE,
        scales=SCALES,
        detail=f"{vocabulary} characters, the first {characters:,} of the training text",
        split=f"{characters:,}, {valid_characters:,} and {test_characters:,} characters",
        training=TRAINING,
        data=DATA,
        frame=partial(LanguageModel, vocabulary=vocabulary, embedding=embedding),
    )


def _load(steps: int, vocabulary: int, taken: dict[str, int], data_seed: int, data_root: Path | None) -> Splits:
    folder = fetch.folder(DATA, data_root)
    texts = {part: _read(folder / f"wiki.{part}.tokens", count) for part, count in taken.items()}
    places = _places(texts["train"], vocabulary, folder / "wiki.train.tokens")
    return Splits(*(_pieces(texts[part], places, steps) for part in taken), words=tuple(places))


def _read(path: Path, count: int) -> str:
    """The first so many characters of a file."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            text = file.read(count)
    except OSError as error:
        raise fetch.DataError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise fetch.DataError(f"{path} is damaged: byte {error.start} is no UTF-8") from None
    if len(text) < count:
        raise fetch.DataError(f"{path} has {len(text):,} characters, but this task takes the first {count:,}")
    return text


def _places(text: str, vocabulary: int, path: Path) -> dict[str, int]:
    """Each character's number, the commonest first; the last stands for all others."""
    counted = Counter(text)
    if len(counted) < vocabulary:
        raise fetch.DataError(
            f"{path} has {len(counted):,} different characters where they are taken, but this task has {vocabulary:,}"
        )
    common = [character for character, _ in counted.most_common(vocabulary - 1) if character != OTHER]
    return {character: place for place, character in enumerate([*common, OTHER])}


def _pieces(text: str, places: dict[str, int], steps: int) -> Split:
    pieces = (len(text) - 1) // steps
    other = places[OTHER]
    numbers = torch.tensor([places.get(character, other) for character in text[: pieces * steps + 1]])
    return Split(numbers[:-1].view(pieces, steps), numbers[1:].view(pieces, steps))
