"""Sentences for users. An error is one that they can act on: what is wrong and what to do."""

from pathlib import Path


class BenchError(Exception):
    """Wrong input or a wrong environment; the command line prints it and exits with 2."""


class UnknownName(BenchError):
    """A task, model, protocol or option that does not exist."""


class Unwritable(BenchError):
    """What is to be kept cannot be written, as where the disk is full; nothing that is not there counts as done."""


class CorruptRecord(BenchError):
    """A record file that cannot be read; reports name it and leave it in place."""


class DamagedRecord(CorruptRecord):
    """A record file that is not as it was written; its cell begins anew and the file is put aside."""


def nearest(kind: str, word: str, known: list[str], where: str) -> UnknownName:
    """'no model called lstn-s; the nearest is lstm-s (`bench list` shows them all)'."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1, cutoff=0.4)
    hint = f"; the nearest is '{close[0]}'" if close else ""
    return UnknownName(f"there is no {kind} called '{word}'{hint} ({where} shows them all)")


def counted(number: int, word: str) -> str:
    """'1 seed', '3 seeds'."""
    return f"{number} {word}{'s' * (number != 1)}"


def one_line(text: str) -> str:
    """The text as it can be printed anywhere: white space is one space, and half a surrogate pair and the like a �."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(letter if letter.isprintable() else "\ufffd" for letter in line)


def said(error: BaseException) -> str:
    """What an exception says, in one line; a stranger's may fail at that as well."""
    try:
        return one_line(str(error))[:500]
    except (Exception, SystemExit):
        return "it cannot say what is wrong"


def sentence(error: BaseException) -> str:
    """One line of an exception, with the place it came from unless it is a sentence for users."""
    text = said(error)
    if isinstance(error, BenchError):
        return text
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace else ""
    return one_line(f"{type(error).__name__}: {text}{place}")
