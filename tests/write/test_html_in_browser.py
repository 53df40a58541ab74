"""The HTML file in a headless Chromium: clicks, keys, themes, a phone, paper, and a browser without scripts."""

import re
import time

import pytest
from support import browser

pytestmark = pytest.mark.skipif(browser.found() is None, reason=f"there is no {', '.join(browser.NAMES)} here")

# the ids of the pages that can be seen
PAGES = "[...document.querySelectorAll('section')].filter(s => s.checkVisibility()).map(s => s.id)"
CURRENT = "document.querySelector('nav [aria-current]')?.hash"
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(21, 23, 26)"
ORIGINAL = ["m10", "m9", "b", "a"]


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
    assert not chromium.run("document.querySelector('nav').checkVisibility()")  # the first page lists all others itself
    chromium.click("document.querySelector('#index .pages a[href=\"#sfc\"]')")
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
    chromium.click("document.querySelector('header a[href=\"#_all\"]')")
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
        assert not chromium.run("document.querySelector('header').matches(':has(input, details)')")
        chromium.click("document.querySelector('#index .pages a[href=\"#sort\"]')")
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
