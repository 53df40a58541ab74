"""`python -m harness` from a bare checkout."""

from harness.cli.bench import main

if __name__ == "__main__":  # spawned workers import this module again
    main()
