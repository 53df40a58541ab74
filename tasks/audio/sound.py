"""Sound files become sequences: reading, one channel, one rate, one level, then MFCC or raw samples.

A clip goes through these steps, in this order, the same for every data set and every question:

    read      WAV through scipy, FLAC and MP3 through soundfile; the mean of the channels
    rate      resampled to the data set's working rate, anti-aliased (scipy's polyphase filter)
    length    the middle of what is longer than the sequence
    level     the mean taken off and the root mean square made 0.1, once: how loud a recording
              was set is no voice and no music
    features  13 MFCC a frame, or the samples at a rate far lower
    padding   what is shorter stands at the end, zeros in front

`Mfcc` and `Raw` are functions of a batch of such waveforms, so that a changed or noisy waveform
goes through the same arithmetic as the one on disk.
"""

import math
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.fetch import DataError

LEVEL = 0.1  # root mean square of a clip, where the largest sample that a file holds is 1
SHORTEST = 0.025  # seconds; one window
SILENCE = 1e-4  # root mean square; three of the smallest steps of 16 bits
STREAMED = (0, 0xFFFFFFFF)  # sizes in a WAV header that say nothing


class Unreadable(Exception):
    """Why a file is left out."""


@dataclass(frozen=True, slots=True)
class Mfcc:
    """Mel-frequency cepstral coefficients: windows of 25 ms every 10 ms, 26 mel bands, 13 coefficients.

    Hann window, power spectrum, triangular bands on the HTK mel scale up to half the rate, natural
    logarithm of the band + 1e-6, orthonormal DCT-II. Only whole windows count: no padding at the
    edges of a clip. torchaudio computes them.
    """

    rate: int  # samples a second that come in
    steps: int  # frames that go out
    window: float = SHORTEST  # seconds
    shift: float = 0.010
    bands: int = 26
    inputs: int = 13

    @property
    def samples(self) -> int:
        """Of a waveform that fills all steps."""
        return (self.steps - 1) * self._shift + self.shortest

    @property
    def shortest(self) -> int:
        """Samples of a window: an even number, as the bands that torchaudio lays over its spectrum assume."""
        return 2 * round(self.window * self.rate / 2)

    @property
    def _shift(self) -> int:
        return round(self.shift * self.rate)

    def valid(self, length: int) -> int:
        """The steps that a waveform of so many samples fills."""
        return 1 + (length - self.shortest) // self._shift

    def __call__(self, waves: list[np.ndarray]) -> Tensor:
        """Waveforms, each (up to samples,) float32 -> (waveforms, steps, inputs), zeros in front."""
        # What is left over behind the last whole window is cut, so that the frames of a clip that
        # stands at the end of its row are the clip's own; those before it are then made zero.
        valid = [self.valid(len(wave)) for wave in waves]
        cut = [wave[: (v - 1) * self._shift + self.shortest] for wave, v in zip(waves, valid, strict=True)]
        with torch.no_grad():
            features = self._transform()(at_the_end(cut, self.samples)).transpose(1, 2)
        return features.masked_fill(before(valid, self.steps)[:, :, None], 0.0)

    def _transform(self) -> Any:
        return _mfcc(self.rate, self.shortest, self._shift, self.bands, self.inputs)


@dataclass(frozen=True, slots=True)
class Raw:
    """The samples themselves at `hertz` a second, resampled with an anti-aliasing filter."""

    rate: int  # samples a second that come in
    steps: int
    hertz: int
    inputs: int = 1

    @property
    def samples(self) -> int:
        """Of a waveform that fills all steps."""
        return math.ceil(self.steps * self.rate / self.hertz)

    @property
    def shortest(self) -> int:
        """Samples that there must be: more than one step's, since a pitch cannot be shifted in so few."""
        return round(SHORTEST * self.rate)

    def valid(self, length: int) -> int:
        """The steps that a waveform of so many samples fills."""
        return min(self.steps, math.ceil(length * self.hertz / self.rate))

    def __call__(self, waves: list[np.ndarray]) -> Tensor:
        """Waveforms, each (up to samples,) float32 -> (waveforms, steps, 1), zeros in front."""
        rows = resampled(at_the_end(waves, self.samples).numpy(), self.rate, self.hertz)
        x = torch.from_numpy(np.ascontiguousarray(rows[:, -self.steps :]))
        # the filter rings a little before a clip that is shorter than its row
        return x.masked_fill(before([self.valid(len(wave)) for wave in waves], self.steps), 0.0).unsqueeze(-1)


Features = Mfcc | Raw


def clip(path: Path, rate: int, samples: int, *, shortest: int = 1, seconds: float = 0.0) -> np.ndarray:
    """A file's waveform (up to samples,) float32 at this rate and level. Raises Unreadable.

    shortest: samples at this rate that there must be; seconds: the length that the file must have.
    """
    wave, own = read(path)
    if len(wave) < seconds * own:
        raise Unreadable(f"lasts {len(wave) / own:.2f} s, less than {seconds:g} s")
    if not np.isfinite(wave).all():
        raise Unreadable("holds samples that are no numbers")
    wave = middle(resampled(wave, own, rate), samples)
    if len(wave) < shortest:
        raise Unreadable(f"is too short: {len(wave)} samples at {rate} Hz, but there must be {shortest}")
    return levelled(wave)


def levelled(wave: np.ndarray) -> np.ndarray:
    """The same without its mean, at the root mean square LEVEL. Raises Unreadable where it is silent."""
    wave = wave - wave.mean()
    power = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    if power < SILENCE:
        raise Unreadable("is silent")
    return (wave * (LEVEL / power)).astype(np.float32)


def read(path: Path) -> tuple[np.ndarray, int]:
    """One channel (samples,) float32 in [-1, 1], and samples a second. Raises Unreadable."""
    try:
        wave, rate = _read_wav(path) if path.suffix.lower() == ".wav" else _read_other(path)
    except (DataError, Unreadable):
        raise
    except Exception as error:  # scipy and soundfile raise anything over a damaged file
        raise Unreadable(f"cannot be read: {type(error).__name__}: {error}") from None
    if not len(wave):
        raise Unreadable("holds no samples")
    return wave.mean(axis=1, dtype=np.float32) if wave.ndim > 1 else wave, rate


def _read_wav(path: Path) -> tuple[np.ndarray, int]:
    from scipy.io import wavfile

    # scipy reads what there is of a truncated file; its header says how much there should be
    with path.open("rb") as file:
        start = file.read(8)
    said = struct.unpack("<I", start[4:])[0] if len(start) == 8 and start[:4] == b"RIFF" else 0
    if said not in STREAMED and said + 8 > path.stat().st_size:
        raise Unreadable(f"is truncated: {path.stat().st_size} of {said + 8} bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks that hold no sound
        rate, wave = wavfile.read(path)
    if wave.dtype == np.uint8:
        wave = (wave.astype(np.float32) - 128) / 128
    elif wave.dtype.kind == "i":
        wave = wave.astype(np.float32) / np.float32(2.0 ** (8 * wave.dtype.itemsize - 1))
    return wave.astype(np.float32, copy=False), int(rate)


def _read_other(path: Path) -> tuple[np.ndarray, int]:
    try:
        import soundfile
    except (ImportError, OSError):
        raise DataError(f"{path.name} is read through soundfile: pip install soundfile") from None
    with soundfile.SoundFile(path) as file:
        said, rate = file.frames, file.samplerate
        wave = file.read(dtype="float32", always_2d=True)
    if len(wave) < 0.95 * said:  # an MP3's header may count what its encoder padded
        raise Unreadable(f"is truncated: {len(wave)} of {said} samples")
    return wave, rate


def resampled(wave: np.ndarray, old: int, new: int) -> np.ndarray:
    """(..., samples) at another rate, float32."""
    if old == new:
        return wave
    from scipy.signal import resample_poly

    common = math.gcd(old, new)
    found: np.ndarray = resample_poly(wave, new // common, old // common, axis=-1)
    return found.astype(np.float32, copy=False)


def middle(wave: np.ndarray, samples: int) -> np.ndarray:
    """The middle of what is longer: recordings begin and end with silence."""
    start = max(0, len(wave) - samples) // 2
    return wave[start : start + samples]


def at_the_end(waves: list[np.ndarray], samples: int) -> Tensor:
    """(waves, samples) float32, zeros in front of each."""
    rows = np.zeros((len(waves), samples), dtype=np.float32)
    for row, wave in zip(rows, waves, strict=True):
        row[samples - len(wave) :] = wave
    return torch.from_numpy(rows)


def before(valid: list[int], steps: int) -> Tensor:
    """(sequences, steps) bool: the steps in front of the last `valid` ones."""
    return torch.arange(steps) < steps - torch.tensor(valid)[:, None]


@lru_cache
def _mfcc(rate: int, window: int, shift: int, bands: int, coefficients: int) -> Any:
    """torchaudio's transform, made once."""
    try:
        import torchaudio
    except ImportError:
        raise DataError("MFCC are computed by torchaudio: pip install torchaudio") from None
    except OSError:
        # its wheels look for CUDA's libraries; what is used here is Python alone
        raise DataError(
            "torchaudio does not load beside a torch without CUDA: delete the files torchaudio/lib/*.so"
        ) from None
    return torchaudio.transforms.MFCC(
        rate,
        coefficients,
        log_mels=True,  # decibels would be cut off below the loudest frame of the batch
        melkwargs={"n_fft": window, "hop_length": shift, "n_mels": bands, "center": False},
    )
