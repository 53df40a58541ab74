"""A report in a headless Chromium."""

from dataclasses import replace

import pytest
from support import browser
from support.charts import drawn
from support.pages import other_pages
from support.records import FACTS, made_measurement, made_run

from harness.records.store import Loaded
from harness.report.task.page import task_pages
from harness.write.html import document
from harness.write.sheet import Sheet

TABLE = """\
# Things to sort

| Model | Params | Score | Steps | Small | Ours |
|:------|-------:|------:|------:|------:|-----:|
| m10 | 5,924 | 50.8 ± 0.0 | > 1,600 (0/3) | 1.2e-5 | not run |
| m9 | 41.8K | **73.1 ± 1.4** | ≥ 1,500 (2/3) | 0.05 | 3.5 |
| b | – | – | 1,300 (3/3) | – | – |
| a | 233K | 9.5 ± 18.6 | 2 diverged | 1 | 12.25 (6,010) |

![a figure](one.svg)
"""
VIEWS = """\
# Things of more than one kind

| Model | Protocol | Track | Score |
|:------|:---------|:------|------:|
| GRU | quick | tuned | 1 |
| GRU | desk | tuned | 2 |
| GRU | desk | source | 3 |

## One task, budget 3k

Few.

## One task, budget 12k

Many.
"""
WIDE = "# Wide\n\n| " + " | ".join(f"column {n}" for n in range(30)) + " |\n|" + "--:|" * 30 + "\n"
WIDE += ("| a rather long name of a model | " + "12.3 ± 4.5 |" * 29 + "\n") * 40 + f"\n`{'word' * 60}`\n"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A file with made pages and those of made records."""
    runs = [made_run(model, seed, 0.7 + seed / 10) for model in ("lstm-s", "gru") for seed in (0, 1)]
    other = replace(FACTS, title="Types")
    runs += [made_run(model, 0, 0.8, task_name="sti", task=other) for model in ("lstm-s", "gru")]
    loaded = Loaded(runs, [made_measurement("gru"), made_measurement("lstm-s")])
    sheets = task_pages(loaded, ["lstm-s", "gru"], {}) | {
        "sort.md": Sheet(TABLE, {"one.svg": drawn()}),
        "wide.md": Sheet(WIDE),
        "views.md": Sheet(VIEWS),
    }
    sheets |= other_pages(loaded, ["lstm-s", "gru"], sheets)
    path = tmp_path_factory.mktemp("html") / "report.html"
    path.write_text(document(sheets), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    try:
        made = browser.Browser(tmp_path_factory.mktemp("profile"))
    except (OSError, RuntimeError) as error:  # a stub without a browser behind it, for one
        pytest.skip(f"{browser.found()} does not start: {error}")
    yield made
    made.close()


@pytest.fixture
def shown(chromium, page):
    """`shown(fragment, width=...)` opens the file anew, with the system's theme light; afterwards all was quiet."""

    def open_(fragment: str = "", **size: int) -> browser.Browser:
        chromium.open(page, fragment, **size)
        chromium.run("(() => { try { localStorage.clear() } catch {} })()")
        return chromium

    chromium("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "light"}])
    yield open_
    assert not complaints(chromium)
    assert requests(chromium) <= {page.as_uri(), "about:blank"}
    chromium("Emulation.setEmulatedMedia", media="", features=[])


def complaints(chromium) -> list[object]:
    kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    return [event["params"] for event in chromium.events if event["method"] in kinds]


def requests(chromium) -> set[str]:
    urls = [e["params"]["request"]["url"] for e in chromium.events if e["method"] == "Network.requestWillBeSent"]
    return {url.partition("#")[0] for url in urls if not url.startswith("data:")}
