import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from support.sounds import digits, vctk

from harness.catalog import find_task
from tasks import speakers
from tasks.audio import augment, recordings, sound

pytestmark = pytest.mark.usefixtures("cache")
REAL = Path(os.environ.get("BENCH_DATA", "/nowhere"))
RATE = 8_000
needs_library = pytest.mark.usefixtures("library")


@pytest.fixture
def library():
    return pytest.importorskip("torch_audiomentations")


@pytest.fixture
def always_pitch(library, monkeypatch):
    """The change that draws from Python's generator happens to every clip."""
    monkeypatch.setattr(augment, "PITCH", 1.0)
    augment._transform.cache_clear()
    yield
    augment._transform.cache_clear()


@pytest.fixture
def task(tmp_path):
    pytest.importorskip("torchaudio")
    digits(tmp_path)
    return speakers.fsdd_mfcc(steps=25, augment=True, snrs=(20, 0))


def wave(n=2000, seed=0):
    noise = np.random.default_rng(seed).standard_normal(n)
    return (0.1 * np.sin(np.arange(n) / 7) + 0.05 * noise).astype(np.float32)


def keys(n, start=0):
    return torch.arange(start, start + n)


@needs_library
def test_one_key_one_result_and_other_keys_others():
    results = [augment.changed(wave(), RATE, key) for key in range(30)]
    for key, first in enumerate(results):
        assert first.dtype == np.float32
        assert first.shape == (2000,)
        assert np.isfinite(first).all()
        np.testing.assert_array_equal(first, augment.changed(wave(), RATE, key))
    different = {result.tobytes() for result in results}
    assert len(different) >= 28  # nothing at all happens to 1 in 20 or so, and those are equal


@needs_library
def test_each_change_happens_about_as_often_as_it_says(monkeypatch):
    counts = dict.fromkeys(("PitchShift", "Shift", "PolarityInversion", "Gain", "AddColoredNoise"), 0)
    transforms = augment._transform(RATE).transforms
    assert [type(one).__name__ for one in transforms] == list(counts)
    for key in range(300):
        augment.changed(wave(400), RATE, key)
        for one in transforms:
            counts[type(one).__name__] += bool(one.transform_parameters["should_apply"].any())
    assert 12 <= counts.pop("PitchShift") <= 52  # 30 expected, four deviations either way
    assert all(115 <= count <= 185 for count in counts.values()), counts


def test_the_waveform_and_the_global_generators_are_left_as_they_were(always_pitch):
    original = wave()
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    for key in range(10):
        augment.changed(original, RATE, key)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    np.testing.assert_array_equal(np.random.get_state()[1], before[2])
    np.testing.assert_array_equal(original, wave())


def test_the_result_does_not_depend_on_the_global_generators(always_pitch):
    results = []
    for seed in range(8):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        results.append([augment.changed(wave(), RATE, key) for key in range(10)])
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@needs_library
def test_generators_are_put_back_when_a_change_fails(monkeypatch):
    def fail(samples):
        torch.rand(1)
        raise RuntimeError("no")

    monkeypatch.setattr(augment, "_transform", lambda rate: fail)
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError):
        augment.changed(wave(), RATE, 3)
    assert torch.equal(torch.get_rng_state(), before)


@needs_library
def test_augmented_rows_go_through_the_same_features(task, tmp_path, monkeypatch):
    splits = task.load(0, tmp_path)
    rows = torch.tensor([5, 0, 23])
    monkeypatch.setattr(augment, "changed", lambda wave, rate, key: wave)
    torch.testing.assert_close(splits.augment(rows, keys(3)), splits.train.x[rows], rtol=1e-4, atol=1e-4)


@needs_library
def test_augmentation_of_a_row_depends_on_its_key_and_not_on_its_batch(task, tmp_path):
    splits = task.load(0, tmp_path)
    rows = torch.tensor([3, 7, 7, 11])
    x = splits.augment(rows, keys(4))
    assert x.shape == (4, 25, 13)
    assert x.dtype == torch.float32
    torch.testing.assert_close(splits.augment(rows.flip(0), keys(4).flip(0)).flip(0), x, rtol=1e-5, atol=1e-5)
    for i in range(4):
        torch.testing.assert_close(splits.augment(rows[i : i + 1], keys(4)[i : i + 1])[0], x[i], rtol=1e-5, atol=1e-5)
    assert torch.equal(splits.augment(rows, keys(4)), x)
    assert not torch.equal(x[1], x[2])  # one row, two keys
    assert not torch.allclose(splits.augment(rows, keys(4, start=100)), x)
    assert not x[:, :7].any()  # padding stays zero


@needs_library
def test_another_load_gives_the_same_augmentation(task, tmp_path):
    first, second = task.load(0, tmp_path), task.load(1, tmp_path)
    assert torch.equal(first.augment(keys(5), keys(5)), second.augment(keys(5), keys(5)))


@pytest.mark.parametrize("snr", [20, 0, -5])
def test_noise_has_exactly_the_power_that_is_said(snr):
    clean = wave(5000)
    noise = augment.noisy(clean, snr, (0, 1)).astype(np.float64) - clean
    ratio = 10 * np.log10(np.mean(clean.astype(np.float64) ** 2) / np.mean(noise**2))
    assert ratio == pytest.approx(snr, abs=0.01)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    halves = spectrum[: len(spectrum) // 2].mean() / spectrum[len(spectrum) // 2 :].mean()
    assert 0.8 < halves < 1.25  # white


def test_noise_is_the_samples_and_the_data_seeds_own():
    clean = wave()
    one = augment.noisy(clean, 0, (0, 1)) - clean
    np.testing.assert_allclose(augment.noisy(clean, 20, (0, 1)) - clean, one / 10, atol=1e-6)
    for other in ((0, 2), (1, 1)):
        assert np.abs(np.corrcoef(one, augment.noisy(clean, 0, other) - clean)[0, 1]) < 0.2


def test_more_are_the_test_set_in_noise(tmp_path):
    digits(tmp_path)
    features = sound.Raw(8000, 150, 1000)
    plain = speakers.fsdd_raw(steps=150).load(0, tmp_path)
    splits = speakers.fsdd_raw(steps=150, snrs=(10, 0)).load(7, tmp_path)
    assert list(splits.more) == ["10 dB", "0 dB"]
    assert splits.augment is None
    for name in ("train", "valid", "test"):
        assert torch.equal(getattr(splits, name).x, getattr(plain, name).x)
    files = speakers.fsdd_clips(tmp_path / "fsdd", speakers.fsdd_files(tmp_path / "fsdd"), 6)[2]
    wave = sound.clip(files[3].path, 8000, features.samples)
    expected = features([augment.noisy(wave, 10, (7, 3))])[0]
    clean = features([wave])[0]
    seen, before = splits.more["10 dB"].x[3], splits.test.x[3]
    scale = (clean.std() / before.std()).item()
    torch.testing.assert_close((seen - before) * scale, expected - clean, rtol=1e-3, atol=1e-5)
    assert torch.equal(splits.more["0 dB"].y, splits.test.y)
    assert (splits.more["0 dB"].x - before).std() > (splits.more["10 dB"].x - before).std()


def test_noisy_sets_are_kept_and_another_data_seed_has_others(tmp_path, monkeypatch):
    digits(tmp_path)
    task = speakers.fsdd_raw(steps=150, snrs=(0,))
    first, other = (task.load(seed, tmp_path).more["0 dB"].x for seed in (0, 1))
    assert not torch.allclose(first, other)
    monkeypatch.setattr(augment, "noisy", None)  # would fail if it were called
    assert torch.equal(task.load(0, tmp_path).more["0 dB"].x, first)


@needs_library
def test_vctk_is_augmented_as_well(tmp_path):
    vctk(tmp_path, "0.80")
    splits = speakers.vctk_raw(1000, steps=100, speakers=3, augment=True, snrs=(5,)).load(0, tmp_path)
    assert splits.augment(keys(21), keys(21)).shape == splits.train.x.shape
    assert splits.more["5 dB"].x.shape == splits.test.x.shape


def test_without_the_library_one_sentence_says_what_to_do(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch_audiomentations", None)
    augment._transform.cache_clear()
    with pytest.raises(recordings.fetch.DataError, match="pip install torch-audiomentations"):
        augment.changed(wave(), RATE, 0)


@needs_library
@pytest.mark.parametrize("name", ["fsdd-mfcc", "fsdd-raw"])
def test_the_real_digits_at_the_scale_robust(name):
    if not (REAL / "fsdd" / "recordings").is_dir():
        pytest.skip("the spoken digits are not there; BENCH_DATA says where")
    splits = find_task(name, "robust").load(0, REAL)
    assert list(splits.more) == ["20 dB", "10 dB", "5 dB", "0 dB"]
    for split in splits.more.values():
        assert split.x.shape == splits.test.x.shape
        assert torch.isfinite(split.x).all()
    x = splits.augment(keys(50, start=1000), keys(50))
    assert x.shape == (50, *splits.train.x.shape[1:])
    assert torch.isfinite(x).all()
