"""The tasks. These two tables are the only place that lists them.

A name leads to "file:factory", imported only when it is asked for. A name in FAMILIES takes a
whole number: `addition-300` is `addition(300)`.
"""

TASKS: dict[str, str] = {
    "sfc": ".signals:sfc",
    "sti": ".signals:sti",
    "low-density": ".low_density:low_density",
    "addition-200": ".addition:addition",
    "addition-500": ".addition:addition",
    "addition-1000": ".addition:addition",
    "copy-120": ".copy:copy",
    "copy-220": ".copy:copy",
    "async-sines": ".sines:async_sines",
    "smnist": ".pixels:smnist",
    "pmnist": ".pixels:pmnist",
    "noisy-mnist-1000": ".pixels:noisy_mnist",
    "noisy-mnist-2000": ".pixels:noisy_mnist",
    "noisy-mnist-3000": ".pixels:noisy_mnist",
    "sdigits": ".sdigits:sdigits",
    "vctk-mfcc": ".speakers:vctk_mfcc",
    "vctk-raw-1000": ".speakers:vctk_raw",
    "vctk-raw-1500": ".speakers:vctk_raw",
    "fsdd-mfcc": ".speakers:fsdd_mfcc",
    "fsdd-raw": ".speakers:fsdd_raw",
    "fma-mfcc": ".music:fma_mfcc",
    "fma-raw": ".music:fma_raw",
    "wikitext-2": ".text:wikitext_2",
    "wikitext2-chars": ".chars:wikitext2_chars",
}

FAMILIES: dict[str, str] = {
    "addition": ".addition:addition",
    "copy": ".copy:copy",
    "noisy-mnist": ".pixels:noisy_mnist",
    "vctk-raw": ".speakers:vctk_raw",
}

SHARED_DATA: dict[str, str] = {
    "sfc": "signals",
    "sti": "signals",
    "low-density": "signals",
    "smnist": "mnist",
    "pmnist": "mnist",
    "noisy-mnist": "mnist",
    "vctk-mfcc": "vctk",
    "vctk-raw": "vctk",
    "fsdd-mfcc": "fsdd",
    "fsdd-raw": "fsdd",
    "fma-mfcc": "fma",
    "fma-raw": "fma",
}
"""A name of TASKS or FAMILIES -> the data, or their generator, that it shares with others: under one seed such tasks
do not go independent ways. Those of one family of FAMILIES share theirs anyway."""

MEMORYLESS = ("fsdd-mfcc", "fsdd-raw")
"""Tasks that need no memory, as one of six voices is known by its spectrum: they do not count where all tasks stand
together. `bench baselines` finds that nearest neighbours tell 98 % of the test set by the mean MFCC alone, and 81 %
by the spectrum of the raw samples."""

GATED_TASK = "sti@sequences=4000"
"""What `bench gate` trains on, at the scale of `smoke`: every model leaves chance within a second, and seeds agree."""
