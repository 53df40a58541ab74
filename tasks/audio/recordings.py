"""A data set of sound files becomes a task's data, once, in the user's cache folder.

`prepared` reads every file and leaves a folder whose name is a digest of the options, of the
files' names and sizes and of the code that computes:

    features.npy   (sequences, steps, inputs) float32: train, valid, test, one after the other
    table.json     labels, where each split ends, mean and deviation, files left out
    left-out.txt   a line for each of those, and why
    waves.npy      (samples,) float32, all waveforms one after the other; only where they are needed again
    noise-*.npy    the test set in noise, one for each ratio and data seed; made by the first `load`

Features are normalised with the training set's mean and deviation, one pair for each input and
over all frames that are not padding; padding is zero, their mean. A file that cannot be read, is
truncated, too short or silent is left out and listed; more than 1 % of them is a DataError. `load`
maps the file into memory, so that processes share it and only what is used is read.

The split is the data set's and does not change with the data seed, which seeds the noise alone. A
file that changes but keeps its name and size is not noticed; to compute anew, delete the folder.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data import fetch
from ..spec import Split, Splits
from . import augment, sound

MOST_LEFT_OUT = 0.01  # of the files
SPLITS = ("train", "valid", "test")
NOISE_ROWS = 64  # clips at once, for memory's sake


class Clip(NamedTuple):
    """One file, and the class that is to be named."""

    path: Path
    label: int


@dataclass(frozen=True, slots=True)
class Recordings:
    """A data set of sound files and what becomes of them.

    files: (folder of the data set) -> everything on disk that the data depend on.
    arrange: (folder, those files, classes) -> the clips of train, valid and test.
    seconds: what a file must last. part: how much of each class is taken, of each split.
    """

    data: str
    files: Callable[[Path], list[Path]]
    arrange: Callable[[Path, list[Path], int], Sequence[list[Clip]]]
    classes: int
    features: sound.Features
    part: float = 1.0
    seconds: float = 0.0
    augmented: bool = False
    snrs: tuple[int, ...] = ()

    @property
    def keeps_waves(self) -> bool:
        """Are waveforms needed after the features are made?"""
        return self.augmented or bool(self.snrs)


def prepare(recordings: Recordings, data_root: Path | None, tell: Callable[[int, int], None]) -> str:
    """Compute the features where they are not there yet; tell(files done, all files). Says what was left out."""
    folder = prepared(recordings, data_root, tell)
    count = json.loads((folder / "table.json").read_text(encoding="utf-8"))["left_out"]
    return f"{count} of the sound files cannot be used and are left out; {folder / 'left-out.txt'} says why" * (
        count > 0
    )


def load(recordings: Recordings, data_seed: int, data_root: Path | None) -> Splits:
    """The data; computed first where they are not there yet."""
    folder = prepared(recordings, data_root)
    table = json.loads((folder / "table.json").read_text(encoding="utf-8"))
    x, y, ends = mapped(folder / "features.npy"), torch.tensor(table["labels"]), [0, *table["ends"]]
    splits = [Split(x[a:b], y[a:b]) for a, b in pairwise(ends)]
    if not recordings.keeps_waves:
        return Splits(*splits)
    waves = Waves(folder, recordings.features, table)
    more = {f"{snr} dB": Split(waves.in_noise(snr, data_seed), splits[2].y) for snr in recordings.snrs}
    return Splits(*splits, augment=waves.augmented if recordings.augmented else None, more=more)


class Waves:
    """The waveforms behind the features, to be changed or put into noise, and through the same arithmetic."""

    def __init__(self, folder: Path, features: sound.Features, table: Mapping[str, list[float]]) -> None:
        self.folder, self.features = folder, features
        self.mean, self.deviation = torch.tensor(table["mean"]), torch.tensor(table["deviation"])
        self.starts, self.ends = table["starts"], table["ends"]
        self.samples = np.load(folder / "waves.npy", mmap_mode="r")

    def __getitem__(self, row: int) -> np.ndarray:
        """(samples,) float32 of a sequence, counted over all splits."""
        return self.samples[int(self.starts[row]) : int(self.starts[row + 1])]

    def augmented(self, rows: Tensor, keys: Tensor) -> Tensor:
        """x of these training sequences, each changed as its key says. See Splits.augment."""
        pairs = zip(rows.tolist(), keys.tolist(), strict=True)
        return self._features([augment.changed(self[row], self.features.rate, key) for row, key in pairs])

    def in_noise(self, snr: int, data_seed: int) -> Tensor:
        """x of the test set in white noise; see augment.noisy."""
        path = self.folder / f"noise-{snr}-{data_seed}.npy"
        if not path.exists():
            first, last = int(self.ends[1]), int(self.ends[2])
            noisy = [
                self._features(
                    [
                        augment.noisy(self[row], snr, (data_seed, row - first))
                        for row in range(start, min(start + NOISE_ROWS, last))
                    ]
                )
                for start in range(first, last, NOISE_ROWS)
            ]
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".tmp", delete=False) as file:
                np.save(file, torch.cat(noisy).numpy())
            Path(file.name).replace(path)
        return mapped(path)

    def _features(self, waves: list[np.ndarray]) -> Tensor:
        valid = [self.features.valid(len(wave)) for wave in waves]
        return normalised(self.features(waves), valid, self.mean, self.deviation)


def prepared(
    recordings: Recordings, data_root: Path | None, tell: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """The folder with everything in it. Raises DataError where the data are missing or damaged."""
    source = fetch.folder(recordings.data, data_root)
    files = recordings.files(source)
    folder = fetch.derived(recordings.data) / digest(recordings, source, files)
    if folder.is_dir():
        return folder
    # Whoever is second to finish gives way: a folder appears whole, under its name, or not at all.
    unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        _compute(recordings, recordings.arrange(source, files, recordings.classes), source, unfinished, tell)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def digest(recordings: Recordings, source: Path, files: list[Path]) -> str:
    """A name that changes with the options, the files and the code."""
    found = hashlib.sha256()
    kept = (recordings.classes, recordings.features, recordings.part, recordings.seconds, recordings.keeps_waves)
    found.update(repr((recordings.arrange.__qualname__, kept)).encode())
    for code in (sound.__file__, __file__, recordings.arrange.__code__.co_filename):
        found.update(Path(code).read_bytes())
    for path in files:
        found.update(f"{path.relative_to(source).as_posix()} {path.stat().st_size}\n".encode())
    return f"{type(recordings.features).__name__.lower()}-{found.hexdigest()[:16]}"


def share(clips: list[Clip], part: float) -> list[Clip]:
    """The first of each class, rounded and at least one; the order is kept."""
    if part == 1:
        return clips
    left = {label: max(1, round(part * n)) for label, n in enumerate(np.bincount([clip.label for clip in clips]))}
    taken = []
    for clip in clips:
        if left[clip.label] > 0:
            left[clip.label] -= 1
            taken.append(clip)
    return taken


def normalised(x: Tensor, valid: Sequence[int], mean: Tensor, deviation: Tensor) -> Tensor:
    """(sequences, steps, inputs) with the training set's mean 0 and deviation 1; padding stays zero."""
    padding = sound.before(list(valid), x.shape[1])[:, :, None]
    return ((x - mean) / deviation).masked_fill(padding, 0.0)


def mapped(path: Path) -> Tensor:
    """A .npy file as a tensor that shares memory with it; what is written to the tensor does not reach the file."""
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def _compute(
    recordings: Recordings,
    splits: Sequence[list[Clip]],
    source: Path,
    folder: Path,
    tell: Callable[[int, int], None],
) -> None:
    features = recordings.features
    splits = [share(clips, recordings.part) for clips in splits]
    total, done = sum(map(len, splits)), 0
    labels: list[int] = []
    valid: list[int] = []
    ends: list[int] = []
    starts = [0]
    left_out: list[tuple[str, str]] = []
    with ExitStack() as stack:
        file = stack.enter_context((folder / "features.npy").open("wb+"))
        waves = stack.enter_context((folder / "waves.npy").open("wb+")) if recordings.keeps_waves else None
        for stream in filter(None, (file, waves)):
            _header(stream, (0,) if stream is waves else (0, features.steps, features.inputs))
        for clips in splits:
            for path, label in clips:
                done += 1
                try:
                    wave = sound.clip(
                        path,
                        features.rate,
                        features.samples,
                        shortest=features.shortest,
                        seconds=recordings.seconds,
                    )
                except sound.Unreadable as error:
                    left_out.append((path.relative_to(source).as_posix(), str(error)))
                else:
                    file.write(features([wave]).numpy().tobytes())
                    labels.append(label)
                    valid.append(features.valid(len(wave)))
                    if waves:
                        waves.write(wave.tobytes())
                    starts.append(starts[-1] + len(wave))
                tell(done, total)
            ends.append(len(labels))
        _header(file, (len(labels), features.steps, features.inputs))
        if waves:
            _header(waves, (starts[-1],))
    _check(recordings, total, ends, left_out)
    mean, deviation = _normalise(folder / "features.npy", valid, ends[0])
    table = {
        "labels": labels,
        "ends": ends,
        "starts": starts,
        "mean": mean.tolist(),
        "deviation": deviation.tolist(),
        "left_out": len(left_out),
    }
    (folder / "left-out.txt").write_text("".join(f"{name}: {why}\n" for name, why in left_out), encoding="utf-8")
    (folder / "table.json").write_text(json.dumps(table), encoding="utf-8")


def _check(recordings: Recordings, total: int, ends: list[int], left_out: list[tuple[str, str]]) -> None:
    if len(left_out) > MOST_LEFT_OUT * total:
        name, why = left_out[0]
        raise fetch.DataError(
            f"the data set {recordings.data} is damaged: {len(left_out)} of {total} files cannot be used, "
            f"the first is {name}, which {why}; get the data set anew"
        )
    for split, a, b in zip(SPLITS, [0, *ends], ends, strict=False):
        if a == b:
            raise fetch.DataError(f"the data set {recordings.data} has no clips to {split} with")


def _header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """The head of a .npy file of float32. numpy leaves room in it for the number of rows to grow."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _normalise(path: Path, valid: list[int], train: int) -> tuple[Tensor, Tensor]:
    """Normalise the features in place, a few sequences at a time; the training set's mean and deviation, (inputs,)."""
    x = np.load(path, mmap_mode="r+")
    pieces = [range(a, min(a + NOISE_ROWS, len(x))) for a in range(0, len(x), NOISE_ROWS)]
    count = sum(valid[:train])
    # padding is zero so far and adds nothing
    mean = sum(x[rows.start : min(rows.stop, train)].sum(axis=(0, 1), dtype=np.float64) for rows in pieces) / count
    apart = np.zeros_like(mean)
    for rows in pieces:
        there = ~sound.before([valid[row] for row in rows], x.shape[1]).numpy()[:, :, None]
        here = x[rows.start : rows.stop]
        apart += (np.square(here - mean) * there)[: max(0, train - rows.start)].sum(axis=(0, 1))
    found = torch.tensor(mean, dtype=torch.float32)
    deviation = torch.tensor(np.sqrt(apart / count), dtype=torch.float32).clamp(min=1e-6)
    for rows in pieces:
        here = torch.from_numpy(x[rows.start : rows.stop])
        here.copy_(normalised(here, [valid[row] for row in rows], found, deviation))
    x.flush()
    return found, deviation
