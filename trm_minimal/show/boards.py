"""Pictures of boards, alone or as a film strip of supervision steps, and the sentences that say the
same.

Only matplotlib's objects are used: widgets draw on a second thread, where pyplot would spoil other
figures. Dimension key: L cells, S supervision steps, R rows, C columns.
"""

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from trm_minimal.show.style import INK, LOOKS, PAGE
from trm_minimal.tasks import Task
from trm_minimal.tasks.face import CROSS, DISC, FILL, KINDS, RING, Cell, Mark

LISTED = 3  # wrong cells that a sentence names; it counts the others
MARKERS = {FILL: "s", DISC: "o", RING: "o", CROSS: "X"}
RULED = (0.4, 1.6)  # points of a thin and of a thick line


def cells_of(task: Task, tokens_L, inputs_L=None, labels_L=None, before_L=None) -> list[Cell]:
    """What is known of each cell of an answer.

    Where question and answer are both known, a cell without a label (0) shows the question.
    """
    padding = task.symbols[0]

    def written(board_L) -> list[str]:
        return [task.symbols[token] for token in np.asarray(board_L).tolist()]

    answer, nothing = written(tokens_L), [padding] * task.length
    asked, wanted = (nothing if L is None else written(L) for L in (inputs_L, labels_L))
    before, cells = answer if before_L is None else written(before_L), []
    for symbol, question, label, old in zip(answer, asked, wanted, before, strict=True):
        if label == padding and labels_L is not None and inputs_L is not None:
            symbol = old = question
        given = question != padding and question not in task.face.blanks
        cells.append(Cell(symbol, "" if label == padding else label, given, symbol != old))
    return cells


def marks_of(task: Task, cells: list[Cell]) -> dict[Mark, list[int]]:
    """The marks to draw, in this order, and the cells of each."""
    marks, found = cache(task.face.marks), {}
    for place, cell in enumerate(cells):
        for mark in marks(cell):
            found.setdefault(mark, []).append(place)
    order = sorted(found, key=lambda mark: (mark.glyph != FILL, KINDS.index(mark.kind)))
    return {mark: found[mark] for mark in order}


def colour_of(mark: Mark) -> str:
    """#rrggbb."""
    known = {"ink": INK, "page": PAGE} | {name: look.colour for name, look in LOOKS.items()}
    return known.get(mark.colour, mark.colour)


def lines_between(cells: int, box: int) -> dict[int, bool]:
    """The lines between so many cells: after how many, and whether it is thick, between boxes."""
    return {at: box > 0 and at % box == 0 for at in range(1, cells)}


@cache
def _glyph(text: str, weight: str):
    """A text's outline around (0, 0).

    As a marker it is snapped to the pixels, which halves the PNG.
    """
    # comes with matplotlib
    path = TextPath((0, 0), text, prop={"family": "DejaVu Sans", "weight": weight})
    box = path.get_extents()
    return path.transformed(Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2))


def draw_board(ax: Axes, task: Task, tokens_L, inputs_L=None, labels_L=None, before_L=None) -> None:
    """Draw tokens: inputs tell what is given, labels what is right, `before` (an older answer) what
    changed. Marks are sized for the axes as they stand; each collection of marks is labelled with
    the name of its kind.
    """
    marks = marks_of(task, cells_of(task, tokens_L, inputs_L, labels_L, before_L))
    faces_RC3 = np.full((task.rows, task.columns, 3), to_rgb(PAGE))
    # side of a cell
    points = 72 / ax.figure.dpi * min(ax.bbox.width / task.columns, ax.bbox.height / task.rows)
    for mark, places in marks.items():
        rows, columns = np.divmod(places, task.columns)
        if mark.glyph == FILL:
            faces_RC3[rows, columns] = to_rgb(colour_of(mark))
        if mark.glyph != FILL or mark.least:
            _put(ax, points, mark, rows, columns)
    ax.imshow(faces_RC3, extent=(0, task.columns, task.rows, 0), interpolation="nearest")
    if task.face.boxes:
        sides = ((ax.hlines, task.rows, task.columns), (ax.vlines, task.columns, task.rows))
        for (put_lines, count, end), box in zip(sides, task.face.boxes, strict=True):
            lines = lines_between(count, box)
            put_lines(list(lines), 0, end, color=INK, lw=[RULED[thick] for thick in lines.values()])
    ax.set(xticks=(), yticks=(), xlim=(0, task.columns), ylim=(task.rows, 0))
    ax.spines[:].set(visible=True, color=INK)


def _put(ax: Axes, points: float, mark: Mark, rows: np.ndarray, columns: np.ndarray) -> None:
    """Put a mark into these cells, whose sides have so many points."""
    size, colour = max(mark.size, mark.least / points), colour_of(mark)
    text = mark.glyph or LOOKS[mark.kind].sign
    marker = MARKERS.get(mark.glyph) or _glyph(text, "bold" if mark.bold else "normal")
    outlined = {RING: (PAGE, colour, 0.12), CROSS: (colour, PAGE, 0.04)}
    face, edge, width = outlined.get(mark.glyph, (colour, colour, 0))
    # As an edge, "none" would undo the snapping to pixels.
    style = {"facecolor": face, "edgecolor": edge, "lw": width * points, "label": mark.kind}
    x, y = columns + mark.at[0], rows + mark.at[1]
    ax.scatter(x, y, (size * points) ** 2, marker=marker, **style)


def describe_board(task: Task, tokens_L, inputs_L, labels_L=None, before_L=None) -> str:
    """One sentence: cells right, wrong (the first by place) and changed; without labels, cells
    given.
    """
    cells, C = cells_of(task, tokens_L, inputs_L, labels_L, before_L), task.columns
    parts = [f"{sum(cell.given for cell in cells)} of {task.length} cells given"]
    if labels_L is not None:
        says, asked = task.face.says, sum(cell.wanted != "" for cell in cells)
        wrong = [(place, cell) for place, cell in enumerate(cells) if cell.wrong]
        first = [(divmod(place, C), cell) for place, cell in wrong[:LISTED]]
        named = [
            f"row {r + 1} column {c + 1} is {says(cell.symbol)}, should be {says(cell.wanted)}"
            for (r, c), cell in first
        ]
        named += [f"and {len(wrong) - LISTED} more"] if len(wrong) > LISTED else []
        parts = [f"{asked - len(wrong)} of {asked} cells right"]
        parts += [f"{len(wrong)} wrong ({'; '.join(named)})"] if wrong else []
    changed = [] if before_L is None else [f"{sum(cell.changed for cell in cells)} changed"]
    return ", ".join(parts + changed)


def film_strip(figure: Figure, task: Task, inputs_L, labels_L, answers_SL, q_S, steps) -> str:
    """The answers after these supervision steps (1, 2, ...; 0 is the question) side by side;
    returns what they show. Changed means: since the answer to the left. The figure keeps its width;
    its height is made to fit.
    """
    # inches; the two lines of text below take half an inch
    side = figure.get_figwidth() / len(steps)
    figure.set(layout_engine="none", figheight=side + 0.5)
    grid = {
        "left": 0.01,
        "right": 0.99,
        "top": 1 - 0.05 / (side + 0.5),
        "bottom": 0.5 / (side + 0.5),
        "wspace": 0.04,
    }
    before_L, said = None, []
    for ax, step in zip(
        figure.subplots(1, len(steps), squeeze=False, gridspec_kw=grid)[0], steps, strict=True
    ):
        boards, below, verdict = (inputs_L, inputs_L), "the question", "the question"
        if step:
            boards, q = (answers_SL[step - 1], inputs_L, labels_L, before_L), float(q_S[step - 1])
            asked = [cell for cell in cells_of(task, *boards) if cell.wanted]
            right = sum(not cell.wrong for cell in asked)
            below = f"step {step}, Q {q:+.1f}\n{right} of {len(asked)} right"
            before_L, verdict = boards[0], f"step {step}, Q {'above' if q > 0 else 'not above'} 0"
        draw_board(ax, task, *boards)
        ax.set_xlabel(below, size=9)
        said.append(f"{verdict}: {describe_board(task, *boards)}")
    return ". ".join(said) + "."
