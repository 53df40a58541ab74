"""A picture as the report has them."""

from harness.draw.curves import canvas, svg


def drawn() -> bytes:
    figure, axes = canvas()
    axes.plot([0, 1], [0, 1], color="C1", label="a & b <c>")
    axes.legend()
    return svg(figure)
