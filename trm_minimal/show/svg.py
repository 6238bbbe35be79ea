"""Boards as SVG text: the marks of boards.py, for pages. matplotlib would take 50 ms a picture.

Dimension key: L cells, R rows, C columns.
"""

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
from matplotlib import colormaps
from PIL import Image

from trm_minimal.show.boards import cells_of, colour_of, describe_board, lines_between, marks_of
from trm_minimal.show.style import INK, LOOKS, PAGE
from trm_minimal.tasks import Task
from trm_minimal.tasks.face import CROSS, DISC, FILL, RING, Cell, Mark

CELL = 20  # units of a board's drawing
# How far a filled cell reaches beyond its sides: walls overlap, or hairlines show between them.
REACH = {"given": 0.2, "answer": -0.4, "changed": -1.5}


def svg(rows: float, columns: float, inner: str, label: str, width: int = 300) -> str:
    """A described picture of so many units, `width` pixels wide where there is room."""
    return (
        f'<svg viewBox="0 0 {columns:g} {rows:g}" width="{width}" role="img"'
        f' aria-label="{escape(label)}"'
        f' style="background:{PAGE};display:block;max-width:100%">{inner}</svg>'
    )


def _square(half: float) -> str:
    return f"m{-half:g} {-half:g}h{2 * half:g}v{2 * half:g}h{-2 * half:g}z"


def _disc(radius: float) -> str:
    arc = f"a{radius:g} {radius:g} 0 1 0"
    return f"m{-radius:g} 0{arc} {2 * radius:g} 0{arc} {-2 * radius:g} 0"


def _cross(half: float) -> str:
    side = 2 * half
    return f"m{-half:g} {-half:g}l{side:g} {side:g}m0 {-side:g}l{-side:g} {side:g}"


def _path(outline: str, centres: list[tuple[float, float]], style: str) -> str:
    """One path with this outline, relative to its centre, at all these places."""
    return f'<path d="{"".join(f"M{x:g} {y:g}{outline}" for x, y in centres)}" {style}/>'


def _mark(mark: Mark, centres: list[tuple[float, float]]) -> str:
    """One mark at all its places. `size` is the longer side of a shape, roughly also of a text."""
    colour, half = colour_of(mark), mark.size * CELL / 2
    filled = f'fill="{colour}"'
    if mark.glyph == FILL:
        return _path(_square(CELL / 2 + REACH[mark.kind]), centres, filled)
    if mark.glyph == DISC:
        return _path(_disc(half), centres, filled)
    if mark.glyph == RING:
        style = f'fill="{PAGE}" stroke="{colour}" stroke-width="2.5"'
        return _path(_disc(half - 0.5), centres, style)
    if mark.glyph == CROSS:
        outline, width = _cross(0.65 * half), 4.7 * mark.size  # on an edge, to be seen on walls
        strokes = ((PAGE, width + 1.5), (colour, width))
        styles = (f'fill="none" stroke="{ink}" stroke-width="{w:.3g}"' for ink, w in strokes)
        return "".join(_path(outline, centres, style) for style in styles)
    size = min((24 if mark.glyph else 26) * mark.size, 15)
    weight = "bold" if mark.bold else "normal"
    text = escape(mark.glyph or LOOKS[mark.kind].sign)
    put = "".join(f'<text x="{x:g}" y="{y + 0.35 * size:g}">{text}</text>' for x, y in centres)
    style = f'font-size="{size:g}" {filled} font-weight="{weight}"'
    return f'<g font-family="DejaVu Sans,Verdana,sans-serif" text-anchor="middle" {style}>{put}</g>'


def _draw(task: Task, cells: list[Cell], given: bool) -> tuple[str, str]:
    """The marks that are given, or those that are not: filled cells, and what stands in cells."""
    fills = signs = ""
    for mark, places in marks_of(task, cells).items():
        if (mark.kind == "given") == given:
            at = ((place % task.columns, place // task.columns) for place in places)
            x, y = mark.at
            drawn = _mark(mark, [((c + x) * CELL, (r + y) * CELL) for c, r in at])
            fills, signs = (fills + drawn, signs) if mark.glyph == FILL else (fills, signs + drawn)
    return fills, signs


def board_ground(task: Task, inputs_L) -> str:
    """What stays: what is given, and the lines."""
    fills, signs = _draw(task, cells_of(task, inputs_L, inputs_L), given=True)
    width, height, ruled = task.columns * CELL, task.rows * CELL, ""
    if task.face.boxes:
        lines = {False: "", True: ""}
        for at, thick in lines_between(task.rows, task.face.boxes[0]).items():
            lines[thick] += f"M0 {at * CELL}h{width}"
        for at, thick in lines_between(task.columns, task.face.boxes[1]).items():
            lines[thick] += f"M{at * CELL} 0v{height}"
        for thick, outline in lines.items():
            ruled += f'<path d="{outline}" stroke="{INK}" stroke-width="{2 if thick else 0.5}"/>'
    frame = f'<rect width="{width}" height="{height}" fill="none" stroke="{INK}" stroke-width="2"/>'
    return fills + ruled + signs + frame


def board_marks(task: Task, tokens_L, inputs_L, labels_L=None, before_L=None) -> str:
    """What a moment adds: the answer, and right, wrong, missing and changed by sign and colour."""
    cells = cells_of(task, tokens_L, inputs_L, labels_L, before_L)
    return "".join(_draw(task, cells, given=False))


def draw(task: Task, tokens_L, inputs_L, labels_L=None, before_L=None, width: int = 300) -> str:
    """A whole board as SVG, with its description."""
    inner = board_ground(task, inputs_L) + board_marks(task, tokens_L, inputs_L, labels_L, before_L)
    said = describe_board(task, tokens_L, inputs_L, labels_L, before_L)
    return svg(task.rows * CELL, task.columns * CELL, inner, said, width)


def picture(values_RC: np.ndarray) -> str:
    """Numbers in 0..1 as a PNG of one pixel each, as the text of a data address.

    cividis: dark is 0, or no number at all; bright is 1.
    """
    colours = colormaps["cividis"](np.clip(np.nan_to_num(values_RC), 0, 1))
    pixels = (colours[..., :3] * 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()
