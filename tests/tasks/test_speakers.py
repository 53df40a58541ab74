import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from support import ROOT
from support.sounds import digits, silence, truncate, vctk, voice, write_wav

from harness.catalog import find_task
from tasks import speakers
from tasks.audio import recordings, sound
from tasks.data.fetch import DataError

pytestmark = pytest.mark.usefixtures("cache")
REAL = Path(os.environ.get("BENCH_DATA", "/nowhere"))
needs_digits = pytest.mark.skipif(
    not (REAL / "fsdd" / "recordings").is_dir(), reason="the spoken digits are not there; BENCH_DATA says where"
)


@pytest.fixture
def reads(monkeypatch):
    """The files that are read, in order."""
    seen, real = [], sound.read

    def watched(path):
        seen.append(path.name)
        return real(path)

    monkeypatch.setattr(sound, "read", watched)
    return seen


def lenient(monkeypatch):
    """Small trees cannot have less than 1 % of damaged files."""
    monkeypatch.setattr(recordings, "MOST_LEFT_OUT", 0.9)


@pytest.mark.parametrize("release", ["0.80", "0.92"])
def test_vctk_is_split_7_1_2_for_each_speaker_in_both_layouts(tmp_path, release):
    if release == "0.92":
        pytest.importorskip("soundfile")
    vctk(tmp_path, release)
    splits = speakers.vctk_raw(1000, steps=100, speakers=3).load(0, tmp_path)
    assert [tuple(split.x.shape) for split in splits] == [(21, 100, 1), (3, 100, 1), (6, 100, 1)]
    for split, each in zip(splits, (7, 1, 2), strict=True):
        assert Counter(split.y.tolist()) == {0: each, 1: each, 2: each}
        assert torch.isfinite(split.x).all()


def test_vctk_splits_hold_every_utterance_once_and_never_change(tmp_path):
    root = vctk(tmp_path, "0.80") / "vctk"
    files = speakers.vctk_files(root)
    splits = speakers.vctk_clips(root, files, 3)
    assert sorted(clip.path for split in splits for clip in split) == files
    assert all(clip.path.parent.name == f"p{225 + clip.label}" for split in splits for clip in split)
    first = [clip.path.name for clip in splits[0] if clip.label == 0]
    assert (
        first
        == [  # what the seed in the source shuffles ten utterances into
            f"p225_{1 + i:03}.wav" for i in np.random.default_rng([0x7C7, 0]).permutation(10)[:7]
        ]
    )


def test_of_vctk_only_the_first_microphone_and_the_speakers_called_p_count(tmp_path):
    pytest.importorskip("soundfile")
    root = vctk(tmp_path, "0.92", speakers=2) / "vctk"
    extra = root / "VCTK-Corpus-0.92" / "wav48_silence_trimmed" / "s5"
    extra.mkdir()
    (extra / "s5_001_mic1.flac").write_bytes(b"")
    names = [path.name for path in speakers.vctk_files(root)]
    assert len(names) == 20
    assert all(name.startswith("p") and name.endswith("_mic1.flac") for name in names)


def test_missing_speakers_or_another_layout_are_a_sentence(tmp_path):
    vctk(tmp_path, "0.80", speakers=2)
    with pytest.raises(DataError, match="has 2 speakers, but 109 are wanted"):
        speakers.vctk_mfcc().load(0, tmp_path)
    (tmp_path / "vctk" / "wav48").rename(tmp_path / "vctk" / "sounds")
    with pytest.raises(DataError, match="no VCTK in"):
        speakers.vctk_mfcc().load(0, tmp_path)
    with pytest.raises(DataError, match="fsdd"):
        speakers.fsdd_raw().load(0, tmp_path)


def test_digits_are_split_by_the_number_of_the_recording(tmp_path):
    root = digits(tmp_path) / "fsdd"
    files = speakers.fsdd_files(root)
    numbers = [{int(clip.path.stem.split("_")[2]) for clip in split} for split in speakers.fsdd_clips(root, files, 6)]
    assert numbers == [{10, 11}, set(range(5, 10)), set(range(5))]
    splits = speakers.fsdd_raw(steps=150).load(0, tmp_path)
    assert [tuple(split.x.shape) for split in splits] == [(24, 150, 1), (60, 150, 1), (60, 150, 1)]
    assert all(sorted(Counter(split.y.tolist())) == list(range(6)) for split in splits)


def test_rows_are_the_files_in_order_padded_in_front_and_normalised_by_the_training_set(tmp_path):
    root = digits(tmp_path, seconds=0.2) / "fsdd"
    splits = speakers.fsdd_raw(steps=250).load(0, tmp_path)
    files = speakers.fsdd_files(root)
    features = sound.Raw(8000, 250, 1000)
    plain = [
        torch.cat([features([sound.clip(clip.path, 8000, features.samples)]) for clip in split])
        for split in speakers.fsdd_clips(root, files, 6)
    ]
    mean, deviation = plain[0][:, 50:].mean(), plain[0][:, 50:].std(correction=0)
    for split, x in zip(splits, plain, strict=True):
        assert not split.x[:, :50].any()
        torch.testing.assert_close(split.x[:, 50:], (x[:, 50:] - mean) / deviation, rtol=1e-4, atol=1e-4)
        assert split.x[:, -1].ne(0).all()


def test_mfcc_are_normalised_one_by_one(tmp_path):
    pytest.importorskip("torchaudio")
    digits(tmp_path)
    x = speakers.fsdd_mfcc(steps=25).load(0, tmp_path).train.x
    valid = x[:, -18:]  # 0.2 s
    assert not x[:, :-18].any()
    torch.testing.assert_close(valid.mean(dim=(0, 1)), torch.zeros(13), atol=1e-3, rtol=0)
    torch.testing.assert_close(valid.std(dim=(0, 1)), torch.ones(13), atol=1e-2, rtol=0)


def test_what_is_there_is_not_computed_again(tmp_path, reads):
    digits(tmp_path)
    told = []
    task = speakers.fsdd_raw(steps=150)
    task.prepare(tmp_path, lambda done, total: told.append((done, total)))
    assert told == [(n, 144) for n in range(1, 145)]
    assert len(reads) == 144
    first, second = task.load(0, tmp_path), speakers.fsdd_raw(steps=150).load(1, tmp_path)
    assert len(reads) == 144
    assert torch.equal(first.train.x, second.train.x)


def test_changed_options_or_files_are_computed_anew(tmp_path, reads):
    root = digits(tmp_path) / "fsdd" / "recordings"
    for options in ({"steps": 150}, {"steps": 160}, {"steps": 150, "hertz": 500}, {"steps": 150, "part": 0.5}):
        before = len(reads)
        shape = speakers.fsdd_raw(**options).load(0, tmp_path).train.x.shape
        assert len(reads) > before
        assert shape[1] == options["steps"]
    before = len(reads)
    write_wav(root / "0_george_11.wav", voice(0, 0, 8000, 0.3), 8000)
    speakers.fsdd_raw(steps=150).load(0, tmp_path)
    assert len(reads) == before + 144


def test_what_is_written_to_the_data_does_not_reach_the_cache(tmp_path):
    digits(tmp_path)
    task = speakers.fsdd_raw(steps=150)
    task.load(0, tmp_path).train.x.zero_()
    assert task.load(0, tmp_path).train.x.any()


def test_damaged_and_silent_files_are_left_out_and_listed(tmp_path, cache, monkeypatch):
    lenient(monkeypatch)
    folder = digits(tmp_path) / "fsdd" / "recordings"
    truncate(folder / "0_george_0.wav")
    silence(folder / "0_jackson_6.wav")
    (folder / "1_theo_11.wav").write_bytes(b"")
    splits = speakers.fsdd_raw(steps=150).load(0, tmp_path)
    assert [len(split.y) for split in splits] == [23, 59, 59]
    assert [split.y.tolist().count(label) for split, label in zip(splits, (4, 1, 0), strict=True)] == [3, 9, 9]
    (report,) = cache.glob("fsdd/*/left-out.txt")
    told = speakers.fsdd_raw(steps=150).prepare(tmp_path, lambda done, total: None)
    assert told == f"3 of the sound files cannot be used and are left out; {report} says why"
    lines = report.read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"recordings/{name}.wav" for name in ("1_theo_11", "0_jackson_6", "0_george_0")
    ]
    for line, why in zip(lines, ("cannot be read", "silent", "truncated"), strict=True):
        assert why in line


def test_more_than_one_in_a_hundred_damaged_is_an_error_and_leaves_nothing(tmp_path, cache):
    folder = digits(tmp_path) / "fsdd" / "recordings"
    truncate(folder / "0_george_0.wav")
    assert len(speakers.fsdd_raw(steps=150).load(0, tmp_path).test.y) == 59  # one of 144
    truncate(folder / "0_george_1.wav")
    with pytest.raises(DataError, match=r"2 of 144 files cannot be used.*0_george_0.wav, which is truncated"):
        speakers.fsdd_raw(steps=160).load(0, tmp_path)
    assert len(list(cache.glob("fsdd/*"))) == 1


def test_two_processes_at_once_leave_one_whole_cache(tmp_path, cache):
    digits(tmp_path)
    code = (
        "import sys, pathlib; from tasks.data.fetch import SOURCES; from tasks.speakers import fsdd_raw;"
        "SOURCES.clear(); s = fsdd_raw(steps=150).load(0, pathlib.Path(sys.argv[1]));"
        "print(float(s.train.x.double().abs().sum()))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    sums = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sums[0] == sums[1] != ""
    assert [path.suffix for path in cache.glob("fsdd/*")] == [""]
    expected = float(speakers.fsdd_raw(steps=150).load(0, tmp_path).train.x.double().abs().sum())
    assert float(sums[0]) == expected


def test_who_finishes_second_gives_way(tmp_path, cache, monkeypatch):
    digits(tmp_path)
    task, real = speakers.fsdd_raw(steps=150), recordings._compute

    def overtaken(*rest):
        monkeypatch.setattr(recordings, "_compute", real)
        task.prepare(tmp_path, lambda done, total: None)
        real(*rest)

    monkeypatch.setattr(recordings, "_compute", overtaken)
    assert task.load(0, tmp_path).train.x.any()
    assert [path.suffix for path in cache.glob("fsdd/*")] == [""]


def test_an_interrupted_computation_leaves_nothing(tmp_path, cache):
    digits(tmp_path)

    def stop(done, total):
        if done == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        speakers.fsdd_raw(steps=150).prepare(tmp_path, stop)
    assert not list(cache.glob("fsdd/*"))


def test_a_part_takes_as_much_of_each_class():
    clips = [recordings.Clip(Path(str(i)), i % 3) for i in range(30)]
    taken = recordings.share(clips, 0.2)
    assert [clip.path.name for clip in taken] == ["0", "1", "2", "3", "4", "5"]
    assert len(recordings.share(clips, 0.001)) == 3
    assert recordings.share(clips, 1.0) == clips


@pytest.mark.parametrize("name", ["vctk-mfcc", "vctk-raw-1000", "vctk-raw-1500", "fsdd-mfcc", "fsdd-raw"])
@pytest.mark.parametrize("scale", ["paper", "quick", "smoke", "robust"])
def test_specs_are_whole_at_every_scale(name, scale):
    task = find_task(name, scale)
    assert task.data == name.partition("-")[0]
    assert task.chance == 1 / task.shape.outputs
    assert task.target > task.chance
    assert task.target_why
    assert task.training["paper"]["batch"] == 50
    assert ("torchaudio" in task.needs) == ("mfcc" in name or scale == "robust")
    assert ("torch_audiomentations" in task.needs) == (scale == "robust")
    assert len(task.shape.windows) == 3
    if scale == "quick":
        assert task.shape.length <= 400
        assert find_task(name, "robust").shape == task.shape


def test_lengths_and_references_of_the_paper():
    lengths = {name: find_task(name).shape.length for name in ("vctk-mfcc", "vctk-raw-1000", "vctk-raw-1500")}
    assert lengths == {"vctk-mfcc": 300, "vctk-raw-1000": 3600, "vctk-raw-1500": 5400}
    assert find_task("vctk-mfcc").shape.outputs == 109
    assert [find_task(name).reference for name in lengths] == [0.979, 0.939, 0.955]
    assert find_task("vctk-raw-2000").shape.length == 7200
    assert find_task("vctk-raw-2000").reference is None


def test_options_that_cannot_be_are_sentences():
    for call, message in (
        (lambda: speakers.vctk_raw(20), "the rate is 20 Hz"),
        (lambda: speakers.vctk_mfcc(speakers=110), "speakers is 110"),
        (lambda: speakers.fsdd_mfcc(steps=0), "steps is 0"),
        (lambda: speakers.fsdd_raw(steps=10), "25 ms"),
        (lambda: speakers.fsdd_raw(part=1.5), "part is 1.5"),
        (lambda: speakers.fsdd_raw(snrs=20), "snrs is 20"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@needs_digits
@pytest.mark.parametrize("name", ["fsdd-mfcc", "fsdd-raw"])
@pytest.mark.parametrize("scale", ["paper", "quick", "smoke"])
def test_the_real_digits_at_every_scale(name, scale, cache):
    if name == "fsdd-mfcc":
        pytest.importorskip("torchaudio")
    task = find_task(name, scale)
    splits = task.load(0, REAL)
    counts = [120, 12, 12] if scale == "smoke" else [2400, 300, 300]
    for split, count in zip(splits, counts, strict=True):
        assert tuple(split.x.shape) == (count, task.shape.length, task.shape.inputs)
        assert split.x.dtype == torch.float32
        assert torch.isfinite(split.x).all()
        assert Counter(split.y.tolist()) == dict.fromkeys(range(6), count // 6)
        assert split.x[:, -1].ne(0).any(dim=1).all()
    (report,) = cache.glob("fsdd/*/left-out.txt")
    assert report.read_text() == ""


def test_a_run_prepares_the_sound_first_and_says_what_was_left_out(bench, tmp_path, monkeypatch):
    pytest.importorskip("torchaudio")
    lenient(monkeypatch)
    folder = digits(tmp_path / "data", seconds=0.4) / "fsdd" / "recordings"
    truncate(folder / "0_george_0.wav")
    line = ("run", "--task", "fsdd-mfcc@part=1.0", "--models", "gru", "--protocol", "smoke", "--seeds", "1")
    outcome = bench(*line, "--data", tmp_path / "data", "--workers", "0", "--no-measure")
    assert outcome.code == 0, outcome.err
    assert "preparing the data of fsdd-mfcc@part=1.0: 144 of 144" in outcome.out
    assert "fsdd-mfcc@part=1.0: 1 of the sound files cannot be used and are left out; " in outcome.out
    again = bench(*line, "--data", tmp_path / "data", "--workers", "0", "--no-measure")
    assert "preparing" not in again.out  # nothing is left to run


def test_the_robust_protocol_augments_and_tests_in_noise(bench, tmp_path):
    pytest.importorskip("torch_audiomentations")
    digits(tmp_path / "data", seconds=0.6)
    line = ("run", "--task", "fsdd-mfcc", "--models", "gru,lstm-s", "--protocol", "robust", "--seeds", "1")
    settings = ("--set", "max_steps=4", "--set", "evaluations=1", "--set", "batch=10")
    outcome = bench(*line, *settings, "--data", tmp_path / "data", "--workers", "0", "--no-measure")
    assert outcome.code == 0, outcome.err
    heading = next(text for text in outcome.out.splitlines() if "20 dB" in text)
    assert re.split(r"\s{2,}", heading.strip()) == ["Model", "Test set", "20 dB", "10 dB", "5 dB", "0 dB"]
    assert "training clips changed at random" in outcome.out
    assert "Training waited for its data" in outcome.out
    records = [json.loads(path.read_text()) for path in (tmp_path / "results").rglob("runs/**/*.json")]
    assert [sorted(record["more_metrics"]) for record in records] == [["0 dB", "10 dB", "20 dB", "5 dB"]] * 2
    assert all(0 <= value <= 1 for record in records for value in record["more_metrics"].values())
