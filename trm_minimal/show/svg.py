"""Boards as SVG text: the same marks as in boards.py, for pages. Drawn by hand, for matplotlib takes 50 ms a picture.

Dimension key: L cells, R rows, C columns.
"""

from base64 import b64encode
from collections.abc import Callable
from html import escape
from io import BytesIO

import numpy as np
from matplotlib import colormaps
from PIL import Image

from trm_minimal.show.boards import describe_board, judge
from trm_minimal.show.style import INK, LOOKS, PAGE
from trm_minimal.tasks import Task, maze, sudoku

CELL = 20  # units of a board's drawing
Y, GIVEN, RIGHT, WRONG, CHANGED = (LOOKS[name] for name in ("y", "given", "right", "wrong", "changed"))


def svg(rows: float, columns: float, inner: str, label: str, width: int = 300) -> str:
    """A described picture of so many units, `width` pixels wide where there is room."""
    return (
        f'<svg viewBox="0 0 {columns:g} {rows:g}" width="{width}" role="img" aria-label="{escape(label)}" '
        f'style="background:{PAGE};display:block;max-width:100%">{inner}</svg>'
    )


def _shapes(where_RC: np.ndarray, cell: Callable[[float, float], str], **style: str) -> str:
    """One path with the outline `cell(x, y)` at the centre of every cell that is true; empty if none is."""
    outline = "".join(cell((c + 0.5) * CELL, (r + 0.5) * CELL) for r, c in np.argwhere(where_RC))
    style_text = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<path d="{outline}" {style_text}/>' if outline else ""


def _square(half: float):
    return lambda x, y: f"M{x - half:g} {y - half:g}h{2 * half:g}v{2 * half:g}h{-2 * half:g}z"


def _disc(radius: float):
    arc = f"a{radius:g} {radius:g} 0 1 0"
    return lambda x, y: f"M{x - radius:g} {y:g}{arc} {2 * radius:g} 0{arc} {-2 * radius:g} 0"


def _cross(half: float):
    return lambda x, y: (
        f"M{x - half:g} {y - half:g}l{2 * half:g} {2 * half:g}m0 {-2 * half:g}l{-2 * half:g} {2 * half:g}"
    )


def _texts(symbols_RC, where_RC, size: float, fill: str, at=(0.5, 0.5), weight="normal") -> str:
    """The symbol of each cell that is true, centred at the place `at` of the cell."""
    put = "".join(
        f'<text x="{(c + at[0]) * CELL:g}" y="{(r + at[1]) * CELL + 0.35 * size:g}">{symbols_RC[r][c]}</text>'
        for r, c in np.argwhere(where_RC)
    )
    style = f'font-size="{size:g}" fill="{fill}" font-weight="{weight}"'
    return f'<g font-family="DejaVu Sans,Verdana,sans-serif" text-anchor="middle" {style}>{put}</g>' if put else ""


def _grid(task: Task, tokens_L) -> np.ndarray:
    return np.array(list(task.symbols))[np.asarray(tokens_L)].reshape(task.rows, task.columns)


def board_ground(task: Task, inputs_L) -> str:
    """What stays: walls, ends, lines, given digits."""
    symbols, given = _grid(task, inputs_L), judge(task, inputs_L, inputs_L)["given"]
    R, C = task.rows, task.columns
    frame = f'<rect width="{C * CELL}" height="{R * CELL}" fill="none" stroke="{INK}" stroke-width="2"/>'
    if task.symbols == maze.SYMBOLS:
        ends = np.isin(symbols, list("SG"))
        walls = _shapes(symbols == "#", _square(CELL / 2 + 0.2), fill=INK)  # overlap, or hairlines show between them
        return (
            walls
            + _shapes(ends, _square(CELL / 2), fill=GIVEN.colour)
            + _texts(symbols, ends, 15, INK, weight="bold")
            + frame
        )
    shape = sudoku.SHAPES[task.length]
    lines = {0.5: "", 2: ""}
    for i in range(1, R):
        lines[2 if i % shape.box_rows == 0 else 0.5] += f"M0 {i * CELL}h{C * CELL}"
        lines[2 if i % shape.box_cols == 0 else 0.5] += f"M{i * CELL} 0v{R * CELL}"
    ruled = "".join(f'<path d="{d}" stroke="{INK}" stroke-width="{width}"/>' for width, d in lines.items())
    shade = _shapes(given, _square(CELL / 2), fill=GIVEN.colour)
    return shade + ruled + _texts(symbols, given, 12, INK, (0.42, 0.54), "bold") + frame


def board_marks(task: Task, tokens_L, inputs_L, labels_L=None, before_L=None) -> str:
    """What a moment adds: the answer, and right, wrong, missing and changed by sign and colour."""
    marks = judge(task, tokens_L, inputs_L, labels_L, before_L)
    symbols, free = _grid(task, tokens_L), ~marks["given"]
    right, wrong, missing, changed = (marks[name] for name in ("right", "wrong", "missing", "changed"))
    back = _shapes(changed & free, _square(CELL / 2 - 1.5), fill=CHANGED.colour)
    if task.symbols == maze.SYMBOLS:
        path, stray = symbols == "o", wrong & ~missing
        return (
            back
            + _shapes(path & ~right & ~wrong, _disc(6.5), fill=Y.colour)
            + _shapes(path & right, _disc(6.5), fill=RIGHT.colour)
            + _shapes(missing, _disc(5.5), fill=PAGE, stroke=WRONG.colour, stroke_width="2.5")
            + _shapes(stray, _cross(5.5), fill="none", stroke=WRONG.colour, stroke_width="4")
            + _shapes(changed & free & ~path & ~wrong, _disc(2.5), fill=INK)
        )
    digit = free & ~np.isin(symbols, ["_", "."])
    ticks, crosses = np.full_like(symbols, RIGHT.sign), np.full_like(symbols, WRONG.sign)
    return (
        back
        + _texts(symbols, digit & ~wrong, 12, INK, (0.42, 0.54))
        + _texts(symbols, digit & wrong, 12, WRONG.colour, (0.42, 0.54))
        + _texts(ticks, right, 8, RIGHT.colour, (0.8, 0.22), "bold")
        + _texts(crosses, wrong & free, 9, WRONG.colour, (0.8, 0.22), "bold")
        + _shapes(changed & free, lambda x, y: _disc(1.7)(x + 0.34 * CELL, y + 0.32 * CELL), fill=INK)
    )


def draw(task: Task, tokens_L, inputs_L, labels_L=None, before_L=None, width: int = 300) -> str:
    """A whole board as SVG, with its description."""
    inner = board_ground(task, inputs_L) + board_marks(task, tokens_L, inputs_L, labels_L, before_L)
    said = describe_board(task, tokens_L, inputs_L, labels_L, before_L)
    return svg(task.rows * CELL, task.columns * CELL, inner, said, width)


def picture(values_RC: np.ndarray) -> str:
    """Numbers in 0..1 as a PNG of one pixel each (cividis: dark is 0, bright is 1), as the text of a data address."""
    pixels = (colormaps["cividis"](np.clip(values_RC, 0, 1))[..., :3] * 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()
