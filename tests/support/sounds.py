"""Small trees of real sound files in the layouts of the data sets."""

from pathlib import Path

import numpy as np

TRACKS_HEAD = """,album,album,artist,set,set,track,track,track
,comments,title,bio,split,subset,bit_rate,genre_top,title
track_id,,,,,,,,
"""  # the real table's three lines, with fewer columns


def voice(speaker: int, number: int, rate: int, seconds: float) -> np.ndarray:
    """(samples,) in [-1, 1]: a hum whose pitch is the speaker's, in noise."""
    t = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng([speaker, number]).standard_normal(len(t))
    return 0.3 * np.sin(2 * np.pi * (100 + 40 * speaker) * t + number) + 0.02 * noise


def write_wav(path: Path, wave: np.ndarray, rate: int) -> None:
    from scipy.io import wavfile

    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, np.round(wave * 32767).astype(np.int16))


def write_sound(path: Path, wave: np.ndarray, rate: int) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, format=path.suffix[1:].upper())


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def silence(path: Path, rate: int = 8000) -> None:
    (write_wav if path.suffix == ".wav" else write_sound)(path, np.zeros(rate // 2), rate)


def digits(root: Path, seconds: float = 0.2) -> Path:
    """recordings/0_george_0.wav and so on: two digits, twelve recordings of each by six speakers."""
    names = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    for speaker, name in enumerate(names):
        for digit in range(2):
            for number in range(12):
                wave = voice(speaker, 100 * digit + number, 8000, seconds)
                write_wav(root / "fsdd" / "recordings" / f"{digit}_{name}_{number}.wav", wave, 8000)
    return root


def vctk(root: Path, release: str, *, speakers: int = 3, utterances: int = 10) -> Path:
    """The layout of release 0.80 or 0.92, a number of seconds that changes from one to the next."""
    for speaker in range(speakers):
        name = f"p{225 + speaker}"
        for number in range(1, utterances + 1):
            wave = voice(speaker, number, 48_000, 0.3 + 0.02 * number)
            if release == "0.80":
                write_wav(root / "vctk" / "wav48" / name / f"{name}_{number:03}.wav", wave, 48_000)
            else:
                folder = root / "vctk" / "VCTK-Corpus-0.92" / "wav48_silence_trimmed" / name
                write_sound(folder / f"{name}_{number:03}_mic1.flac", wave, 48_000)
                write_sound(folder / f"{name}_{number:03}_mic2.flac", -wave, 48_000)
    return root


def fma(root: Path, genres: tuple[str, ...], *, each: int = 3, seconds: float = 0.6) -> Path:
    """fma_small/000/000002.mp3 and so on, and the table; the n-th clip of a genre is in the n-th split."""
    lines, number = [], 2
    for label, genre in enumerate(genres):
        for n in range(each):
            stereo = np.stack([voice(label, number, 44_100, seconds)] * 2, axis=1)
            number += 331
            path = root / "fma" / "fma_small" / f"{number // 1000:03}" / f"{number:06}.mp3"
            write_sound(path, stereo, 44_100)
            split = ("training", "validation", "test")[n % 3]
            lines.append(f'{number},0,"A title, with a comma","line\nline",{split},small,256000,{genre},x\n')
    lines.append("1,0,x,x,training,large,256000,,x\n")  # of another subset, without a genre
    (root / "fma" / "fma_metadata").mkdir(parents=True)
    (root / "fma" / "fma_metadata" / "tracks.csv").write_text(TRACKS_HEAD + "".join(lines), encoding="utf-8")
    return root
