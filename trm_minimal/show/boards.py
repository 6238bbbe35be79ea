"""Pictures of boards, alone or as a film strip of supervision steps, and the sentences that say the same.

Only matplotlib's objects are used: widgets draw on a second thread, where pyplot would spoil other figures.
Dimension key: L cells, S supervision steps, R rows, C columns.
"""

from functools import cache, partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from trm_minimal.show.style import INK, LOOKS, PAGE
from trm_minimal.tasks import Task, maze, sudoku

SPOKEN = {"_": "padding", ".": "empty", "#": "wall", " ": "free", "o": "path"}  # other symbols are read as they stand
LISTED = 3  # wrong cells that a sentence names; it counts the others
Y, GIVEN, RIGHT, WRONG, CHANGED = (LOOKS[name] for name in ("y", "given", "right", "wrong", "changed"))


def judge(task: Task, tokens_L, inputs_L=None, labels_L=None, before_L=None) -> dict[str, np.ndarray]:
    """Bool [R, C] each: given, right (not given), wrong, missing (unmarked path, so wrong), changed. None: nowhere."""
    boards = (tokens_L, inputs_L, labels_L, before_L)
    tokens, inputs, labels, before = (None if board is None else np.asarray(board) for board in boards)
    nowhere, blanks = np.zeros(task.length, dtype=bool), [task.symbols.find(blank) for blank in ". "]
    given = nowhere if inputs is None else ~np.isin(inputs, blanks)
    wrong = nowhere if labels is None else tokens != labels
    right = nowhere if labels is None else ~wrong & ~given
    missing = wrong & (labels == task.symbols.find("o"))
    changed = nowhere if before is None else tokens != before
    marks = {"given": given, "right": right, "wrong": wrong, "missing": missing, "changed": changed}
    return {name: where.reshape(task.rows, task.columns) for name, where in marks.items()}


@cache
def _glyph(text: str, weight: str):
    """A text's outline around (0, 0). As a marker it is snapped to the pixels, which halves the PNG."""
    path = TextPath((0, 0), text, prop={"family": "DejaVu Sans", "weight": weight})  # comes with matplotlib
    box = path.get_extents()
    return path.transformed(Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2))


def _put(ax: Axes, points: float, name: str, marker, where_RC, size: float, fc, at=(0.5, 0.5), ec=None, lw=0.0):
    """Put markers into cells. `size` is the longer side, `at` the place from the upper left corner, both in cells."""
    rows, columns = np.nonzero(where_RC)
    style = {"facecolor": fc, "edgecolor": ec or fc, "lw": lw * points, "label": name}  # "none" would undo the snapping
    ax.scatter(columns + at[0], rows + at[1], (size * points) ** 2, marker=marker, **style)


def draw_board(ax: Axes, task: Task, tokens_L, inputs_L=None, labels_L=None, before_L=None) -> None:
    """Draw tokens: inputs tell what is given, labels what is right, `before` (an older answer) what changed.
    Marks are sized for the axes as they stand; each collection of marks is labelled with the name of its kind."""
    marks = judge(task, tokens_L, inputs_L, labels_L, before_L)
    symbols = np.array(list(task.symbols))[np.asarray(tokens_L)].reshape(task.rows, task.columns)
    faces_RC3 = np.full((task.rows, task.columns, 3), to_rgb(PAGE))
    for where_RC, colour in ((marks["given"], GIVEN.colour), (marks["changed"], CHANGED.colour), (symbols == "#", INK)):
        faces_RC3[where_RC] = to_rgb(colour)
    ax.imshow(faces_RC3, extent=(0, task.columns, task.rows, 0), interpolation="nearest")
    points = 72 / ax.figure.dpi * min(ax.bbox.width / task.columns, ax.bbox.height / task.rows)  # side of a cell
    (_draw_maze if task.symbols == maze.SYMBOLS else _draw_sudoku)(ax, points, symbols, **marks)
    ax.set(xticks=(), yticks=(), xlim=(0, task.columns), ylim=(task.rows, 0))
    ax.spines[:].set(visible=True, color=INK)


def _draw_sudoku(ax: Axes, points: float, symbols, given, right, wrong, missing, changed) -> None:
    put = partial(_put, ax, points)
    for digit in sorted(set(symbols.flat) - {"_", "."}):
        here, place = symbols == digit, (0.42, 0.54)
        put("given", _glyph(digit, "bold"), here & given, 0.5, INK, place)
        put("answer", _glyph(digit, "normal"), here & ~given & ~wrong, 0.5, INK, place)
        put("answer", _glyph(digit, "normal"), here & ~given & wrong, 0.5, WRONG.colour, place)
    put("right", _glyph(RIGHT.sign, "bold"), right, 0.34, RIGHT.colour, (0.8, 0.22))
    put("wrong", _glyph(WRONG.sign, "bold"), wrong, 0.32, WRONG.colour, (0.8, 0.22))
    put("changed", "o", changed, 0.16, INK, (0.84, 0.82))
    shape, lines = sudoku.SHAPES[symbols.size], np.arange(1, len(symbols))
    for draw_lines, step in ((ax.hlines, shape.box_rows), (ax.vlines, shape.box_cols)):
        draw_lines(lines, 0, len(symbols), color=INK, lw=np.where(lines % step, 0.4, 1.6))


def _draw_maze(ax: Axes, points: float, symbols, given, right, wrong, missing, changed) -> None:
    put, path = partial(_put, ax, points), symbols == "o"
    for letter in "SG":  # at least 7 points high, though in large mazes that covers a bit of the neighbours
        put("given", "s", symbols == letter, max(1, 9 / points), GIVEN.colour)
        put("given", _glyph(letter, "bold"), symbols == letter, max(0.75, 7 / points), INK)
    put("answer", Y.marker, path & ~right & ~wrong, 0.65, Y.colour)
    put("right", RIGHT.marker, path & right, 0.65, RIGHT.colour)
    put("missing", RIGHT.marker, missing, 0.6, PAGE, ec=WRONG.colour, lw=0.12)
    put("wrong", WRONG.marker, wrong & ~missing, 0.85, WRONG.colour, ec=PAGE, lw=0.04)
    put("changed", "o", changed & ~path & ~wrong, 0.25, INK)


def describe_board(task: Task, tokens_L, inputs_L, labels_L=None, before_L=None) -> str:
    """One sentence: cells right, wrong (the first by place) and changed; without labels, cells given."""
    marks, said = judge(task, tokens_L, inputs_L, labels_L, before_L), [SPOKEN.get(s, s) for s in task.symbols]
    parts = [f"{marks['given'].sum()} of {task.length} cells given"]
    if labels_L is not None:
        cells, C = np.flatnonzero(marks["wrong"]).tolist(), task.columns
        first = [(c // C + 1, c % C + 1, said[tokens_L[c]], said[labels_L[c]]) for c in cells[:LISTED]]
        named = ["row {} column {} is {}, should be {}".format(*facts) for facts in first]
        named += [f"and {len(cells) - LISTED} more"] if len(cells) > LISTED else []
        wrong = [f"{len(cells)} wrong ({'; '.join(named)})"] if cells else []
        parts = [f"{task.length - len(cells)} of {task.length} cells right", *wrong]
    return ", ".join(parts + ([] if before_L is None else [f"{marks['changed'].sum()} changed"]))


def film_strip(figure: Figure, task: Task, inputs_L, labels_L, answers_SL, q_S, steps) -> str:
    """The answers after these supervision steps (1, 2, ...; 0 is the question) side by side; returns what they show.
    Changed means: since the answer to the left. The figure keeps its width; its height is made to fit."""
    side = figure.get_figwidth() / len(steps)  # inches; the two lines of text below take half an inch
    figure.set(layout_engine="none", figheight=side + 0.5)
    grid = {"left": 0.01, "right": 0.99, "top": 1 - 0.05 / (side + 0.5), "bottom": 0.5 / (side + 0.5), "wspace": 0.04}
    before_L, said = None, []
    for ax, step in zip(figure.subplots(1, len(steps), squeeze=False, gridspec_kw=grid)[0], steps, strict=True):
        boards, below, verdict = (inputs_L, inputs_L), "the question", "the question"
        if step:
            boards, q = (answers_SL[step - 1], inputs_L, labels_L, before_L), float(q_S[step - 1])
            below = f"step {step}, Q {q:+.1f}\n{(~judge(task, *boards)['wrong']).sum()} of {task.length} right"
            before_L, verdict = boards[0], f"step {step}, Q {'above' if q > 0 else 'not above'} 0"
        draw_board(ax, task, *boards)
        ax.set_xlabel(below, size=9)
        said.append(f"{verdict}: {describe_board(task, *boards)}")
    return ". ".join(said) + "."
