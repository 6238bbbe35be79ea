import hashlib
import os
import re
import time
from collections import Counter
from functools import partial
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Puzzles, files, sudoku, unmoved
from trm_minimal.tasks.sudoku import FOUR, NINE, SIX

SHAPES = pytest.mark.parametrize("shape", [FOUR, SIX, NINE], ids=["4x4", "6x6", "9x9"])
SHIPPED = {"sudoku-4x4": FOUR, "sudoku-6x6": SIX, "sudoku-9x9": NINE, "sudoku-generated": NINE}
GIVENS = {FOUR: 6, SIX: 13, NINE: 30}
DATA = Path(os.environ.get("TRM_DATA", Path(__file__).parents[2] / "shared" / "data"))
NO_SOLUTION_TELLS = (
    ".....5.8....6.1.43..........1.5........1.6...3.......553.....61........4........."
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some(shape, count, seed=0):
    generator = seeded(seed)
    return [sudoku.generate(shape, GIVENS[shape], generator) for _ in range(count)]


def tokens(shape, texts):
    return files.encode(list(texts), shape.symbols, "test")


def move_texts(shape, texts, move):
    return ["".join(shape.symbols[t] for t in row) for row in move(tokens(shape, texts)).tolist()]


def count_solutions(height, width, question, limit=2):
    """Plain backtracking on the rules alone; shares nothing with the package."""
    size = height * width
    board = {(r, c): question[r * size + c] for r in range(size) for c in range(size)}
    box = {place: (place[0] // height, place[1] // width) for place in board}

    def allowed(place):
        seen = {
            board[p] for p in board if p[0] == place[0] or p[1] == place[1] or box[p] == box[place]
        }
        return [d for d in "123456789"[:size] if d not in seen]

    def count(left):
        empty = [(allowed(place), place) for place, digit in board.items() if digit == "."]
        if not empty:
            return 1
        found = 0
        choices, place = min(empty, key=lambda entry: len(entry[0]))
        for digit in choices:
            board[place] = digit
            found += count(left - found)
            board[place] = "."
            if found >= left:
                break
        return found

    return count(limit)


def unique(shape, question):
    return count_solutions(shape.box_rows, shape.box_cols, question) == 1


def test_the_solver_finds_every_grid_of_4x4_and_stops_at_the_limit():
    grids, _ = sudoku.solve(FOUR, "." * 16, limit=999)
    assert len(set(grids)) == len(grids) == count_solutions(2, 2, "." * 16, limit=999) == 288
    assert len(sudoku.solve(FOUR, "." * 16, limit=5)[0]) == 5


@SHAPES
def test_the_solver_agrees_with_plain_backtracking_on_puzzles_with_a_clue_too_few(shape):
    verdicts = Counter()
    for seed in range(5 if shape is NINE else 40):
        question, answer = sudoku.generate(shape, 0, seeded(seed))
        for dropped in [cell for cell in range(shape.length) if question[cell] != "."][:2]:
            fewer = question[:dropped] + "." + question[dropped + 1 :]
            solutions, _ = sudoku.solve(shape, fewer)
            assert len(solutions) == count_solutions(shape.box_rows, shape.box_cols, fewer)
            verdicts[len(solutions)] += 1
        assert sudoku.solve(shape, question)[0] == [answer] and unique(shape, question)
    assert verdicts[1] == 0, (
        "generate(givens=0) must end at a minimal puzzle: no clue can be spared"
    )


def test_guesses_count_the_digits_tried():
    assert sudoku.solve(FOUR, "1234341221434321")[1] == 0
    assert sudoku.solve(FOUR, "." * 16, limit=1)[1] > 0
    assert sudoku.solve(NINE, NO_SOLUTION_TELLS, patience=100) == ([], 100)


@pytest.mark.parametrize(
    "rows",
    [
        [
            "...2..",
            "1.....",
            "....1.",
            "......",
            ".....1",
            "......",
        ],  # row 1 has no cell left for 1
        [
            "...34.",
            "12....",
            "......",
            "......",
            "......",
            "......",
        ],  # row 1 has one cell left for both 1 and 2
    ],
    ids=["no cell", "one cell for two digits"],
)
def test_a_unit_without_room_is_refuted_without_a_guess(rows):
    assert sudoku.solve(SIX, "".join(rows)) == ([], 0)


@SHAPES
def test_generated_puzzles_have_one_solution_and_the_givens_asked_for(shape):
    for question, answer in some(shape, 10 if shape is NINE else 40):
        assert unique(shape, question)
        assert sum(char != "." for char in question) == GIVENS[shape]
        assert all(q in (".", a) for q, a in zip(question, answer, strict=True))
        assert sudoku.is_solution(shape, tokens(shape, [question]), tokens(shape, [answer])).all()


@SHAPES
def test_the_generator_decides_the_puzzle(shape):
    before = torch.random.get_rng_state()
    first, again, other = some(shape, 3), some(shape, 3), some(shape, 3, seed=1)
    assert first == again and not set(first) & set(other) and len(set(first)) == 3
    assert torch.equal(before, torch.random.get_rng_state()), "the global generator was used"


def test_all_four_is_one_puzzle_of_each_class():
    every = sudoku.all_four(range(4, 9))
    forms = [sudoku.canonical_puzzle(FOUR, question) for question, _ in every]
    assert len(set(forms)) == len(forms) == 2236
    assert all(unique(FOUR, question) for question, _ in every[::20])
    generator = seeded(5)
    drawn = {
        sudoku.canonical_puzzle(FOUR, sudoku.generate(FOUR, 4 + i % 5, generator)[0])
        for i in range(500)
    }
    assert drawn <= set(forms) and len(drawn) > 250
    assert not sudoku.all_four(range(0, 4)), "4 clues are the fewest"


def test_split_tears_no_class_apart_and_deals_in_proportion():
    # 50 classes of 30; each puzzle comes twice
    puzzles = [(f"{i // 2}", f"{i // 2 % 50}") for i in range(3000)]
    parts = sudoku.split(
        puzzles, {"train": 800, "validation": 0, "test": 100}, form=lambda puzzle: puzzle[1]
    )
    assert {name: len(part) for name, part in parts.items()} == {"train": 800, "test": 100}
    classes = {name: {form for _, form in part} for name, part in parts.items()}
    assert not classes["train"] & classes["test"]
    assert len(classes["test"]) == 6  # 50 classes, 1 in 9
    assert len({puzzle for part in parts.values() for puzzle in part}) == 900


@pytest.mark.parametrize(
    "shape, givens", [(SIX, range(11, 14)), (NINE, range(28, 31))], ids=["6x6", "9x9"]
)
def test_make_keeps_its_promises(shape, givens):
    counts = {"train": 24, "validation": 4, "test": 4}
    parts = sudoku.make(shape, counts, givens, seeded())
    assert parts == sudoku.make(shape, counts, givens, seeded())
    assert {name: len(rows) for name, rows in parts.items()} == counts
    grids = {
        name: {sudoku.canonical_grid(shape, row.answer) for row in rows}
        for name, rows in parts.items()
    }
    assert not grids["train"] & grids["test"] and not grids["train"] & grids["validation"]
    assert not grids["validation"] & grids["test"]
    for row in [row for rows in parts.values() for row in rows]:
        assert sum(char != "." for char in row.question) in givens
        assert sudoku.solve(shape, row.question) == ([row.answer], int(row.rating))


def test_make_says_when_more_is_asked_for_than_there_is():
    with pytest.raises(BadInput, match="only 13 different puzzles"):
        sudoku.make(FOUR, {"train": 12, "test": 2}, range(4, 5), seeded())
    for givens in (range(30, 99), range(30, 21), range(-1, 5)):
        with pytest.raises(BadInput, match=r"6x6 Sudoku: .* givens are asked for.* 0 to 36 givens"):
            sudoku.make(SIX, {"train": 1}, givens, seeded())
    with pytest.raises(BadInput, match="one puzzle at least"):
        sudoku.make(SIX, {"train": 0}, range(10, 17), seeded())


def test_make_refuses_givens_that_no_grid_spares(monkeypatch):
    """6x6 puzzles have 8 clues or more: asked for 5, none comes with 9 and no word."""
    monkeypatch.setattr(sudoku, "MISSES", 20)
    with pytest.raises(BadInput, match=r"none of 20 .* at most 5 givens; (8|9|10) were the fewest"):
        sudoku.make(SIX, {"train": 3}, range(5, 6), seeded())
    rows = sudoku.make(SIX, {"train": 10}, range(5, 11), seeded())["train"]
    assert len(rows) == 10 and all(36 - row.question.count(".") <= 10 for row in rows)


@SHAPES
def test_a_moved_sudoku_is_a_sudoku(shape):
    questions, answers = zip(*some(shape, 32), strict=True)
    move = sudoku.symmetries(shape)(32, seeded(1))
    moved_questions, moved_answers = (
        move_texts(shape, questions, move),
        move_texts(shape, answers, move),
    )
    assert sudoku.is_solution(
        shape, tokens(shape, moved_questions), tokens(shape, moved_answers)
    ).all()
    assert all(new != old for new, old in zip(moved_answers, answers, strict=True))
    for question, old in list(zip(moved_questions, questions, strict=True))[:6]:
        assert unique(shape, question) and sum(c != "." for c in question) == sum(
            c != "." for c in old
        )
    assert (move.values_BV[:, :2] == torch.tensor([0, 1])).all()
    assert len({tuple(cells) for cells in move.cells_BL.tolist()}) > 20, (
        "each row of a batch draws its own move"
    )


def lines_that_keep_groups(size, members):
    groups = [frozenset(range(i, i + members)) for i in range(0, size, members)]
    keeps = (order for order in permutations(range(size)))
    return [
        o
        for o in keeps
        if all(frozenset(o[i : i + members]) in groups for i in range(0, size, members))
    ]


@pytest.mark.parametrize(
    "shape, size, draws", [(FOUR, 128, 4_000), (SIX, 3_456, 60_000)], ids=["4x4", "6x6"]
)
def test_the_moves_are_the_whole_group_and_nothing_else(shape, size, draws):
    lines = range(shape.size)
    group = {
        tuple(rows[r] * shape.size + columns[c] for r in lines for c in lines)
        for rows in lines_that_keep_groups(shape.size, shape.box_rows)
        for columns in lines_that_keep_groups(shape.size, shape.box_cols)
    }
    if shape is FOUR:
        group |= {tuple(cells[c * 4 + r] for r in lines for c in lines) for cells in group}
    move = sudoku.symmetries(shape)(draws, seeded())
    assert len(group) == size and set(map(tuple, move.cells_BL.tolist())) == group
    assert set(map(tuple, sudoku.cell_orders(shape).tolist())) == group
    names = Counter(map(tuple, move.values_BV[:, 2:].tolist()))
    assert set(names) == set(permutations(range(2, shape.size + 2)))


def test_every_kind_of_9x9_move_occurs_and_units_stay_units():
    cells = sudoku.symmetries(NINE)(4000, seeded()).cells_BL.view(-1, 9, 9)
    turned = cells[:, 0, 0] // 9 != cells[:, 0, 1] // 9
    assert 0.45 < turned.float().mean() < 0.55
    cells = torch.where(turned[:, None, None], cells.mT, cells)
    rows, columns = cells[:, :, 0] // 9, cells[:, 0] % 9
    for lines in (rows, columns):
        assert Counter(map(tuple, (lines[:, ::3] // 3).tolist())).keys() == set(
            permutations(range(3))
        )
        for band in range(3):
            assert len(set(map(tuple, (lines[:, 3 * band : 3 * band + 3] % 3).tolist()))) == 6
    assert len(set(cells[:, 0, 0].tolist())) == 81
    units = {frozenset(unit) for unit in NINE.units}
    assert all(
        {frozenset(board[unit].tolist()) for unit in NINE.units} == units
        for board in cells[:50].flatten(1)
    )


@SHAPES
def test_moves_come_from_the_generator_alone(shape):
    before = torch.random.get_rng_state()
    one, two = (sudoku.symmetries(shape)(8, seeded(3)) for _ in range(2))
    assert torch.equal(one.cells_BL, two.cells_BL) and torch.equal(one.values_BV, two.values_BV)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_batch_is_moved_at_once():
    draw = sudoku.symmetries(NINE)

    def seconds(batch):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            draw(batch, seeded())
            times.append(time.perf_counter() - start)
        return min(times)

    assert seconds(512) < 40 * seconds(4)  # one by one it would be 128 times as long


def test_6x6_puzzles_come_fast_enough_to_train_on():
    start = time.process_time()
    some(SIX, 200)
    # an idle core makes over 1,000 a second; this only catches a blunder
    assert time.process_time() - start < 4


@SHAPES
def test_twins_have_one_canonical_form(shape):
    questions, answers = zip(*some(shape, 20), strict=True)
    forms = [sudoku.canonical_grid(shape, answer) for answer in answers]
    assert [sudoku.canonical_grid(shape, form) for form in forms] == forms
    for seed in range(3):
        move = sudoku.symmetries(shape)(20, seeded(seed))
        assert [
            sudoku.canonical_grid(shape, twin) for twin in move_texts(shape, answers, move)
        ] == forms
        if shape is not NINE:
            twins = move_texts(shape, questions, move)
            assert [sudoku.canonical_puzzle(shape, twin) for twin in twins] == [
                sudoku.canonical_puzzle(shape, question) for question in questions
            ]
    if shape is NINE:
        assert len(set(forms)) == 20, "20 random grids out of 5 billion classes"


def test_the_288_grids_of_4x4_fall_in_2_classes():
    classes = Counter(
        sudoku.canonical_grid(FOUR, grid) for grid in sudoku.solve(FOUR, "." * 16, limit=999)[0]
    )
    assert sorted(classes.values()) == [96, 192]


@pytest.mark.parametrize("shape", [FOUR, SIX], ids=["4x4", "6x6"])
def test_the_quick_form_of_a_grid_equals_the_smallest_of_all_moves(shape):
    for _, answer in some(shape, 15):
        assert sudoku.canonical_grid(shape, answer) == sudoku.canonical_puzzle(shape, answer)


def test_relabel_names_digits_by_first_appearance_and_skips_the_absent():
    grids = np.zeros((2, 16), dtype=int)
    grids[0, [0, 5, 9]], grids[1, [3, 4, 7]] = [4, 2, 4], [2, 4, 2]
    named = sudoku.relabel(grids)
    assert named[0, [0, 5, 9]].tolist() == [1, 2, 1] and named[1, [3, 4, 7]].tolist() == [1, 2, 1]
    assert ((named > 0) == (grids > 0)).all()


def test_6x6_grids_fall_in_at_most_49_classes():
    generator = seeded(2)
    forms = {sudoku.canonical_grid(SIX, sudoku.generate(SIX, 36, generator)[1]) for _ in range(400)}
    assert 35 < len(forms) <= 49
    assert all(sudoku.canonical_grid(SIX, form) == form for form in forms)


def test_a_clue_more_makes_another_puzzle():
    question, answer = some(SIX, 1)[0]
    cell = question.index(".")
    assert sudoku.canonical_puzzle(SIX, question) != sudoku.canonical_puzzle(
        SIX, question[:cell] + answer[cell] + question[cell + 1 :]
    )


@SHAPES
def test_is_solution_takes_what_is_right_and_nothing_else(shape):
    question, answer = some(shape, 1)[0]
    inputs, right = tokens(shape, [question]), tokens(shape, [answer]).long()
    given, empty = (inputs[0] > 1).nonzero()[0, 0], (inputs[0] == 1).nonzero()[0, 0]
    wrong, copied, renamed = right.clone(), inputs.long(), right.clone()
    wrong[0, empty] = (right[0, empty] - 1) % shape.size + 2
    a, b = right[0, given], (right[0, given] - 1) % shape.size + 2
    renamed[right == a], renamed[right == b] = b, a  # a full Sudoku, but the given is gone
    batch = torch.cat([right, wrong, copied, renamed, right])
    assert sudoku.is_solution(shape, inputs.expand(5, -1), batch).tolist() == [
        True,
        False,
        False,
        False,
        True,
    ]
    nothing = torch.ones_like(renamed)
    assert sudoku.is_solution(shape, nothing, renamed).all(), "any valid answer counts"


@pytest.mark.parametrize("kind", ["row", "column", "box"])
def test_a_grid_that_breaks_one_kind_of_unit_alone_is_no_solution(kind):
    right = tokens(NINE, [some(NINE, 1)[0][1]])
    wrong = right.view(9, 9).clone()
    if kind == "row":
        wrong[:2, 0] = wrong[:2, 0].flip(0)  # stays in its column and its box
    elif kind == "column":
        wrong[0, :2] = wrong[0, :2].flip(0)
    else:
        wrong = (torch.arange(9)[:, None] + torch.arange(9)) % 9 + 2
    assert sudoku.is_solution(NINE, torch.ones_like(right), right).all()
    assert not sudoku.is_solution(NINE, torch.ones_like(right), wrong.reshape(1, 81)).any()


def test_check_reads_zeros_dots_and_line_breaks():
    row = files.read_csv(files.PUZZLES / "sudoku-generated" / "test.csv")[0]
    dots = sudoku.parse(NINE, row.question)
    assert len(row.question) == 81 and "." in row.question
    assert dots.tolist() == [1 if char == "." else int(char) + 1 for char in row.question]
    assert torch.equal(dots, sudoku.parse(NINE, row.question.replace(".", "0")))
    lines = "\n".join(row.question[i : i + 9] for i in range(0, 81, 9))
    assert torch.equal(dots, sudoku.parse(NINE, lines + "\n"))


@pytest.mark.parametrize(
    "question, parts",
    [
        ("1" * 35, ["35 characters", "16", "36", "81"]),
        ("." * 81, ["81 characters", "6x6", "36"]),
        ("." * 8 + "y" + "." * 27, ["'y'", "row 2, column 3", "1 to 6"]),
        ("." * 13 + "7" + "." * 22, ["'7'", "row 3, column 2"]),
        ("." * 13 + "²" + "." * 22, ["'²'", "row 3, column 2"]),
        (
            "." * 7 + "4...4" + "." * 24,
            ["4 twice in one row", "row 2, column 2 and in row 2, column 6"],
        ),
        (
            "." * 7 + "4" + "." * 23 + "4....",
            ["4 twice in one column", "row 2, column 2 and in row 6, column 2"],
        ),
        ("3......3" + "." * 28, ["3 twice in one box", "row 1, column 1 and in row 2, column 2"]),
        ("." * 36, ["several solutions", "row ", "column "]),
        ("12345......." + ".....6" + "." * 18, ["no solution"]),
    ],
)
def test_bad_input_is_told_in_one_sentence(question, parts):
    with pytest.raises(BadInput) as caught:
        sudoku.parse(SIX, question, "board 7")
    message = str(caught.value)
    assert message.startswith("board 7: ") and message.endswith(".") and "\n" not in message
    assert all(part in message for part in parts), message


LINES = [
    ".783..9.1",
    "...7....4",
    "96.18..75",
    ".9657...3",
    "8.24..6..",
    "743...5.8",
    "..1265789",
    "68.93.452",
    "5.......6",
]
WRITTEN = {
    "as printed": sudoku.draw(NINE, tokens(NINE, ["".join(LINES)])[0]),
    "lines": "\n".join(LINES),
    "Windows": "\ufeff" + "\r\n".join(LINES) + "\r\n\r\n",
    "one line": "".join(LINES),
    "spaces": " ".join("".join(LINES)),
    "dashes": "\n".join(LINES).replace(".", "-"),
    "stars": "\n".join(LINES).replace(".", "*"),
    "underscores": "\n".join(LINES).replace(".", "_"),
    "x": "".join(LINES).replace(".", "x"),
    "zeros and commas": "\n".join(",".join(line) for line in LINES).replace(".", "0"),
    "nothing between commas": "\n".join(",".join(line) for line in LINES).replace(".", ""),
    "tabs": "\n".join("\t".join(line) for line in LINES).replace(".", ""),
    "blank cells": "\n".join(LINES).replace(".", " "),
    "blank cells, cut": "\n".join(line.replace(".", " ").rstrip() for line in LINES),
    "a frame": "*---+---*\n" + "\n".join(f"|{line[:3]}|{line[3:6]}|{line[6:]}|" for line in LINES),
    "a frame of lines": "┌───┬───┐\n" + "\n".join(f"│{line}│" for line in LINES) + "\n└───┴───┘",
    "rules of dashes": "\n---------\n".join("\n".join(LINES[i : i + 3]) for i in (0, 3, 6)),
    "a header": "#AExample\n#S\n" + "\n".join(LINES),
    "comments": "# easy\n" + "".join(LINES) + " # rated 1.2\n",
    "a title": "Grid 01\n" + "\n".join(LINES).replace(".", "0"),
    "the first of two": "".join(LINES) + "\n" + "1" + "." * 80 + "\n",
    "markup": f'<game data="{"".join(LINES)}"/>',
}


@pytest.mark.parametrize("way", WRITTEN)
def test_a_board_is_read_as_people_write_it(way):
    assert sudoku.cells(WRITTEN[way]) == "".join(LINES)


def test_rows_of_empty_cells_are_no_rules():
    """Of dashes, as a rule is, too; or of separators alone."""
    rows = ["----", "12--", "----", "--34"]
    for text in ("\n".join(rows), ",,,\n1,2,,\n,,,\n,,3,4\n"):
        assert sudoku.cells(text) == "".join(rows).replace("-", ".")


@SHAPES
def test_what_is_printed_is_read(shape):
    for question, answer in some(shape, 3):
        for text in (question, answer):
            drawn = sudoku.draw(shape, tokens(shape, [text])[0])
            assert sudoku.cells(drawn) == sudoku.cells(f"the question\n{drawn}\n") == text


@pytest.mark.parametrize(
    "text, told",
    [
        ("\n".join([*LINES[:2], LINES[2][:8], *LINES[3:]]), "row 3 has 8 of 9 cells"),
        ("\n".join([*LINES[:2], LINES[2] + "1", *LINES[3:]]), "row 3 has 10 of 9 cells"),
        ("\n".join(LINES[:8]), "it has 8 rows"),
    ],
)
def test_a_row_that_does_not_fit_is_named(text, told):
    with pytest.raises(BadInput, match=f"the Sudoku: {told}; write 4, 6 or 9 rows"):
        sudoku.cells(text)


def test_the_cell_named_for_several_solutions_is_open():
    question, _ = sudoku.generate(SIX, 0, seeded())
    cell = next(i for i, char in enumerate(question) if char != ".")
    with pytest.raises(BadInput) as caught:
        sudoku.parse(SIX, question[:cell] + "." + question[cell + 1 :])
    row, column, one, two = map(
        int, re.search(r"row (\d), column (\d) may be (\d) or (\d)", str(caught.value)).groups()
    )
    place = (row - 1) * 6 + column - 1
    assert one != two
    for digit in (one, two):
        board = question[:cell] + "." + question[cell + 1 :]
        assert count_solutions(2, 3, board[:place] + str(digit) + board[place + 1 :]) >= 1


def test_a_puzzle_that_cannot_be_decided_does_not_hang(monkeypatch):
    monkeypatch.setattr(sudoku, "PATIENCE", 300)
    with pytest.raises(BadInput, match="neither solved nor refuted after 300 guesses"):
        sudoku.parse(NINE, NO_SOLUTION_TELLS)


def test_draw():
    assert sudoku.draw(FOUR, torch.tensor([2, 1, 1, 3, 1, 1, 1, 1, 5, 1, 1, 1, 1, 1, 0, 4])) == (
        "1 . | . 2\n. . | . .\n----+----\n4 . | . .\n. . | _ 3"
    )
    for shape in (SIX, NINE):
        lines = sudoku.draw(shape, tokens(shape, [some(shape, 1)[0][1]])[0]).split("\n")
        assert len(lines) == shape.size + shape.box_cols - 1 and len(set(map(len, lines))) == 1
        rules = [line for line in lines if "-" in line]
        assert len(rules) == shape.box_cols - 1 and lines.index(rules[0]) == shape.box_rows
        assert [i for i, c in enumerate(rules[0]) if c == "+"] == [
            i for i, c in enumerate(lines[0]) if c == "|"
        ]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_puzzles_load_with_every_part_bound_to_the_shape(name):
    task, shape = sudoku.load(name), SHIPPED[name]
    assert (task.rows, task.columns, task.length) == (shape.size, shape.size, shape.length)
    assert task.vocab_size == shape.size + 2 and task.symbols == "_.123456789"[: shape.size + 2]
    assert min(len(task.validation), len(task.test)) >= 100
    for puzzles in (task.train, task.validation, task.test):
        assert puzzles.inputs_NL.dtype == torch.uint8
        assert task.is_solution(puzzles.inputs_NL, puzzles.labels_NL).all()
        assert puzzles.inputs_NL.min() == 1 and puzzles.labels_NL.min() == 2
        assert puzzles.labels_NL.max() == shape.size + 1
    question = "".join(task.symbols[t] for t in task.test.inputs_NL[0])
    assert torch.equal(task.parse(question), task.test.inputs_NL[0])
    assert task.draw(task.test.inputs_NL[0]) == sudoku.draw(shape, task.test.inputs_NL[0])
    assert task.symmetries(5, seeded()).cells_BL.shape == (5, shape.length)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_splits_are_disjoint_up_to_symmetry(name):
    shape = SHIPPED[name]
    rows = {
        part: files.read_csv(files.PUZZLES / name / f"{part}.csv")
        for part in ("train", "validation", "test")
    }
    if shape is FOUR:
        forms = {
            part: {sudoku.canonical_puzzle(shape, row.question) for row in rows[part]}
            for part in rows
        }
        assert sum(map(len, forms.values())) == sum(map(len, rows.values())) == 2236
    else:
        forms = {
            part: {sudoku.canonical_grid(shape, row.answer) for row in rows[part]} for part in rows
        }
    if shape is SIX:
        assert len(set().union(*forms.values())) == 49
    assert not forms["train"] & forms["validation"]
    assert not forms["train"] & forms["test"]
    assert not forms["validation"] & forms["test"]
    questions = [row.question for part in rows.values() for row in part]
    assert len(set(questions)) == len(questions)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_puzzles_have_one_solution_and_their_rating(name):
    shape = SHIPPED[name]
    for part in ("train", "validation", "test"):
        rows = files.read_csv(files.PUZZLES / name / f"{part}.csv")
        for row in rows[:: len(rows) // (25 if shape is NINE else 100)]:
            solutions, guesses = sudoku.solve(shape, row.question)
            assert solutions == [row.answer]
            assert shape is NINE or int(row.rating) == guesses  # those of 9x9 are tdoku's
        if shape is not NINE:
            assert all(unique(shape, row.question) for row in rows[:: len(rows) // 10])


def test_shipped_4x4_is_what_its_readme_makes():
    counts = {"train": 1736, "validation": 250, "test": 250}
    for part, rows in sudoku.make(FOUR, counts, range(4, 9), seeded(0)).items():
        assert rows == files.read_csv(files.PUZZLES / "sudoku-4x4" / f"{part}.csv")


@pytest.mark.parametrize("name", SHIPPED)
def test_readme_names_every_file_with_its_hash_and_count(name):
    folder = files.PUZZLES / name
    told = dict(
        re.findall(
            r"^\| `(\w+\.csv)` \| (.*) \|$", (folder / "README.md").read_text(), re.MULTILINE
        )
    )
    assert told.keys() == {path.name for path in folder.glob("*.csv")}
    for file, cells in told.items():
        assert f"`{hashlib.sha256((folder / file).read_bytes()).hexdigest()}`" in cells
        assert cells.startswith(f"{len(files.read_csv(folder / file)):,} | ")


def test_symmetries_are_a_part_that_is_passed_in():
    task = sudoku.load(
        "sudoku-4x4",
        symmetries=lambda shape: partial(unmoved, length=shape.length, vocab=shape.size + 2),
    )
    move = task.symmetries(3, seeded())
    assert torch.equal(move(task.test.inputs_NL[:3]), task.test.inputs_NL[:3].long())


def test_an_answer_that_does_not_fit_is_refused_with_file_and_line(tmp_path):
    rows = files.read_csv(files.PUZZLES / "sudoku-6x6" / "test.csv")[:12]
    rows[1] = rows[1]._replace(answer=rows[2].answer)
    files.write_csv(tmp_path / "mine" / "train.csv", rows)
    for reading in (
        lambda: sudoku.read(tmp_path / "mine" / "train.csv"),
        lambda: sudoku.load("mine", tmp_path),
    ):
        with pytest.raises(BadInput, match=r"train.csv, line 3: the answer does not solve"):
            reading()
    rows[1] = rows[1]._replace(answer=rows[1].answer[:5] + "." + rows[1].answer[6:])
    files.write_csv(tmp_path / "mine" / "train.csv", rows)
    with pytest.raises(BadInput, match=r"train.csv, line 3"):
        sudoku.load("mine", tmp_path)
    files.write_csv(tmp_path / "mine" / "train.csv", [files.Row("x", "." * 25, "1" * 25, "0")])
    with pytest.raises(BadInput, match=r"25 cells.*16.*36.*81"):
        sudoku.load("mine", tmp_path)


def test_a_built_folder_is_checked_too(tmp_path):
    test = sudoku.load("sudoku-6x6").test
    files.write_built(tmp_path / "built", "train", test, vocab_size=8)
    assert len(sudoku.load("built", tmp_path).train) == 450
    labels = test.labels_NL.clone()
    labels[4] = labels[5]
    files.write_built(tmp_path / "built", "train", Puzzles(test.inputs_NL, labels), vocab_size=8)
    with pytest.raises(BadInput, match=r"built, train, puzzle 5: the answer does not solve"):
        sudoku.load("built", tmp_path)


def test_zeros_and_dots_read_the_same(tmp_path):
    rows = files.read_csv(files.PUZZLES / "sudoku-generated" / "test.csv")
    files.write_csv(
        tmp_path / "zeros.csv",
        [row._replace(question=row.question.replace(".", "0")) for row in rows],
    )
    shape, puzzles = sudoku.read(tmp_path / "zeros.csv")
    assert shape == NINE
    assert torch.equal(
        puzzles.inputs_NL, sudoku.read(files.PUZZLES / "sudoku-generated" / "test.csv")[1].inputs_NL
    )


published = pytest.mark.skipif(
    not (DATA / "sudoku-extreme-1k").is_dir(), reason=f"published data not in {DATA}"
)


@published
def test_published_csv_gives_the_tokens_of_the_official_builder():
    folder = DATA / "sudoku-extreme-1k"
    shape, puzzles = sudoku.read(folder / "train.csv")
    assert shape == NINE and len(puzzles) == 1000
    for name, tokens_NL in (("inputs", puzzles.inputs_NL), ("labels", puzzles.labels_NL)):
        built = np.load(folder / "built" / "train" / f"all__{name}.npy", allow_pickle=False)
        assert tokens_NL.numpy().dtype == built.dtype and (tokens_NL.numpy() == built).all()
    assert len(sudoku.load("sudoku-extreme-1k", DATA).train) == 900


@published
def test_the_solver_solves_published_puzzles():
    for row in files.read_csv(DATA / "sudoku-extreme-1k" / "train.csv")[::25]:
        assert sudoku.solve(NINE, row.question)[0] == [row.answer]


@pytest.mark.parametrize("name", ["sudoku-4x4", "sudoku-6x6", "sudoku-9x9"])
def test_a_task_solves_what_it_parses(name):
    task = sudoku.load(name)
    for tokens_L, answer_L in zip(task.test.inputs_NL[:20], task.test.labels_NL[:20], strict=True):
        question_L = task.parse("".join(task.symbols[token] for token in tokens_L))
        assert torch.equal(question_L, tokens_L) and torch.equal(task.solve(question_L), answer_L)
