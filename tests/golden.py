"""Golden values of our models and tasks, which say whether a record of before is of what there is now.

    python tests/golden.py        writes them anew to golden.json

Of a model: a few sums over its initial weights, and its first three training losses on made-up data, on a CPU with one
thread and the eager back end. Of a task: sums over its data at the scales of smoke and quick; a task whose data are not
here keeps what is written. With each stands the revision of the spec, which is to be raised where a value changes.
"""

import json
import math
import os
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from harness import catalog, engine  # noqa: E402
from harness.errors import BenchError  # noqa: E402
from harness.plan import Budget  # noqa: E402
from harness.prepare.budget import solve  # noqa: E402
from harness.prepare.data import check_data, load_data, prepare_data  # noqa: E402
from harness.prepare.modules import made  # noqa: E402
from harness.protocol import SMOKE  # noqa: E402
from harness.seeds import global_stream  # noqa: E402
from harness.train.loop import Training  # noqa: E402
from tasks.spec import SequenceShape, Split, Splits  # noqa: E402
from tasks.text import LanguageModel  # noqa: E402

FILE = Path(__file__).with_name("golden.json")
COMMAND = "python tests/golden.py"
SHAPE = SequenceShape(length=24, inputs=2, outputs=4)
TEXT = SequenceShape(length=24, inputs=4, outputs=4, per_step=True, vocabulary=9)  # of what is of texts alone
SCALES = ("smoke", "quick")
DIGITS = 6


def model_values(name: str) -> dict[str, list[float]]:
    """Sums over the initial weights of seed 0, and the losses of the first three steps.

    Of a model of texts also the perplexity after each, as it may answer otherwise than it is trained.
    """
    spec, threads = catalog.find_model(name), torch.get_num_threads()
    torch.set_num_threads(1)
    text = spec.why_not(SHAPE) is not None
    shape = TEXT if text else SHAPE
    frame = partial(LanguageModel, vocabulary=TEXT.vocabulary, embedding=TEXT.inputs) if text else None
    try:
        width = solve(spec, shape, Budget("3k", 3000, math.inf)).width
        module = made(spec, shape, width, "cpu", frame=frame)
        weights = sums(torch.cat([p.detach().flatten() for p in module.parameters()]))
        protocol = replace(SMOKE, max_steps=3, evaluations=3)
        facts = {"metric": "accuracy", "higher_is_better": True, "classes": SHAPE.outputs}
        if text:
            facts = {"metric": "perplexity", "higher_is_better": False, "classes": TEXT.vocabulary}
        with engine.backend("eager"), global_stream(0, "noise"):
            points = [
                point for (point,) in map(dict.values, Training([module], _splits(text), protocol, seeds=[0], **facts))
            ]
    finally:
        torch.set_num_threads(threads)
    answers = {"perplexities": [rounded(point.valid_metric) for point in points]} if text else {}
    return {"weights": weights, "losses": [rounded(point.train_loss) for point in points]} | answers


def task_values(name: str, data_root: Path | None) -> dict[str, dict[str, list[float]]]:
    """Scale -> split -> sums over x and y. Raises BenchError where the data are not here."""
    found = {}
    for scale in SCALES:
        spec = catalog.find_task(name, scale)
        check_data(spec, data_root)
        prepare_data(spec, data_root, lambda done, total: None)
        splits = load_data(spec, 0, data_root)
        every = {"train": splits.train, "valid": splits.valid, "test": splits.test, **splits.more}
        found[scale] = {word: [number for tensor in split for number in sums(tensor)] for word, split in every.items()}
    return found


def sums(tensor: Tensor) -> list[float]:
    """How many numbers, their sum and that of their squares, and a sum that tells their order."""
    flat = tensor.double().flatten()
    place = torch.cos(torch.arange(len(flat), dtype=torch.float64))
    return [len(flat), *(rounded(value) for value in (flat.sum(), flat.square().sum(), flat @ place))]


def rounded(value: float | Tensor | None) -> float:
    return float(f"{math.nan if value is None else float(value):.{DIGITS}g}")


def _splits(text: bool) -> Splits:
    """Made-up data, whose classes can be told apart by the first input; or words, of which small ones are common."""
    rng = np.random.default_rng(0)
    parts = []
    for count in (60, 20, 20):
        if text:
            words = torch.from_numpy(rng.integers(1, TEXT.vocabulary + 1, size=(2, count, TEXT.length + 1)).min(0) - 1)
            parts.append(Split(words[:, :-1], words[:, 1:]))
            continue
        y = rng.integers(SHAPE.outputs, size=count)
        x = rng.standard_normal((count, SHAPE.length, SHAPE.inputs)).astype(np.float32)
        x[:, 3, 0] += y
        parts.append(Split(torch.from_numpy(x), torch.from_numpy(y)))
    return Splits(*parts)


def known() -> dict[str, dict[str, dict[str, object]]]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"models": {}, "tasks": {}}


def renew(data_root: Path | None) -> None:
    found = {"models": {}, "tasks": {}}
    for name in catalog.MODELS:
        found["models"][name] = {"revision": catalog.find_model(name).revision, **model_values(name)}
    for name in catalog.TASKS:
        try:
            found["tasks"][name] = {"revision": catalog.find_task(name).revision, **task_values(name, data_root)}
        except BenchError as error:
            print(f"kept: {error}", file=sys.stderr)
            if name in known()["tasks"]:
                found["tasks"][name] = known()["tasks"][name]
    text = json.dumps(found, indent=1)
    FILE.write_text(_lists_in_a_line(text) + "\n", encoding="utf-8")


def _lists_in_a_line(text: str) -> str:
    return re.sub(r"\[[^\[\]]*\]", lambda found: " ".join(found[0].split()), text)


if __name__ == "__main__":
    root = os.environ.get("BENCH_DATA")
    renew(Path(root) if root else None)
