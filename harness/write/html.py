"""All pages of a report as one HTML file that needs nothing else: pages and pictures in, a string out."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from ..draw import look, picture
from ..records import names
from ..records.kinds import STATUSES
from . import markdown
from .sheet import Sheet

INDEX = "index.md"
SCRIPTS = ("filter.js", "charts.js", "page.js")
SHORT = 18  # letters of a cell that stay on one line
FURTHER = "Further pages"  # those that the index does not name
NUMBER = re.compile(
    r"(?:ca\.|[<>≤≥≈~=\s])*([+\-−]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e[+\-−]?\d+)?)([kKM]?)(?![A-Za-z])(.*)"
)
THOUSANDS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}


def document(sheets: Mapping[str, Sheet]) -> str:
    """The whole file. sheets: name.md -> page, with the index among them, which comes first and gives the groups."""
    style, title = look.style() + _asset("page.css"), escape(_heading(sheets[INDEX]))
    script = f'(() => {{\n"use strict";\n{"".join(map(_asset, SCRIPTS))}}})();\n'
    groups = contents(sheets)
    titles = {INDEX: "Contents"} | {name: title for pages in groups.values() for name, title in pages}
    pictures: list[picture.Picture] = []
    main = _sections(sheets, titles, pictures, groups.get(FURTHER, ()))
    scripts = [script, picture.script()] if pictures else [script]
    sources = " ".join(f"'{digest(one)}'" for one in scripts)
    policy = (
        f"default-src 'none'; style-src '{digest(style)}'; script-src {sources}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n{''.join(map('<script>{}</script>'.format, scripts))}\n"
        "</head>\n<body>\n"
        f'<header>{_bar(groups, titles)}<button type="button" id="_theme" hidden>Dark</button></header>\n'
        f'<nav aria-label="Pages">\n<p>{title}</p>\n<ul>\n<li>{_link(INDEX, titles)}</li>\n'
        f'<li><a href="#_all">All pages, one after the other</a></li>\n</ul>\n{_list(groups, titles)}</nav>\n'
        f'<main id="_all">\n{main}</main>\n{_charts(pictures)}</body>\n</html>\n'
    )


def contents(sheets: Mapping[str, Sheet]) -> dict[str, list[tuple[str, str]]]:
    """Group -> its pages with their titles, as the index has them under its headings; then those it does not name."""
    groups: dict[str, list[tuple[str, str]]] = {}
    group, seen, deep = FURTHER, {INDEX}, 0
    tokens = markdown.parse(sheets[INDEX].text)
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            group = markdown.plain(tokens[place + 1])
        deep += {"list_item_open": 1, "list_item_close": -1}.get(token.type, 0)
        children = (token.children or []) if deep else []  # a link in a sentence names no group's page
        for at, child in enumerate(children):
            name = str(child.attrGet("href") or "") if child.type == "link_open" else ""
            if name in sheets and name not in seen:
                seen.add(name)
                end = next(i for i in range(at, len(children)) if children[i].type == "link_close")
                groups.setdefault(group, []).append((name, "".join(part.content for part in children[at:end])))
    if rest := [(name, _heading(sheet)) for name, sheet in sheets.items() if name not in seen]:
        groups.setdefault(FURTHER, []).extend(rest)
    return groups


def anchor(name: str, heading: str = "") -> str:
    """'tp-rnn-table-1', 'overall--budget-6k': where a page begins, or a section of it."""
    page = names.page(name.removesuffix(".md"))
    return f"{page}--{_as_github(heading)}" if heading else page


def sort_key(text: str) -> str | None:
    """The number that a cell begins with, as JavaScript reads it: '5924' of '5,924', '1600' of '> 1,600 (0/3)'."""
    found = NUMBER.fullmatch(text.strip())
    if found is None or found[3].strip().startswith(STATUSES):  # '2 diverged' is no result
        return None
    value = float(found[1].replace(",", "").replace("−", "-")) * THOUSANDS[found[2]]
    return f"{value:.12g}"


def digest(text: str) -> str:
    """What a page's policy calls this script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _link(name: str, titles: Mapping[str, str], rel: str = "") -> str:
    return f'<a {rel}href="#{anchor(name)}">{escape(titles[name])}</a>'


def _bar(groups: Mapping[str, Sequence[tuple[str, str]]], titles: Mapping[str, str]) -> str:
    """Links to the first screen and to what it has below."""
    below = (f'<a href="#{anchor(INDEX, group)}">{escape(group.partition(",")[0])}</a>' for group in groups)
    return f'{_link(INDEX, titles)}{"".join(below)}<a href="#_all">All pages</a>'


def _list(groups: Mapping[str, Sequence[tuple[str, str]]], titles: Mapping[str, str]) -> str:
    parts = []
    for group, pages in groups.items():
        lines = "".join(f"<li>{_link(name, titles)}</li>\n" for name, _ in pages)
        parts.append(f"<h2>{escape(group)}</h2>\n<ul>\n{lines}</ul>\n")
    return "".join(parts)


def _charts(pictures: Sequence[picture.Picture]) -> str:
    """The charts' specifications, in the order of their places on the page."""
    return f'<script type="application/json" id="_charts">{picture.live(pictures)}</script>\n' if pictures else ""


def _sections(
    sheets: Mapping[str, Sheet],
    titles: Mapping[str, str],
    pictures: list[picture.Picture],
    further: Sequence[tuple[str, str]],
) -> str:
    """Every page, with links to the one before and the one after. pictures: grows by those that they show.

    further: pages that the index does not name in its text.
    """
    order, renderer, options = list(titles), Renderer(), markdown.parser().options
    parts = []
    for place, name in enumerate(order):
        env = {"name": name, "sheets": sheets, "pictures": pictures, "headings": Counter(), "heading": titles[name]}
        page = renderer.render(markdown.parse(sheets[name].text), options, env)
        if name == INDEX:
            more = _list({FURTHER: further}, titles).replace("<h2>", f'<h2 id="{anchor(INDEX, FURTHER)}">')
            page = _first_screen(page + more if further else page)
        steps = [_link(other, titles, 'rel="prev" ') for other in order[:place][-1:]]
        steps += [_link(other, titles, 'rel="next" ') for other in order[place + 1 :][:1]]
        parts.append(f'<section id="{anchor(name)}">\n{page}<p class="steps">{" ".join(steps)}</p>\n</section>\n')
    return "".join(parts)


def _first_screen(page: str) -> str:
    """The index with its parts side by side where there is room: words, pictures, and below them lists of pages."""
    title, *parts = re.split(r"(?=<h2)", page)
    kinds: dict[str, list[str]] = {"words": [], "shows": [], "pages": []}
    for part in parts:
        kind = "shows" if "<figure>" in part else "pages" if '<li><a href="#' in part else "words"
        kinds[kind].append(f'<div class="part">{part}</div>\n')
    words, shows, pages = (f'<div class="{kind}">\n{"".join(mine)}</div>\n' for kind, mine in kinds.items())
    return f'<div class="title">\n{title}</div>\n<div class="first">\n{words}{shows}</div>\n{pages}'


class Renderer(RendererHTML):
    """markdown-it's own, with our links, pictures, headings and tables. env: the page's name, sheets and pictures."""

    def text(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        # '50.8 ± 0.0', '> 1,600' and 'GRU ‡' are never broken over lines
        return escape(
            re.sub(r" ?± |(?<=[<>≤≥]) (?=\d)| (?=‡)", lambda gap: gap[0].replace(" ", "\xa0"), tokens[at].content)
        )

    def link_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        target = str(tokens[at].attrGet("href") or "")
        page, _, section = unquote(target).partition("#")
        if page in env["sheets"]:
            target = f"#{anchor(page, section)}"
        elif target.startswith("#"):
            target = f"#{anchor(env['name'], section)}"
        outside = ' rel="noreferrer"' if "//" in target else ""
        return f'<a href="{escape(target)}"{outside}>'

    def paragraph_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        if tokens[at].hidden:
            return ""
        return "<figure>" if _only_picture(tokens[at + 1]) else "<p>"

    def paragraph_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        if tokens[at].hidden:
            return ""
        return "</figure>\n" if _only_picture(tokens[at - 1]) else "</p>\n"

    def image(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        words, file = escape(markdown.plain(tokens[at])), unquote(str(tokens[at].attrGet("src")))
        shown = env["sheets"][env["name"]].pictures.get(file)
        if shown is None:  # nothing is fetched, from wherever
            return f"[{words}]"
        env["pictures"].append(shown)
        # without a script the sentence is what can be read
        return (
            f'<div class="chart" role="img" aria-label="{words}" data-chart="{len(env["pictures"]) - 1}">{words}</div>'
        )

    def code_block(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        # a long line scrolls on its own, also by keyboard
        return super().code_block(tokens, at, options, env).replace("<pre", '<pre tabindex="0"', 1)

    def fence(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return super().fence(tokens, at, options, env).replace("<pre", '<pre tabindex="0"', 1)

    def heading_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        env["heading"] = markdown.plain(tokens[at + 1])
        if tokens[at].tag == "h1":
            return "<h1>"
        name = anchor(env["name"], env["heading"])
        env["headings"][name] += 1
        again = f"-{env['headings'][name] - 1}" if env["headings"][name] > 1 else ""
        return f'<{tokens[at].tag} id="{name}{again}">'

    def table_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        # the table scrolls on its own where it is too wide, also by keyboard
        return f'<div class="table" role="group" aria-label="Table: {escape(env["heading"])}" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f'<th scope="col"{_side(tokens[at])}>'

    def td_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        text = markdown.plain(tokens[at + 1])
        side = _side(tokens[at], "long" * (len(text) > SHORT))
        if tokens[at - 1].type == "tr_open":
            return f'<th scope="row"{side}>'
        key = None if markdown.column_align(tokens[at]) == "left" else sort_key(text)
        known = "" if key in (None, text.strip()) else f' data-key="{key}"'  # what the script would not read itself
        return f"<td{side}{known}>"

    def td_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return "</th>" if tokens[at - 3].type == "tr_open" else "</td>"


def _side(cell: Token, more: str = "") -> str:
    align = markdown.column_align(cell)
    classes = " ".join(filter(None, [align if align in ("right", "center") else "", more]))
    return f' class="{classes}"' if classes else ""


def _only_picture(inline: Token) -> bool:
    return [child.type for child in inline.children or []] == ["image"]


def _heading(sheet: Sheet) -> str:
    """The page's title in plain words."""
    tokens = markdown.parse(sheet.text)
    return next((markdown.plain(tokens[at + 1]) for at, token in enumerate(tokens) if token.type == "heading_open"), "")


def _as_github(heading: str) -> str:
    """As GitHub makes it: 'Budget: 6k parameters' is 'budget-6k-parameters'."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
