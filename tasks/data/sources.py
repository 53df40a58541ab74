"""The data sets that tasks read from disk: where they come from, under which licence, and how to know them again.

A checksum is 'algorithm:hexadecimal digest'. Beside each stands who published it; where nobody did, it is
of the decompressed contents, which are the same whatever archive they came in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

SLACK = 2  # how many times as large as declared a thing may be whose size is only about


class DataError(Exception):
    """Data that are missing or damaged, and what to do about it, in one sentence."""


@dataclass(frozen=True, slots=True)
class Content:
    """One file of a data set.

    path: below the folder of the data set. size: bytes, 0: not known. editions: what it may be, a name ->
    checksum. gzipped: it may also lie there as path.gz; size and checksums are of the decompressed bytes.
    """

    path: str
    size: int = 0
    editions: Mapping[str, str] = field(default_factory=dict)
    gzipped: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """Files or folders that are too many to describe one by one.

    patterns: globs below the folder of the data set, of which one must match `count` times. names: all their
    paths, where these are known. digest: checksum of the lines 'path sha256', sorted by path.
    """

    patterns: tuple[str, ...]
    count: int
    names: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """One file of public servers, and what must lie in the folder of the data set because of it.

    urls: mirrors in the order in which they are tried. size: bytes; `about` says that it is not exact.
    checksum: of the file; empty where its packing differs from time to time, so that contents are checked.
    archive: it is unpacked, without the first `strip` folders of its paths, and only below `only`, if that
    is given; `unpacked`: the bytes that takes, about (of a tar all that is in it, for all of it must be read).
    """

    file: str
    urls: tuple[str, ...]
    size: int
    checksum: str = ""
    about: bool = False
    archive: bool = True
    unpacked: int = 0
    strip: int = 0
    only: tuple[str, ...] = ()
    files: tuple[Content, ...] = ()
    many: tuple[Many, ...] = ()

    @property
    def most(self) -> int:
        """The most bytes that are taken from a server."""
        return self.size * (SLACK if self.about else 1)

    @property
    def most_unpacked(self) -> int:
        """The most bytes that come out of the archive."""
        return self.unpacked * SLACK


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set; its folder below the root of all data has its name."""

    name: str
    title: str
    licence: str
    home: str
    downloads: tuple[Download, ...]

    @property
    def size(self) -> int:
        return sum(download.size for download in self.downloads)


def _mnist(stem: str, packed: int, checksum: str, size: int, content: str) -> Download:
    mirrors = (
        "https://storage.googleapis.com/cvdf-datasets/mnist",  # TensorFlow Datasets
        "https://ossci-datasets.s3.amazonaws.com/mnist",  # torchvision
    )
    return Download(
        file=f"{stem}.gz",
        urls=tuple(f"{mirror}/{stem}.gz" for mirror in mirrors),
        size=packed,
        checksum=checksum,
        archive=False,
        files=(Content(stem, size, {"original": content}, gzipped=True),),
    )


# Sizes and SHA-256 of the .gz files: TensorFlow Datasets, url_checksums/mnist.txt. SHA-256 of the IDX files:
# computed from decompressed files whose MD5 are the known ones (6bbc9ace..., a25bea73..., 2646ac64..., 27ae3e4e...).
MNIST = DataSet(
    name="mnist",
    title="70,000 handwritten digits, 28 x 28",
    licence="CC BY-SA 3.0",
    home="http://yann.lecun.com/exdb/mnist/",
    downloads=(
        _mnist(
            "train-images-idx3-ubyte",
            9_912_422,
            "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            47_040_016,
            "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        _mnist(
            "train-labels-idx1-ubyte",
            28_881,
            "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            60_008,
            "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        _mnist(
            "t10k-images-idx3-ubyte",
            1_648_877,
            "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            7_840_016,
            "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        _mnist(
            "t10k-labels-idx1-ubyte",
            4_542,
            "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            10_008,
            "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
)

WIKITEXT_2 = DataSet(
    name="wikitext-2",
    title="Wikipedia articles, 2 million words",
    licence="CC BY-SA 3.0",
    home="https://arxiv.org/abs/1609.07843",
    downloads=(
        Download(
            file="wikitext-2-v1.zip",
            urls=(
                "https://wikitext.smerity.com/wikitext-2-v1.zip",  # its author's copy
                "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",  # the first, often closed
            ),
            size=4_475_746,
            about=True,  # nobody states it together with the checksum
            # MLDatasets.jl and CorpusLoaders.jl; GluonNLP has 3c914d17d80b1459be871a5039ac23e752a53cbe as its SHA-1
            checksum="sha256:92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c",
            unpacked=13_175_278,
            strip=1,
            files=(
                Content(
                    "wiki.train.tokens",
                    10_797_148,
                    {
                        # SHA-1 of GluonNLP, data/corpora/wikitext.py; no SHA-256 of this file is published
                        "original": "sha1:863f29c46ef9d167fff4940ec821195882fe29d1",
                        # computed: every article of the original is there, in another order at the end
                        "last 62 articles in another order": "sha256:"
                        "2e24adb25c1c035d21c507f323769d12489407724943b8e8680c0fabbd4fc2db",
                    },
                ),
                # computed from files whose SHA-1 are those of GluonNLP (0418625c..., c7b8ce0a...)
                Content(
                    "wiki.valid.tokens",
                    1_121_681,
                    {"original": "sha256:f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"},
                ),
                Content(
                    "wiki.test.tokens",
                    1_256_449,
                    {"original": "sha256:d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0"},
                ),
            ),
        ),
    ),
)

FSDD = DataSet(
    name="fsdd",
    title="3,000 spoken digits of 6 speakers, 8 kHz",
    licence="CC BY-SA 4.0",
    home="https://github.com/Jakobovski/free-spoken-digit-dataset",
    downloads=(
        Download(
            file="free-spoken-digit-dataset-1.0.10.tar.gz",
            urls=(
                "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
                "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.tar.gz",
            ),
            size=16_000_000,
            about=True,  # GitHub packs it anew from time to time, so there is no checksum of the archive either
            unpacked=21_200_000,
            strip=1,
            only=("recordings/",),
            many=(
                Many(
                    patterns=("recordings/*.wav",),
                    count=3000,
                    names=tuple(
                        f"recordings/{digit}_{speaker}_{index}.wav"
                        for digit in range(10)
                        for speaker in ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
                        for index in range(50)
                    ),
                    # computed from a complete copy; the authors publish none
                    digest="sha256:baa3a6dcf4da47fb3075bec71a8cefb512022cb9ae030a79a31b315f37bc67af",
                ),
            ),
        ),
    ),
)

# TP-RNN used the 109 speakers of VCTK 0.80, 44 hours in wav48/p225/p225_001.wav, which is no longer to be had.
# Version 0.92 has the same 109 and one more, s5, in wav48_silence_trimmed/p225/p225_001_mic1.flac.
# of releases 0.92 and 0.80, as they are or in a folder of the release
VCTK_FOLDERS = ("wav48_silence_trimmed/p*", "wav48/p*", "*/wav48_silence_trimmed/p*", "*/wav48/p*")

VCTK = DataSet(
    name="vctk",
    title="109 English speakers, 48 kHz",
    licence="CC BY 4.0",
    home="https://doi.org/10.7488/ds/2645",
    downloads=(
        Download(
            file="VCTK-Corpus-0.92.zip",
            urls=(
                "https://datashare.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",
                "https://datashare.is.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",  # torchaudio
                "https://datashare.ed.ac.uk/server/api/core/bitstreams/535f4286-e54c-4038-838c-a02285e32cb2/content",
            ),
            size=11_747_302_977,  # TensorFlow Datasets, url_checksums/vctk.txt
            # torchaudio, datasets/vctk.py, and TensorFlow Datasets
            checksum="sha256:f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c",
            unpacked=11_900_000_000,
            many=(Many(patterns=VCTK_FOLDERS, count=109),),
        ),
    ),
)

FMA = DataSet(
    name="fma",
    title="8,000 clips of music of 30 s, 8 genres",
    licence="CC BY 4.0; each clip has its artist's",
    home="https://github.com/mdeff/fma",
    downloads=(
        # SHA-1: README of github.com/mdeff/fma, its authors' only checksums; sizes: what the server says
        Download(
            file="fma_metadata.zip",
            urls=("https://os.unil.cloud.switch.ch/fma/fma_metadata.zip",),
            size=358_412_441,
            checksum="sha1:f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
            unpacked=261_000_000,
            only=("fma_metadata/tracks.csv", "fma_metadata/genres.csv", "fma_metadata/README.txt"),
            files=(Content("fma_metadata/tracks.csv"),),
        ),
        Download(
            file="fma_small.zip",
            urls=("https://os.unil.cloud.switch.ch/fma/fma_small.zip",),
            size=7_679_594_875,
            checksum="sha1:ade154f733639d52e35e32f5593efe5be76c6d70",
            unpacked=7_700_000_000,
            many=(Many(patterns=("fma_small/*/*.mp3",), count=8000),),
        ),
    ),
)

SOURCES: dict[str, DataSet] = {found.name: found for found in (MNIST, WIKITEXT_2, FSDD, VCTK, FMA)}
