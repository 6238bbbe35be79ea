"""Mazes: generators, the published label rule, symmetries, and metrics that know what a way is.

Dimension key: B batch, N puzzles, L cells (row by row), V vocabulary. Tokens are the official ones.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from math import isqrt
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Move, Puzzles, Task, files, no_puzzles, unmoved
from trm_minimal.tasks.face import CROSS, DISC, FILL, RING, Cell, Face, Mark

SYMBOLS = "_# SGo"  # padding, wall, space, start, goal, path
WALL, SPACE, START, GOAL, PATH = range(1, 6)
LARGEST = 181  # a side: batches number the cells by 16 bits
NO_ENDS = str.maketrans("SG", "  ")
# How often the newest room grows on, else a random one. At 1 there are only 481 layouts of 9x9 up
# to symmetry, too few to hold some out; at 0.8 more than 5,500, and the mean path (of 8 steps or
# more) is 13.0 instead of 13.5.
DEPTH_FIRST = 0.8
Symmetries = Callable[[int, torch.Generator], Move]


# Making mazes. A room is the index of a cell with odd row and column; the wall between two rooms is
# the cell half-way.


@cache
def _rooms(size: int) -> tuple[list[int], dict[int, tuple[int, ...]]]:
    """The rooms, and the rooms near each of them in the order of the label rule: down, left, right,
    up.
    """
    if not 5 <= size <= LARGEST or size % 2 == 0:
        raise BadInput(f"size {size}: a maze with rooms has an odd size from 5 to {LARGEST}.")
    rooms = [row * size + column for row in range(1, size, 2) for column in range(1, size, 2)]
    beside = {room: [room + 2 * step for step in (size, -1, 1, -size)] for room in rooms}
    # Two columns past the first or the last is an even column of another row, so never a room.
    return rooms, {room: tuple(new for new in beside[room] if new in beside) for room in rooms}


def _carve(size: int, draw: Callable[[], float]) -> bytearray:
    """A spanning tree of the rooms by depth-first search, which DEPTH_FIRST makes branch now and
    then.
    """
    rooms, near = _rooms(size)
    cells = bytearray(b"#" * (size * size))
    trail = [rooms[int(draw() * len(rooms))]]
    cells[trail[0]] = ord(" ")
    while trail:
        at = -1 if draw() < DEPTH_FIRST else int(draw() * len(trail))
        room = trail[at]
        ways = [new for new in near[room] if cells[new] == ord("#")]
        if ways:
            new = ways[int(draw() * len(ways))]
            cells[new] = cells[(room + new) // 2] = ord(" ")
            trail.append(new)
        else:
            trail.pop(at)
    return cells


def _place(
    size: int, cells: bytearray, draw: Callable[[], float], min_path: int, min_ways: int
) -> tuple[str, str] | None:
    """(question, answer) with G in a random room and S in a random one that is far enough and has
    so many shortest paths, if there is one.
    """
    rooms, near = _rooms(size)
    goal = rooms[int(draw() * len(rooms))]
    steps, ways, order = {goal: 0}, {goal: 1}, [goal]
    for room in order:  # grows while it is read: breadth-first search
        for new in near[room]:
            if cells[(room + new) // 2] == ord(" "):
                if new not in steps:
                    steps[new], ways[new] = steps[room] + 2, 0
                    order.append(new)
                if steps[new] == steps[room] + 2:
                    ways[new] += ways[room]
    starts = [room for room in order[1:] if steps[room] >= min_path and ways[room] >= min_ways]
    if not starts:
        return None
    room = start = starts[int(draw() * len(starts))]
    answer = cells.copy()
    while room != goal:
        new = next(
            n for n in near[room] if steps[n] < steps[room] and cells[(room + n) // 2] == ord(" ")
        )
        answer[new] = answer[(room + new) // 2] = ord("o")
        room = new
    for text in (cells, answer):
        text[start], text[goal] = b"SG"
    return cells.decode(), answer.decode()


def _maze(
    size: int, generator: torch.Generator, min_path: int, opened: float, min_ways: int
) -> tuple[str, str]:
    seed = int(torch.randint(2**62, (), generator=generator))
    draw = random.Random(seed).random  # a draw from torch takes 25 times as long
    for _ in range(1000):
        cells = _carve(size, draw)
        rooms, near = _rooms(size)
        for room in rooms if opened else ():
            closed = [new for new in near[room] if cells[(room + new) // 2] == ord("#")]
            if len(near[room]) - len(closed) == 1 and draw() < opened:
                cells[(room + closed[int(draw() * len(closed))]) // 2] = ord(" ")
        if found := _place(size, cells, draw, min_path, min_ways):
            return found
    raise BadInput(
        f"none of 1,000 mazes of size {size} has a path of {min_path} steps; ask for a shorter one."
    )


def perfect_maze(size: int, generator: torch.Generator, min_path: int = 0) -> tuple[str, str]:
    """(question, answer) of a perfect maze: the rooms form a spanning tree, so there is one path,
    of min_path steps or more. A longest path has about 20 steps in 9x9 and 56 in 15x15; any odd
    size from 5 up.
    """
    return _maze(size, generator, min_path, opened=0.0, min_ways=1)


def braided_maze(
    size: int, generator: torch.Generator, min_path: int = 0, opened: float = 0.7
) -> tuple[str, str]:
    """(question, answer) of a perfect maze with this share of its dead ends opened, so that there
    are loops and two or more shortest paths from S to G; the answer is the one that the label rule
    takes.
    """
    return _maze(size, generator, min_path, opened=opened, min_ways=2)


def noise_maze(
    size: int,
    generator: torch.Generator,
    min_path: int = 0,
    walls: tuple[float, float] = (0.3, 0.5),
) -> tuple[str, str]:
    """(question, answer) after the recipe of Maze-Hard, on a board of any size: each cell is a wall
    with a probability that is drawn between `walls` for each maze, S and G are free cells. Two or
    more shortest paths of min_path steps or more; the answer is the one that the label rule takes.
    """
    for _ in range(10_000):
        share, draws_L = (
            torch.rand((), generator=generator),
            torch.rand(size * size, generator=generator),
        )
        tokens_L = torch.where(draws_L < walls[0] + (walls[1] - walls[0]) * share, WALL, SPACE)
        free = (tokens_L == SPACE).nonzero().flatten()
        if len(free) < 2:
            continue
        start, goal = free[torch.randperm(len(free), generator=generator)[:2]]
        tokens_L[start], tokens_L[goal] = START, GOAL
        if distances(tokens_L[None])[0, start] < max(min_path, 2):
            continue
        answer_NL, unique_N = labels(tokens_L[None])
        if not unique_N:
            return tuple(
                "".join(SYMBOLS[token] for token in board) for board in (tokens_L, answer_NL[0])
            )
    raise BadInput(
        f"none of 10,000 mazes of size {size} has a path of {min_path} steps; ask for a shorter"
        " one."
    )


# Finding the way: one breadth-first search in all boards at once. A board lies in one flat array
# with a wall column behind each row and a wall row behind each board, so four offsets are all there
# is to a neighbour.


def _flood(tokens_BL: Tensor, token: int) -> np.ndarray:
    """Steps from `token`, -1 where there is no way and -2 at walls; (B, rows + 1, columns + 1)."""
    size = isqrt(tokens_BL.shape[1])
    boards = tokens_BL.cpu().numpy().reshape(-1, size, size)
    steps = np.full((len(boards), size + 1, size + 1), -2, dtype=np.int32)
    steps[:, :size, :size] = np.where(boards == WALL, -2, -1)
    steps[:, :size, :size][boards == token] = 0
    flat = steps.reshape(-1)
    front = np.flatnonzero(flat == 0)
    for step in range(1, size * size):
        # above the first board wraps to the last wall
        around = (front[:, None] + [size + 1, -1, 1, -size - 1]).ravel()
        front = np.unique(around[flat[around] == -1])
        if not len(front):
            break
        flat[front] = step
    return steps


def distances(tokens_BL: Tensor, token: int = GOAL) -> Tensor:
    """Steps from the cell of `token` to every cell, walls apart; -1 where there is no way. int32,
    (B, L).
    """
    steps = _flood(tokens_BL, token)[:, :-1, :-1]
    return torch.from_numpy(np.maximum(steps, -1).reshape(tokens_BL.shape)).to(tokens_BL.device)


def labels(inputs_NL: Tensor) -> tuple[Tensor, Tensor]:
    """Answers by the rule that all 2,000 published mazes follow, and whether the shortest path is
    the only one (N).

    From S, among the neighbours one step nearer to G, take the first in the order down, left,
    right, up.
    """
    steps = _flood(inputs_NL, GOAL)
    flat, width = steps.reshape(-1), steps.shape[2]
    board, cell = np.nonzero((inputs_NL == START).numpy())
    row, column = np.divmod(cell, width - 1)
    at = (board * width + row) * width + column
    answer = np.zeros_like(flat)
    unique_N = np.ones(len(steps), dtype=bool)
    while len(at):
        nearer = flat[at[:, None] + [width, -1, 1, -width]] == flat[at, None] - 1
        going = flat[at] > 0
        nearer, at = nearer[going], at[going]
        unique_N[at // width**2] &= nearer.sum(1) == 1
        at = at + np.array([width, -1, 1, -width])[nearer.argmax(1)]
        answer[at] = 1
    path_NL = torch.from_numpy(
        answer.reshape(steps.shape)[:, :-1, :-1].reshape(inputs_NL.shape) == 1
    )
    return torch.where(path_NL & (inputs_NL == SPACE), PATH, inputs_NL).to(
        torch.uint8
    ), torch.from_numpy(unique_N)


def _toward_goal(inputs_L: Tensor) -> tuple[dict[int, list[int]], int]:
    """For each cell with a way to G, from G outwards, the neighbours that are one step nearer, in
    the order of the label rule; and S. Cells are counted with a wall behind each row."""
    size = isqrt(len(inputs_L))
    steps = _flood(inputs_L[None], GOAL).reshape(-1)
    nearer = {}
    for cell in sorted(np.flatnonzero(steps >= 0).tolist(), key=steps.__getitem__):
        beside = (cell + size + 1, cell - 1, cell + 1, cell - size - 1)
        nearer[cell] = [new for new in beside if steps[new] == steps[cell] - 1]
    row, column = divmod(int((inputs_L == START).int().argmax()), size)
    return nearer, row * (size + 1) + column


def count_paths(inputs_L: Tensor) -> int:
    """How many shortest paths a maze has."""
    nearer, start = _toward_goal(inputs_L)
    ways: dict[int, int] = {}
    for cell, news in nearer.items():
        ways[cell] = sum(ways[new] for new in news) or 1
    return ways[start]


def nearest_path(inputs_L: Tensor, labels_L: Tensor, tokens_L: Tensor) -> Tensor:
    """The answer with the shortest path that shares most cells with the path in these tokens."""
    nearer, cell = _toward_goal(inputs_L)
    size = isqrt(len(inputs_L))
    marked_L = (tokens_L == PATH).tolist()
    shared: dict[int, int] = {}
    for at, news in nearer.items():
        row, column = divmod(at, size + 1)
        shared[at] = max((shared[new] for new in news), default=0) + marked_L[row * size + column]
    answer_L = inputs_L.clone()
    while nearer[cell]:
        cell = max(nearer[cell], key=shared.__getitem__)  # of equal ones the first: the label rule
        row, column = divmod(cell, size + 1)
        if nearer[cell]:
            answer_L[row * size + column] = PATH
    return answer_L


def label(question: str) -> str:
    """The answer of one maze by the rule of `labels`; BadInput when the question is no maze."""
    return "".join(SYMBOLS[token] for token in labels(parse(question)[None])[0][0])


# Judging a prediction.


def is_valid_path(inputs_BL: Tensor, prediction_BL: Tensor) -> Tensor:
    """bool_B: the maze is as it was, and the marked cells are one simple path from S to G and
    nothing else.

    A path that touches itself is refused: which way it goes could not be told from the marks.
    """
    return _judge(inputs_BL, prediction_BL)[0]


def is_shortest_path(inputs_BL: Tensor, prediction_BL: Tensor) -> Tensor:
    """bool_B: a valid path with as few steps as any.

    Counts every shortest path, not only the labelled one.
    """
    valid_B, steps_B = _judge(inputs_BL, prediction_BL)
    return valid_B & (steps_B == torch.where(inputs_BL == START, distances(inputs_BL), -1).amax(1))


def _judge(inputs_BL: Tensor, prediction_BL: Tensor) -> tuple[Tensor, Tensor]:
    """Whether the prediction is a valid path, and its steps."""
    path_BL, size = prediction_BL == PATH, isqrt(inputs_BL.shape[1])
    kept_B = ((prediction_BL == inputs_BL) | (path_BL & (inputs_BL == SPACE))).all(1)
    marked_BL = path_BL | (prediction_BL == START) | (prediction_BL == GOAL)
    boards = pad(marked_BL.view(-1, size, size).int(), (1, 1, 1, 1))
    beside = boards[:, :-2, 1:-1] + boards[:, 2:, 1:-1] + boards[:, 1:-1, :-2] + boards[:, 1:-1, 2:]
    # S and G have one marked neighbour, path cells two
    line_BL = beside.view(marked_BL.shape) == 1 + path_BL.int()
    # so S is reached, and no circle lies apart
    linked_BL = distances(torch.where(marked_BL, prediction_BL, WALL)) >= 0
    return kept_B & ((line_BL & linked_BL) | ~marked_BL).all(1), marked_BL.sum(1) - 1


# Symmetries.


@cache
def _turns(size: int) -> Tensor:
    """Where each cell comes from, (8, L), in the order of the official builder."""
    grid = torch.arange(size * size).view(size, size)
    quarter = grid.rot90(1)
    turned = [
        grid,
        quarter,
        grid.rot90(2),
        grid.rot90(3),
        grid.flip(1),
        grid.flip(0),
        grid.T,
        quarter.flip(1),
    ]
    return torch.stack([cells.reshape(-1) for cells in turned])


def dihedral(size: int) -> Symmetries:
    """The 8 symmetries of the square, with S and G exchanged or not.

    Right only where the shortest path is unique: the label rule does not turn with the maze (92 %
    of Maze-Hard's labels survive a left-right flip, 0 % the others).
    """
    exchange_2V = torch.tensor(
        [[0, WALL, SPACE, START, GOAL, PATH], [0, WALL, SPACE, GOAL, START, PATH]]
    )

    def moves(batch: int, generator: torch.Generator) -> Move:
        turn_B = torch.randint(8, (batch,), generator=generator)
        return Move(
            _turns(size)[turn_B], exchange_2V[torch.randint(2, (batch,), generator=generator)]
        )

    return moves


def no_symmetries(size: int) -> Symmetries:
    """No symmetry at all."""
    return partial(unmoved, length=size * size, vocab=len(SYMBOLS))


def plain_eightfold(puzzles: Puzzles) -> Puzzles:
    """The official augmentation: each puzzle in all 8 symmetries, its label turned along.

    With several shortest paths the labels then contradict each other.
    """
    turns = _turns(isqrt(puzzles.inputs_NL.shape[1]))
    turned = (tokens_NL[:, turns].flatten(0, 1) for tokens_NL in puzzles)
    ids_N = None if puzzles.ids_N is None else puzzles.ids_N.repeat_interleave(8)
    return Puzzles(*turned, ids_N)


def relabelled(puzzles: Puzzles) -> Puzzles:
    """Each puzzle in all 8 symmetries, its label made anew by the rule."""
    turned = plain_eightfold(puzzles)
    return replace(turned, labels_NL=labels(turned.inputs_NL)[0])


def canonical(question: str) -> str:
    """The same text for a maze and its 8 symmetries: the smallest of the 8."""
    cells = np.frombuffer(question.encode(), dtype=np.uint8)
    return min(turned.tobytes() for turned in cells[_turns(isqrt(len(question))).numpy()]).decode()


# The face, files and the task.


def marks(cell: Cell) -> list[Mark]:
    """Walls and ends are filled cells, the path is discs.

    A ring stands where the path is missing, a cross on every other wrong cell.
    """
    found = [Mark("changed", FILL, "changed")] if cell.changed and not cell.given else []
    if cell.symbol == "#":
        found.append(Mark("given", FILL, "ink"))
    elif cell.symbol in "SG":  # legible, though in large mazes that covers a bit of the neighbours
        found.append(Mark("given", FILL, "given", least=9))
        found.append(Mark("given", cell.symbol, "ink", 0.75, bold=True, least=7))
    elif cell.given:
        found.append(Mark("given", FILL, "given"))
    if cell.symbol == "o" and cell.right:
        found.append(Mark("right", DISC, "right", 0.65))
    elif cell.symbol == "o" and not cell.wrong:
        found.append(Mark("answer", DISC, "y", 0.65))
    elif cell.wrong and cell.wanted == "o":
        found.append(Mark("missing", RING, "wrong", 0.6))
    elif cell.wrong:
        found.append(Mark("wrong", CROSS, "wrong", 0.85))
    elif cell.changed:
        found.append(Mark("changed", DISC, "ink", 0.25))
    return found


FACE = Face(
    marks=marks,
    blanks=(" ",),
    spoken={"#": "wall", " ": "free", "o": "path"},
    brushes={"wall": "#", "free": " ", "start S": "S", "goal G": "G"},
    boxes=None,
    several="equally short ways",
)


def cells(text: str) -> str:
    """The cells of a maze as people write it, row by row. BadInput when they are no square."""
    rows = text.replace("\r", "").strip("\n").split("\n")
    lengths = [len(row) for row in rows]
    wanted = max(len(rows), *lengths, 0)
    if len(rows) > 1 and len(set(lengths)) == 1 and lengths[0] != len(rows):
        told = f"{len(rows)} rows of {lengths[0]} characters"
        raise BadInput(f"the maze has {told}; write as many rows as there are characters in each.")
    for number, length in enumerate(lengths if len(rows) > 1 else (), start=1):
        if length != wanted:
            cut = "; an editor may have cut spaces at its end" if length < wanted else ""
            raise BadInput(f"the maze: row {number} has {length} of {wanted} characters{cut}.")
    return "".join(rows)


def parse(text: str, size: int | None = None) -> Tensor:
    """A question as `cells` reads it -> tokens_L. BadInput when it is no maze (of that size)."""
    text = cells(text)
    side = size or isqrt(len(text))
    if len(text) != side**2 or side < 2:
        wanted = (
            f"{side} x {side} = {side**2} characters" if size else "a square number of characters"
        )
        raise BadInput(
            f"the maze has {len(text)} characters, but {wanted} are wanted; spaces at the ends"
            " count."
        )
    for cell, symbol in enumerate(text):
        if symbol not in SYMBOLS[1:PATH]:
            place = f"row {cell // side + 1}, column {cell % side + 1}"
            raise BadInput(
                f"the maze has {symbol!r} at {place}; use # for walls, a space for free cells, S"
                " and G."
            )
    for end in "SG":
        if text.count(end) != 1:
            raise BadInput(f"the maze has {text.count(end)} cells {end}; exactly one is wanted.")
    tokens_L = torch.tensor([SYMBOLS.index(symbol) for symbol in text], dtype=torch.uint8)
    if distances(tokens_L[None])[0, text.index("S")] < 0:
        raise BadInput("the maze has no way from S to G; open a wall.")
    return tokens_L


def draw(size: int, tokens_L: Tensor) -> str:
    """The board in `size` lines."""
    return "\n".join(
        "".join(SYMBOLS[token] for token in row) for row in tokens_L.view(size, size).tolist()
    )


def _check(puzzles: Puzzles, place: Callable[[int], str]) -> Puzzles:
    """The puzzles, if every answer belongs to its question; otherwise BadInput that says the
    place.
    """
    inputs_NL, answers_NL = puzzles
    length = inputs_NL.shape[1]
    if isqrt(length) ** 2 != length:
        raise BadInput(f"{place(0)}: {length} characters are no square maze.")
    known_N = ((inputs_NL >= WALL) & (inputs_NL <= GOAL)).all(1)
    ends_N = ((inputs_NL == START).sum(1) == 1) & ((inputs_NL == GOAL).sum(1) == 1)
    kept_N = ((inputs_NL == answers_NL) | ((inputs_NL == SPACE) & (answers_NL == PATH))).all(1)
    for good_N, sentence in (
        (known_N & ends_N, "the question must be walls, free cells, one S and one G"),
        (kept_N, "the answer must keep the walls, S and G of the question"),
        (is_valid_path(inputs_NL, answers_NL), "the o of the answer are no path from S to G"),
        (is_shortest_path(inputs_NL, answers_NL), "the answer is not a shortest path"),
    ):
        if not good_N.all():
            raise BadInput(
                f"{place(int((~good_N).nonzero()[0]))}: {sentence}; repair or remove this maze."
            )
    return puzzles


def encode_rows(rows: list[files.Row], path: Path) -> Puzzles:
    inputs_NL = files.encode([row.question for row in rows], SYMBOLS[:PATH], str(path))
    answers_NL = files.encode([row.answer for row in rows], SYMBOLS, str(path))
    return _check(Puzzles(inputs_NL, answers_NL), lambda n: f"{path}, line {n + 2}")


def read(path: Path) -> tuple[int, Puzzles]:
    """(size, puzzles) of any CSV in the published format."""
    puzzles = encode_rows(files.read_csv(path), path)
    return isqrt(puzzles.inputs_NL.shape[1]), puzzles


def board(length: int, symmetries: Callable[[int], Symmetries] = dihedral) -> Task:
    """The Task of square boards of `length` cells, with no puzzles yet."""
    size, nothing = isqrt(length), no_puzzles(length)
    if size**2 != length or size < 2:
        raise BadInput(
            f"the maze has {length} characters, but a square number is wanted; spaces at the ends"
            " count."
        )
    return Task(
        name=f"maze-{size}x{size}",
        rows=size,
        columns=size,
        symbols=SYMBOLS,
        train=nothing,
        validation=nothing,
        test=nothing,
        symmetries=symmetries(size),
        is_solution=is_shortest_path,
        cells=cells,
        parse=partial(parse, size=size),
        solve=lambda tokens_L: labels(tokens_L[None])[0][0],
        draw=partial(draw, size),
        answers=count_paths,
        nearest=nearest_path,
        face=FACE,
    )


def load(
    name: str,
    data_dir: Path | None = None,
    symmetries: Callable[[int], Symmetries] = dihedral,
    prepare: Callable[[Puzzles], Puzzles] | None = None,
    validation: str | None = None,
) -> Task:
    """The mazes of the folder `name`. prepare: applied to the training set, as `relabelled` is.

    validation: a shipped CSV that validates where the folder has none of its own.
    """
    folder = Path(data_dir or files.PUZZLES) / name
    train, validating, test = splits = files.read_splits(folder, encode_rows, validation)
    size = isqrt(train.inputs_NL.shape[1])
    if not (folder / "train.csv").exists():  # a built folder: `encode_rows` has not seen it
        for split, puzzles in zip(("train", "validation", "test"), splits, strict=True):
            _check(puzzles, lambda n, split=split: f"{folder}, {split} maze {n}")
    if symmetries is dihedral and not labels(train.inputs_NL)[1].all():
        raise BadInput(
            f"{folder}: has mazes with several shortest paths, whose labels do not turn with the"
            " maze; pass symmetries=no_symmetries, and prepare=relabelled for the 8 symmetries"
            " with labels made anew."
        )
    return replace(
        board(size**2, symmetries),
        name=name,
        train=prepare(train) if prepare else train,
        validation=validating,
        test=test,
    )


def make(
    size: int,
    counts: dict[str, int],
    generator: torch.Generator,
    min_path: int = 0,
    maze: Callable[[int, torch.Generator, int], tuple[str, str]] = perfect_maze,
    source: str = "tree",
) -> dict[str, list[files.Row]]:
    """Rows for each split of `counts`.

    No puzzle occurs twice, and no wall layout in two splits, both up to the 8 symmetries: a hash of
    the canonical layout says the split, in shares like the counts. BadInput if they are too few.
    """
    bounds = np.cumsum(list(counts.values())) / sum(counts.values())
    made: dict[str, list[files.Row]] = {split: [] for split in counts}
    seen: set[str] = set()
    misses = 0
    while any(len(made[split]) < count for split, count in counts.items()):
        question, answer = maze(size, generator, min_path)
        layout = canonical(question.translate(NO_ENDS))
        split = list(counts)[
            int(np.searchsorted(bounds, crc32(layout.encode()) / 2**32, side="right"))
        ]
        puzzle = canonical(question)
        if len(made[split]) < counts[split] and puzzle not in seen:
            seen.add(puzzle)
            made[split].append(files.Row(source, question, answer, str(answer.count("o") + 2)))
            misses = 0
        elif (misses := misses + 1) > 10_000:
            found = ", ".join(f"{len(rows)} {split}" for split, rows in made.items())
            raise BadInput(
                f"found only {found} mazes of size {size} with {min_path} steps; ask for fewer or"
                " larger."
            )
    return made
