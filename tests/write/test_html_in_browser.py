"""The HTML file in a headless Chromium: clicks, keys, themes, a phone, paper, and a browser without scripts."""

import re
import time

import pytest
from support import browser
from support.charts import drawn
from support.pages import other_pages
from support.records import made_measurement, made_run

from harness.records.store import Loaded
from harness.report.task.page import task_pages
from harness.write.html import document
from harness.write.sheet import Sheet

pytestmark = pytest.mark.skipif(browser.found() is None, reason=f"there is no {', '.join(browser.NAMES)} here")

# the ids of the pages that can be seen
PAGES = "[...document.querySelectorAll('section')].filter(s => s.checkVisibility()).map(s => s.id)"
CURRENT = "document.querySelector('nav [aria-current]')?.hash"
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(21, 23, 26)"
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
ORIGINAL = ["m10", "m9", "b", "a"]
WIDE = "# Wide\n\n| " + " | ".join(f"column {n}" for n in range(30)) + " |\n|" + "--:|" * 30 + "\n"
WIDE += ("| a rather long name of a model | " + "12.3 ± 4.5 |" * 29 + "\n") * 40 + f"\n`{'word' * 60}`\n"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A file with made pages and those of made records."""
    loaded = Loaded(
        [made_run(model, seed, 0.7 + seed / 10) for model in ("lstm-s", "gru") for seed in (0, 1)],
        [made_measurement("gru")],
    )
    sheets = task_pages(loaded, ["lstm-s", "gru"], {}) | {
        "sort.md": Sheet(TABLE, {"one.svg": drawn()}),
        "wide.md": Sheet(WIDE),
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


def wait(chromium, what: str, seconds: float = 30.0) -> bool:
    """Until this is true in the page."""
    end = time.monotonic() + seconds
    while not (found := chromium.run(f"Boolean({what})")) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def head(column: int) -> str:
    return f"document.querySelectorAll('#sort thead th')[{column}].querySelector('button')"


def models(chromium) -> list[str]:
    return chromium.run("[...document.querySelectorAll('#sort tbody tr')].map(row => row.cells[0].textContent)")


def marks(chromium) -> list[str]:
    return chromium.run("[...document.querySelectorAll('#sort thead th')].map(th => th.ariaSort)")


def ground(chromium) -> str:
    return chromium.run("getComputedStyle(document.documentElement).backgroundColor")


# ----------------------------------------------------------------------------- sorting


@pytest.mark.parametrize(
    ("column", "up", "down"),
    [
        (0, ["a", "b", "m9", "m10"], ["m10", "m9", "b", "a"]),
        (1, ["m10", "m9", "a", "b"], ["a", "m9", "m10", "b"]),
        (2, ["a", "m10", "m9", "b"], ["m9", "m10", "a", "b"]),
        (3, ["b", "m9", "m10", "a"], ["m10", "m9", "b", "a"]),  # what diverged is no number
        (4, ["m10", "m9", "a", "b"], ["a", "m9", "m10", "b"]),
        (5, ["m9", "a", "m10", "b"], ["a", "m9", "m10", "b"]),  # words after numbers, nothing last
    ],
)
def test_clicks_sort_up_then_down_then_as_it_was(shown, column, up, down):
    chromium = shown("#sort")
    for expected, mark in ((up, "ascending"), (down, "descending"), (ORIGINAL, "none"), (up, "ascending")):
        chromium.click(head(column))
        assert models(chromium) == expected
        assert marks(chromium) == [mark if place == column else "none" for place in range(6)]


def test_another_column_starts_from_the_original_order(shown):
    chromium = shown("#sort")
    chromium.click(head(2))
    chromium.click(head(1))
    assert models(chromium) == ["m10", "m9", "a", "b"]
    assert marks(chromium) == ["none", "ascending", "none", "none", "none", "none"]


@pytest.mark.parametrize("key", ["Enter", " "])
def test_the_keyboard_sorts_too(shown, key):
    chromium = shown("#sort")
    chromium.run(f"{head(0)}.focus()")
    chromium.press("Tab")
    assert chromium.run("document.activeElement.textContent") == "Params"
    chromium.press(key)
    assert models(chromium) == ["m10", "m9", "a", "b"]


def test_sorting_moves_no_column_and_no_other_table(shown):
    chromium = shown("#_all")
    count = "[...document.querySelectorAll('tbody tr')].filter(row => row.cells.length !== "
    count += "row.closest('table').tHead.rows[0].cells.length).length"
    before = chromium.run("document.querySelector('#sfc tbody').textContent")
    chromium.click(head(2))
    assert chromium.run(count) == 0
    assert chromium.run("document.querySelector('#sfc tbody').textContent") == before


# ----------------------------------------------------------------------------- pages


def test_one_page_is_shown_at_a_time_and_links_lead_to_the_others(shown):
    chromium = shown()
    chromium.expect(PAGES, ["index"])
    chromium.expect(CURRENT, "#index")
    assert chromium.run("document.querySelector('nav [aria-current]').textContent") == "Contents"
    chromium.click("document.querySelector('nav a[href=\"#sfc\"]')")
    chromium.expect(PAGES, ["sfc"])
    chromium.expect(CURRENT, "#sfc")
    chromium.expect("scrollY", 0)
    assert chromium.run("document.title").startswith("Counting (sfc) – Which recurrent network learns")
    chromium.click("document.querySelector('#sfc [rel=prev]')")
    chromium.expect(PAGES, ["index"])
    chromium.run("history.back()")
    chromium.expect(PAGES, ["sfc"])


def test_a_section_of_a_page_opens_that_page(shown):
    chromium = shown("#convergence--counting-sfc-budget-3k")
    chromium.expect(PAGES, ["convergence"])
    chromium.expect(CURRENT, "#convergence")
    assert chromium.run("document.title").startswith("How fast the models learn – ")
    shown("#nothing-of-that-name").expect(PAGES, ["index"])
    shown("#%E0").expect(PAGES, ["index"])  # no text that can be decoded


def test_all_pages_can_be_shown_together(shown):
    chromium = shown()
    everything = chromium.run("[...document.querySelectorAll('section')].map(s => s.id)")
    chromium.click("document.querySelector('nav a[href=\"#_all\"]')")
    chromium.expect(PAGES, everything)
    assert len(everything) > 10


def test_every_link_within_the_file_leads_somewhere_and_no_name_is_there_twice(shown):
    chromium = shown()
    dead = "[...document.querySelectorAll('[href^=\"#\"]')].filter(a => !document.getElementById("
    dead += "a.getAttribute('href').slice(1))).length"
    assert chromium.run(dead) == 0
    names = chromium.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(names) == len(set(names))


def test_without_scripts_everything_can_be_read(chromium, shown):
    chromium("Emulation.setScriptExecutionDisabled", value=True)
    try:
        shown()
        chromium.expect(PAGES, ["index"])
        assert not chromium.run("document.querySelector('#_theme').checkVisibility()")
        assert chromium.run("document.querySelectorAll('th button').length") == 0
        chromium.click("document.querySelector('nav a[href=\"#sort\"]')")
        chromium.expect(PAGES, ["sort"])
        assert models(chromium) == ORIGINAL
    finally:
        chromium("Emulation.setScriptExecutionDisabled", value=False)


# ----------------------------------------------------------------------------- themes


def test_the_button_switches_the_theme_and_the_file_remembers_it(chromium, page, shown):
    shown("#sort")
    assert ground(chromium) == LIGHT
    assert chromium.run("document.querySelector('#_theme').textContent") == "Dark"
    chromium.click("document.querySelector('#_theme')")
    assert ground(chromium) == DARK
    assert chromium.run("document.querySelector('#_theme').ariaLabel") == "Switch to the light theme"
    chromium.open(page)
    assert ground(chromium) == DARK
    chromium.click("document.querySelector('#_theme')")
    assert ground(chromium) == LIGHT
    chromium.run("localStorage.clear()")


def test_the_system_chooses_the_theme_until_somebody_does(chromium, shown):
    chromium("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    shown("#sort")
    assert ground(chromium) == DARK
    assert chromium.run("document.querySelector('#_theme').textContent") == "Light"
    assert wait(chromium, "document.querySelector('#sort svg .role-axis-title text')")
    words = chromium.run("getComputedStyle(document.querySelector('#sort svg .role-axis-title text')).fill")
    assert words == chromium.run("getComputedStyle(document.body).color") == "rgb(227, 229, 232)"
    line = chromium.run("getComputedStyle(document.querySelector('#sort svg .mark-line path')).stroke")
    assert line == "rgb(188, 157, 246)"  # the second model's, on dark
    chromium.click("document.querySelector('#_theme')")
    assert ground(chromium) == LIGHT
    chromium.run("localStorage.clear()")


def test_the_theme_switches_where_nothing_can_be_remembered(chromium, page, shown):
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})"
    name = chromium("Page.addScriptToEvaluateOnNewDocument", source=refuse)["identifier"]
    try:
        shown()
        chromium.click("document.querySelector('#_theme')")
        assert ground(chromium) == DARK
    finally:
        chromium("Page.removeScriptToEvaluateOnNewDocument", identifier=name)


# ----------------------------------------------------------------------------- a phone


def test_no_page_is_wider_than_a_phone(shown):
    for fragment in ("#_all", "", "#wide", "#sort"):
        chromium = shown(fragment, width=390, height=844)
        assert chromium.run("innerWidth") == 390
        assert chromium.run("document.documentElement.scrollWidth") == 390, fragment


def test_a_wide_table_scrolls_on_its_own_and_keeps_its_first_column(shown):
    chromium = shown("#wide", width=390, height=844)
    assert chromium.run("document.querySelector('#wide .table').scrollWidth") > 1000
    chromium.run("document.querySelector('#wide .table').scrollLeft = 600")
    assert chromium.run("document.querySelector('#wide tbody th').getBoundingClientRect().left") == 20
    assert chromium.run("document.querySelector('#wide tbody td').getBoundingClientRect().left") < 0


def test_on_a_phone_the_way_back_to_the_contents_is_always_there(shown):
    chromium = shown("#sfc", width=390, height=844)
    chromium.run("scrollTo(0, 1e6)")
    chromium.click("document.querySelector('header a')")
    chromium.expect(PAGES, ["index"])
    assert not chromium.run("document.querySelector('nav').checkVisibility()")


# ----------------------------------------------------------------------------- paper and policy


def test_on_paper_all_pages_are_black_on_white_and_nothing_is_cut(chromium, shown):
    shown("#sort", width=760)
    chromium.click("document.querySelector('#_theme')")
    chromium("Emulation.setEmulatedMedia", media="print", features=[])
    chromium.expect(f"{PAGES}.length", chromium.run("document.querySelectorAll('section').length"))
    assert ground(chromium) == LIGHT
    assert chromium.run("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert not chromium.run("document.querySelector('header, nav').checkVisibility()")
    assert not chromium.run("document.querySelector('.steps').checkVisibility()")
    cut = "[...document.querySelectorAll('section:not(#wide) table')].filter(t => t.offsetWidth > innerWidth)"
    assert chromium.run(f"{cut}.map(t => t.closest('section').id)") == []
    chromium.run("localStorage.clear()")


def test_the_file_can_be_printed(chromium, shown, tmp_path):
    shown()
    chromium.paper(tmp_path / "report.pdf")
    printed = (tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type ?/Page\b", printed)) >= chromium.run("document.querySelectorAll('section').length")


def test_the_policy_refuses_what_is_not_in_the_file(chromium, page):
    chromium.open(page)
    refused = chromium.run(
        """new Promise(done => {
          const found = [];
          addEventListener("securitypolicyviolation", event => {
            found.push(event.effectiveDirective);
            if (found.length === 3) done(found.sort());
          });
          new Image().src = "http://127.0.0.1:9/picture.png";
          for (const tag of ["script", "style"]) {
            const made = document.createElement(tag);
            made.textContent = "void 0";
            document.head.append(made);
          }
        })"""
    )
    assert refused == ["img-src", "script-src-elem", "style-src-elem"]
    reasons = [e["params"].get("blockedReason") for e in chromium.events if e["method"] == "Network.loadingFailed"]
    assert reasons == ["csp"]
