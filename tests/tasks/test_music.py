from collections import Counter

import pytest
import torch
from support.sounds import fma, silence, truncate, write_sound

from harness.catalog import find_task
from tasks import music
from tasks.audio import recordings, sound
from tasks.data.fetch import DataError

pytest.importorskip("soundfile")
SECONDS = music.SECONDS  # before the tests shorten it


@pytest.fixture(autouse=True)
def short(monkeypatch, cache):
    monkeypatch.setattr(music, "SECONDS", 0.5)


def test_splits_and_genres_are_those_of_the_table(tmp_path):
    fma(tmp_path, music.GENRES)
    splits = music.fma_raw(steps=100).load(0, tmp_path)
    assert [tuple(split.x.shape) for split in splits] == [(8, 100, 1)] * 3
    for split in splits:
        assert Counter(split.y.tolist()) == dict.fromkeys(range(8), 1)
        assert torch.isfinite(split.x).all()


def test_a_clip_is_the_file_that_its_number_names(tmp_path):
    root = fma(tmp_path, music.GENRES) / "fma"
    train, valid, test = music.clips(root, music.files(root), 8)
    assert [clip.path.relative_to(root).as_posix() for clip in (train[0], valid[0], test[0], train[1])] == [
        f"fma_small/{number // 1000:03}/{number:06}.mp3" for number in (333, 664, 995, 1326)
    ]
    assert all(clip.path.is_file() for clip in (*train, *valid, *test))


def test_mfcc_of_music(tmp_path):
    pytest.importorskip("torchaudio")
    fma(tmp_path, music.GENRES, seconds=0.6)
    x = music.fma_mfcc(steps=60).load(0, tmp_path).train.x
    assert x.shape == (8, 60, 13)
    assert not x[:, :2].any()  # 0.6 s are less than 60 windows
    assert x[:, -50:].ne(0).all()


def test_raw_music_is_the_sum_of_both_channels_at_200_hz(tmp_path):
    fma(tmp_path, music.GENRES)
    splits = music.fma_raw(steps=120).load(0, tmp_path)
    features = sound.Raw(22_050, 120, 200)
    root = tmp_path / "fma"
    first = music.clips(root, music.files(root), 8)[2][4]
    (plain,) = features([sound.clip(first.path, 22_050, features.samples)])
    kept = splits.test.x[4]
    assert torch.corrcoef(torch.stack([plain[5:, 0], kept[5:, 0]]))[0, 1] > 0.9999


def test_short_truncated_silent_and_missing_clips_are_left_out_and_listed(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(recordings, "MOST_LEFT_OUT", 0.5)
    root = fma(tmp_path, music.GENRES, each=6) / "fma"
    train = music.clips(root, music.files(root), 8)[0]
    write_sound(train[0].path, 0.1 * torch.randn(8000).numpy(), 44_100)
    truncate(train[1].path)
    silence(train[2].path, 44_100)
    train[3].path.write_bytes(b"")
    train[4].path.unlink()
    splits = music.fma_raw(steps=100).load(0, tmp_path)
    assert [len(split.y) for split in splits] == [11, 16, 16]
    (report,) = cache.glob("fma/*/left-out.txt")
    lines = report.read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == [clip.path.relative_to(root).as_posix() for clip in train[:5]]
    for line, why in zip(lines, ("lasts 0.", "", "silent", "cannot be read", "cannot be read"), strict=True):
        assert why in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("genre_top", "genre"), "is no table of tracks"),
        (lambda text: "", "is no table of tracks"),
        (lambda text: text.replace(",Rock,", ",Polka,"), "genre 'Polka'"),
        (lambda text: text + "17,0\n", "is damaged"),
    ],
)
def test_another_table_is_a_sentence(tmp_path, change, message):
    table = fma(tmp_path, music.GENRES) / "fma" / "fma_metadata" / "tracks.csv"
    table.write_text(change(table.read_text()))
    with pytest.raises(DataError, match=message):
        music.fma_raw(steps=100).load(0, tmp_path)


def test_long_fields_are_read_and_the_limit_is_put_back(tmp_path):
    import csv

    table = fma(tmp_path, music.GENRES) / "fma" / "fma_metadata" / "tracks.csv"
    table.write_text(table.read_text().replace("A title", "A" * 200_000, 1))
    before = csv.field_size_limit(131_072)  # Python's own
    try:
        assert len(music.fma_raw(steps=100).load(0, tmp_path).train.y) == 8
        assert csv.field_size_limit() == 131_072
    finally:
        csv.field_size_limit(before)


def test_a_tree_without_table_or_sound_is_a_sentence(tmp_path):
    (tmp_path / "fma").mkdir()
    with pytest.raises(DataError, match=r"tracks\.csv is missing"):
        music.fma_raw().load(0, tmp_path)
    (tmp_path / "fma" / "fma_metadata").mkdir()
    (tmp_path / "fma" / "fma_metadata" / "tracks.csv").touch()
    with pytest.raises(DataError, match=r"000002\.mp3 is missing"):
        music.fma_raw().load(0, tmp_path)


def test_augmented_music(tmp_path):
    pytest.importorskip("torch_audiomentations")
    fma(tmp_path, music.GENRES)
    splits = music.fma_raw(steps=100, augment=True, snrs=(10,)).load(0, tmp_path)
    x = splits.augment(torch.arange(8), torch.arange(8))
    assert x.shape == splits.train.x.shape
    assert not torch.allclose(x, splits.train.x, atol=1e-3)
    assert splits.more["10 dB"].x.shape == splits.test.x.shape


@pytest.mark.parametrize("name", ["fma-mfcc", "fma-raw"])
def test_specs(name):
    task = find_task(name)
    assert task.shape.length == {"fma-mfcc": 3000, "fma-raw": 6000}[name]
    assert (task.shape.outputs, task.chance) == (8, 0.125)
    assert task.training["paper"] == {"optimizer": "rmsprop", "clip": 0.0}
    assert task.needs["soundfile"] == "soundfile"
    assert set(task.scales) == {"quick", "smoke", "robust"}
    for scale in task.scales:
        assert find_task(name, scale).shape.length <= 400


def test_less_than_29_seconds_is_too_short():
    assert SECONDS == 29
    assert find_task("fma-raw").load.args[0].seconds == music.SECONDS
