"""Sound changed at random for training, and sound in white noise for testing.

A waveform is changed by torch-audiomentations, each change with a probability of its own and in
this order:

    pitch      up or down by the library's fast ratios within 4 semitones (4/5 and 5/4 at 8 kHz)   0.1
    shift      by up to a tenth of the clip, zeros where nothing is                                 0.5
    polarity   turned over                                                                          0.5
    gain       -6 to 6 dB                                                                           0.5
    noise      coloured, f^-2 to f^2, 3 to 30 dB below the clip (the library's defaults)            0.5

Pitch costs about ten times what the rest does together, hence its small probability. On a CPU to augment a
batch takes longer than a small model's training step; records and pages say how long training waited.

The library draws from torch's and Python's global generators. Here both are seeded with the key
and put back afterwards, so that what happens to a clip depends on its key alone, and nothing else
notices. Only the CPU's generator is touched. Threads that draw from the global generators at the
same time would be noticed; processes are not.
"""

import random
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from ..data.fetch import DataError

PITCH = 0.1
OFTEN = 0.5


def changed(wave: np.ndarray, rate: int, key: int) -> np.ndarray:
    """The waveform (samples,) float32 after changes drawn from `key`; as long as before."""
    transform = _transform(rate)
    state, python_state = torch.default_generator.get_state(), random.getstate()
    try:
        # not torch.manual_seed, which would seed the accelerators as well
        torch.default_generator.manual_seed(key)
        random.seed(key)
        with torch.no_grad():
            out: np.ndarray = transform(torch.tensor(wave)[None, None]).samples[0, 0].numpy()
    finally:
        torch.default_generator.set_state(state)
        random.setstate(python_state)
    return out


def noisy(wave: np.ndarray, snr: float, seed: tuple[int, ...]) -> np.ndarray:
    """The waveform in white Gaussian noise whose power is exactly `snr` dB below the waveform's own.

    Both powers are taken over the clip as it is cut, padding not counted. The same seed gives the
    same noise at every ratio, only louder or softer. Nothing is clipped and the level is not set anew.
    """
    noise = np.random.default_rng([*seed, 0x5A2]).standard_normal(len(wave))
    power = np.mean(np.square(wave, dtype=np.float64)) / 10 ** (snr / 10)
    return (wave + noise * np.sqrt(power / np.mean(np.square(noise)))).astype(np.float32)


@lru_cache
def _transform(rate: int) -> Any:
    """The library's transform at this rate, made once."""
    try:
        import torch_audiomentations as library
    except ImportError:
        raise DataError("sound is augmented by torch-audiomentations: pip install torch-audiomentations") from None
    except OSError:  # it imports torchaudio; sound.py says why this happens
        raise DataError(
            "torchaudio does not load beside a torch without CUDA: delete the files torchaudio/lib/*.so"
        ) from None
    common = {"sample_rate": rate, "output_type": "dict"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the next version will do
        return library.Compose(
            [
                library.PitchShift(-4, 4, p=PITCH, **common),
                library.Shift(-0.1, 0.1, rollover=False, p=OFTEN, **common),
                library.PolarityInversion(p=OFTEN, **common),
                library.Gain(-6, 6, p=OFTEN, **common),
                library.AddColoredNoise(p=OFTEN, **common),
            ],
            output_type="dict",
        )
