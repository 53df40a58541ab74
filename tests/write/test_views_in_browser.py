"""The HTML file in a headless Chromium: filters, search, the address that keeps them, charts, and axe."""

import importlib.util
from pathlib import Path

import pytest
from support import browser

pytestmark = pytest.mark.skipif(browser.found() is None, reason=f"there is no {', '.join(browser.NAMES)} here")

SEEN = "filter(e => e.checkVisibility()).map(e => e.textContent)"
MODELS = f"[...document.querySelectorAll('#sfc tbody th')].{SEEN}"
TASKS = f"[...document.querySelectorAll('nav a')].filter(a => ['#sfc', '#sti'].includes(a.hash)).{SEEN}"
SECTIONS = f"[...document.querySelectorAll('#convergence h2')].{SEEN}"
KEY = f"[...document.querySelectorAll('#sfc .role-legend-label text')].{SEEN}"
HASH = "location.hash"
FILTER, SEARCH = "document.querySelector('.filter summary')", "document.querySelector('#_rows')"


def box(kind: str, value: str) -> str:
    return f"document.querySelector('input[name={kind}][value={value}]')"


def drawn(chromium, name: str, patience: float = 30.0) -> None:
    """Wait for the chart of a page."""
    chromium.expect(
        f"Boolean(document.querySelector('#{name} svg .mark-line path, #{name} svg .mark-symbol path'))", True, patience
    )


# ----------------------------------------------------------------------------- filters


def test_a_click_shows_a_model_alone_in_tables_charts_and_the_address(shown):
    chromium = shown("#sfc")
    drawn(chromium, "sfc")
    assert chromium.run(MODELS) == ["LSTM-S", "GRU"]
    chromium.expect(KEY, ["LSTM-S", "GRU"])
    chromium.click(FILTER)
    chromium.click(box("models", "GRU"))
    chromium.expect(HASH, "#sfc&models=GRU")
    assert chromium.run(MODELS) == ["GRU"]
    chromium.expect(KEY, ["GRU"])
    assert chromium.run("document.querySelector('#_count').textContent") == "1 of 2 rows"
    chromium.click("document.querySelector('.filter button')")
    chromium.expect(HASH, "#sfc")
    assert chromium.run(MODELS) == ["LSTM-S", "GRU"]
    chromium.expect(KEY, ["LSTM-S", "GRU"])
    assert chromium.run("document.querySelector('#_count').textContent") == ""


def test_a_task_alone_hides_the_sections_and_the_pages_of_the_others(shown):
    chromium = shown("#convergence")
    assert chromium.run(TASKS) == ["Counting", "Types"]
    every = chromium.run(SECTIONS)
    assert [title for title in every if "(sfc)" in title]
    assert [title for title in every if "(sti)" in title]
    chromium.click(FILTER)
    chromium.click(box("tasks", "sti"))
    chromium.expect(HASH, "#convergence&tasks=sti")
    assert chromium.run(TASKS) == ["Types"]
    assert chromium.run(SECTIONS) == [title for title in every if "(sfc)" not in title]


def test_protocols_tracks_and_budgets_are_filtered_too(shown):
    chromium = shown("#views")
    scores = f"[...document.querySelectorAll('#views tbody td:last-child')].{SEEN}"
    parts = f"[...document.querySelectorAll('#views :is(h2, p)')].{SEEN}"
    every = chromium.run(parts)
    chromium.click(FILTER)
    chromium.click(box("protocols", "desk"))
    chromium.expect(HASH, "#views&protocols=desk")
    assert chromium.run(scores) == ["2", "3"]
    chromium.click(box("tracks", "tuned"))
    chromium.expect(HASH, "#views&protocols=desk&tracks=tuned")
    assert chromium.run(scores) == ["2"]
    assert chromium.run(parts) == every
    chromium.click("document.querySelector('input[name=budgets][value=\"12k\"]')")
    chromium.expect(HASH, "#views&protocols=desk&tracks=tuned&budgets=12k")
    assert chromium.run(parts) == [words for words in every if words not in ("One task, budget 3k", "Few.")]


def test_the_keyboard_opens_chooses_and_closes_the_filter(shown):
    chromium = shown("#sfc")
    chromium.run(f"{FILTER}.focus()")
    chromium.press("Enter")
    chromium.press("Tab")
    assert chromium.run("document.activeElement.value") == "LSTM-S"
    chromium.press(" ")
    chromium.expect(HASH, "#sfc&models=LSTM-S")
    chromium.press("Escape")
    assert not chromium.run("document.querySelector('.filter').open")
    assert chromium.run(f"document.activeElement === {FILTER}")


def test_what_is_typed_finds_rows_in_any_order_of_words_and_sorting_keeps_what_was_found(shown):
    chromium = shown("#sort")
    chromium.click(SEARCH)
    chromium.type("0.05 m9")
    rows = f"[...document.querySelectorAll('#sort tbody th')].{SEEN}"
    chromium.expect(rows, ["m9"])
    chromium.expect(HASH, "#sort&rows=0.05%20m9")
    chromium.run(f"{SEARCH}.select()")
    chromium.type("M")
    chromium.expect(rows, ["m10", "m9"])
    chromium.click("document.querySelector('#sort thead button')")
    assert chromium.run(rows) == ["m9", "m10"]
    chromium.type("issing")
    chromium.expect(rows, [])
    note = "getComputedStyle(document.querySelector('#sort .table'), '::after').content"
    assert chromium.run(note) == '"No row of this table is shown."'


# ----------------------------------------------------------------------------- the address


def test_an_address_with_a_view_opens_that_view(shown):
    chromium = shown("#sfc&models=GRU,nobody&rows=gru")
    chromium.expect("document.querySelector('section:target')?.id", "sfc")
    chromium.expect(MODELS, ["GRU"])
    chromium.expect(HASH, "#sfc&models=GRU&rows=gru")
    assert chromium.run(f"{box('models', 'GRU')}.checked && {SEARCH}.value") == "gru"
    assert chromium.run("document.querySelector('nav [aria-current]').hash") == "#sfc"


def test_links_keep_the_view_and_the_way_back_has_the_one_that_was_there(shown):
    chromium = shown("#&models=GRU")
    chromium.expect("document.querySelector('main > section').checkVisibility()", True)
    chromium.click("document.querySelector('#index .pages a[href=\"#sfc\"]')")
    chromium.expect(HASH, "#sfc&models=GRU")
    assert chromium.run(MODELS) == ["GRU"]
    chromium.click(FILTER)
    chromium.click(box("models", "LSTM-S"))
    chromium.expect(HASH, "#sfc&models=GRU,LSTM-S")
    chromium.run("history.back()")
    chromium.expect(HASH, "#&models=GRU")
    chromium.expect("document.querySelector('#index').checkVisibility()", True)
    for strange in ("#nothing&models=%E0", "#sfc&constructor=1&models"):
        chromium = shown(strange)
        chromium.expect("document.querySelectorAll('tbody tr[hidden]').length", 0)


# ----------------------------------------------------------------------------- charts


def test_a_click_on_the_key_shows_a_model_alone_in_the_chart(shown):
    chromium = shown("#sfc")
    drawn(chromium, "sfc")
    lines = "[...document.querySelectorAll('#sfc .mark-line path')]"
    shades = f"[...new Set({lines}.map(path => path.getAttribute('opacity')))]"
    before = chromium.run(shades)
    chromium.click("document.querySelectorAll('#sfc .role-legend-label text')[1]")
    chromium.expect(f"{shades}.length > {len(before)}", True)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_first_screen_fits_its_room(shown, width):
    chromium = shown(width=width, height=800)
    chromium.expect("document.querySelectorAll('.shows svg').length", 2, 30)
    assert chromium.run("document.documentElement.scrollWidth") == width
    over = "(s => s.getBoundingClientRect().width > s.closest('figure').clientWidth + 1)"
    assert chromium.run(f"[...document.querySelectorAll('.shows svg')].filter({over}).length") == 0
    words = "[...document.querySelectorAll('.shows svg .mark-text text')].map(t => t.getBoundingClientRect().height)"
    assert min(chromium.run(words)) >= 8  # pixels: none was made smaller to fit
    bottom = "Math.max(...[...document.querySelectorAll('.first .part')].map(p => p.getBoundingClientRect().bottom))"
    assert (chromium.run(bottom) <= 800) == (width == 1280)


def test_on_a_phone_no_chart_is_made_smaller_to_fit(shown):
    chromium = shown("#_all", width=390)
    chromium.expect("[...document.querySelectorAll('[data-chart]')].every(c => c.querySelector('svg'))", True, 60)
    scale = "(svg => svg.getBoundingClientRect().width / svg.width.baseVal.value)(t.ownerSVGElement)"
    size = f"(t => parseFloat(getComputedStyle(t).fontSize) * {scale})"
    sizes = chromium.run(f"[...document.querySelectorAll('[data-chart] svg text')].map({size})")  # pixels
    assert len(sizes) > 100
    assert min(sizes) >= 8
    dots = chromium.run(f"[...document.querySelectorAll('#sfc [data-chart] svg text')].map(t => {scale})")[0]
    assert dots == pytest.approx(1, abs=0.01)
    assert chromium.run("document.documentElement.scrollWidth") == 390


def test_on_paper_a_table_has_its_head_on_every_page(chromium, shown):
    """A button is not drawn in a head that stands again on the next page, what it says is."""
    shown("#sfc")
    chromium("Emulation.setEmulatedMedia", media="print")
    kinds = "[...new Set([...document.querySelectorAll('thead button')].map(b => getComputedStyle(b).display))]"
    assert chromium.run(kinds) == ["contents"]
    chromium("Emulation.setEmulatedMedia", media="")
    assert chromium.run(kinds) != ["contents"]


# ----------------------------------------------------------------------------- axe


def axe() -> str:
    """axe-core, out of a package for other browsers' drivers; `make test` installs it."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("there is no axe-playwright-python here; `make test` installs it")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("fragment", "width"), [("#index", 1280), ("#sfc&rows=gru", 1280), ("#_all", 390)])
def test_axe_finds_nothing_serious(chromium, shown, theme, fragment, width):
    script = axe()
    chromium("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": theme}])
    shown(fragment, width=width)
    chromium.expect("[...document.querySelectorAll('[data-chart]')].every(c => c.querySelector('svg'))", True, 60)
    chromium.click(FILTER)
    chromium("Runtime.evaluate", expression=script)
    found = chromium.run(
        "axe.run({resultTypes: ['violations']}).then(({violations}) => violations.filter(v => ['serious', 'critical']"
        ".includes(v.impact)).map(v => [v.id, v.nodes.length, v.nodes[0].html]))"
    )
    assert found == []
    assert chromium.run("Boolean(axe.version)")
