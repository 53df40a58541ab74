"""Command lines of right and wrong words; `tests/quality/fuzz_lines.py` tries many more."""

from quality.figures import Figures
from quality.fuzz_lines import fuzz_lines


def test_any_command_line_ends_in_a_table_or_one_sentence():
    assert fuzz_lines(30, 4, Figures()).faults == []
