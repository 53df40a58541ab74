"""A figure's SVG as part of an HTML page: it can be named, stands alone, and follows the page's theme."""

import re
from collections.abc import Iterator
from html import escape
from xml.etree import ElementTree as ET

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
LEFT_OUT = {f"{SVG}{tag}" for tag in ("metadata", "style", "script")}  # a style would reach every other figure
BLACK, WHITE = ("#000000", "#000", "black"), ("#ffffff", "#fff", "white")
CYCLE = ("1f77b4", "ff7f0e", "2ca02c", "d62728", "9467bd", "8c564b", "e377c2", "7f7f7f", "bcbd22", "17becf")
COLOURS = {
    **dict.fromkeys(BLACK, "currentColor"),
    **dict.fromkeys(WHITE, "var(--paper)"),
    **{f"#{colour}": f"var(--c{place})" for place, colour in enumerate(CYCLE)},  # C0 to C9
}
ROUNDED = ("d", "x", "y")  # a hundredth of a point is finer than any screen


def inline(picture: bytes, name: str, title: str) -> str:
    """An <svg> element. name: what its ids begin with, another for each figure of a page; title: what it shows.

    Pure black and white become the ink and the paper of the page; a dark or light grey keeps its colour everywhere.
    """
    root = ET.fromstring(picture)
    used = {target for element in root.iter() for value in element.attrib.values() for target in _targets(value)}
    box = root.get("viewBox") or f"0 0 {root.get('width', '0')} {root.get('height', '0')}".replace("pt", "")
    root.attrib.clear()
    root.attrib |= {
        "viewBox": box,
        "role": "img",
        "aria-labelledby": f"{name}-title",
        "fill": "currentColor",
        # what matplotlib says of every element in a style of its own
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
    _clean(root, name, used)
    heading = ET.Element("title", {"id": f"{name}-title"})
    heading.text = title
    root.insert(0, heading)
    return "".join(_written(root))


def _clean(element: ET.Element, name: str, used: set[str]) -> None:
    for child in list(element):
        if child.tag in LEFT_OUT or not isinstance(child.tag, str):
            element.remove(child)
            continue
        words = {**child.attrib, **_declared(child.attrib.pop("style", ""))}
        words.pop("style", None)
        if words.get("id") not in used:
            words.pop("id", None)  # matplotlib names every group
        if words.get("font-family", "").startswith("'DejaVu Sans'"):
            del words["font-family"]  # the page's font instead
        child.attrib.clear()
        child.attrib |= {key: _value(key, value, child.tag, name) for key, value in words.items()}
        _clean(child, name, used)


def _declared(style: str) -> dict[str, str]:
    """A style as attributes, which a strict page allows and a theme can overrule."""
    pairs = (declaration.partition(":") for declaration in style.split(";"))
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


def _value(key: str, value: str, tag: str, name: str) -> str:
    if key in ("fill", "stroke"):
        white_words = tag.endswith(("text", "tspan")) and value.lower() in WHITE  # on a dark ground of their own
        value = value if white_words else COLOURS.get(value.lower(), value)
    elif key == "id":
        return f"{name}-{value}"
    elif key in ("href", LINK):
        return re.sub(r"^#", f"#{name}-", value)
    elif key in ROUNDED:
        value = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", " ".join(value.split()))
    return re.sub(r"url\((['\"]?)#", rf"url(\1#{name}-", value)


def _targets(value: str) -> list[str]:
    return re.findall(r"url\(['\"]?#([^)'\"]+)", value) + ([value[1:]] if value.startswith("#") else [])


def _written(element: ET.Element) -> Iterator[str]:
    """As HTML has it: no namespaces, an end for every element."""
    tag = str(element.tag).removeprefix(SVG)
    words = "".join(
        f' {key.rpartition("}")[2]}="{escape(value)}"'
        for key, value in element.attrib.items()
        if key[:1] != "{" or key == LINK
    )
    text = "" if element.text is None or not element.text.strip() else escape(element.text)
    yield f"<{tag}{words}>{text}"
    for child in element:
        yield from _written(child)
        if child.tail and child.tail.strip():
            yield escape(child.tail)
    yield f"</{tag}>"
