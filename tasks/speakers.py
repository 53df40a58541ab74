"""Speaker identification: who speaks? VCTK as in TP-RNN's Table 3, and spoken digits for a laptop.

    vctk-mfcc       109 speakers, 13 MFCC (25 ms windows, 10 ms shift), 300 frames
    vctk-raw-N      the same from raw samples at N Hz, 3.6 s: 3,600 steps at 1,000 Hz, 5,400 at 1,500
    fsdd-mfcc       6 speakers saying single digits, 100 frames
    fsdd-raw        the same from raw samples at 1,000 Hz, 1,000 steps

VCTK (Yamagishi, Veaux, MacDonald; Edinburgh) is read in the layout of release 0.80,
`wav48/p225/p225_001.wav`, or of 0.92, `wav48_silence_trimmed/p225/p225_001_mic1.flac`, first
microphone: p280 and p315 have no second one. The folders p225 to p376 are the paper's 109 speakers
in both; s5 came with 0.92 and is left out. Transcripts are not needed, so p315, whose were lost, stays.
Each speaker's utterances are shuffled, by a seed that never changes, and split 7:1:2. All speakers
read the same passage in their first two dozen utterances, and each other newspaper sentences; the
words say nothing about the speaker in the former and little in the latter.

The Free Spoken Digit Dataset (Jackson and others, github.com/Jakobovski/free-spoken-digit-dataset) has 50 recordings of
each digit by each of six speakers, 8 kHz. Test are the recordings 0 to 4, as its authors advise; of
the others 5 to 9 are to validate, 10 to 49 to train. Its speakers used different microphones and
rooms. The level of each clip is set to the same, but noise in the background and the bands that a
microphone passes are still theirs, so who speaks can partly be read off how it was recorded.

Departures: the papers give neither the rate that MFCC are computed at (here 16 kHz), the number of
mel bands (26), the normalisation (the training set's, see recordings.py) nor how unequal lengths
were treated (the middle of the longer ones, the shorter at the end with zeros in front). "7:1:2 for
each speaker" is the paper's, which utterances is ours. The digits are no paper's task: its
preprocessing, with lengths that 99 of 100 clips fit into.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from .audio import task as audio
from .audio.recordings import Clip, Recordings
from .audio.sound import Mfcc, Raw
from .data.fetch import DataError
from .spec import TaskSpec

CITE = "Ma, Lin, Chen, Cottrell: Temporal Pyramid Recurrent Neural Network, AAAI 2020"
CITE_DIGITS = "Jackson and others: Free Spoken Digit Dataset, github.com/Jakobovski/free-spoken-digit-dataset"
DIGIT_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGIT_RATE, SPEECH_RATE = 8_000, 16_000  # of the waveforms that features are computed from
MFCC_WINDOWS = ((25, 5), (4, 2), (2, 2))  # TP-RNN's supplement
RAW_WINDOWS = ((100, 10), (25, 5), (9, 3))
SHUFFLE = 0x7C7  # of each VCTK speaker's utterances

# At a laptop's scale: the middle half second as MFCC, the middle quarter as samples, all the recordings. Chosen by
# what a step costs, before any model was trained.
VCTK_QUICK = {"speakers": 20, "part": 0.25}
VCTK_SMOKE = {"speakers": 5, "part": 0.05}
QUICK: dict[str, dict[str, object]] = {
    "vctk-mfcc": {**VCTK_QUICK, "steps": 100},
    "vctk-raw": {**VCTK_QUICK, "steps": 400},
    "fsdd-mfcc": {"steps": 50},
    "fsdd-raw": {"steps": 250},
}
SMOKE: dict[str, dict[str, object]] = {
    "vctk-mfcc": {**VCTK_SMOKE, "steps": 25},
    "vctk-raw": {**VCTK_SMOKE, "steps": 100},
    "fsdd-mfcc": {"part": 0.05, "steps": 25},
    "fsdd-raw": {"part": 0.05, "steps": 100},
}


def vctk_mfcc(
    *, steps: int = 300, speakers: int = 109, part: float = 1.0, augment: bool = False, snrs: tuple[int, ...] = ()
) -> TaskSpec:
    """Which of VCTK's speakers, from MFCC?"""
    features = Mfcc(SPEECH_RATE, steps)
    return _vctk(
        "vctk-mfcc",
        Recordings("vctk", vctk_files, vctk_clips, speakers, features, part, augmented=augment, snrs=snrs),
        target=0.90,
        target_why="below the paper's LSTM-S (0.923), so that every model in its table can reach it",
        reference=0.979,
    )


def vctk_raw(
    hertz: int = 1000,
    *,
    steps: int | None = None,
    speakers: int = 109,
    part: float = 1.0,
    augment: bool = False,
    snrs: tuple[int, ...] = (),
) -> TaskSpec:
    """Which of VCTK's speakers, from raw samples?

    steps: None stands for 3.6 s.
    """
    _check_rate(hertz, SPEECH_RATE)
    features = Raw(SPEECH_RATE, round(3.6 * hertz) if steps is None else steps, hertz)
    return _vctk(
        f"vctk-raw-{hertz}",
        Recordings("vctk", vctk_files, vctk_clips, speakers, features, part, augmented=augment, snrs=snrs),
        target=0.85,
        target_why="below the lowest that the paper gives for a model that converged (0.889 at 1,000 Hz)",
        reference={1000: 0.939, 1500: 0.955}.get(hertz),
    )


def fsdd_mfcc(*, steps: int = 100, part: float = 1.0, augment: bool = False, snrs: tuple[int, ...] = ()) -> TaskSpec:
    """Which of six speakers says the digit, from MFCC?"""
    return _fsdd(
        "fsdd-mfcc",
        Recordings("fsdd", fsdd_files, fsdd_clips, 6, Mfcc(DIGIT_RATE, steps), part, augmented=augment, snrs=snrs),
        target=0.90,
        target_why="nine of ten, set before any model was trained: no paper has the task",
    )


def fsdd_raw(
    *, steps: int = 1000, hertz: int = 1000, part: float = 1.0, augment: bool = False, snrs: tuple[int, ...] = ()
) -> TaskSpec:
    """Which of six speakers says the digit, from raw samples?"""
    _check_rate(hertz, DIGIT_RATE)
    features = Raw(DIGIT_RATE, steps, hertz)
    return _fsdd(
        "fsdd-raw",
        Recordings("fsdd", fsdd_files, fsdd_clips, 6, features, part, augmented=augment, snrs=snrs),
        target=0.60,
        target_why="about halfway between chance and certainty, set before any model was trained",
    )


def vctk_files(root: Path) -> list[Path]:
    """The utterances of p225 to p376, in the order of their names."""
    for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        for layout, ending in (("wav48", ".wav"), ("wav48_silence_trimmed", "_mic1.flac")):
            found = sorted((folder / layout).glob(f"p*/p*{ending}"))
            if found:
                return found
    raise DataError(
        f"there is no VCTK in {root}: neither wav48/p225/p225_001.wav (release 0.80) nor "
        "wav48_silence_trimmed/p225/p225_001_mic1.flac (release 0.92)"
    )


def vctk_clips(root: Path, files: list[Path], speakers: int) -> tuple[list[Clip], ...]:
    """Train, valid and test, 7:1:2 of each of the first speakers."""
    spoken: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        spoken[path.parent.name].append(path)
    if len(spoken) < speakers:
        raise DataError(f"VCTK in {root} has {len(spoken)} speakers, but {speakers} are wanted; is it all there?")
    splits: tuple[list[Clip], ...] = ([], [], [])
    for label, name in enumerate(sorted(spoken)[:speakers]):
        order = np.random.default_rng([SHUFFLE, label]).permutation(len(spoken[name]))
        clips = [Clip(spoken[name][i], label) for i in order]
        first, second = len(clips) * 7 // 10, len(clips) * 8 // 10
        for split, piece in zip(splits, (clips[:first], clips[first:second], clips[second:]), strict=True):
            split += piece
    return splits


def fsdd_files(root: Path) -> list[Path]:
    """The recordings of the six speakers, in the order of their names."""
    names = re.compile(rf"\d_({'|'.join(DIGIT_SPEAKERS)})_\d+\.wav")
    found = sorted(path for path in (root / "recordings").glob("*.wav") if names.fullmatch(path.name))
    if not found:
        raise DataError(f"there are no spoken digits in {root}: recordings/0_george_0.wav and so on are missing")
    return found


def fsdd_clips(root: Path, files: list[Path], speakers: int) -> tuple[list[Clip], ...]:
    """Train, valid and test by the number of the recording: from 10 on, 5 to 9, 0 to 4."""
    splits: tuple[list[Clip], ...] = ([], [], [])
    for path in files:
        _, name, number = path.stem.split("_")
        which = 2 if int(number) < 5 else 1 if int(number) < 10 else 0
        splits[which].append(Clip(path, DIGIT_SPEAKERS.index(name)))
    return splits


def _check_rate(hertz: int, most: int) -> None:
    if not 50 <= hertz <= most:
        raise ValueError(f"the rate is {hertz} Hz; it must be from 50 to {most:,}")


def _vctk(name: str, made: Recordings, **fields: Any) -> TaskSpec:
    if not 2 <= made.classes <= 109:
        raise ValueError(f"speakers is {made.classes}; VCTK has 2 to 109 of them")
    return _task(
        name,
        made,
        title="VCTK",
        split="7:1:2 of about 44,000 clips",
        cite=CITE,
        needs={"soundfile": "soundfile"},
        **fields,
    )


def _fsdd(name: str, made: Recordings, **fields: Any) -> TaskSpec:
    return _task(name, made, title="Spoken digits", split="2,400, 300 and 300 clips", cite=CITE_DIGITS, **fields)


def _task(name: str, made: Recordings, *, target: float | None = None, **fields: Any) -> TaskSpec:
    mfcc = isinstance(made.features, Mfcc)
    family = f"{made.data}-{'mfcc' if mfcc else 'raw'}"
    return audio.task(
        made,
        name=name,
        classes="speakers",
        quick=QUICK[family],
        smoke=SMOKE[family],
        windows=MFCC_WINDOWS if mfcc else RAW_WINDOWS,
        target=target,
        training={"paper": {"batch": 50}, "desk": {"epochs": 10} if made.data == "vctk" else {}},
        **fields,
    )
