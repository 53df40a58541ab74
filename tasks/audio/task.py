"""What the specs of all tasks with sound have in common: scales, needs, checks of their options."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..spec import SequenceShape, TaskSpec
from . import recordings
from .recordings import Recordings
from .sound import Mfcc

NOISE = (20, 10, 5, 0)  # dB, of the test sets at the scale "robust"


def task(
    made: Recordings,
    *,
    title: str,
    classes: str,
    quick: Mapping[str, object],
    smoke: Mapping[str, object],
    training: Mapping[str, Mapping[str, object]],
    windows: tuple[tuple[int, int], ...] | None = None,
    needs: Mapping[str, str] | None = None,
    **fields: Any,
) -> TaskSpec:
    """The spec of naming the class of a recording. classes: what they are called; training: as in TaskSpec, of the
    paper's data; fields: the rest of TaskSpec."""
    _check(made)
    features, needed = made.features, dict(needs or {})
    if isinstance(features, Mfcc):
        kind, inputs = "MFCC", f"{features.inputs} MFCC every {1000 * features.shift:g} ms"
        needed["torchaudio"] = "torchaudio"
    else:
        kind, inputs = f"raw {features.hertz} Hz", f"samples at {features.hertz:,} Hz"
    if made.augmented:
        needed |= {"torchaudio": "torchaudio", "torch_audiomentations": "torch-audiomentations"}
    detail = f"{made.classes} {classes}, {inputs}, {features.steps:,} steps"
    if made.part < 1:
        detail += f", {100 * made.part:g} % of the clips"
    if made.augmented:
        detail += ", training clips changed at random"
    laptop = {} if isinstance(features, Mfcc) else {"max_steps": 1000}
    return TaskSpec(
        title=f"{title}, {kind}",
        shape=SequenceShape(features.steps, inputs=features.inputs, outputs=made.classes, windows=windows),
        load=partial(recordings.load, made),
        metric="accuracy",
        higher_is_better=True,
        chance=1 / made.classes,
        scales={"quick": quick, "smoke": smoke, "robust": {**quick, "augment": True, "snrs": NOISE}},
        detail=detail,
        # on a CPU to augment a batch takes longer than to train on it
        training={**training, "quick": laptop, "robust": {"max_steps": 600}},
        data=made.data,
        needs=needed,
        prepare=partial(recordings.prepare, made),
        **fields,
    )


def _check(made: Recordings) -> None:
    if made.features.steps < 1:
        raise ValueError(f"steps is {made.features.steps}; there must be at least 1")
    if made.features.samples < made.features.shortest:
        raise ValueError(f"{made.features.steps} steps are less than the 25 ms that a clip must last")
    if not 0 < made.part <= 1:
        raise ValueError(f"part is {made.part}; it is a share above 0 and up to 1")
    if not isinstance(made.snrs, tuple) or len(set(made.snrs)) < len(made.snrs):
        raise ValueError(f"snrs is {made.snrs}; write different ratios in dB, such as (20,10)")
