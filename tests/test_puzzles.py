"""A puzzle as people hand it over: a text, a text file, a table; and of which family it is."""

import pytest

from trm_minimal.errors import BadInput
from trm_minimal.lab import puzzles
from trm_minimal.tasks import files, maze, sudoku

FOUR = "1.....4..3.....2"
MAZE = ["#####", "#S  #", "# # #", "#  G#", "#####"]
NINE = files.read_csv(files.PUZZLES / "sudoku-generated" / "test.csv")[0].question


def read(given) -> str:
    """The name of the board, and its cells."""
    question = puzzles.read_question(str(given))
    task = puzzles.board_of(question)
    task.parse(question)
    return f"{task.name} {question}"


@pytest.mark.parametrize("name", ["a.txt", "a.sdk", "a", "a.CSV", "a.csv", "a.sdm"])
def test_a_file_of_any_name_is_read(tmp_path, name):
    row = files.Row("", NINE, "1" * 81, "0")
    if name.lower().endswith(".csv"):
        files.write_csv(tmp_path / name, [row, row])
    else:
        (tmp_path / name).write_text(f"{NINE}\n{NINE}\n")  # of two puzzles the first, as of a table
    assert read(tmp_path / name) == f"sudoku-9x9 {NINE}"


def test_the_board_that_solve_prints_is_read_again(tmp_path):
    path = tmp_path / "board.txt"
    for task, question in (
        (sudoku.board(16), FOUR),
        (sudoku.board(81), NINE),
        (maze.board(25), "".join(MAZE)),
    ):
        path.write_text(task.draw(task.parse(question)) + "\n")
        assert read(path) == f"{task.name} {question}"


@pytest.mark.parametrize(
    "text, family",
    [
        (FOUR, "sudoku"),
        ("# one a line\n" + FOUR, "sudoku"),
        (FOUR + " # rated easy", "sudoku"),
        ("#SG\n#\n" + "\n".join(FOUR[i : i + 4] for i in (0, 4, 8, 12)), "sudoku"),
        ("#AExample\n#LEasy\n" + FOUR, "sudoku"),
        ("1 2\n3 4", "sudoku"),
        ("\n".join(MAZE), "maze"),
        ("".join(MAZE), "maze"),
        ("S  " + "   " + "  G", "maze"),
        ("\n".join(MAZE).replace("# # #", "# a #"), "maze"),  # with a slip in it
        ("#S 1 G#", "maze"),
        ("#####a# G", "maze"),
    ],
)
def test_the_family_is_seen_from_the_signs(text, family):
    assert puzzles.family_of(text) is puzzles.FAMILIES[family]


@pytest.mark.parametrize(
    "given, told",
    [
        ("puzzle.sdk", r"puzzle\.sdk: cannot be read"),
        ("nowhere/puzzle", "nowhere/puzzle: cannot be read"),
        ("nowhere", "'nowhere': no such file, and no puzzle"),
        ("1.....4..3.....y", "'y' in row 4, column 4"),
        ("", "the puzzle is empty"),
        (" \n ", "the puzzle is empty"),
        ("123", "boards of 3 cells"),
        ("S  G" * 4, "16 characters, but mazes have 5 x 5 or more"),
        (
            "\n".join(MAZE).replace("# #", "#"),
            "the maze: row 3 has 3 of 5 characters; an editor may",
        ),
        ("#" * 27 + "\n#S" + " " * 23 + "G#\n" + "#" * 27, "the maze has 3 rows of 27 characters"),
    ],
)
def test_what_is_no_puzzle_is_refused_in_a_sentence(given, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=told) as caught:
        read(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content, told",
    [(b"." * 1_000_001, "larger than 1,000,000 bytes"), (b"\xff\xfe1\0", "no text|not text")],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content, told):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(BadInput, match=rf"a\.txt: is ({told})"):
        puzzles.read_question(str(tmp_path / "a.txt"))


def test_ratings_are_numbers(tmp_path):
    rows = [files.Row("", "12", "12", rating) for rating in ("0", "0.0", "2.5", "17")]
    files.write_csv(tmp_path / "a.csv", rows)
    assert puzzles.ratings(tmp_path / "a.csv") == [0, 0, 2.5, 17]
    for odd in ("", "easy", "-1", "nan", "inf"):
        files.write_csv(tmp_path / "a.csv", [*rows, files.Row("", "12", "12", odd)])
        with pytest.raises(BadInput, match=rf"a\.csv, line 6: the rating '{odd}' is no number"):
            puzzles.ratings(tmp_path / "a.csv")
