"""What holds for every family of tasks: moves that can be undone, a board, a stepper, an editor.

N queens (queens.py) is a family that the package does not know; so are grids of colours, as in ARC.
"""

import re
from dataclasses import replace
from functools import partial
from html import unescape

import pytest
import queens
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from trm_minimal.__main__ import main
from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.lab import puzzles, recipes
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.schedules import Depth
from trm_minimal.show import svg
from trm_minimal.show.boards import describe_board, draw_board
from trm_minimal.show.steppers import Editor, Stepper, Thinker
from trm_minimal.state import build_model
from trm_minimal.tasks import Puzzles, Task, files, maze, split_symbols, sudoku, toys, unmoved
from trm_minimal.tasks.face import FILL, KINDS, Cell, Face, coloured

COLOURS = {"0": "#000000", "1": "#0074d9", "2": "#ff4136"}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def five_queens(data_dir=None) -> Task:
    train, validation, test = (queens.make(5, 12, seeded(i)) for i in range(3))
    return replace(queens.board(25), train=train, validation=validation, test=test)


def colour_grids() -> Task:
    """Grids as in ARC: the answer is another picture, smaller than its board."""
    inputs_NL = torch.randint(1, 4, (6, 12), generator=seeded(), dtype=torch.uint8)
    labels_NL = inputs_NL % 3 + 1
    labels_NL[:, 8:] = 0
    symbols = "_012"
    return Task(
        name="colours",
        rows=3,
        columns=4,
        symbols=symbols,
        train=Puzzles(inputs_NL, labels_NL),
        validation=Puzzles(inputs_NL, labels_NL),
        test=Puzzles(inputs_NL, labels_NL),
        symmetries=partial(unmoved, length=12, vocab=4),
        is_solution=lambda inputs_BL, tokens_BL: (inputs_BL % 3 + 1 == tokens_BL).all(1),
        cells=partial(split_symbols, symbols=symbols),
        parse=lambda text: torch.tensor([*map(symbols.index, text)], dtype=torch.uint8),
        solve=lambda tokens_L: tokens_L % 3 + 1,
        draw=lambda tokens_L: "".join(symbols[token] for token in tokens_L),
        face=Face(marks=coloured(COLOURS), blanks=symbols),
    )


FAMILIES = {
    "sudoku-4x4": lambda: sudoku.load("sudoku-4x4"),
    "sudoku-6x6": lambda: sudoku.load("sudoku-6x6"),
    "sudoku-9x9": lambda: sudoku.load("sudoku-9x9"),
    "maze-9x9": lambda: maze.load("maze-9x9"),
    "parity": partial(toys.parity, 8),
    "running parity": partial(toys.parity, 8, answer=toys.after_each),
    "recall": partial(toys.recall, train=200),
    "queens": five_queens,
    "colours": colour_grids,
}


@pytest.fixture(scope="module", params=FAMILIES)
def task(request):
    return FAMILIES[request.param]()


def test_a_move_has_an_inverse(task):
    """Row by row, before and behind it, and its own inverse is the move again."""
    move = task.symmetries(40, seeded())
    undo = move.inverse()
    for tokens_NL in task.test:
        tokens_BL = tokens_NL.long().repeat(40, 1)[:40]
        assert torch.equal(undo(move(tokens_BL)), tokens_BL)
        assert torch.equal(move(undo(tokens_BL)), tokens_BL)
    assert all(torch.equal(a, b) for a, b in zip(undo.inverse(), move, strict=True))


def test_the_inverse_of_no_move_is_no_move():
    move = unmoved(3, torch.Generator(), length=5, vocab=4)
    assert all(torch.equal(a, b) for a, b in zip(move.inverse(), move, strict=True))


def test_eight_copies_have_the_identity_of_their_maze():
    mazes = maze.load("maze-9x9").test[:3]
    mazes = Puzzles(*mazes, torch.tensor([5, 6, 7]))
    for copies in (maze.plain_eightfold(mazes), maze.relabelled(mazes)):
        assert copies.ids_N.tolist() == [5] * 8 + [6] * 8 + [7] * 8


def boards_of(task):
    """A question, its answer, and the answer with its first labelled cell that was asked spoilt."""
    inputs_L, labels_L = (tokens_NL[0].long() for tokens_NL in task.test)
    spoilt_L = labels_L.clone()
    cell = int(((labels_L > 0) & (labels_L != inputs_L)).int().argmax())
    spoilt_L[cell] = next(t for t in range(1, task.vocab_size) if t != labels_L[cell])
    return inputs_L, labels_L, spoilt_L, cell


def test_marks_are_of_the_kinds_that_painters_know(task):
    symbols = [*task.symbols]
    for symbol in symbols:
        for wanted in ("", *symbols):
            for given, changed in ((False, False), (False, True), (True, True)):
                marks = task.face.marks(Cell(symbol, wanted, given, changed))
                assert {mark.kind for mark in marks} <= set(KINDS)
                assert all(mark.kind in svg.REACH for mark in marks if mark.glyph == FILL)


def test_every_family_has_a_board_in_both_paints(task):
    inputs_L, labels_L, spoilt_L, cell = boards_of(task)
    labelled = int((labels_L > 0).sum())
    said = describe_board(task, spoilt_L, inputs_L, labels_L, labels_L)
    place = f"row {cell // task.columns + 1} column {cell % task.columns + 1} is "
    found, wanted = (task.face.says(task.symbols[board[cell]]) for board in (spoilt_L, labels_L))
    right = f"{labelled - 1} of {labelled} cells right"
    assert said.startswith(f"{right}, 1 wrong ({place}{found}, should be {wanted})")
    assert said.endswith(", 1 changed")
    ax = Figure(figsize=(3, 3)).add_axes((0, 0, 1, 1))
    draw_board(ax, task, spoilt_L, inputs_L, labels_L, labels_L)
    wrong = [c for c in ax.collections if c.get_label() in ("wrong", "missing")]
    assert sum(len(collection.get_offsets()) for collection in wrong) == 1
    ax.figure.canvas.draw()
    page = svg.draw(task, spoilt_L, inputs_L, labels_L, labels_L)
    assert page.startswith("<svg") and right in page
    assert svg.draw(task, labels_L, inputs_L, labels_L) != page


def test_a_cell_without_a_label_shows_the_question_and_is_not_judged():
    task = toys.parity(8)
    inputs_L, labels_L = (tokens_NL[0].long() for tokens_NL in task.test)
    noise_L = torch.where(labels_L > 0, labels_L, 3)  # what a net says where it was never asked
    said = describe_board(task, noise_L, inputs_L, labels_L, inputs_L)
    assert said == "1 of 1 cells right, 1 changed"
    page = svg.board_marks(task, noise_L, inputs_L, labels_L)
    written = re.findall(r"<text[^>]*>(.)</text>", page)
    assert sorted(written) == sorted([*task.draw(inputs_L).split()[1:], task.draw(labels_L), "✓"])


def test_colours_fill_their_cells():
    task = colour_grids()
    inputs_L, labels_L, *_ = boards_of(task)
    ax = Figure(figsize=(3, 3)).add_axes((0, 0, 1, 1))
    draw_board(ax, task, inputs_L, inputs_L)
    faces = [to_hex(face) for face in ax.images[0].get_array().reshape(-1, 3)]
    assert faces == [COLOURS[task.symbols[token]] for token in inputs_L]
    page = svg.board_marks(task, labels_L, inputs_L, labels_L)
    paths = re.findall('<path d="([^"]*)" fill="(#[^"]*)"', page)
    counts = {colour: outline.count("M") for outline, colour in paths}
    shown = [task.symbols[label or token] for token, label in zip(inputs_L, labels_L, strict=True)]
    assert counts == {colour: shown.count(symbol) for symbol, colour in COLOURS.items()}


def test_every_family_has_a_stepper_and_an_editor(task):
    torch.manual_seed(0)
    model = TinyRecursiveModel(task.vocab_size, task.length, dim=16, prefix=2)
    stepper = Stepper(task, task.test[:2], Thinker("", model, 2, Depth(1, 1)))
    labelled = int((task.test.labels_NL[0] > 0).sum())
    stepper.slider.value = 1
    assert f"of {labelled} cells right" in unescape(stepper.pages[0].value)
    told = []
    editor = Editor(task, task.test.inputs_NL[0], told.append)
    assert torch.equal(told[-1].long(), task.test.inputs_NL[0].long())
    editor.text.value = ""
    assert "cells" in editor.verdict.value or told[-1] is not None
    editor.text.value = task.draw(task.test.inputs_NL[1])
    assert torch.equal(told[-1].long(), task.test.inputs_NL[1].long())


@pytest.fixture
def registered(monkeypatch):
    family = puzzles.Family(signs=queens.SIGNS, board=queens.board)
    monkeypatch.setitem(puzzles.FAMILIES, "queens", family)


def queens_recipe():
    """Five queens."""
    return replace(recipes.by_name("sudoku_4x4"), task=five_queens, dim=16, N_sup=2)


def test_a_family_is_registered_in_one_entry_and_solved(registered, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(recipes.RECIPES, "queens", queens_recipe)
    task = five_queens()
    model = build_model(queens_recipe(), task.vocab_size, task.length, seed=0)
    facts = {"kind": "weights", "recipe": "queens", "vocab_size": 3, "length": 25}
    checkpoint.save(tmp_path / "queens.safetensors", model.state_dict(), facts)
    board = task.draw(task.test.inputs_NL[0])
    (tmp_path / "board.txt").write_text(board + "\n")
    for given in (board.replace("\n", ""), str(tmp_path / "board.txt")):
        assert main(["solve", str(tmp_path / "queens.safetensors"), given]) == 0
        told = capsys.readouterr().out
        assert told.startswith(f"the question\n{board}\n") and "supervision step 2" in told


def test_a_table_of_a_registered_family_is_read_and_its_wrong_line_named(registered, tmp_path):
    rows = [
        files.Row("", *("".join(map(queens.SYMBOLS.__getitem__, board)) for board in pair), "")
        for pair in zip(*five_queens().test, strict=True)
    ]
    files.write_csv(tmp_path / "queens.csv", rows)
    task = puzzles.task_of_csv(tmp_path / "queens.csv")
    assert (len(task.test), task.symbols) == (12, queens.SYMBOLS)
    assert task.is_solution(*task.test).all()
    rows[3] = rows[3]._replace(answer=rows[3].answer[::-1][1:] + ".")
    files.write_csv(tmp_path / "queens.csv", rows)
    with pytest.raises(BadInput, match=r"queens\.csv, line 5: the answer does not solve"):
        puzzles.task_of_csv(tmp_path / "queens.csv")


def test_the_painters_name_no_family():
    for module in ("boards", "svg", "frames", "steppers", "player", "trace"):
        source = (puzzles.Path(svg.__file__).parent / f"{module}.py").read_text(encoding="utf-8")
        assert not re.search(r"import.*\b(maze|sudoku|toys)\b|symbols ==|SHAPES", source), module
