"""One HTML file of all pages: what is made of links, tables, figures and hostile words, before any browser."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from support.charts import drawn
from support.pages import other_pages
from support.records import made_run

from harness.draw import look, picture
from harness.records.store import Loaded
from harness.report.task.page import task_pages
from harness.write import html
from harness.write.html import contents, document, sort_key
from harness.write.sheet import Sheet

ORDER = ["lstm-s", "gru"]
INDEX = """\
# Reports under `x`

## Tasks

- [Counting](sfc.md) (`sfc`): 3 models
- Not written (`sti`)

## All tasks

- [Together](overall.md), [elsewhere](https://example.org/a?b=1&c=2)

A sentence names no page's group: [alone](alone.md).
"""
SFC = """\
# Counting (`sfc`)

See [all tasks](overall.md#budget-6k), [a file](sfc.csv), [below](#budget-3k) and [nothing](missing.md).

## Budget: 3k

| Model | Score |
|:------|------:|
| **GRU** | 1,300 (3/3) |
| A\\|B | – |

![what it shows, "in words"](one.svg)

## Budget: 3k

![again](one.svg) and ![nowhere](https://example.org/picture.png)
"""


@pytest.fixture(scope="module")
def sheets() -> dict[str, Sheet]:
    return {
        "overall.md": Sheet("# Together\n\n## Budget: 6k\n\nText.\n"),
        "sfc.md": Sheet(SFC, {"one.svg": drawn()}),
        "alone.md": Sheet("# Alone\n\n<script>alert(1)</script>\n"),
        "index.md": Sheet(INDEX),
    }


@pytest.fixture(scope="module")
def made(sheets) -> str:
    return document(sheets)


# ----------------------------------------------------------------------------- pages and links


def test_the_index_comes_first_and_every_page_once(made):
    assert re.findall(r'<section id="([^"]+)">', made) == ["index", "sfc", "overall", "alone"]


def test_the_groups_are_those_of_the_index_and_no_page_is_lost(sheets):
    assert contents(sheets) == {
        "Tasks": [("sfc.md", "Counting")],
        "All tasks": [("overall.md", "Together")],
        "Further pages": [("alone.md", "Alone")],
    }


def test_links_between_pages_lead_to_places_of_the_same_file(made):
    for link in (
        '<a href="#overall--budget-6k">all tasks</a>',
        '<a href="#sfc--budget-3k">below</a>',
        '<a href="sfc.csv">a file</a>',
        '<a href="missing.md">nothing</a>',
        '<a href="https://example.org/a?b=1&amp;c=2" rel="noreferrer">elsewhere</a>',
    ):
        assert link in made, link
    names = Counter(re.findall(r'\bid="([^"]+)"', made))
    assert max(names.values()) == 1
    assert set(re.findall(r'href="#([^"]+)"', made)) <= set(names)


def test_each_page_leads_to_the_one_before_and_the_one_after(made):
    page = made.partition('<section id="sfc">')[2].partition("</section>")[0]
    steps = '<a rel="prev" href="#index">Contents</a> <a rel="next" href="#overall">Together</a>'
    assert steps in page


def test_nothing_is_fetched_from_anywhere(made):
    made = without_scripts(made)
    assert "[nowhere]" in made
    assert not re.search(r"<(link|img|iframe|object|embed|base)\b", made)
    assert not re.search(r"""(src|xlink:href|data)=["']|@import|url\((?!#)""", made)
    assert set(re.findall(r"""https?://[^"'\s<]+""", made)) == {"https://example.org/a?b=1&amp;c=2"}


def test_the_policy_allows_this_script_and_this_style_alone(made):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', made)[1]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag, count in (("style", 1), ("script", 2)):
        inside = re.findall(rf"<{tag}>(.*?)</{tag}>", made, flags=re.DOTALL)
        assert len(inside) == count
        assert f"{tag}-src {' '.join(f'{html.digest(text)!r}' for text in inside)};" in policy
    assert not re.search(r'\s(style|on\w+)="', without_scripts(made))


def without_scripts(made: str) -> str:
    """The page without its two scripts, which the policy names, and without the charts' data."""
    return re.sub(r"<script[ >].*?</script>", "", made, flags=re.DOTALL)


# ----------------------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("5,924", "5924"),
        ("50.8 ± 0.0", "50.8"),
        ("> 1,600 (0/3)", "1600"),
        ("≥ 1,500", "1500"),
        ("1.2e-5", "1.2e-05"),
        ("−3.5", "-3.5"),
        ("+0.4", "0.4"),
        ("3/3 (44% to 100%)", "3"),
        ("7,200, 3/3 seeds", "7200"),
        ("41.8K", "41800"),
        ("ca. 97-98", "97"),
        ("100 %", "100"),
        ("–", None),
        ("", None),
        ("2 diverged", None),
        ("1 out-of-memory, 2 ok", None),
        ("not run", None),
        ("8x8 digits", None),
    ],
)
def test_a_cell_is_sorted_by_the_number_it_begins_with(text, key):
    assert sort_key(text) == key


def test_a_table_says_what_is_aligned_how_and_what_a_cell_is_worth(made):
    table = without_scripts(made).partition("<table>")[2].partition("</table>")[0]
    assert '<th scope="col" class="right">Score</th>' in table
    assert '<th scope="row"><strong>GRU</strong></th><td class="right" data-key="1300">1,300 (3/3)</td></tr>' in table
    assert '<th scope="row">A|B</th>' in table


def test_numbers_and_their_intervals_stay_on_one_line():
    page = "# T\n\n| a | b |\n|:--|--:|\n| x | 73.1 ± 1.4 (5,994), 2 of 3 seeds |\n| y | > 1,600 |\n"
    made = document({"index.md": Sheet(page)})
    assert '<td class="right long" data-key="73.1">73.1\xa0±\xa01.4 (5,994), 2 of 3 seeds</td>' in made
    assert '<td class="right" data-key="1600">&gt;\xa01,600</td>' in made


# ----------------------------------------------------------------------------- figures


def test_a_figure_stands_in_the_page_with_its_sentence(made):
    words = "what it shows, &quot;in words&quot;"
    assert f'<figure><div class="chart" role="img" aria-label="{words}" data-chart="0">{words}</div></figure>' in made
    assert made.count('class="chart"') == len(charts_of(made)["charts"]) == 2


def charts_of(made: str):
    return json.loads(made.partition('<script type="application/json" id="_charts">')[2].partition("</script>")[0])


def test_a_figure_follows_the_theme_of_the_page(made):
    found = charts_of(made)
    text = json.dumps(found)
    assert not any(colour in text for pair in look.COLOURS for colour in pair)
    assert "var(--m1)" in json.dumps(found["charts"])  # the line's, whose model has the second place
    assert "var(--ink)" in json.dumps(found["config"])
    assert found["charts"][0]["datasets"]["line0"] == {
        "model": {"of": ["a & b <c>"], "at": [0, 0]},
        "x": [0, 1],
        "y": [0, 1],
    }
    assert "<c>" not in made.partition('id="_charts">')[2]


def test_a_page_without_figures_has_no_script_for_them():
    made = html.document({"index.md": Sheet("# All\n")})
    assert made.count("<script") == 1
    assert len(made) < 60_000


# ----------------------------------------------------------------------------- words that are data


def whole(*runs, corrupt=()) -> str:
    loaded = Loaded(list(runs), [], list(corrupt))
    sheets = task_pages(loaded, ORDER, {})
    return document(sheets | other_pages(loaded, ORDER, sheets))


def test_words_of_records_are_never_markup():
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    link = "[a](javascript:alert(3)) ![b](https://example.org/b.png)"
    made = whole(
        made_run("gru", 0, title=evil),
        made_run("lstm-s", 0, None, status="failed", reason=f"{evil} {link}\n\n<h1>x</h1>", curve=()),
        corrupt=(evil,),
    )
    assert made.count("<script") == 3 + picture.script().count("<script")
    made = without_scripts(made)
    assert made.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4  # table, figure, reason, corrupt
    assert not re.search(r"<img|<h1>x|href=.javascript|src=.https?:", made)


def test_a_bar_in_a_cell_ends_no_cell_where_the_page_escapes_it():
    made = document({"index.md": Sheet("# T\n\n| a | b |\n|:--|--:|\n| x\\|y | 1 |\n| `p\\|q` | 2 |\n")})
    assert '<th scope="row">x|y</th>' in made
    assert '<th scope="row"><code>p|q</code></th>' in made


# ----------------------------------------------------------------------------- colours


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_words_stand_out_from_the_paper_and_lines_do_in_the_dark(theme):
    style = Path(html.__file__).with_name("page.css").read_text()
    colours = {name: pair[theme] for name, *pair in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", style)}
    for ground in ("paper", "aside"):
        for words in ("ink", "quiet", "accent"):
            assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground)
    assert min(contrast(pair[theme], colours["paper"]) for pair in look.COLOURS) >= 3
    if not theme:
        names = {"ink": look.INK, "quiet": look.QUIET, "line": look.LINE, "paper": look.PAPER}
        assert {name: colours[name] for name in names} == names
