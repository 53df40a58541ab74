"""Pictures by matplotlib, which write more of SVG than our own."""

import io

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def canvas() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, 5))
    return figure, figure.add_subplot()


def svg(figure: Figure) -> bytes:
    """The same bytes for the same figure; text stays text."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def drawn() -> bytes:
    figure, axes = canvas()
    axes.plot([0, 1], [0, 1], color="C1", label="a & b <c>")
    axes.legend()
    return svg(figure)
