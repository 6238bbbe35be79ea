"""Pictures of boards: what is drawn and said is what was planted, and nothing here touches
pyplot.
"""

import ast
import inspect
import io
from collections import Counter

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from trm_minimal.show import boards, svg
from trm_minimal.show.boards import describe_board, draw_board, film_strip
from trm_minimal.show.style import INK, LOOKS
from trm_minimal.tasks import maze, sudoku

LOADERS = {
    "sudoku-4x4": sudoku.load,
    "sudoku-6x6": sudoku.load,
    "sudoku-generated": sudoku.load,
    "maze-9x9": maze.load,
    "maze-generated": lambda name: maze.load(name, symmetries=maze.no_symmetries),
}
KINDS = {"given", "answer", "right", "wrong", "missing", "changed"}


@pytest.fixture(scope="module", params=LOADERS)
def case(request):
    """(task, question, answer, a spoilt answer, the spoilt cells), with as many kinds of mistakes
    as there are.
    """
    task = LOADERS[request.param](request.param)
    inputs_L, labels_L = (tokens_NL[0].long() for tokens_NL in task.test)
    spoilt_L, free = (
        labels_L.clone(),
        (inputs_L == task.symbols.find(" ")) | (inputs_L == task.symbols.find(".")),
    )
    if task.symbols == maze.SYMBOLS:
        extra, missing = (
            torch.nonzero(free & (labels_L == token))[0, 0] for token in (maze.SPACE, maze.PATH)
        )
        spoilt_L[extra], spoilt_L[missing] = maze.PATH, maze.SPACE
        cells = [int(extra), int(missing)]
    else:
        cells = torch.nonzero(free)[:2, 0].tolist()
        spoilt_L[cells[0]], spoilt_L[cells[1]] = labels_L[cells[0]] % task.rows + 2, 1
        spoilt_L[cells[0]] = 2 if labels_L[cells[0]] != 2 else 3
    return task, inputs_L, labels_L, spoilt_L, sorted(cells)


def axes(side: float = 4.0):
    return Figure(figsize=(side, side)).add_axes((0, 0, 1, 1))


def drawn(ax) -> Counter:
    """Marks of each kind; for Sudoku two digits may share a kind, so collections are summed."""
    counts = Counter()
    for collection in ax.collections:
        if collection.get_label() in KINDS:
            counts[collection.get_label()] += len(collection.get_offsets())
    return counts


def test_counts_and_places_in_the_sentence_are_those_planted(case):
    task, inputs_L, labels_L, spoilt_L, (first, second) = case
    names = {".": "empty", " ": "free", "o": "path"}
    said = describe_board(task, spoilt_L, inputs_L, labels_L, labels_L)
    parts = []
    for cell in (first, second):
        found, wanted = (task.symbols[board[cell]] for board in (spoilt_L, labels_L))
        place = f"row {cell // task.columns + 1} column {cell % task.columns + 1}"
        parts.append(f"{place} is {names.get(found, found)}, should be {names.get(wanted, wanted)}")
    n = task.length
    assert said == f"{n - 2} of {n} cells right, 2 wrong ({'; '.join(parts)}), 2 changed"
    assert describe_board(task, labels_L, inputs_L, labels_L) == f"{n} of {n} cells right"
    givens = (
        int((inputs_L == labels_L).sum())
        if "sudoku" in task.name
        else int((inputs_L != maze.SPACE).sum())
    )
    assert describe_board(task, inputs_L, inputs_L) == f"{givens} of {n} cells given"


def test_a_long_list_is_cut_and_counted():
    task = LOADERS["sudoku-4x4"]("sudoku-4x4")
    inputs_L, labels_L = (tokens_NL[0].long() for tokens_NL in task.test)
    said = describe_board(task, torch.zeros_like(labels_L), inputs_L, labels_L)
    assert said.startswith("0 of 16 cells right, 16 wrong (row 1 column 1 is padding, should be ")
    assert said.endswith("; and 13 more)") and said.count("should be") == 3


def test_each_kind_of_mark_is_drawn_as_often_as_it_occurs(case):
    task, inputs_L, labels_L, spoilt_L, _ = case
    ax = axes()
    draw_board(ax, task, spoilt_L, inputs_L, labels_L, labels_L)
    counts = drawn(ax)
    if task.symbols == maze.SYMBOLS:
        path = int((labels_L == maze.PATH).sum())
        expected = {
            "given": 4,
            "right": path - 1,
            "wrong": 1,
            "missing": 1,
        }  # S and G: a square and a letter each
    else:
        givens = int((inputs_L == labels_L).sum())
        right = task.length - givens - 2
        expected = {"given": givens, "answer": right + 1, "right": right, "wrong": 2, "changed": 2}
    assert {name: number for name, number in counts.items() if number} == expected


def test_a_cleared_path_cell_is_marked_as_changed():
    task = LOADERS["maze-9x9"]("maze-9x9")
    inputs_L, labels_L = (tokens_NL[0].long() for tokens_NL in task.test)
    before_L, ax = labels_L.clone(), axes()
    before_L[torch.nonzero((inputs_L == maze.SPACE) & (labels_L == maze.SPACE))[0, 0]] = maze.PATH
    draw_board(ax, task, labels_L, inputs_L, labels_L, before_L)
    assert drawn(ax)["changed"] == 1


def test_a_given_that_was_overwritten_is_crossed_in_both_paints(case):
    """matplotlib shows what the net wrote there, SVG the given below the cross."""
    task, inputs_L, labels_L, *_ = case
    given = int((inputs_L == labels_L).int().argmax())
    spoilt_L = labels_L.clone()
    spoilt_L[given] = next(t for t in range(2, task.vocab_size) if t != labels_L[given])
    ax = axes()
    draw_board(ax, task, spoilt_L, inputs_L, labels_L)
    assert drawn(ax)["wrong"] == 1 and drawn(ax)["changed"] == 0
    page = svg.board_marks(task, spoilt_L, inputs_L, labels_L)
    assert page.count(LOOKS["wrong"].colour) == 1


def test_without_labels_nothing_is_called_right_or_wrong(case):
    task, inputs_L, _, spoilt_L, _ = case
    ax = axes()
    draw_board(ax, task, spoilt_L, inputs_L)
    counts = drawn(ax)
    assert counts["answer"] > 0
    assert counts["right"] == counts["wrong"] == counts["missing"] == counts["changed"] == 0


def test_cells_have_the_colours_of_the_visual_language(case):
    task, inputs_L, labels_L, spoilt_L, cells = case
    ax = axes()
    draw_board(ax, task, spoilt_L, inputs_L, labels_L, labels_L)
    faces_L3 = np.asarray(ax.images[0].get_array()).reshape(-1, 3)
    assert all(tuple(faces_L3[cell]) == to_rgb(LOOKS["changed"].colour) for cell in cells)
    wall = int((inputs_L == maze.WALL).int().argmax()) if task.symbols == maze.SYMBOLS else None
    if wall is not None:
        assert tuple(faces_L3[wall]) == to_rgb(INK)
    for name in ("right", "wrong"):
        collection = next(c for c in ax.collections if c.get_label() == name)
        assert tuple(collection.get_facecolor()[0][:3]) == to_rgb(LOOKS[name].colour)


def test_right_and_wrong_differ_in_shape_too(case):
    task, inputs_L, labels_L, spoilt_L, _ = case
    ax = axes()
    draw_board(ax, task, spoilt_L, inputs_L, labels_L)
    shapes = {
        c.get_label(): c.get_paths()[0].vertices for c in ax.collections if len(c.get_offsets())
    }
    assert shapes["right"].shape != shapes["wrong"].shape
    if task.symbols == maze.SYMBOLS:  # an open ring against a filled disc
        open_ring = next(c for c in ax.collections if c.get_label() == "missing")
        assert tuple(open_ring.get_facecolor()[0][:3]) != tuple(open_ring.get_edgecolor()[0][:3])


def strip(case) -> tuple[bytes, str]:
    task, inputs_L, labels_L, spoilt_L, _ = case
    figure, png = Figure(figsize=(8, 3), dpi=100), io.BytesIO()
    answers_SL, q_S = torch.stack([spoilt_L, spoilt_L, labels_L]), torch.tensor([-4.9, -1.0, 2.0])
    text = film_strip(figure, task, inputs_L, labels_L, answers_SL, q_S, steps=(0, 1, 3))
    figure.savefig(png)
    return png.getvalue(), text


def test_film_strip_shows_and_says_each_step_and_is_deterministic(case):
    task = case[0]
    png, text = strip(case)
    assert (png, text) == strip(case)
    n, sentences = task.length, text.split(". ")
    assert [sentence.split(":")[0] for sentence in sentences] == [
        "the question",
        "step 1, Q not above 0",
        "step 3, Q above 0",
    ]
    assert f"{n - 2} of {n} cells right, 2 wrong" in sentences[1] and "changed" not in sentences[1]
    assert sentences[2].endswith(f"{n} of {n} cells right, 2 changed.")
    assert len(png) <= 80_000
    assert Image.open(io.BytesIO(png)).width == 800


def test_nothing_imports_pyplot():
    modules = [
        name
        for node in ast.walk(ast.parse(inspect.getsource(boards)))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        )
    ]
    assert modules and not [name for name in modules if "pyplot" in name or "pylab" in name]
