"""Sudoku of 4x4, 6x6 and 9x9: solve, make, turn, tell apart, check, load.

A grid is a text of L characters, row by row: digits, and "." or "0" for an empty cell. In a tensor
it is tokens in the official layout: 0 padding, 1 empty, digit d is d + 1. The search works on
candidates: an int a cell, with bit d - 1 set while d may stand there.

Dimension key: B batch, N puzzles, L cells, S size, U units (rows, columns, boxes), G grids, M
moves, T top rows.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from itertools import permutations, product
from math import isqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Move, Puzzles, Task, files, no_puzzles, unmoved
from trm_minimal.tasks.face import Face

Puzzle = tuple[str, str]  # question and answer
DIGITS = ".123456789"
EMPTY = str.maketrans("0*_-xX", "......")  # how people write an empty cell
# A whole board in one line, of 9x9, 6x6 or 4x4. Whatever stands beside it is no part of it.
ONE_LINE = re.compile(r"(?<![^\s,;\"'>])(?:[\d.]{81}|[\d.]{36}|[\d.]{16})(?![^\s,;\"'<])")
MISSES = 100  # puzzles, half a minute at 9x9, before `with_givens` gives up
# Guesses, 2 seconds, before `parse` gives up; 2,796 hard published puzzles needed at most 8,734.
PATIENCE = 50_000


@dataclass(frozen=True)
class Shape:
    """Boxes of `box_rows` x `box_cols` cells on a board of size x size, with size = box_rows *
    box_cols digits.
    """

    box_rows: int
    box_cols: int

    @cached_property
    def size(self) -> int:
        return self.box_rows * self.box_cols

    @cached_property
    def length(self) -> int:
        return self.size**2

    @cached_property
    def symbols(self) -> str:
        return "_" + DIGITS[: self.size + 1]

    @cached_property
    def turns(self) -> bool:
        """Whether rows and columns may change places; with oblong boxes they may not."""
        return self.box_rows == self.box_cols

    @cached_property
    def units(self) -> list[list[int]]:
        """The cells of each row, then of each column, then of each box."""
        board = np.arange(self.length).reshape(self.size, self.size)
        boxes = board.reshape(self.box_cols, self.box_rows, self.box_rows, self.box_cols).swapaxes(
            1, 2
        )
        return np.concatenate([board, board.T, boxes.reshape(self.size, self.size)]).tolist()

    @cached_property
    def peers(self) -> list[list[int]]:
        """For each cell, the cells that may not hold its digit."""
        return [
            sorted({c for unit in self.units if cell in unit for c in unit} - {cell})
            for cell in range(self.length)
        ]


FOUR, SIX, NINE = Shape(2, 2), Shape(2, 3), Shape(3, 3)
SHAPES = {shape.length: shape for shape in (FOUR, SIX, NINE)}


def digits_of(grid: str) -> np.ndarray:
    """[L] ints, 0 for an empty cell."""
    return np.array([max(DIGITS.find(char), 0) for char in grid])


def text_of(digits_L: Iterable[int]) -> str:
    """The inverse of `digits_of`."""
    return "".join(DIGITS[d] for d in digits_L)


def propagate(shape: Shape, options: list[int], news: list[int]) -> bool:
    """Naked and hidden singles, in place, from the cells in `news` on; False at a contradiction."""
    full = (1 << shape.size) - 1
    while news:
        while news:
            cell = news.pop()
            bit = options[cell]
            for peer in shape.peers[cell]:
                if options[peer] & bit:
                    options[peer] = rest = options[peer] ^ bit
                    if not rest:
                        return False
                    if not rest & (rest - 1):
                        news.append(peer)
        for unit in shape.units:
            once = twice = 0
            for cell in unit:
                twice |= once & options[cell]
                once |= options[cell]
            if once != full:  # a digit has no cell left
                return False
            if once := once & ~twice:
                for cell in unit:
                    only = options[cell] & once
                    if only & (only - 1):  # two digits have no cell but this one
                        return False
                    if only and only != options[cell]:
                        options[cell] = only
                        news.append(cell)
    return True


def search(
    shape: Shape,
    options: list[int],
    limit: int,
    chance: random.Random | None = None,
    patience: int = 10**9,
) -> tuple[list[str], int]:
    """Up to `limit` solutions within the candidates, and the guesses made.

    `chance` shuffles the digits to try.
    """
    solutions, guesses = [], -1  # the first round is no guess
    stack = [(options, [cell for cell, bits in enumerate(options) if bits.bit_count() == 1])]
    while stack and len(solutions) < limit and guesses < patience:
        options, news = stack.pop()
        guesses += 1
        if not propagate(shape, options, news):
            continue
        undecided = [
            (bits.bit_count(), cell) for cell, bits in enumerate(options) if bits & (bits - 1)
        ]
        if not undecided:
            solutions.append(text_of(bits.bit_length() for bits in options))
            continue
        _, cell = min(undecided)
        bits = [1 << d for d in range(shape.size) if options[cell] >> d & 1]
        if chance:
            chance.shuffle(bits)
        stack += [([*options[:cell], bit, *options[cell + 1 :]], [cell]) for bit in bits]
    return solutions, guesses


def solve(shape: Shape, grid: str, limit: int = 2, patience: int = 10**9) -> tuple[list[str], int]:
    """Up to `limit` solutions and how many guesses they took.

    One solution at limit 2 is the only one.

    A guess is one digit tried in a cell with fewest candidates, so 0 means singles alone; after
    `patience` guesses the search gives up. The count is a rating of our own, not the one in guesses
    of tdoku that Sudoku-Extreme publishes.
    """
    options = [1 << d - 1 if d else (1 << shape.size) - 1 for d in digits_of(grid).tolist()]
    return search(shape, options, limit, patience=patience)


def generate(shape: Shape, givens: int, generator: torch.Generator) -> Puzzle:
    """A question with one solution and `givens` clues, or more where no clue can be spared; and its
    answer.

    Start with that many random clues. While there is another solution, add a clue where it differs;
    then let spare clues go, in random order. Asked for too few, it ends at a minimal puzzle: 6x6
    mostly 9 to 11 clues, 9x9 22 to 27.
    """
    # torch is slow at single draws
    chance = random.Random(int(torch.randint(2**62, (), generator=generator)))
    anything, cells = (1 << shape.size) - 1, range(shape.length)
    answer = search(shape, [anything] * shape.length, 1, chance)[0][0]
    truth = [1 << d - 1 for d in digits_of(answer).tolist()]
    clues = chance.sample(cells, givens)

    def options() -> list[int]:
        return [truth[cell] if cell in clues else anything for cell in cells]

    while others := [grid for grid in search(shape, options(), 2, chance)[0] if grid != answer]:
        clues.append(chance.choice([cell for cell in cells if others[0][cell] != answer[cell]]))
    for cell in chance.sample(clues, len(clues)):
        if len(clues) == givens:
            break
        otherwise = options()
        otherwise[cell] = anything ^ truth[cell]  # could another digit stand here?
        if not search(shape, otherwise, 1)[0]:
            clues.remove(cell)
    return "".join(answer[cell] if cell in clues else "." for cell in cells), answer


def with_givens(shape: Shape, givens: range, generator: torch.Generator) -> Iterator[Puzzle]:
    """Puzzles without end, each with so many clues, all numbers alike where such puzzles come up.

    BadInput when none of MISSES in a row has as few: the fewest depend on the grid.
    """
    misses, fewest = 0, shape.length
    while misses < MISSES:
        asked = int(torch.randint(givens.start, givens.stop, (), generator=generator))
        puzzle = generate(shape, asked, generator)
        found = shape.length - puzzle[0].count(".")
        misses, fewest = (0, fewest) if found in givens else (misses + 1, min(fewest, found))
        if found in givens:
            yield puzzle
    told = f"none of {MISSES} puzzles in a row has at most {givens.stop - 1} givens"
    size = f"{shape.size}x{shape.size} Sudoku"
    raise BadInput(f"{size}: {told}; {fewest} were the fewest, ask for so many.")


def all_four(givens: range) -> list[Puzzle]:
    """Every 4x4 puzzle with one solution and so many clues, one of each class of
    `canonical_puzzle`.

    Two puzzles on one grid are twins when a symmetry that keeps the grid carries the clues of one
    to the other's.
    """
    every = solve(FOUR, "." * 16, limit=999)[0]  # 288
    grids_GL = np.array([digits_of(grid) for grid in every])
    masks_NL = np.array([mask for mask in product((0, 1), repeat=16) if sum(mask) in givens])
    weights_L = 1 << np.arange(16)
    puzzles = []
    for answer in sorted({canonical_grid(FOUR, text_of(grid)) for grid in grids_GL}):
        grid = digits_of(answer)
        fits_NG = masks_NL @ (grids_GL != grid).T == 0  # no clue tells this grid from the answer
        unique_NL = masks_NL[fits_NG.sum(1) == 1]
        twins_ML = relabel(grid[cell_orders(FOUR)])
        keeps_ML = cell_orders(FOUR)[(twins_ML == grid).all(1)]
        first_N = unique_NL @ weights_L == (unique_NL[:, keeps_ML] @ weights_L).min(1)
        puzzles += [(text_of(grid * mask), answer) for mask in unique_NL[first_N]]
    return puzzles


def split(
    puzzles: Iterable[Puzzle], counts: dict[str, int], form: Callable[[Puzzle], str]
) -> dict[str, list[Puzzle]]:
    """Deal puzzles out until each split has its count or they end: none twice, and no class (equal
    `form`) torn apart.

    The classes too are dealt out in proportion to the counts.
    """
    parts = {name: [] for name, wanted in counts.items() if wanted}
    classes = {name: set() for name in parts}
    seen = set()
    for puzzle in puzzles:
        key = form(puzzle)
        behind = min(parts, key=lambda name: len(classes[name]) / counts[name])
        part = next((name for name in parts if key in classes[name]), behind)
        classes[part].add(key)
        if puzzle not in seen and len(parts[part]) < counts[part]:
            seen.add(puzzle)
            parts[part].append(puzzle)
            if all(len(parts[name]) == counts[name] for name in parts):
                break
    return parts


def make(
    shape: Shape, counts: dict[str, int], givens: range, generator: torch.Generator
) -> dict[str, list[files.Row]]:
    """New puzzles as CSV rows, e.g. for {"train": 5000, "validation": 500, "test": 500}.

    Each has one solution, stands under a random symmetry, and has our solver's guesses as its
    rating. No two splits share a solution grid up to symmetry. 4x4 cannot have that, for its 288
    grids fall in 2 classes and augmentation joins each: there no two splits share a puzzle up to
    symmetry. BadInput when more 4x4 are wanted than there are.
    """
    size = f"{shape.size}x{shape.size} Sudoku"
    if sum(counts.values()) < 1:
        raise BadInput(f"{size}: ask for one puzzle at least.")
    if not 0 <= givens.start < givens.stop <= shape.length + 1:
        told = f"{givens.start} to {givens.stop - 1} givens are asked for, the least first"
        raise BadInput(f"{size}: {told}; a board can have 0 to {shape.length} givens.")
    if shape == FOUR:
        every = all_four(givens)
        stream = (every[i] for i in torch.randperm(len(every), generator=generator).tolist())
        parts = split(stream, counts, lambda puzzle: canonical_puzzle(shape, puzzle[0]))
        if sum(map(len, parts.values())) < sum(counts.values()):
            raise BadInput(
                f"4x4 Sudoku: only {len(every)} different puzzles have so many givens; ask for"
                " fewer."
            )
    else:
        stream = with_givens(shape, givens, generator)
        parts = split(stream, counts, lambda puzzle: canonical_grid(shape, puzzle[1]))
    rows = {}
    for name, puzzles in parts.items():
        move = symmetries(shape)(len(puzzles), generator)
        moved = [
            move(files.encode(side, shape.symbols, name)) - 1 for side in zip(*puzzles, strict=True)
        ]
        questions, answers = ([text_of(grid) for grid in grids_NL.tolist()] for grids_NL in moved)
        ratings = [str(solve(shape, question)[1]) for question in questions]
        rows[name] = [
            files.Row("generated", *row) for row in zip(questions, answers, ratings, strict=True)
        ]
    return rows


def random_orders(batch: int, groups: int, members: int, generator: torch.Generator) -> Tensor:
    """[B, S]: the lines 0, 1, ... in random order, each group of `members` kept together."""
    outer = torch.rand(batch, groups, 1, generator=generator).argsort(1)
    inner = torch.rand(batch, groups, members, generator=generator).argsort(2)
    return (outer * members + inner).flatten(1)


def symmetries(shape: Shape) -> Callable[[int, torch.Generator], Move]:
    """Random moves that keep a Sudoku a Sudoku: rename the digits; reorder the bands, the rows in
    each, the stacks and the columns in each; where boxes are square, exchange rows and columns with
    probability 1/2. The official builder augments with the same moves, once and for all.
    """

    def draw_moves(batch: int, generator: torch.Generator) -> Move:
        names_BS = torch.rand(batch, shape.size, generator=generator).argsort(1) + 2
        rows_BS = random_orders(batch, shape.box_cols, shape.box_rows, generator)
        columns_BS = random_orders(batch, shape.box_rows, shape.box_cols, generator)
        cells_BSS = rows_BS[:, :, None] * shape.size + columns_BS[:, None, :]
        if shape.turns:
            turned_B = torch.rand(batch, 1, 1, generator=generator) < 0.5
            cells_BSS = torch.where(turned_B, cells_BSS.mT, cells_BSS)
        return Move(
            cells_BSS.flatten(1), torch.cat([torch.arange(2).expand(batch, 2), names_BS], 1)
        )

    return draw_moves


def no_symmetries(shape: Shape) -> Callable[[int, torch.Generator], Move]:
    """No symmetry at all."""
    return partial(unmoved, length=shape.length, vocab=len(shape.symbols))


@cache
def orders(groups: int, members: int) -> np.ndarray:
    """[M, S]: all orders of the lines 0, 1, ... that keep each group of `members` together."""
    return np.array(
        [
            [
                group * members + line
                for group, lines in zip(outer, inner, strict=True)
                for line in lines
            ]
            for outer in permutations(range(groups))
            for inner in product(permutations(range(members)), repeat=groups)
        ]
    )


@cache
def cell_orders(shape: Shape) -> np.ndarray:
    """[M, L]: all symmetries of the cells, 128 for 4x4 and 3,456 for 6x6; the 3,359,232 of 9x9 are
    too many to list.
    """
    rows, columns = orders(shape.box_cols, shape.box_rows), orders(shape.box_rows, shape.box_cols)
    cells = rows[:, None, :, None] * shape.size + columns[:, None, :]
    cells = cells.reshape(-1, shape.size, shape.size)
    return np.concatenate([cells, cells.swapaxes(1, 2)] if shape.turns else [cells]).reshape(
        -1, shape.length
    )


def relabel(grids_GL: np.ndarray) -> np.ndarray:
    """Rename the digits in the order of their first appearance; 0 stays."""
    size = isqrt(grids_GL.shape[1])
    here_GSL = grids_GL[:, None, :] == np.arange(1, size + 1)[:, None]
    first_GS = np.where(here_GSL.any(2), here_GSL.argmax(2), grids_GL.shape[1])
    names_GS = first_GS.argsort(1, kind="stable").argsort(1) + 1
    return np.take_along_axis(np.pad(names_GS, ((0, 0), (1, 0))), grids_GL, 1)


def smallest(rows_GL: np.ndarray) -> np.ndarray:
    """The first row in dictionary order."""
    for column in range(rows_GL.shape[1]):
        rows_GL = rows_GL[rows_GL[:, column] == rows_GL[:, column].min()]
    return rows_GL[0]


def canonical_puzzle(shape: Shape, question: str) -> str:
    """The smallest twin of a 4x4 or 6x6 puzzle: equal for two puzzles when they are the same up to
    symmetry.
    """
    return text_of(smallest(relabel(digits_of(question)[cell_orders(shape)])))


def canonical_grid(shape: Shape, grid: str) -> str:
    """The smallest twin of a full grid. 4x4 has 2 such classes, 6x6 has 49, 9x9 has 5,472,730,538.

    Its top row reads 1, 2, 3, ... So the choice of a top row and of an order of the columns names
    the digits, and the other rows fall into place by their first digit: for 9x9 that is 9 * 1,296
    choices, and as many again with rows and columns exchanged.
    """
    size, columns_MS = shape.size, orders(shape.box_rows, shape.box_cols)
    places_MS = columns_MS.argsort(1)  # where each column goes
    board = digits_of(grid).reshape(size, size) - 1
    seats_TSS, seconds_TS = (
        [],
        [],
    )  # T choices of the two top rows: where the first has the digit of each cell; the second
    for turned in [board, board.T] if shape.turns else [board]:
        for top, second in product(range(size), repeat=2):
            if top != second and top // shape.box_rows == second // shape.box_rows:
                seats_TSS.append(turned[top].argsort()[turned])
                seconds_TS.append(seats_TSS[-1][second])
    seats_TSS, seconds_TS = np.array(seats_TSS), np.array(seconds_TS)
    t, m = np.indices((len(seats_TSS), len(columns_MS))).reshape(2, -1)
    # keep the choices with the smallest second row, digit by digit: few are left
    for column in range(size):
        value = places_MS[m, seconds_TS[t, columns_MS[m, column]]]
        t, m = t[value == value.min()], m[value == value.min()]
    grids_GSS = np.take_along_axis(seats_TSS[t], columns_MS[m][:, None, :], 2)
    grids_GSS = np.take_along_axis(places_MS[m][:, None, :], grids_GSS, 2)
    bands = grids_GSS.reshape(len(m), -1, shape.box_rows, size)
    bands = np.take_along_axis(bands, bands[..., :1].argsort(2), 2)
    bands = np.take_along_axis(bands, bands[:, :, :1, :1].argsort(1), 1)
    return text_of(smallest(bands.reshape(len(m), -1)) + 1)


def is_solution(shape: Shape, inputs_BL: Tensor, prediction_BL: Tensor) -> Tensor:
    """[B]: the givens are kept, and each row, column and box holds every digit."""
    kept_B = ((inputs_BL == 1) | (inputs_BL == prediction_BL)).all(1)
    units_BUS = (
        prediction_BL[:, torch.tensor(shape.units, device=prediction_BL.device)].sort(2).values
    )
    every_digit_S = torch.arange(2, shape.size + 2, device=prediction_BL.device)
    return kept_B & (units_BUS == every_digit_S).flatten(1).all(1)


def cells(text: str) -> str:
    """The cells of a grid as people write it, row by row, with "." for an empty one.

    Frames, lines between boxes, separators, a title and comments from # on are left out; of several
    boards in a text it is the first. BadInput names the row that is too short or too long.
    """
    if board := ONE_LINE.search(text):
        return board[0].translate(EMPTY)
    rows: list[str] = []
    for line in text.translate({0x200B: None, 0xFEFF: None}).splitlines():
        line = re.sub("[|│┃║]", "", line.partition("#")[0]).rstrip(" ")
        title = not rows and re.search("[A-WYZa-wyz]", line)
        if re.search("[,;\t]", line):
            line = "".join(cell.strip() or "." for cell in re.split("[,;\t]", line))
        signs = set(line) - {" "}
        ruled = len(signs) > 1 and not signs & set(".123456789_xX0")
        if title or ruled or not signs & set(".123456789_xX0*-"):
            continue
        rows.append(line)
    sizes = {shape.size for shape in SHAPES.values()}
    if len(rows) not in sizes:  # lines of dashes alone may be rows of empty cells, or not
        rows = [row for row in rows if set(row) != {"-"}]
    compact, size = ["".join(row.split()) for row in rows], len(rows)
    blank = all(set(row) <= set(" 123456789") and len(row) <= size for row in rows)
    if blank and size in sizes and any(len(row) != size for row in compact):
        compact = [row.ljust(size).replace(" ", ".") for row in rows]
    for number, row in enumerate(compact if size > 1 else (), start=1):
        if size not in sizes or len(row) != size:
            odd = f"row {number} has {len(row)} of {size} cells"
            told = odd if size in sizes else f"it has {size} rows"
            wanted = "4, 6 or 9 rows of as many cells, a dot for an empty one"
            raise BadInput(f"the Sudoku: {told}; write {wanted}.")
    return "".join(compact or text.split()).translate(EMPTY)


def parse(shape: Shape, question: str, where: str = "the puzzle") -> Tensor:
    """A question as `cells` reads it -> tokens_L; BadInput unless it has exactly one solution."""
    question, size = cells(question), shape.size
    place = [f"row {cell // size + 1}, column {cell % size + 1}" for cell in range(shape.length)]
    if len(question) != shape.length:
        sizes = f"a {size}x{size} Sudoku has {shape.length} (4x4: 16, 6x6: 36, 9x9: 81)"
        raise BadInput(f"{where}: {len(question)} characters, but {sizes}.")
    for cell, char in enumerate(question):
        if char not in DIGITS[: size + 1]:
            raise BadInput(
                f"{where}: {char!r} in {place[cell]}; write 1 to {size}, and . or 0 for an empty"
                " cell."
            )
    for index, unit in enumerate(shape.units):
        for digit in DIGITS[1 : size + 1]:
            if len(twice := [place[cell] for cell in unit if question[cell] == digit]) > 1:
                kind = ("row", "column", "box")[index // size]
                raise BadInput(
                    f"{where}: {digit} twice in one {kind}, in {twice[0]} and in {twice[1]}; change"
                    " one."
                )
    solutions, guesses = solve(shape, question, patience=PATIENCE)
    if len(solutions) < 2 and guesses >= PATIENCE:
        raise BadInput(
            f"{where}: neither solved nor refuted after {PATIENCE} guesses; take another puzzle."
        )
    if not solutions:
        raise BadInput(f"{where}: has no solution; change or remove a digit.")
    if len(solutions) > 1:
        one, two = solutions
        cell = next(cell for cell in range(shape.length) if one[cell] != two[cell])
        raise BadInput(
            f"{where}: has several solutions ({place[cell]} may be {one[cell]} or {two[cell]}); add"
            " digits."
        )
    return files.encode([question], shape.symbols, where)[0]


def solution(shape: Shape, tokens_L: Tensor) -> Tensor:
    """The solution of a question that `parse` has given."""
    grid = "".join(shape.symbols[token] for token in tokens_L.tolist())
    return files.encode(solve(shape, grid, limit=1)[0], shape.symbols, "the puzzle")[0]


def draw(shape: Shape, tokens_L: Tensor) -> str:
    """The board as text, with lines between the boxes."""
    cells = [shape.symbols[token] for token in tokens_L.tolist()]
    parts = [
        " ".join(cells[i : i + shape.box_cols]) for i in range(0, shape.length, shape.box_cols)
    ]
    rows = [" | ".join(parts[i : i + shape.box_rows]) for i in range(0, len(parts), shape.box_rows)]
    bands = ["\n".join(rows[i : i + shape.box_rows]) for i in range(0, shape.size, shape.box_rows)]
    rule = "-+-".join(["-" * (2 * shape.box_cols - 1)] * shape.box_rows)
    return f"\n{rule}\n".join(bands)


def shape_of(length: int, where: Path | str) -> Shape:
    if length not in SHAPES:
        raise BadInput(
            f"{where}: boards of {length} cells; Sudoku here has 16 (4x4), 36 (6x6) or 81 (9x9)."
        )
    return SHAPES[length]


def verify(shape: Shape, puzzles: Puzzles, where: str, first: int) -> Puzzles:
    """The puzzles themselves; BadInput names the first whose answer is no solution of its
    question.
    """
    # bounds the memory
    chunks = zip(puzzles.inputs_NL.split(65_536), puzzles.labels_NL.split(65_536), strict=True)
    right_N = torch.cat([is_solution(shape, *chunk) for chunk in chunks])
    if not right_N.all():
        number = first + right_N.int().argmin()
        raise BadInput(
            f"{where} {number}: the answer does not solve the question; repair or remove the"
            " puzzle."
        )
    return puzzles


def encode_rows(rows: list[files.Row], path: Path) -> Puzzles:
    """Rows of a CSV -> Puzzles.

    BadInput names the file and the line when an answer does not solve its question.
    """
    shape = shape_of(len(rows[0].question), path)
    inputs_NL = files.encode(
        [row.question.replace("0", ".") for row in rows], shape.symbols, str(path)
    )
    labels_NL = files.encode([row.answer for row in rows], shape.symbols, str(path))
    return verify(shape, Puzzles(inputs_NL, labels_NL), f"{path}, line", first=2)


def read(path: Path) -> tuple[Shape, Puzzles]:
    """Any CSV of the published format (Sudoku-Extreme's), and the shape that its length tells."""
    rows = files.read_csv(path)
    return shape_of(len(rows[0].question), path), encode_rows(rows, path)


def board(
    length: int, symmetries: Callable[[Shape], Callable[[int, torch.Generator], Move]] = symmetries
) -> Task:
    """The Task of boards of 16, 36 or 81 cells, with no puzzles yet."""
    shape, none = shape_of(length, "Sudoku"), no_puzzles(length)
    return Task(
        name=f"sudoku-{shape.size}x{shape.size}",
        rows=shape.size,
        columns=shape.size,
        symbols=shape.symbols,
        train=none,
        validation=none,
        test=none,
        symmetries=symmetries(shape),
        is_solution=partial(is_solution, shape),
        cells=cells,
        parse=partial(parse, shape),
        solve=partial(solution, shape),
        draw=partial(draw, shape),
        face=Face(
            brushes={"erase": "."} | {digit: digit for digit in shape.symbols[2:]},
            boxes=(shape.box_rows, shape.box_cols),
        ),
    )


def load(
    name: str,
    data_dir: Path | None = None,
    symmetries: Callable[[Shape], Callable[[int, torch.Generator], Move]] = symmetries,
    validation: str | None = None,
) -> Task:
    """The Task of the folder `data_dir/name`; without `data_dir` one of the repository's own
    (`data/puzzles`).

    validation: a shipped CSV that validates where the folder has none of its own.
    """
    folder = Path(data_dir or files.PUZZLES) / name
    splits = dict(
        zip(
            ("train", "validation", "test"),
            files.read_splits(folder, encode_rows, validation),
            strict=True,
        )
    )
    length = splits["train"].inputs_NL.shape[1]
    shape = shape_of(length, folder)
    for split_name, puzzles in splits.items():  # built folders come unchecked
        if len(puzzles):
            verify(shape, puzzles, f"{folder}, {split_name}, puzzle", first=1)
    return replace(board(length, symmetries), name=name, **splits)
