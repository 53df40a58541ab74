from typing import Any

import pytest

from harness.draw.panels import Panel


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any, dict[str, Any], Panel]]:
    """(xs, ys, style, panel) of each line that is drawn."""
    found, original = [], Panel.line

    def line(panel: Panel, xs: Any, ys: Any, **style: Any) -> None:
        original(panel, xs, ys, **style)
        found.append((xs, ys, style, panel))

    monkeypatch.setattr(Panel, "line", line)
    return found
