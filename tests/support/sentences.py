"""What `bench` says to bad input."""


def one_sentence(outcome) -> str:
    """The line that the command line answers to bad input; nothing else is said."""
    assert outcome.code == 2, outcome
    (line,) = outcome.err.strip().splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in outcome.out
    return line
