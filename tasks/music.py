"""Music genre recognition on FMA-small (Defferrard et al., ISMIR 2017), as ASRNN's Table 3 has it.

    fma-mfcc   13 MFCC, 25 ms windows, 10 ms shift: about 3,000 steps for a clip of 30 s
    fma-raw    samples at 200 Hz: 6,000 steps, "two times longer than MFCC sequences"

8,000 clips of 30 s, eight balanced genres. The split (6,400, 800 and 800) and the genre of a clip
are the data set's own, read from fma_metadata/tracks.csv; the sound is fma_small/000/000002.mp3.

Six clips are shorter than 30 s, because wrong lengths were recorded for their tracks (the data
set's issue 8): 098565, 098567 and 098569 last a second or two, 099134, 108925 and 133297 hold no
sound. Whatever lasts less than 29 s is left out and listed, so these six are.

Departures: the numbers are lost in our copy of the ASRNN paper. 25 ms, 10 ms and 200 Hz follow
from its lengths and from other papers; the rate that MFCC are computed at (22,050 Hz), the number
of bands (26) and the normalisation are ours. ASRNN trains with RMSProp and without clipping.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from .audio import task as audio
from .audio.recordings import Clip, Recordings
from .audio.sound import Mfcc, Raw
from .data.fetch import DataError
from .spec import TaskSpec

CITE = "Hu, Wang, Qi: Learning to Adaptively Scale Recurrent Neural Networks, AAAI 2019"
GENRES = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
RATE = 22_050  # of the waveforms that features are computed from
SECONDS = 29.0  # less is left out; a whole clip lasts 29.98 s
SPLITS = {"training": 0, "validation": 1, "test": 2}
COLUMNS = (("set", "subset"), ("set", "split"), ("track", "genre_top"))
LONGEST_FIELD = 1 << 24  # characters; tracks.csv holds whole biographies

# At a laptop's scale: two seconds out of the middle, a quarter of the clips.
QUICK: dict[str, dict[str, object]] = {"mfcc": {"part": 0.25, "steps": 200}, "raw": {"part": 0.25, "steps": 400}}
SMOKE: dict[str, dict[str, object]] = {"mfcc": {"part": 0.01, "steps": 25}, "raw": {"part": 0.01, "steps": 100}}


def fma_mfcc(*, steps: int = 3000, part: float = 1.0, augment: bool = False, snrs: tuple[int, ...] = ()) -> TaskSpec:
    """Which of eight genres, from MFCC?"""
    features = Mfcc(RATE, steps)
    return _fma("mfcc", Recordings("fma", files, clips, len(GENRES), features, part, SECONDS, augment, snrs))


def fma_raw(
    *, steps: int = 6000, hertz: int = 200, part: float = 1.0, augment: bool = False, snrs: tuple[int, ...] = ()
) -> TaskSpec:
    """Which of eight genres, from raw samples?"""
    if not 50 <= hertz <= RATE:
        raise ValueError(f"the rate is {hertz} Hz; it must be from 50 to {RATE:,}")
    features = Raw(RATE, steps, hertz)
    return _fma("raw", Recordings("fma", files, clips, len(GENRES), features, part, SECONDS, augment, snrs))


def files(root: Path) -> list[Path]:
    """The table of tracks, then the clips in the order of their names."""
    table = root / "fma_metadata" / "tracks.csv"
    found = sorted((root / "fma_small").glob("*/*.mp3"))
    for missing, what in ((not table.is_file(), "fma_metadata/tracks.csv"), (not found, "fma_small/000/000002.mp3")):
        if missing:
            raise DataError(f"there is no FMA-small in {root}: {what} is missing")
    return [table, *found]


def clips(root: Path, found: list[Path], classes: int) -> tuple[list[Clip], ...]:
    """Train, valid and test as tracks.csv says; also clips that it lists and that are not there."""
    splits: tuple[list[Clip], ...] = ([], [], [])
    for number, subset, split, genre in _tracks(found[0]):
        if subset == "small":
            if genre not in GENRES or split not in SPLITS:
                raise DataError(f"{found[0]}: track {number} has genre '{genre}' and split '{split}'")
            path = root / "fma_small" / f"{number // 1000:03}" / f"{number:06}.mp3"
            splits[SPLITS[split]].append(Clip(path, GENRES.index(genre)))
    return splits


def _tracks(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Number, subset, split and genre of each track. The table has three lines of header."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            try:
                heads = list(zip(next(lines), next(lines), strict=True))
                next(lines)
                places = [heads.index(column) for column in COLUMNS]
            except (StopIteration, ValueError):
                names = ", ".join(f"{a}/{b}" for a, b in COLUMNS)
                raise DataError(f"{path} is no table of tracks: its columns must include {names}") from None
            for line in lines:
                subset, split, genre = (line[place] for place in places)
                yield int(line[0]), subset, split, genre
    except (IndexError, ValueError, csv.Error) as error:
        raise DataError(f"{path} is damaged: {error}") from None
    finally:
        csv.field_size_limit(before)


def _fma(kind: str, made: Recordings) -> TaskSpec:
    return audio.task(
        made,
        name=f"fma-{kind}",
        title="FMA-small",
        split="the official split of 8,000 clips, less the broken",
        classes="genres",
        class_names=GENRES,
        quick=QUICK[kind],
        smoke=SMOKE[kind],
        target=0.25,
        target_why="twice chance, our choice: the paper's numbers are lost",
        cite=CITE,
        training={"paper": {"optimizer": "rmsprop", "clip": 0.0}},
        needs={"soundfile": "soundfile"},
    )
