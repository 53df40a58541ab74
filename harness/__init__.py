"""Plan, train, measure, record, compare.

cli        the verbs; prints and exits
data_verbs the verbs of `bench data`; prints
measure_verbs  `bench measure`; prints
catalog    names -> specs: built-in tables, entry points, file.py:Name
protocol   protocols and budgets as constants
plan       which cells a command stands for
budget     count parameters; solve the width for a budget
seeds      one seed -> named, independent streams
train      the training loop of one seed or several; knows no files and no names
replicas   several modules of one model in one pass
graph      a training step that is recorded once and replayed
measure    what is measured, as functions: a training step and its parts
latency    timing: alone, and two in turn
memory     bytes of tensors, at their peak and for the backward pass
energy     joules of a step
subject    a model beside the yardstick, and the quick pass of measurements
whole_measure  all that `bench measure` takes; fresh: what needs a process of its own
ratios     what timings say: quantiles, paired ratios, verdicts
forecast   the memory that a cell will hold, before it runs
run        cells -> their records, whatever happens            <- start reading here
group      the cells that differ in the seed alone, trained together
insight    what a trained model does with time, for its record
execute    worker processes
progress   what the terminal shows while cells run
record     RunRecord, Measurement, Point; to and from JSON
store      the results folder: atomic writes, what exists, checkpoints
machine    provenance
stats      pure functions of arrays
tables     records -> rows -> Markdown, CSV, LaTeX
figures    learning curves
panels     small multiples, drawn by sketch
papers     the published numbers, and what stands for them here
paper_tables, paper_figures  the papers' tables and figures with ours beside each number
agreement  do they agree? tests of equivalence
overall, convergence, tradeoffs  pages on all tasks of a protocol: ranks, speed of learning, accuracy against cost
latency_page, memory_page  the pages on measurements; measured arranges them
seen       what insight recorded, read back
gradients, scales, scale_figures  the pages on it; time_figures and insight_figures draw them
report     which tables and figures make which report
formats    pages -> Markdown, one HTML file, CSV, LaTeX
markdown   pages, read: the parser, and their tables as CSV and LaTeX
html       all pages as one file; page.css and page.js are its style and script
drawing    a figure as part of that file
checks     what any model or task must satisfy
gate       two commits side by side: worktrees, workers, race
judge      is the head of two commits worse? verdicts on numbers and times
probe      what a worker of the gate does, for any commit
trained    a small training of any commit: its command line and its numbers
errors     sentences for users
"""

__version__ = "0.4.0"


def foreign_package() -> str | None:
    """A sentence if `models` or `tasks` on the path are not the packages beside this one."""
    from importlib.util import find_spec
    from pathlib import Path

    here = Path(__file__).resolve().parent.parent
    for name in ("models", "tasks"):
        found = find_spec(name)
        origin = found.origin if found else None
        if origin is None or Path(origin).resolve().parent.parent != here:
            return (
                f"the package '{name}' that Python finds is {origin or 'missing'}, not the one beside harness; "
                f"run from another folder, or take the other '{name}' off PYTHONPATH"
            )
    return None
