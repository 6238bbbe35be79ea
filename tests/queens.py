"""Queens that do not threaten each other, some of them placed: a family as a reader would add it.

This file, one entry in `lab.puzzles.FAMILIES` and a test are all it takes.
Dimension key: B batch, N puzzles, L cells, S size.
"""

from functools import cache, partial
from itertools import permutations
from math import isqrt

import torch
from torch import Tensor

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Move, Puzzles, Task, no_puzzles, split_symbols
from trm_minimal.tasks.face import CORNER, FILL, Cell, Face, Mark

SYMBOLS = "_.Q"  # padding, free, a queen
SIGNS = ".Q"
FREE, QUEEN = 1, 2


@cache
def solutions(size: int) -> Tensor:
    """All boards of `size` queens, tokens [N, L]: 10 of 5x5, 4 of 6x6."""
    boards = []
    for columns in permutations(range(size)):
        if all(len({s * r + c for r, c in enumerate(columns)}) == size for s in (1, -1)):
            board_SS = torch.full((size, size), FREE, dtype=torch.uint8)
            board_SS[range(size), columns] = QUEEN
            boards.append(board_SS.flatten())
    return torch.stack(boards)


def completions(inputs_L: Tensor) -> Tensor:
    """The solutions that keep the queens of a question."""
    every_NL = solutions(isqrt(len(inputs_L)))
    return every_NL[((inputs_L != QUEEN) | (every_NL == QUEEN)).all(1)]


def make(size: int, count: int, generator: torch.Generator) -> Puzzles:
    """Questions with one answer, from which no queen can be taken."""
    answers = solutions(size)[torch.randint(len(solutions(size)), (count,), generator=generator)]
    questions = answers.clone()
    for question_L in questions:
        queens = (question_L == QUEEN).nonzero().flatten()
        for cell in queens[torch.randperm(size, generator=generator)]:
            question_L[cell] = FREE
            if len(completions(question_L)) > 1:
                question_L[cell] = QUEEN
    return Puzzles(questions, answers)


def symmetries(size: int, batch: int, generator: torch.Generator) -> Move:
    """The 8 symmetries of the square."""
    grid = torch.arange(size**2).view(size, size)
    turns = [turned.rot90(k).flatten() for k in range(4) for turned in (grid, grid.T)]
    cells_BL = torch.stack(turns)[torch.randint(8, (batch,), generator=generator)]
    return Move(cells_BL, torch.arange(3).expand(batch, 3))


def is_solution(inputs_BL: Tensor, prediction_BL: Tensor) -> Tensor:
    """bool_B."""
    every_NL = solutions(isqrt(inputs_BL.shape[1])).to(prediction_BL)
    known_B = (prediction_BL[:, None] == every_NL).all(2).any(1)
    return known_B & ((inputs_BL != QUEEN) | (prediction_BL == QUEEN)).all(1)


def marks(cell: Cell) -> list[Mark]:
    """A queen as it is drawn on a chessboard; ticks and crosses in a corner."""
    found = [Mark("given", FILL, "given")] if cell.given else []
    if cell.symbol == "Q":
        found.append(Mark("given" if cell.given else "answer", "♛", "ink", 0.6))
    if cell.wrong or (cell.right and cell.symbol == "Q"):
        kind = "wrong" if cell.wrong else "right"
        found.append(Mark(kind, "", kind, 0.3, CORNER, bold=True))
    return found


def parse(length: int, text: str) -> Tensor:
    """A question as text -> tokens_L; BadInput unless it has one answer."""
    symbols = split_symbols(text, SYMBOLS)
    if len(symbols) != length or not set(symbols) <= set(SIGNS):
        raise BadInput(f"the queens: {length} cells, each . or Q, are wanted")
    tokens_L = torch.tensor([SYMBOLS.index(symbol) for symbol in symbols], dtype=torch.uint8)
    if len(completions(tokens_L)) != 1:
        raise BadInput(f"the queens: {len(completions(tokens_L))} answers; one is wanted")
    return tokens_L


def board(length: int) -> Task:
    """The Task of boards of 25 or 36 cells, with no puzzles yet."""
    size = isqrt(length)
    if size not in (5, 6) or size**2 != length:
        raise BadInput(f"the queens: boards of {length} cells; 25 and 36 are known")
    return Task(
        name=f"queens-{size}x{size}",
        rows=size,
        columns=size,
        symbols=SYMBOLS,
        train=no_puzzles(length),
        validation=no_puzzles(length),
        test=no_puzzles(length),
        symmetries=partial(symmetries, size),
        is_solution=is_solution,
        cells=partial(split_symbols, symbols=SYMBOLS),
        parse=partial(parse, length),
        solve=lambda tokens_L: completions(tokens_L)[0],
        draw=lambda tokens_L: "\n".join(
            "".join(SYMBOLS[token] for token in row) for row in tokens_L.view(size, size).tolist()
        ),
        face=Face(marks=marks, spoken={"Q": "a queen", ".": "free"}),
    )
