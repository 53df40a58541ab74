import numpy as np
import pytest
import torch
from support.sounds import silence, truncate, write_sound, write_wav

from tasks.audio import sound
from tasks.audio.sound import LEVEL, Mfcc, Raw, Unreadable
from tasks.data.fetch import DataError


def mfcc_by_definition(wave, rate, window, shift, bands=26, coefficients=13):
    """(frames, coefficients) in plain numpy: windows, power, mel bands, logarithm, DCT-II."""
    frames = []
    for start in range(0, len(wave) - window + 1, shift):
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
        power = np.abs(np.fft.rfft(wave[start : start + window] * hann)) ** 2
        at = np.arange(len(power)) * rate / window
        edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), bands + 2) / 2595) - 1)
        band = np.empty(bands)
        for b in range(bands):
            low, peak, high = edges[b : b + 3]
            weight = np.minimum((at - low) / (peak - low), (high - at) / (high - peak)).clip(0)
            band[b] = np.log(weight @ power + 1e-6)
        k, n = np.arange(coefficients)[:, None], np.arange(bands)
        dct = np.cos(np.pi / bands * (n + 0.5) * k) * np.sqrt(2 / bands)
        dct[0] /= np.sqrt(2)
        frames.append(dct @ band)
    return np.array(frames)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_mfcc_are_those_of_the_definition(rate):
    pytest.importorskip("torchaudio")
    features = Mfcc(rate, steps=20)
    wave = (LEVEL * np.random.default_rng(1).standard_normal(features.samples)).astype(np.float32)
    seen = features([wave])[0].double().numpy()
    expected = mfcc_by_definition(
        wave.astype(np.float64), rate, {8_000: 200, 16_000: 400, 22_050: 552}[rate], round(0.010 * rate)
    )
    assert seen.shape == expected.shape == (20, 13)
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=2e-3)


def test_mfcc_windows_are_25_ms_and_10_ms_apart():
    features = Mfcc(16_000, steps=300)
    assert (features.shortest, features.samples) == (400, 299 * 160 + 400)
    assert [features.valid(n) for n in (400, 559, 560, features.samples)] == [1, 1, 2, 300]


@pytest.mark.parametrize("features", [Mfcc(8_000, 30), Raw(8_000, 150, 1000), Raw(16_000, 150, 1500)])
def test_a_shorter_clip_is_the_same_at_the_end_with_zeros_in_front(features):
    if isinstance(features, Mfcc):
        pytest.importorskip("torchaudio")
    wave = (LEVEL * np.random.default_rng(2).standard_normal(features.samples // 2)).astype(np.float32)
    valid = features.valid(len(wave))
    (x,) = features([wave])
    assert x.shape == (features.steps, features.inputs)
    assert 0 < valid < features.steps
    assert not x[: features.steps - valid].any()
    assert x[features.steps - valid :].abs().sum(dim=1).ne(0).all()
    if isinstance(features, Mfcc):
        (alone,) = type(features)(features.rate, valid)([wave])
        assert torch.equal(x[features.steps - valid :], alone)


@pytest.mark.parametrize("features", [Mfcc(8_000, 30), Raw(8_000, 150, 1000)])
def test_a_clip_has_the_same_features_in_any_batch(features):
    if isinstance(features, Mfcc):
        pytest.importorskip("torchaudio")
    rng = np.random.default_rng(3)
    waves = [rng.standard_normal(n).astype(np.float32) for n in (300, features.samples, 700)]
    together = features(waves)
    for wave, row in zip(waves, together, strict=True):
        torch.testing.assert_close(features([wave])[0], row, rtol=1e-5, atol=1e-5)


def test_raw_keeps_a_low_tone_and_removes_what_would_fold():
    features = Raw(8_000, steps=400, hertz=1000)
    t = np.arange(features.samples) / 8_000
    low, high = (np.sin(2 * np.pi * f * t).astype(np.float32) for f in (125.0, 900.0))
    at = np.arange(400) / 1000
    inside = slice(40, -40)  # away from where the filter meets the edges
    seen = features([low])[0, :, 0].numpy()
    np.testing.assert_allclose(seen[inside], np.sin(2 * np.pi * 125.0 * at)[inside], atol=0.02)
    assert np.abs(features([high])[0, :, 0].numpy()[inside]).max() < 0.02  # would fold to 100 Hz


def test_the_middle_of_a_longer_clip_is_taken():
    wave = np.arange(10)
    np.testing.assert_array_equal(sound.middle(wave, 4), [3, 4, 5, 6])
    np.testing.assert_array_equal(sound.middle(wave, 12), wave)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3"])
def test_files_are_read_as_one_channel(tmp_path, ending):
    rate = 16_000
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    path = tmp_path / f"a.{ending}"
    if ending == "wav":
        write_wav(path, np.stack([tone, tone / 2], axis=1), rate)
    else:
        pytest.importorskip("soundfile")
        write_sound(path, np.stack([tone, tone / 2], axis=1), rate)
    wave, found = sound.read(path)
    assert (found, wave.shape, wave.dtype) == (rate, (rate,), np.float32)
    np.testing.assert_allclose(wave[1000:-1000], 0.75 * tone[1000:-1000], atol=2e-2 if ending == "mp3" else 1e-4)


@pytest.mark.parametrize(("kind", "scale"), [(np.int16, 2**15), (np.int32, 2**31), (np.uint8, 2**7), (np.float32, 1)])
def test_every_sample_format_of_wav_has_the_same_full_scale(tmp_path, kind, scale):
    from scipy.io import wavfile

    wave = np.array([0.0, 0.5, -0.5, 0.25] * 100)
    stored = wave * scale + (128 if kind is np.uint8 else 0)
    wavfile.write(tmp_path / "a.wav", 8000, stored.astype(kind))
    np.testing.assert_allclose(sound.read(tmp_path / "a.wav")[0], wave, atol=1e-6)


def test_loud_and_soft_recordings_come_out_at_one_level(tmp_path):
    wave = np.random.default_rng(4).uniform(-1, 1, 4000)
    for name, factor in (("loud", 0.9), ("soft", 0.05)):
        write_wav(tmp_path / f"{name}.wav", factor * wave + 0.01, 8000)
    loud, soft = (sound.clip(tmp_path / f"{name}.wav", 8000, 4000) for name in ("loud", "soft"))
    for found in (loud, soft):
        assert abs(found.mean()) < 1e-6
        assert np.sqrt(np.mean(found**2)) == pytest.approx(LEVEL, rel=1e-4)
    np.testing.assert_allclose(loud, soft, atol=2e-4)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3"])
def test_damaged_files_are_unreadable_with_a_reason(tmp_path, ending):
    if ending != "wav":
        pytest.importorskip("soundfile")
    noise = 0.1 * np.random.default_rng(5).standard_normal(16_000)
    half, empty, text, quiet = (tmp_path / f"{name}.{ending}" for name in ("half", "empty", "text", "quiet"))
    (write_wav if ending == "wav" else write_sound)(half, noise, 16_000)
    truncate(half)
    empty.touch()
    text.write_text("this is no sound at all\n" * 50)
    silence(quiet)
    for path, why in ((half, "truncated|cannot be read"), (empty, "cannot be read"), (text, "."), (quiet, "silent")):
        with pytest.raises(Unreadable, match=why):
            sound.clip(path, 8_000, 4_000, shortest=200)
    with pytest.raises(Unreadable, match="cannot be read"):
        sound.clip(tmp_path / f"none.{ending}", 8_000, 4_000)


def test_what_is_too_short_is_unreadable(tmp_path):
    write_wav(tmp_path / "a.wav", np.random.default_rng(6).uniform(-1, 1, 150), 8000)
    with pytest.raises(Unreadable, match="too short: 150 samples"):
        sound.clip(tmp_path / "a.wav", 8000, 4000, shortest=200)
    with pytest.raises(Unreadable, match=r"lasts 0\.02 s, less than 29 s"):
        sound.clip(tmp_path / "a.wav", 8000, 4000, seconds=29)


@pytest.mark.parametrize(("error", "answer"), [(ImportError, "pip install torchaudio"), (OSError, r"lib/\*\.so")])
def test_without_torchaudio_one_sentence_says_what_to_do(monkeypatch, error, answer):
    import builtins

    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name == "torchaudio":
            raise error("libtorch_cuda.so: cannot open shared object file")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    sound._mfcc.cache_clear()
    with pytest.raises(DataError, match=answer):
        Mfcc(8_000, 3)([np.ones(300, dtype=np.float32)])


def test_without_soundfile_wav_is_read_and_flac_is_a_sentence(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "soundfile", None)
    write_wav(tmp_path / "a.wav", 0.1 * np.ones(400), 8000)
    assert len(sound.read(tmp_path / "a.wav")[0]) == 400
    with pytest.raises(DataError, match="pip install soundfile"):
        sound.read(tmp_path / "a.flac")
