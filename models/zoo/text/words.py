"""A window of states, each with a word, that goes on from piece to piece of a text; what pointer and cache share.

Both give every word a share of their own and mix it with the softmax's. The answers are log p, whose softmax is p.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ...engine.scan import State
from ...spec import Shape

Logits = Callable[[Tensor], Tensor]


class Window:
    """The last `size` pairs of a state (width) and a word. What is carried: (batch, size - 1, width), and of the words
    one more than their numbers (batch, size - 1), 0 where there is none yet."""

    def __init__(self, size: int, width: int) -> None:
        if size < 1 or size != int(size):
            raise ValueError(f"window is {size}; give a whole number of at least 1")
        self.size, self.width = size, width

    def empty(self, batch: int, like: Tensor) -> State:
        return like.new_zeros(batch, self.size - 1, self.width), like.new_zeros(batch, self.size - 1)

    def joined(self, carried: State, keys: Tensor, words: Tensor) -> State:
        """The carried pairs and a piece's: keys (batch, K, width), words (batch, K), K = size - 1 + time."""
        before, known = carried
        return torch.cat([before, keys], dim=1), torch.cat([known, words], dim=1)

    def seen(self, words: Tensor, steps: int) -> Tensor:
        """Is this pair one of the last `size` at that step? (batch, time, K)."""
        place = torch.arange(words.shape[1], device=words.device)
        first = torch.arange(steps, device=words.device).unsqueeze(1)
        return (place >= first) & (place < first + self.size) & (words > 0).unsqueeze(1)

    def last(self, pairs: State) -> State:
        """What is carried on. Not [-n:], which is all of it where n is 0."""
        return tuple(part[:, part.shape[1] - self.size + 1 :] for part in pairs)


def of_words(shares: Tensor, words: Tensor, like: Tensor) -> Tensor:
    """Shares (batch, time, K) of pairs -> of words, as like (batch, time, vocabulary)."""
    return torch.zeros_like(like).scatter_add(2, _places(words).expand_as(shares), shares)


def log(share: Tensor) -> Tensor:
    """Of a share that may be 0: very small then, and without a gradient."""
    return share.clamp(min=torch.finfo(share.dtype).tiny).log()


def mixed(logits: Tensor, log_share: Tensor, others: Tensor, words: Tensor) -> Tensor:
    """log p (batch, time, vocabulary) of the softmax, with its share, and of what else the words of pairs have.

    Only at those words more than a softmax is computed: log(p + q) = log p + log(1 + q / p).
    """
    known = (words > 0).to(logits)
    log_p, place = log_share + F.log_softmax(logits, dim=2), _places(words)
    times = torch.zeros_like(logits[:, 0]).scatter_add(1, place.squeeze(1), known).gather(1, place.squeeze(1))
    place = place.expand(-1, logits.shape[1], -1)
    ratio = log(others.gather(2, place)) - log_p.gather(2, place)
    more = torch.logaddexp(ratio, torch.zeros_like(ratio)) * (known / times.clamp(min=1)).unsqueeze(1)
    return log_p.scatter_add(2, place, more)


def _places(words: Tensor) -> Tensor:
    """(batch, K) -> (batch, 1, K); where there is none yet any number will do."""
    return (words - 1).clamp(min=0).long().unsqueeze(1)


def reads(shape: Shape) -> bool:
    """Are the inputs of a task words? A shape that does not tell has none."""
    return bool(getattr(shape, "vocabulary", 0))


def check_told(of_text: bool, words: Tensor | None) -> None:
    """Raises ValueError where the inputs are words and nobody says which."""
    if of_text and words is None:
        raise ValueError("this model must be told the words that it reads: call it with words= and logits= (ModelSpec)")


def why_not(shape: Shape) -> str | None:
    """A shape that tells nothing of words is no task's, but an example of sizes."""
    if getattr(shape, "vocabulary", None) is None or (reads(shape) and shape.per_step):
        return None
    return "it says which word follows the words that it has read, and this task does not ask for that"
