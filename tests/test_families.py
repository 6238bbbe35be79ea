"""What holds for every family of tasks: symmetries that can be undone."""

from functools import partial

import pytest
import torch

from trm_minimal.tasks import Puzzles, maze, stay, sudoku, toys

FAMILIES = {
    "sudoku-4x4": lambda: sudoku.load("sudoku-4x4"),
    "sudoku-6x6": lambda: sudoku.load("sudoku-6x6"),
    "sudoku-9x9": lambda: sudoku.load("sudoku-9x9"),
    "maze-9x9": lambda: maze.load("maze-9x9"),
    "parity": partial(toys.parity, 8),
}


@pytest.fixture(scope="module", params=FAMILIES)
def task(request):
    return FAMILIES[request.param]()


def test_a_move_has_an_inverse(task):
    """Row by row, before and behind it, and its own inverse is the move again."""
    move = task.symmetries(40, torch.Generator().manual_seed(0))
    undo = move.inverse()
    for tokens_NL in task.test[:20]:
        tokens_BL = tokens_NL.long().repeat(2, 1)
        assert torch.equal(undo(move(tokens_BL)), tokens_BL)
        assert torch.equal(move(undo(tokens_BL)), tokens_BL)
    assert all(torch.equal(a, b) for a, b in zip(undo.inverse(), move, strict=True))


def test_the_inverse_of_no_move_is_no_move():
    move = stay(3, torch.Generator(), length=5, vocab=4)
    assert all(torch.equal(a, b) for a, b in zip(move.inverse(), move, strict=True))


def test_eight_copies_have_the_identity_of_their_maze():
    mazes = maze.load("maze-9x9").test[:3]
    mazes = Puzzles(*mazes, torch.tensor([5, 6, 7]))
    for copies in (maze.plain_eightfold(mazes), maze.relabelled(mazes)):
        assert copies.ids_N.tolist() == [5] * 8 + [6] * 8 + [7] * 8
