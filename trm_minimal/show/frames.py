"""One moment of a trace as a small web page and as a sentence. Steppers and players only choose which.

A view is a shell, which stays, and parts that a moment fills in: so a player stores each shell once. Everything is SVG
text and drawn by hand: matplotlib takes 50 ms a picture, this takes two.
Dimension key: K moments, L cells, D width, R rows, C columns.
"""

import math
from base64 import b64encode
from collections.abc import Callable
from functools import cached_property
from html import escape
from io import BytesIO

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image

from trm_minimal.show.boards import describe_board, judge
from trm_minimal.show.style import INK, LOOKS, PAGE
from trm_minimal.show.trace import Trace
from trm_minimal.tasks import Task, maze, sudoku

CELL = 20  # units of a board's drawing
Y, Z, Q, GIVEN, RIGHT, WRONG, CHANGED = (LOOKS[name] for name in ("y", "z", "q", "given", "right", "wrong", "changed"))
LINE, CHART = 300, (300, 70)  # width of a view in pixels; width and height of the drift chart
LEAST_DRIFT = 1e-4  # the chart's lower edge; its upper edge is 10


def _svg(rows: float, columns: float, inner: str, label: str, width: int = LINE) -> str:
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


def draw(task: Task, tokens_L, inputs_L, labels_L=None, before_L=None, width: int = LINE) -> str:
    """A whole board as SVG, with its description."""
    inner = board_ground(task, inputs_L) + board_marks(task, tokens_L, inputs_L, labels_L, before_L)
    said = describe_board(task, tokens_L, inputs_L, labels_L, before_L)
    return _svg(task.rows * CELL, task.columns * CELL, inner, said, width)


def picture(values_RC: np.ndarray) -> str:
    """Numbers in 0..1 as a PNG of one pixel each (cividis: dark is 0, bright is 1), as the text of a data address."""
    pixels = (colormaps["cividis"](np.clip(values_RC, 0, 1))[..., :3] * 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def _cells_of(state_NLD, prefix: int, puzzle: int) -> np.ndarray:
    return state_NLD[puzzle, prefix:].cpu().numpy()


def z_moved(trace: Trace, puzzle: int) -> np.ndarray:
    """[K + 1, L]: how far z of each cell moved when it was last renewed, as a share of the largest move of the run."""
    cells = [_cells_of(trace.z(k), trace.model.prefix, puzzle) for k in range(len(trace))]
    moved = [np.zeros(len(cells[0]))]
    for k in range(1, len(trace)):
        renewed = trace.position(k).state == "z"
        moved.append(np.linalg.norm(cells[k] - cells[k - 1], axis=1) if renewed else moved[-1])
    return np.stack(moved) / max(np.max(moved), 1e-12)


def z_component(trace: Trace, puzzle: int) -> np.ndarray:
    """[K + 1, L]: the first principal component of z over the cells and moments of the run, scaled to 0..1."""
    z_KLD = np.stack([_cells_of(trace.z(k), trace.model.prefix, puzzle) for k in range(len(trace))])
    flat = torch.from_numpy(z_KLD.reshape(-1, z_KLD.shape[-1]))
    flat = flat - flat.mean(0)
    direction_D = torch.linalg.eigh(flat.T @ flat).eigenvectors[:, -1]
    direction_D = direction_D * direction_D[direction_D.abs().argmax()].sign()  # eigenvectors come with either sign
    values = (flat @ direction_D).numpy().reshape(z_KLD.shape[:2])
    return (values - values.min()) / max(np.ptp(values), 1e-12)


def z_features(trace: Trace, puzzle: int) -> np.ndarray:
    """[K + 1, L, D]: z itself, one row a cell, one column a feature; -3 is dark, 3 is bright."""
    z_KLD = np.stack([_cells_of(trace.z(k), trace.model.prefix, puzzle) for k in range(len(trace))])
    return (z_KLD + 3) / 6


MOVES = "where z moves"
HEATS = {
    MOVES: (z_moved, "z: bright cells are being thought about, dark cells rest"),
    "z, first component": (z_component, "z: its first principal component, cell by cell"),
    "z, all features": (z_features, "z: one row a cell, one column a feature"),
}


class View:
    """One puzzle of a trace, seen at any moment. `labels_L`: the true answer, if it is known; `heat`: one of HEATS."""

    def __init__(self, task: Task, trace: Trace, labels_L=None, puzzle: int = 0, title: str = "", heat: str = MOVES):
        self.task, self.trace, self.puzzle, self.title = task, trace, puzzle, title
        self.inputs_L, self.labels_L = trace.inputs_NL[puzzle], labels_L
        self.heat, self.legend = HEATS[heat]

    @cached_property
    def _heat(self) -> np.ndarray:
        return self.heat(self.trace, self.puzzle)

    @cached_property
    def _drift(self) -> dict[str, np.ndarray]:
        return {state: self.trace.drift(state)[:, self.puzzle].numpy() for state in "yz"}

    def answer(self, k: int, peek: bool = False):
        """(tokens [L], q) in moment k: of y as it stands, or of the y that the net would give now."""
        if peek and self.trace.position(k).state == "z":
            tokens_NL, q_N = self.trace.peek(k)
            return tokens_NL[self.puzzle], float(q_N[self.puzzle])
        return self.trace.tokens_KNL[k, self.puzzle], float(self.trace.q_KN[k, self.puzzle])

    def sentence(self, k: int, since: int | None = None, peek: bool = False) -> str:
        """What the picture shows. `since` is the moment that changes are counted from."""
        step, round, call, state = self.trace.position(k)
        if k == 0:
            return f"Before the first call: {describe_board(self.task, self.inputs_L, self.inputs_L)}."
        n, T = self.trace.depth
        tokens_L, q = self.answer(k, peek)
        before_L = self.answer(max(k - 1, 0) if since is None else since, peek)[0]
        board = describe_board(self.task, tokens_L, self.inputs_L, self.labels_L, before_L)
        shown = "the answer it would give now" if peek and state == "z" else "its answer"
        return (
            f"Call {k} of {len(self.trace) - 1}: supervision step {step} of {self.trace.N_sup}, round {round} of {T}, "
            f"call {call} of {n + 1}, renews {state}. In {shown}: {board}. Q {q:+.1f}, {_percent(q)} sure."
        )

    def shell(self) -> str:
        """The page with empty places <... data-part="name">, which `parts` fills."""
        R, C = self.task.rows, self.task.columns
        board = board_ground(self.task, self.inputs_L) + '<g data-part="board"></g>'
        heat = '<g data-part="heat"></g>'
        title = f'<div style="font-weight:bold">{escape(self.title)}</div>' if self.title else ""
        lines = self._chart() + '<g data-part="cursor"></g>'
        return (
            f'<div class="trm-view" style="background:{PAGE};color:{INK};padding:8px;'
            f'font:14px/1.4 DejaVu Sans,Verdana,sans-serif">{title}'
            f'<div style="display:flex;flex-wrap:wrap;gap:16px">'
            f"<div>{_svg(R * CELL, C * CELL, board, 'the board; the sentence below says what it shows')}</div>"
            f"{self._truth()}"
            f"<div>{_svg(R, C, heat, self.legend, LINE * 2 // 3)}"
            f'<div style="width:{LINE * 2 // 3}px;font-size:12px">{self.legend}</div></div>'
            f'<div style="width:{LINE}px"><div data-part="q"></div>'
            f'<div style="font-size:12px;margin-top:8px">How far z (dashed) and y (dots) move in each call, from '
            f"{LEAST_DRIFT:g} (below) to 10 of their length</div>"
            f"{_svg(CHART[1], CHART[0], lines, 'drift of z and y, call by call')}</div></div>"
            f'<div role="status" style="margin-top:8px;max-width:{3 * LINE}px" data-part="text"></div></div>'
        )

    def _truth(self) -> str:
        if self.labels_L is None:
            return ""
        board = draw(self.task, self.labels_L, self.inputs_L, self.labels_L, width=LINE * 2 // 3)
        return f'<div>{board}<div style="font-size:12px">the true answer</div></div>'

    def _place(self, k: int, share: float) -> tuple[float, float]:
        height = math.log10(min(max(share, LEAST_DRIFT), 10) / LEAST_DRIFT) / math.log10(10 / LEAST_DRIFT)
        return 4 + (CHART[0] - 8) * k / (len(self.trace) - 1), CHART[1] - 4 - (CHART[1] - 8) * height

    def _chart(self) -> str:
        drawn = {"y": [], "z": []}
        for k in range(1, len(self.trace)):
            state = self.trace.position(k).state
            drawn[state].append(self._place(k, self._drift[state][k]))
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn["z"])
        dots = "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{Y.colour}" stroke="{INK}" stroke-width="0.4"/>'
            for x, y in drawn["y"]
        )
        border = f'<rect width="{CHART[0]}" height="{CHART[1]}" fill="none" stroke="{GIVEN.colour}"/>'
        return border + f'<polyline points="{line}" fill="none" stroke="{Z.colour}" stroke-dasharray="5 2"/>' + dots

    def parts(self, k: int, since: int | None = None, peek: bool = False) -> dict[str, str]:
        """What fills the shell in moment k, part by part."""
        R, C = self.task.rows, self.task.columns
        tokens_L, q = self.answer(k, peek)
        before_L = self.answer(max(k - 1, 0) if since is None else since, peek)[0]
        marks = board_marks(self.task, tokens_L, self.inputs_L, self.labels_L, before_L) if k else ""
        heat = self._heat[k] if self._heat.ndim == 3 else self._heat[k].reshape(R, C)
        x = self._place(k, 1)[0]
        image = f'<image href="{picture(heat)}" width="{C}" height="{R}" preserveAspectRatio="none"'
        bar = f'<div style="background:{Q.colour};height:100%;width:{100 * _sure(q):.1f}%"></div>'
        half = f'<div style="position:absolute;left:50%;top:-3px;bottom:-3px;border-left:2px solid {INK}"></div>'
        return {
            "board": marks,
            "heat": f'{image} style="image-rendering:pixelated"/>',
            "q": f"Q {q:+.1f}: {_percent(q)} sure that this is solved"
            f'<div style="border:1px solid {INK};height:12px;position:relative">{bar}{half}</div>',
            "cursor": f'<path d="M{x:.1f} 0V{CHART[1]}" stroke="{INK}" stroke-width="2"/>',
            "text": escape(self.sentence(k, since, peek)),
        }

    def html(self, k: int, since: int | None = None, peek: bool = False) -> str:
        """The page of moment k."""
        page = self.shell()
        for name, part in self.parts(k, since, peek).items():
            page = page.replace(f'data-part="{name}">', f'data-part="{name}">{part}')
        return page


def _sure(q: float) -> float:
    return 1 / (1 + math.exp(-q))


def _percent(q: float) -> str:
    return f"{100 * _sure(q):.0f} %"
