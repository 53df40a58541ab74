"""Data sets on disk: what is missing is named, downloads go on, archives write nowhere else, damage is found."""

import gzip
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from support.file_server import WORDS, begun, packed, sha256, toy

from tasks.data import fetch
from tasks.data.sources import SOURCES, Content, DataError, Many
from tasks.data.whole import file_hash, lacking, read_sums, tree_digest, verify, write_sums

REAL = Path(os.environ.get("BENCH_DATA", "nowhere"))


def real(name):
    """A data set in BENCH_DATA, or skip."""
    if not (REAL / name).is_dir():
        pytest.skip(f"there is no {name} in BENCH_DATA ({REAL})")
    return REAL / name


@pytest.fixture
def archive(server):
    server.files["toy.zip"] = packed()
    return server.files["toy.zip"]


def whole(root):
    return verify(toy((), packed()), root / "toy").state == "whole"


# the table


def test_every_data_set_says_where_it_comes_from_and_how_to_know_it():
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.licence
        assert source.title
        assert source.home.startswith("http")
        for download in source.downloads:
            assert download.size > 0
            assert download.urls
            assert all(url.startswith("https://") for url in download.urls)
            checksums = [download.checksum, *(many.digest for many in download.many)]
            checksums += [checksum for content in download.files for checksum in content.editions.values()]
            checksums = [checksum for checksum in checksums if checksum]
            assert checksums
            for checksum in checksums:
                algorithm, _, digest = checksum.partition(":")
                assert len(digest) == {"sha256": 64, "sha1": 40}[algorithm]
                assert int(digest, 16)
            assert download.checksum or download.about


# what is missing


@pytest.mark.parametrize("name", SOURCES)
def test_a_missing_data_set_is_one_sentence_with_file_checksum_place_and_command(name, tmp_path):
    with pytest.raises(DataError) as caught:
        fetch.folder(name, tmp_path)
    text = str(caught.value)
    first = SOURCES[name].downloads[0]
    assert f"bench data fetch {name} --data {tmp_path}" in text
    assert f"in {tmp_path / name}" in text
    assert first.file in text
    assert (first.checksum or first.many[0].digest) in text
    assert fetch.megabytes(SOURCES[name].size) in text
    assert "\n" not in text
    assert not (tmp_path / name).exists()


def test_without_a_root_data_lie_in_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert fetch.data_folder(None) == tmp_path / "multiscale-rnn-bench" / "data"
    with pytest.raises(DataError, match=r"`bench data fetch mnist` downloads 11\.6 MB"):
        fetch.folder("mnist", None)
    made = fetch.derived("mfcc")
    (made / "file").touch()
    assert made.is_relative_to(tmp_path)


def test_mnist_may_be_compressed_or_not_and_a_wrong_size_is_seen(tmp_path):
    place = tmp_path / "mnist"
    place.mkdir()
    for number, download in enumerate(SOURCES["mnist"].downloads):
        (content,) = download.files
        data = bytes(content.size)
        if number % 2:
            (place / content.path).write_bytes(data)
        else:
            (place / f"{content.path}.gz").write_bytes(gzip.compress(data, 1))
    assert fetch.folder("mnist", tmp_path) == place
    (place / "train-labels-idx1-ubyte").write_bytes(b"short")
    with pytest.raises(DataError, match=r"not complete: train-labels-idx1-ubyte has 5 bytes instead of 60,008"):
        fetch.folder("mnist", tmp_path)


def test_the_first_missing_recording_is_named(tmp_path):
    recordings = tmp_path / "fsdd" / "recordings"
    recordings.mkdir(parents=True)
    (many,) = SOURCES["fsdd"].downloads[0].many
    for name in many.names:
        (tmp_path / "fsdd" / name).touch()
    assert fetch.folder("fsdd", tmp_path) == tmp_path / "fsdd"
    (recordings / "7_jackson_32.wav").unlink()
    with pytest.raises(DataError, match=r"there is no recordings/7_jackson_32\.wav in"):
        fetch.folder("fsdd", tmp_path)


@pytest.mark.parametrize("top", ["wav48", "wav48_silence_trimmed"])
def test_either_version_of_vctk_will_do(top, tmp_path):
    for number in range(109):
        assert lacking(SOURCES["vctk"].downloads[0], tmp_path / "vctk").startswith(f"there are {number} of the 109")
        (tmp_path / "vctk" / top / f"p{225 + number}").mkdir(parents=True)
    assert fetch.folder("vctk", tmp_path) == tmp_path / "vctk"


def test_fma_needs_its_table_and_8000_clips(tmp_path):
    place = tmp_path / "fma"
    (place / "fma_metadata").mkdir(parents=True)
    (place / "fma_metadata" / "tracks.csv").touch()
    with pytest.raises(DataError, match=r"there are 0 of the 8,000 fma_small/\*/\*.mp3") as caught:
        fetch.folder("fma", tmp_path)
    assert "fma_small.zip (sha1:ade1" in str(caught.value)
    assert "fma_metadata.zip" not in str(caught.value)  # that part is there
    for number in range(8000):
        folder = place / "fma_small" / f"{number // 60:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:06}.mp3").touch()
    assert fetch.folder("fma", tmp_path) == place


def test_of_a_data_set_that_is_not_ours_only_the_folder_must_be_there(tmp_path):
    with pytest.raises(DataError, match=r"the data set mine is missing: there is no folder"):
        fetch.folder("mine", tmp_path)
    (tmp_path / "mine").mkdir()
    assert fetch.folder("mine", tmp_path) == tmp_path / "mine"


# downloads


def test_a_download_is_checked_unpacked_and_noted(server, archive, tmp_path):
    heard, said = [], []
    source = toy([f"{server.url}/toy.zip"], archive)
    place = fetch.fetch(source, tmp_path, lambda *what: heard.append(what), said.append)
    assert (place / "a.txt").read_bytes() == WORDS["toy/a.txt"]
    assert sorted(path.name for path in place.iterdir()) == ["SHA256SUMS", "a.txt", "deep"]
    assert read_sums(place) == {
        name.removeprefix("toy/"): sha256(content).removeprefix("sha256:") for name, content in WORDS.items()
    }
    assert heard[-1] == ("unpacking toy.zip", 656_000, 656_000)
    assert ("toy.zip", len(archive), len(archive)) in heard
    assert "656.2 kB to download, 1.4 MB of disk with what is unpacked" in said[0]
    assert "licence: CC0" in said[0]
    fetch.fetch(source, tmp_path, say=said.append)
    assert said[-1] == f"toy: nothing to fetch, all of it is in {place}"
    assert len(server.requests) == 1


def test_a_cut_connection_is_taken_up_where_it_broke(server, archive, tmp_path):
    server.cuts = [300_000, 100_000]
    fetch.fetch(toy([f"{server.url}/toy.zip"], archive), tmp_path)
    assert whole(tmp_path)
    assert server.requests == [("/toy.zip", None), ("/toy.zip", "bytes=300000-"), ("/toy.zip", "bytes=400000-")]


def test_an_interrupted_download_goes_on_in_the_next_command(server, archive, tmp_path):
    def interrupt(what, done, total):
        if done > 300_000:
            raise KeyboardInterrupt

    source = toy([f"{server.url}/toy.zip"], archive)
    with pytest.raises(KeyboardInterrupt):
        fetch.fetch(source, tmp_path, interrupt)
    kept = (tmp_path / "toy" / ".download" / "toy.zip.part").stat().st_size
    assert kept > 300_000
    said = []
    fetch.fetch(source, tmp_path, say=said.append)
    assert whole(tmp_path)
    assert server.requests[1:] == [("/toy.zip", f"bytes={kept}-")]
    assert said[0].startswith(f"toy: {fetch.megabytes(len(archive) - kept)} to download")


def test_a_server_that_cannot_go_on_sends_all_again(server, archive, tmp_path):
    server.cuts, server.ranges = [300_000], False
    fetch.fetch(toy([f"{server.url}/toy.zip"], archive), tmp_path)
    assert whole(tmp_path)
    assert len(server.requests) == 2


def test_a_server_that_always_breaks_off_is_given_up(server, archive, tmp_path):
    server.cuts, server.ranges = [300_000] * 9, False
    with pytest.raises(DataError, match="the connection was cut after 300,000 of"):
        fetch.fetch(toy([f"{server.url}/toy.zip"], archive), tmp_path)
    assert len(server.requests) == 2
    assert (tmp_path / "toy" / ".download" / "toy.zip.part").stat().st_size == 300_000


def test_a_part_that_is_longer_than_the_file_is_begun_again(server, archive, tmp_path):
    begun(tmp_path, bytes(len(archive) + 1))
    fetch.fetch(toy([f"{server.url}/toy.zip"], archive, about=True), tmp_path)
    assert whole(tmp_path)
    assert [wanted for _, wanted in server.requests] == [f"bytes={len(archive) + 1}-", None]


def test_mirrors_are_tried_in_order_and_share_what_came(server, archive, tmp_path):
    server.files["cut.zip"] = archive
    server.cuts = [300_000, 0]  # this mirror sends a part, then nothing more
    urls = [f"{server.url}/gone.zip", f"{server.url}/cut.zip", f"{server.url}/toy.zip"]
    fetch.fetch(toy(urls, archive), tmp_path)
    assert whole(tmp_path)
    assert server.requests == [
        ("/gone.zip", None), ("/cut.zip", None), ("/cut.zip", "bytes=300000-"), ("/toy.zip", "bytes=300000-")
    ]  # fmt: skip


def test_another_file_than_the_expected_is_refused_and_the_next_mirror_asked(server, archive, tmp_path):
    server.files["other.zip"] = archive[:-1] + b"!"
    server.files["page.html"] = b"<html>please log in</html>"
    urls = [f"{server.url}/page.html", f"{server.url}/other.zip", f"{server.url}/toy.zip"]
    fetch.fetch(toy(urls, archive), tmp_path)
    assert whole(tmp_path)
    with pytest.raises(DataError) as caught:
        fetch.fetch(toy(urls[:2], archive), tmp_path / "again")
    text = str(caught.value)
    assert "a file of 26 bytes instead of" in text
    assert f"expected {sha256(archive)}, found {sha256(server.files['other.zip'])})" in text
    assert f"put toy.zip ({sha256(archive)}) into {tmp_path / 'again' / 'toy'} yourself, then run" in text
    assert list((tmp_path / "again" / "toy").iterdir()) == []


def test_an_archive_without_a_checksum_is_known_by_its_contents(server, tmp_path):
    good, bad = packed(), packed({**WORDS, "toy/a.txt": b"b" * 400_000})
    server.files |= {"bad.zip": bad, "good.zip": good}
    source = toy([f"{server.url}/bad.zip", f"{server.url}/good.zip"], good, checksum="", about=True)
    fetch.fetch(source, tmp_path)
    assert whole(tmp_path)
    assert [path for path, _ in server.requests] == ["/bad.zip", "/good.zip"]
    with pytest.raises(DataError, match=r"damaged file a\.txt: expected sha256"):
        fetch.fetch(toy([f"{server.url}/bad.zip"], bad, checksum="", about=True), tmp_path / "again")


def test_a_file_that_is_no_archive_is_put_there_as_it_is(server, tmp_path):
    content = bytes(1000)
    server.files["x.gz"] = gzip.compress(content)
    source = toy(
        [f"{server.url}/x.gz"],
        server.files["x.gz"],
        file="x.gz",
        archive=False,
        unpacked=0,
        files=(Content("x", 1000, {"original": sha256(content)}, gzipped=True),),
    )
    place = fetch.fetch(source, tmp_path)
    assert sorted(path.name for path in place.iterdir()) == ["SHA256SUMS", "x.gz"]
    (place / "x").write_bytes(b"!" * 1000)  # damaged, and before the .gz in the order of looking
    assert verify(source, place).problems[0].startswith("damaged file x: expected sha256")
    said = []
    fetch.fetch(source, tmp_path, say=said.append)
    assert "damaged file x" in said[0]
    assert said[0].endswith("it is fetched again")
    assert verify(source, place).state == "whole"


def test_too_small_a_disk_is_refused_before_anything_is_sent(server, archive, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"toy needs 1\.4 MB more in .*, where 1\.0 MB are free; make room, or choose"):
        fetch.fetch(toy([f"{server.url}/toy.zip"], archive), tmp_path)
    assert not server.requests


def test_a_disk_that_is_too_small_for_the_contents_keeps_the_download(server, archive, tmp_path, monkeypatch):
    free = [2_000_000, 2_000_000, 600_000]  # twice before the download, then someone else takes the rest
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free.pop(0)))
    source = toy([f"{server.url}/toy.zip"], archive)
    with pytest.raises(DataError, match=r"toy needs 656\.0 kB more"):
        fetch.fetch(source, tmp_path)
    assert [path.name for path in (tmp_path / "toy" / ".download").iterdir()] == ["toy.zip"]


def test_a_folder_that_cannot_be_written_is_one_sentence(server, archive, tmp_path):
    (tmp_path / "toy").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot write into .*toy: "):
        fetch.fetch(toy([f"{server.url}/toy.zip"], archive), tmp_path)


def test_two_commands_do_not_write_into_the_same_file(server, archive, tmp_path):
    source = toy([f"{server.url}/toy.zip"], archive)

    def again(what, done, total):
        with pytest.raises(DataError, match=r"another `bench data fetch` is at work in"):
            fetch.fetch(source, tmp_path)

    fetch.fetch(source, tmp_path, again)
    assert whole(tmp_path)
    assert len(server.requests) == 1


# without network


def test_an_archive_that_someone_put_there_is_used(server, archive, tmp_path):
    source = toy(["https://example.org/toy.zip"], archive)
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "toy.zip").write_bytes(archive)
    said = []
    place = fetch.fetch(source, tmp_path, say=said.append)
    assert whole(tmp_path)
    assert (place / "toy.zip").read_bytes() == archive
    assert said[0].startswith("toy: 0 B to download")
    assert said[1] == f"toy: checking and unpacking {place / 'toy.zip'}, which may be deleted afterwards"
    assert not server.requests


def test_a_wrong_archive_that_someone_put_there_stays_and_is_named(server, archive, tmp_path):
    place = tmp_path / "toy"
    place.mkdir()
    (place / "toy.zip").write_bytes(b"half of it")
    with pytest.raises(DataError, match=r"toy\.zip is not what it should be: expected sha256:.*, found sha256:.*; del"):
        fetch.fetch(toy(["https://example.org/toy.zip"], archive), tmp_path)
    with pytest.raises(
        DataError, match=r"be: it is no whole zip or tar archive .*; delete it, then `bench data fetch toy"
    ):
        fetch.fetch(toy(["https://example.org/toy.zip"], archive, checksum=""), tmp_path)
    assert [path.name for path in place.iterdir()] == ["toy.zip"]


# verification


def test_damaged_and_missing_files_are_named(server, archive, tmp_path):
    source = toy([f"{server.url}/toy.zip"], archive)
    place = tmp_path / "toy"
    assert verify(source, place).state == "missing"
    fetch.fetch(source, tmp_path)
    (place / "a.txt").write_bytes(b"c" * 400_000)
    verdict = verify(source, place)
    assert verdict.state == "damaged"
    expected, found = sha256(WORDS["toy/a.txt"]), sha256(b"c" * 400_000)
    assert verdict.problems == (f"damaged file a.txt: expected {expected}, found {found}",)
    (place / "a.txt").unlink()
    verdict = verify(source, place)
    assert verdict.state == "incomplete"
    assert verdict.problems[0] == "missing file: there is no a.txt"
    (place / "a.txt").write_bytes(b"c")
    assert verify(source, place).problems[0] == "damaged file: a.txt has 1 bytes instead of 400,000, so it is damaged"
    fetch.fetch(source, tmp_path)
    assert whole(tmp_path)


def test_files_without_a_published_checksum_are_compared_with_what_was_downloaded(tmp_path):
    place = tmp_path / "toy"
    place.mkdir()
    for name in ("1.txt", "2.txt"):
        (place / name).write_text(name)
    source = toy((), b"?", files=(), many=(Many(("*.txt",), 2),))
    assert "nothing to check them by" in verify(source, place).notes[0]
    write_sums(place, {name: file_hash(place / name) for name in ("1.txt", "2.txt")})
    assert verify(source, place).notes == ()
    assert verify(source, place).state == "whole"
    (place / "2.txt").write_text("?")
    heard = []
    verdict = verify(source, place, lambda *what: heard.append(what))
    assert verdict.problems[0].startswith("damaged file 2.txt: expected sha256:")
    assert heard == [(1, 2), (2, 2)]
    (place / "2.txt").rename(place / "3.txt")
    assert verify(source, place).problems == ("missing file 2.txt",)
    assert verify(source, place).state == "incomplete"


def test_a_broken_gz_is_damaged(tmp_path):
    source = SOURCES["mnist"]
    for download in source.downloads:
        (content,) = download.files
        good = gzip.compress(bytes(content.size), 1)
        (tmp_path / f"{content.path}.gz").write_bytes(good[:10] + b"\0" * 20 + good[30:])
    problems = verify(source, tmp_path).problems
    assert len(problems) == 4
    assert all(problem.startswith("damaged file ") for problem in problems)


def test_the_digest_of_a_tree_depends_on_names_and_contents_only():
    sums = {"b": "2", "a": "1"}
    assert tree_digest(sums) == tree_digest(dict(sorted(sums.items()))) == sha256(b"a 1\nb 2\n")


def test_one_changed_byte_of_the_real_data_is_found(tmp_path):
    shutil.copytree(real("wikitext-2"), tmp_path / "wikitext-2", copy_function=shutil.copyfile)
    changed = tmp_path / "wikitext-2" / "wiki.train.tokens"
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    verdict = verify(SOURCES["wikitext-2"], tmp_path / "wikitext-2")
    assert verdict.state == "damaged"
    assert "sha1:863f29c46ef9d167fff4940ec821195882fe29d1 or sha256:2e24adb2" in verdict.problems[0]
    assert "found sha1:" in verdict.problems[0]


def test_the_recordings_are_known_in_whatever_archive_they_come(tmp_path):
    place = tmp_path / "fsdd"
    place.mkdir()
    (download,) = SOURCES["fsdd"].downloads
    with tarfile.open(place / download.file, "w:gz", compresslevel=1) as pack:
        pack.add(real("fsdd") / "recordings", "free-spoken-digit-dataset-1.0.10/recordings")
        readme = tarfile.TarInfo("free-spoken-digit-dataset-1.0.10/README.md")
        pack.addfile(readme, io.BytesIO())
    fetch.fetch(SOURCES["fsdd"], tmp_path)
    assert fetch.folder("fsdd", tmp_path) == place
    assert len(read_sums(place)) == 3000
    assert not (place / "README.md").exists()
    broken = place / "recordings" / "3_theo_7.wav"
    broken.write_bytes(broken.read_bytes()[:-1] + b"!")
    problems = verify(SOURCES["fsdd"], place).problems
    assert problems[0].startswith("damaged files recordings/*.wav: expected sha256:baa3a6dc")
    assert problems[1].startswith("damaged file recordings/3_theo_7.wav: expected")
