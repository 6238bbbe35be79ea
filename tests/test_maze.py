"""Mazes against networkx: trees, shortest paths, the published tie rule, symmetries, metrics, and
the shipped files.
"""

import hashlib
import json
import os
from functools import partial
from pathlib import Path

import networkx as nx
import pytest
import torch

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Puzzles, files, maze
from trm_minimal.tasks.maze import GOAL, PATH, SPACE, START, SYMBOLS, WALL

DATA = Path(os.environ.get("TRM_DATA", files.PUZZLES.parents[2] / "shared" / "data"))
SHIPPED = sorted(path.parent for path in files.PUZZLES.glob("maze-*/train.csv"))
SEEDED = {
    "maze-9x9": (9, 8, 9),
    "maze-15x15": (15, 24, 15),
    "maze-6x6-noise": (6, 5, 6),
}  # size, path floor, seed
NOISE = {
    "maze": partial(maze.noise_maze, walls=(0.05, 0.25)),
    "source": "noise",
}  # how the last of them is made


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def tokens(*texts):
    return files.encode(texts, SYMBOLS, "here")


def graph(text):
    size = round(len(text) ** 0.5)
    cells = nx.grid_2d_graph(size, size)
    cells.remove_nodes_from(
        [(i // size, i % size) for i, symbol in enumerate(text) if symbol == "#"]
    )
    return cells


def place(text, symbol):
    return divmod(text.index(symbol), round(len(text) ** 0.5))


def noise(size, generator, walls=0.3):
    """Random walls and ends, as in Maze-Hard; maybe without a way."""
    cells = [" #"[i] for i in (torch.rand(size * size, generator=generator) < walls).long()]
    start, goal = torch.randperm(size * size, generator=generator)[:2].tolist()
    cells[start], cells[goal] = "SG"
    return "".join(cells)


@pytest.fixture(scope="module")
def published():
    """The 2,000 mazes of Maze-Hard."""
    folder = DATA / "maze-30x30-hard-1k"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent (TRM_DATA names the folder of the published data)")
    read = [maze.read(folder / f"{split}.csv")[1] for split in ("train", "test")]
    return Puzzles(*(torch.cat(both) for both in zip(*read, strict=True)))


@pytest.fixture(scope="module")
def braided():
    """(question, answer) pairs with loops."""
    generator = seeded(1)
    return [
        maze.braided_maze(size, generator, min_path=4) for size in (7, 9, 11, 15) for _ in range(25)
    ]


# Making


@pytest.mark.parametrize("size, count", [(5, 100), (9, 100), (15, 40), (23, 5), (41, 2)])
def test_a_perfect_maze_is_a_spanning_tree_with_a_frame(size, count):
    generator = seeded(size)
    for _ in range(count):
        question, answer = maze.perfect_maze(size, generator)
        cells = graph(question)
        assert nx.is_tree(cells)
        assert {(r, c) for r in range(1, size, 2) for c in range(1, size, 2)} <= set(cells)
        assert all(0 < r < size - 1 and 0 < c < size - 1 for r, c in cells)
        assert all(x % 2 == 1 for end in "SG" for x in place(question, end))
        path = nx.shortest_path(cells, place(question, "S"), place(question, "G"))
        assert {r * size + c for r, c in path[1:-1]} == {
            i for i, symbol in enumerate(answer) if symbol == "o"
        }
        assert answer.replace("o", " ") == question


@pytest.mark.parametrize("floor", [2, 8, 16])
@pytest.mark.parametrize("kind", [maze.perfect_maze, maze.braided_maze])
def test_the_path_floor_holds(kind, floor):
    generator = seeded(floor)
    steps = [kind(11, generator, floor)[1].count("o") + 1 for _ in range(200)]
    # two ways to the next room but one, none to the next
    least = {maze.perfect_maze: 2, maze.braided_maze: 4}[kind]
    assert min(steps) == max(floor, least) and max(steps) > floor + 6


@pytest.mark.parametrize("kind", [maze.perfect_maze, maze.braided_maze])
def test_same_generator_same_maze(kind):
    one, two, other = (
        [kind(9, generator) for _ in range(5)] for g in (1,) for generator in map(seeded, (3, 3, 4))
    )
    assert one == two and len({*one, *other}) == 10


def test_a_braided_maze_has_several_shortest_paths(braided):
    for question, answer in braided:
        cells, ends = graph(question), (place(question, "S"), place(question, "G"))
        ways = list(nx.all_shortest_paths(cells, *ends))
        size = round(len(question) ** 0.5)
        marked = {i for i, symbol in enumerate(answer) if symbol == "o"}
        assert len(ways) > 1 and any({r * size + c for r, c in way[1:-1]} == marked for way in ways)
        assert maze.label(question) == answer


def test_a_noise_maze_is_one_of_many_walls_and_several_shortest_paths():
    generator, walls = seeded(1), []
    for _ in range(60):
        question, answer = maze.noise_maze(8, generator, min_path=5)
        ways = list(
            nx.all_shortest_paths(graph(question), place(question, "S"), place(question, "G"))
        )
        assert (
            len(ways) > 1
            and len(ways[0]) - 1 == answer.count("o") + 1 >= 5
            and maze.label(question) == answer
        )
        walls.append(question.count("#") / 64)
    assert 0.25 < sum(walls) / 60 < 0.42 and max(walls) - min(walls) > 0.15
    one, two = (
        [maze.noise_maze(7, generator) for _ in range(5)] for generator in map(seeded, (3, 3))
    )
    assert one == two and len(set(one)) == 5
    with pytest.raises(BadInput, match="none of 10,000 mazes of size 4 has a path of 60 steps"):
        maze.noise_maze(4, seeded(), min_path=60)


@pytest.mark.parametrize("size", [-1, 0, 1, 3, 8, 183, 10_001])
def test_a_size_without_rooms_or_without_end_is_refused(size):
    with pytest.raises(BadInput, match=f"size {size}: .* an odd size from 5 to 181"):
        maze.perfect_maze(size, seeded())


def test_a_floor_that_no_maze_reaches_is_refused():
    with pytest.raises(BadInput, match="path of 99 steps"):
        maze.perfect_maze(9, seeded(), min_path=99)


# Finding the way


def test_distances_are_those_of_networkx(braided):
    generator = seeded(5)
    texts = [question for question, _ in braided] + [
        noise(n, generator) for n in (2, 3, 8, 13) for _ in range(30)
    ]
    for size in {len(text) for text in texts}:
        boards = [text for text in texts if len(text) == size]
        side = round(size**0.5)
        for end, symbol in ((START, "S"), (GOAL, "G")):
            found = maze.distances(tokens(*boards), end)
            for board, steps in zip(boards, found.tolist(), strict=True):
                known = nx.single_source_shortest_path_length(graph(board), place(board, symbol))
                assert steps == [known.get(divmod(i, side), -1) for i in range(size)]


def test_labels_follow_the_rule_and_know_when_there_is_one_way_only():
    """The rule once more, written with networkx."""
    generator, alone = seeded(6), 0
    boards = [noise(7, generator, 0.35) for _ in range(300)]
    boards = [b for b in boards if nx.has_path(graph(b), place(b, "S"), place(b, "G"))]
    answers_NL, unique_N = maze.labels(tokens(*boards))
    for board, answer, unique in zip(boards, answers_NL, unique_N.tolist(), strict=True):
        cells, (row, column) = graph(board), place(board, "S")
        steps = nx.single_source_shortest_path_length(cells, place(board, "G"))
        expected = list(board)
        while steps[row, column] > 1:
            around = [(row + 1, column), (row, column - 1), (row, column + 1), (row - 1, column)]
            row, column = next(cell for cell in around if steps.get(cell) == steps[row, column] - 1)
            expected[row * 7 + column] = "o"
        assert "".join(expected) == "".join(SYMBOLS[token] for token in answer) == maze.label(board)
        ways = len(list(nx.all_shortest_paths(cells, place(board, "S"), place(board, "G"))))
        assert unique == (ways == 1)
        alone += unique
    assert 20 < alone < len(boards) - 20


def test_all_published_mazes_follow_the_rule_and_none_has_one_way_only(published):
    answers_NL, unique_N = maze.labels(published.inputs_NL)
    assert len(published) == 2000
    assert torch.equal(answers_NL, published.labels_NL) and not unique_N.any()


# Symmetries


def test_every_move_keeps_the_label_of_a_perfect_maze_right():
    generator = seeded(7)
    pairs = [maze.perfect_maze(9, generator, 4) for _ in range(300)]
    inputs_BL, labels_BL = tokens(*(q for q, _ in pairs)), tokens(*(a for _, a in pairs))
    move = maze.dihedral(9)(300, generator)
    turned_BL = move(inputs_BL)
    answers_BL, unique_B = maze.labels(turned_BL)
    assert torch.equal(answers_BL, move(labels_BL)) and unique_B.all()
    tables = zip(move.cells_BL.tolist(), move.values_BV.tolist(), strict=True)
    seen = {(tuple(cells), tuple(values)) for cells, values in tables}
    assert len(seen) == 16  # 8 symmetries, with and without the exchange of S and G
    assert all(sorted(cells) == list(range(81)) for cells, _ in seen)
    one, two = (maze.dihedral(9)(300, seeded(8)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_the_turns_are_the_official_ones():
    grid = torch.arange(9).view(3, 3)
    expected = [
        *(torch.rot90(grid, k) for k in range(4)),
        torch.fliplr(grid),
        torch.flipud(grid),
        grid.T,
        torch.fliplr(torch.rot90(grid)),
    ]
    puzzles = Puzzles(*[grid.view(1, 9).to(torch.uint8)] * 2)
    turned = maze.plain_eightfold(puzzles).inputs_NL
    assert (
        turned.tolist() == [cells.flatten().tolist() for cells in expected]
        and len(turned.unique(dim=0)) == 8
    )


def test_none_moves_nothing():
    boards = tokens(maze.perfect_maze(5, seeded())[0])
    generator = seeded()
    before = generator.get_state()
    assert torch.equal(maze.no_symmetries(5)(1, generator)(boards), boards) and torch.equal(
        generator.get_state(), before
    )


def test_turned_labels_break_the_rule_on_the_published_mazes_and_relabelled_ones_do_not(published):
    """Of all 2,000: left-right flip 91.8 %, each of the other six at most 0.2 %."""
    some = published[::10]
    plain, right = maze.plain_eightfold(some), maze.relabelled(some)
    assert torch.equal(plain.inputs_NL, right.inputs_NL) and len(plain) == 8 * len(some) == 1600
    for puzzles in (plain, right):
        assert maze.is_shortest_path(*puzzles).all()
    for board, answer in list(zip(*right, strict=True))[::50]:
        assert maze.label("".join(SYMBOLS[token] for token in board)) == "".join(
            SYMBOLS[token] for token in answer
        )
    kept = (plain.labels_NL == right.labels_NL).all(1).view(-1, 8).float().mean(0)
    assert kept[0] == 1 and 0.88 < kept[4] < 0.96  # identity, left-right flip
    assert kept[[1, 2, 3, 5, 6, 7]].max() < 0.01


def test_canonical_is_one_text_for_all_eight_turns():
    question = maze.perfect_maze(9, seeded(2), 8)[0]
    eight = maze.plain_eightfold(Puzzles(*[tokens(question)] * 2)).inputs_NL
    texts = ["".join(SYMBOLS[token] for token in board) for board in eight]
    assert len(set(texts)) == 8 and {maze.canonical(text) for text in texts} == {min(texts)}


# Judging. The board has two shortest paths around its middle wall, and a longer one along the edge.

QUESTION = "S    " + " ### " + " ### " + "    G" + "     "


def judged(prediction, question=QUESTION):
    pair = (
        torch.tensor([[SYMBOLS.index(symbol) for symbol in text]])
        for text in (question, prediction)
    )
    inputs_BL, prediction_BL = pair
    return maze.is_shortest_path(inputs_BL, prediction_BL).item(), maze.is_valid_path(
        inputs_BL, prediction_BL
    ).item()


@pytest.mark.parametrize(
    "prediction, shortest, valid",
    [
        ("Soooo" + " ###o" + " ###o" + "    G" + "     ", True, True),
        ("S    " + "o### " + "o### " + "ooooG" + "     ", True, True),  # the other one
        ("S    " + "o### " + "o### " + "o   G" + "ooooo", False, True),  # longer
        ("Soooo" + "o###o" + "o###o" + "ooooG" + "     ", False, False),  # both at once
        ("S    " + "o### " + "o### " + "oo oG" + "     ", False, False),  # broken
        ("S    " + "o### " + "o### " + "ooooG" + "    o", False, False),  # a stray mark beside G
        ("S   o" + "o### " + "o### " + "ooooG" + "     ", False, False),  # a stray mark apart
        ("S    " + "o### " + "ooooo" + "    G" + "     ", False, False),  # through the walls
        ("S    " + "o##  " + "o### " + "ooooG" + "     ", False, False),  # a wall removed
        ("S    " + "o### " + "o### " + "ooooG" + "    #", False, False),  # a wall added
        ("S    " + "o### " + "o### " + "oooo " + "    G", False, False),  # G moved
        ("S    " + "o### " + "o### " + "oooG " + "     ", False, False),
        ("o    " + "o### " + "o### " + "ooooG" + "     ", False, False),  # S overwritten
        ("S    " + "o### " + "o### " + "ooooG" + "S    ", False, False),  # two S
        ("S    " + "_### " + "o### " + "ooooG" + "     ", False, False),  # padding
        ("S    " + "o### " + "o### " + "oo oG" + "ooo  ", False, False),
        (QUESTION, False, False),
    ],
)
def test_metrics_know_a_way_when_they_see_one(prediction, shortest, valid):
    assert judged(prediction) == (shortest, valid)


def test_a_circle_beside_the_path_is_no_path():
    question = "SG   " + "     " * 4
    assert judged(question, question) == (True, True)  # neighbours need no mark
    assert judged("SG   " + "     " + "  ooo" + "  o o" + "  ooo", question) == (False, False)


def test_metrics_agree_with_networkx_on_random_marks():
    """Every set of marks on a 3x3 board: valid means an induced path, shortest that no path has
    fewer cells.
    """
    question = "S  " + " # " + "  G"
    free = [i for i, symbol in enumerate(question) if symbol == " "]
    for bits in range(2 ** len(free)):
        marks = {cell for place, cell in enumerate(free) if bits >> place & 1}
        prediction = "".join("o" if i in marks else symbol for i, symbol in enumerate(question))
        part = graph(question).subgraph([divmod(i, 3) for i in {*marks, 0, 8}])
        valid = nx.is_tree(part) and all(
            degree == 2 - (cell in ((0, 0), (2, 2))) for cell, degree in part.degree
        )
        shortest = valid and len(marks) == 3
        assert judged(prediction, question) == (shortest, valid)


def test_metrics_take_batches_of_any_integer_type(braided):
    pairs = [pair for pair in braided if len(pair[0]) == 81]
    inputs_BL, labels_BL = tokens(*(q for q, _ in pairs)), tokens(*(a for _, a in pairs))
    wrong_BL = labels_BL.roll(1, 0)
    for prediction_BL, right in ((labels_BL, True), (wrong_BL, False), (inputs_BL, False)):
        assert (maze.is_shortest_path(inputs_BL, prediction_BL.long()) == right).all()
    assert maze.is_shortest_path(inputs_BL[:0], labels_BL[:0]).shape == (0,)


# Reading


@pytest.mark.parametrize(
    "text, fragments",
    [
        ("S  G#", ["5 characters", "square"]),
        ("S", ["1 characters", "square"]),
        ("", ["0 characters"]),
        ("S  x   G ", ["'x'", "row 2, column 1"]),
        ("S  o   G ", ["'o'", "row 2, column 1"]),
        ("S  _   G ", ["'_'"]),
        ("       G ", ["0 cells S"]),
        ("SS     G ", ["2 cells S"]),
        ("S        ", ["0 cells G"]),
        ("S  G   G ", ["2 cells G"]),
        ("S## #  #G", ["no way from S to G"]),
    ],
)
def test_a_text_that_is_no_maze_is_refused(text, fragments):
    with pytest.raises(BadInput) as caught:
        maze.parse(text)
    assert all(fragment in str(caught.value) for fragment in fragments) and "\n" not in str(
        caught.value
    )


def test_parse_keeps_spaces_at_the_ends_and_undoes_draw():
    text = " S " + "###"[:0] + " # " + " G "
    assert maze.parse(text).tolist() == [
        SPACE,
        START,
        SPACE,
        SPACE,
        WALL,
        SPACE,
        SPACE,
        GOAL,
        SPACE,
    ]
    assert maze.draw(3, maze.parse(text)) == " S \n # \n G "
    assert torch.equal(maze.parse(maze.draw(3, maze.parse(text))), maze.parse(text))
    with pytest.raises(BadInput, match="5 x 5 = 25"):
        maze.parse(text, size=5)


def lines(*rows):
    return "\n".join(rows)


@pytest.mark.parametrize(
    "text, told",
    [
        (lines("###", "SG#", "#"), "row 3 has 1 of 3 characters; an editor may have cut spaces"),
        (lines("S", "###", "#G#"), "row 1 has 1 of 3 characters; an editor may have cut spaces"),
        (lines("S  #", "###", "#G#"), "row 2 has 3 of 4 characters; an editor may have cut spaces"),
        (lines("S  #", "   ", "    ", " G  ", "    "), "row 1 has 4 of 5 characters"),
        (
            lines("#" * 27, "#S" + " " * 23 + "G#", "#" * 27),
            "has 3 rows of 27 characters",
        ),  # 81 in all
        (lines(*["#########"] * 4), "has 4 rows of 9 characters"),  # 36 in all
        (lines("S G", ""), "no text"),  # one row and its line feed
    ],
)
def test_where_there_are_lines_a_board_is_square(text, told):
    if told == "no text":
        assert maze.cells(text) == "S G"
        return
    with pytest.raises(BadInput, match=f"the maze:? {told}"):
        maze.parse(text)


def test_rows_of_spaces_and_other_line_feeds_stay():
    rows = ["   ", "S G", "   "]
    for text in (
        "\n".join(rows),
        "\n".join(rows) + "\n",
        "\r\n".join(rows) + "\r\n",
        "".join(rows),
    ):
        assert maze.cells(text) == "".join(rows)


# Several shortest ways


def test_ways_are_counted_as_networkx_counts_them(braided):
    for question, _ in braided[:50]:
        ends = (place(question, "S"), place(question, "G"))
        ways = len(list(nx.all_shortest_paths(graph(question), *ends)))
        assert maze.count_paths(tokens(question)[0]) == ways > 1
    question = maze.perfect_maze(9, seeded())[0]
    assert maze.count_paths(tokens(question)[0]) == 1
    room = "S" + " " * 223 + "G"
    assert maze.count_paths(tokens(room)[0]) == 40_116_600  # of 28 steps 14 go down


def test_the_nearest_way_is_the_shortest_one_with_most_cells_in_common(braided):
    """Against all of them; each is nearest to itself, and the labelled one to no marks at all."""
    generator = seeded(3)
    for question, answer in braided[:30]:
        inputs_L, labels_L = tokens(question, answer)
        size, cells = round(len(question) ** 0.5), graph(question)
        ways = []
        for way in nx.all_shortest_paths(cells, place(question, "S"), place(question, "G")):
            way_L = inputs_L.clone()
            way_L[[r * size + c for r, c in way[1:-1]]] = PATH
            ways.append(way_L)
            assert torch.equal(maze.nearest_path(inputs_L, labels_L, way_L), way_L)
        assert torch.equal(maze.nearest_path(inputs_L, labels_L, inputs_L), labels_L)
        noisy_L = torch.where(torch.rand(size * size, generator=generator) < 0.5, PATH, inputs_L)
        shared = [int(((way_L == PATH) & (noisy_L == PATH)).sum()) for way_L in ways]
        found_L = maze.nearest_path(inputs_L, labels_L, noisy_L)
        assert int(((found_L == PATH) & (noisy_L == PATH)).sum()) == max(shared)
        assert maze.is_shortest_path(inputs_L[None], found_L[None]).all()


@pytest.mark.parametrize(
    "question, answer, fragment",
    [
        ("S  # #G  ", "So # #G  ", "o of the answer are no path"),
        ("S  # #G  ", "S o# #G  ", "no path"),
        ("S   # G  ", "S  o# G oo"[:9], "no path"),
        ("S  # #  G", "Soo#o#  G", "no path"),
        ("S  # #  G", "Soo##o  G", "keep the walls"),
        ("S  # #  G", "Soo# o G ", "keep the walls"),
        ("S        " + "G" + " " * 6, "So       " + "G" + " " * 6, "no path"),
        ("S   G", "SoooG", "no square"),
        ("S  S G   ", "SooSoG   ", "one S and one G"),
        ("       G ", "       G ", "one S and one G"),
        ("S o  G   ", "Soo  G   ", "'o' is none of"),
        ("S _  G   ", "Soo  G   ", "'_' is none of"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused_with_its_line(
    tmp_path, question, answer, fragment
):
    good = "SG" + " " * (len(question) - 2)
    path = tmp_path / "train.csv"
    files.write_csv(path, [files.Row("", good, good, ""), files.Row("", question, answer, "")])
    line = 2 if fragment == "no square" else 3
    with pytest.raises(BadInput, match=rf"train\.csv, line {line}\b.*({fragment})"):
        maze.read(path)


def test_an_answer_that_is_too_long_a_way_is_refused(tmp_path):
    question, answer = "S  " + "   " + "G  ", "Soo" + "  o" + "Goo"
    files.write_csv(tmp_path / "train.csv", [files.Row("", question, answer, "")])
    with pytest.raises(BadInput, match="line 2: the answer is not a shortest path"):
        maze.read(tmp_path / "train.csv")


def test_csv_and_built_folder_hold_the_same_tokens(published):
    built = [
        files.read_built(DATA / "maze-30x30-hard-1k" / "built", split)[0]
        for split in ("train", "test")
    ]
    assert torch.equal(torch.cat([puzzles.inputs_NL for puzzles in built]), published.inputs_NL)
    assert torch.equal(torch.cat([puzzles.labels_NL for puzzles in built]), published.labels_NL)


def test_csv_and_built_folder_give_the_same_task(tmp_path):
    rows = maze.make(7, {"train": 30, "validation": 5, "test": 5}, seeded())
    for split, part in rows.items():
        files.write_csv(tmp_path / "csv" / f"{split}.csv", part)
        files.write_built(
            tmp_path / "npy" / "built", split, maze.read(tmp_path / "csv" / f"{split}.csv")[1], 6
        )
    one, two = maze.load("csv", tmp_path), maze.load("npy", tmp_path)
    for split in ("train", "validation", "test"):
        assert all(
            torch.equal(a, b) for a, b in zip(getattr(one, split), getattr(two, split), strict=True)
        )
    files.write_built(
        tmp_path / "npy" / "built", "test", Puzzles(one.test.inputs_NL, one.test.inputs_NL), 6
    )
    with pytest.raises(BadInput, match="npy, test maze 0: the o of the answer"):
        maze.load("npy", tmp_path)


def test_load_wants_unique_paths_for_the_dihedral_symmetries(tmp_path):
    rows = maze.make(
        7, {"train": 20, "test": 5}, seeded(), 4, maze=maze.braided_maze, source="braided"
    )
    for split, part in rows.items():
        files.write_csv(tmp_path / "loops" / f"{split}.csv", part)
    for prepare in (None, maze.relabelled):
        with pytest.raises(BadInput, match=r"loops: .*no_symmetries.*prepare=relabelled"):
            maze.load("loops", tmp_path, prepare=prepare)
    task = maze.load("loops", tmp_path, symmetries=maze.no_symmetries, prepare=maze.relabelled)
    assert (len(task.train), len(task.validation), len(task.test)) == (18 * 8, 2, 5)
    assert torch.equal(maze.labels(task.train.inputs_NL)[0], task.train.labels_NL)


# Splitting, and the shipped files


@pytest.mark.parametrize("kind", [maze.perfect_maze, partial(maze.braided_maze, opened=0.9)])
def test_make_repeats_nothing_and_shares_no_layout(kind):
    rows = maze.make(9, {"train": 300, "validation": 20, "test": 40}, seeded(4), 4, maze=kind)
    assert {split: len(part) for split, part in rows.items()} == {
        "train": 300,
        "validation": 20,
        "test": 40,
    }
    everything = [row for part in rows.values() for row in part]
    assert len({maze.canonical(row.question) for row in everything}) == len(everything)
    layouts = {split: {layout(row.question) for row in part} for split, part in rows.items()}
    assert not layouts["train"] & layouts["test"] | layouts["train"] & layouts["validation"]
    assert not layouts["validation"] & layouts["test"]
    assert all(int(row.rating) == row.answer.count("o") + 2 >= 5 for row in everything)
    assert rows == maze.make(
        9, {"train": 300, "validation": 20, "test": 40}, seeded(4), 4, maze=kind
    )


def layout(question):
    return maze.canonical(question.replace("S", " ").replace("G", " "))


def test_make_says_when_there_are_not_so_many():
    with pytest.raises(BadInput, match=r"found only \d+ train, .* mazes of size 5"):
        maze.make(5, {"train": 1000, "test": 100}, seeded())


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_shipped_mazes(folder):
    """Hashes and counts as the README says, answers by the rule, splits without a common wall
    layout.
    """
    readme = (folder / "README.md").read_text()
    least = {"maze-9x9": 9, "maze-15x15": 25, "maze-6x6-noise": 6, "maze-generated": 110}
    layouts = {}
    for path in sorted(folder.glob("*.csv")):
        rows = files.read_csv(path)
        assert (
            f"`{path.name}` | {len(rows):,} |" in readme
            and hashlib.sha256(path.read_bytes()).hexdigest() in readme
        )
        puzzles = maze.read(path)[1]
        answers_NL, unique_N = maze.labels(puzzles.inputs_NL)
        assert torch.equal(answers_NL, puzzles.labels_NL)
        assert (
            unique_N.all() == (folder.name in ("maze-9x9", "maze-15x15"))
            and unique_N.any() == unique_N.all()
        )
        path_cells = ((puzzles.labels_NL == PATH).sum(1) + 2).tolist()
        assert [int(row.rating) for row in rows] == path_cells
        assert min(path_cells) == least[folder.name]
        layouts[path.name] = {layout(row.question) for row in rows}
    assert (
        sum(map(len, layouts.values())) == len(set().union(*layouts.values())) and len(layouts) >= 2
    )


@pytest.mark.parametrize("name", SEEDED)
def test_shipped_mazes_are_what_their_readme_command_makes(name):
    size, floor, seed = SEEDED[name]
    shipped = {
        split: files.read_csv(files.PUZZLES / name / f"{split}.csv")
        for split in ("train", "validation", "test")
    }
    counts = {split: len(rows) for split, rows in shipped.items()}
    readme = (files.PUZZLES / name / "README.md").read_text()
    kind, said = (NOISE, ', maze=noise, source="noise"') if name == "maze-6x6-noise" else ({}, "")
    numbers = "counts" if kind else json.dumps(counts)
    assert not kind or f"counts = {json.dumps(counts)}" in readme
    command = f"maze.make({size}, {numbers}, generator, min_path={floor}{said})"
    assert "".join(command.split()) in "".join(readme.split())  # the linter folds long lines
    assert maze.make(size, counts, seeded(seed), floor, **kind) == shipped


def test_four_families_are_shipped():
    assert [folder.name for folder in SHIPPED] == [
        "maze-15x15",
        "maze-6x6-noise",
        "maze-9x9",
        "maze-generated",
    ]


@pytest.mark.parametrize("name", ["maze-9x9", "maze-15x15"])
def test_a_task_solves_what_it_parses(name):
    task = maze.load(name)
    for tokens_L, answer_L in zip(task.test.inputs_NL[:20], task.test.labels_NL[:20], strict=True):
        question_L = task.parse("".join(task.symbols[token] for token in tokens_L))
        assert torch.equal(question_L, tokens_L) and torch.equal(task.solve(question_L), answer_L)
