"""Four diagrams of the algorithm, drawn from numbers, and the sentences that say the same.

A page is 8 inches wide and as high as its content; places are inches from its upper left corner. Every call of the net
is one patch, labelled with what it is, so that tests can count. Dimension key: S optimizer steps, B slots.
"""

from string import ascii_uppercase

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from trm_minimal.show.style import INK, LOOKS, PAGE, Look, text_on

WIDTH, SHADE = 8, "#E4E4E4"  # inches; of every second thing and of frames
X, Y, Z = (LOOKS[name] for name in "xyz")
AT_MOST = 32  # optimizer steps in a slot picture: more columns have no room for two digits


def _page(figure: Figure, height: float) -> Axes:
    figure.set(layout_engine="none", size_inches=(WIDTH, height))
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    ax.set_axis_off()
    return ax


def _write(ax: Axes, x: float, y: float, text: str, size: float = 10, ha: str = "center", **style):
    return ax.text(x, y, text, size=size, ha=ha, va="center", **{"color": INK, "linespacing": 1.15} | style)


def _box(ax: Axes, x: float, y: float, width: float, height: float, label: str = "", fc: str = PAGE, lw=1.2, round=0.06):
    """A box with its upper left corner at (x, y)."""
    shape = f"round,pad=0,rounding_size={round}" if round else "square,pad=0"
    ax.add_patch(FancyBboxPatch((x, y), width, height, shape, fc=fc, ec=INK, lw=lw, label=label))


def _wire(ax: Axes, look: Look, *points: tuple[float, float], head: bool = True) -> None:
    """A line in the thing's colour and dashes, with a head at its end."""
    style = {"color": look.colour, "solid_capstyle": "butt", "zorder": 2}
    (x0, y0), (x, y) = points[-2:]
    dx, dy = float(np.sign(x - x0)), float(np.sign(y - y0))
    ends = [*points[:-1], (x - 0.07 * dx, y - 0.07 * dy)] if head else points
    ax.plot(*zip(*ends, strict=True), lw=2, ls=(0, look.dashes) if look.dashes else "-", **style)
    if head:
        marker = {(1, 0): ">", (-1, 0): "<", (0, 1): "v", (0, -1): "^"}[dx, dy]  # as seen: y grows downwards
        ax.plot(x - 0.05 * dx, y - 0.05 * dy, marker=marker, ms=7, mew=0, **style)


def _at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} is {number}: it must be 1 or more")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def round_of_calls(figure: Figure, n: int) -> str:
    """What flows where in one latent recursion: n calls of one net on z, then one on y (paper 4.2, 4.3)."""
    _at_least_one(n=n)
    ax = _page(figure, 3.5)
    calls = [*range(1, n + 1)] if n <= 6 else [1, 2, None, n]  # None: the calls left out
    pitch, half = min(6.1 / (len(calls) + 1), 1.5), 0.28
    left = WIDTH / 2 - pitch * (len(calls) + 1) / 2
    middles, y_call = [left + pitch * (i + 0.5) for i in range(len(calls))], left + pitch * (len(calls) + 0.5)
    top, rail, upper, row, lower, start, end = 0.42, 0.92, 1.55, 1.9, 2.25, left - 0.8, left + pitch * (len(calls) + 1) + 0.8

    join = start + 0.3
    _wire(ax, Y, (start, top), (y_call, top), (y_call, upper))
    _wire(ax, Y, (join, top), (join, rail - 0.1))
    _wire(ax, X, (start - 0.0, rail), (join - 0.1, rail), head=False)
    return ""
