"""A puzzle as people hand it over: as text, in a text file, in a CSV. Which family it is of is seen from its signs."""

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Task, files, maze, sudoku


def board_of(question: str) -> Task:
    """The Task, without puzzles, whose board the question is on. BadInput when there is no board of that size."""
    if is_maze(question) and len(question) < 25:  # and 4x4 has the size and vocabulary of a 4x4 Sudoku
        raise BadInput(f"the maze has {len(question)} characters, but mazes have 5 x 5 or more")
    return (maze if is_maze(question) else sudoku).board(len(question))


def is_maze(question: str) -> bool:
    """A maze has walls, or S and G; everything else is taken for a Sudoku."""
    return "#" in question or {"S", "G"} <= set(question)


def task_of_csv(path: Path) -> Task:
    """The task whose test set is a CSV of the published format. BadInput names the line that is wrong."""
    first = files.read_csv(path)[0].question
    task = board_of(first)
    return replace(task, name=str(path), test=(maze if is_maze(first) else sudoku).read(path)[1])


def ratings(path: Path) -> list[int]:
    """The column `rating` of a CSV. BadInput names the first line whose rating is no whole number."""
    found = [row.rating for row in files.read_csv(path)]
    for line, rating in enumerate(found, 2):
        if not rating.isdecimal():
            raise BadInput(f"{path}, line {line}: the rating {rating!r} is no whole number; leave out --by-rating")
    return [int(rating) for rating in found]


def read_question(given: str) -> str:
    """The puzzle itself, or what the file holds, of a CSV the first. BadInput when it is unreadable."""
    path = Path(given)
    if path.suffix == ".csv":
        return files.read_csv(path)[0].question
    try:  # a name has at most 255 characters, a maze may have more
        if path.suffix == ".txt" or os.sep in given or (0 < len(given) < 256 and path.exists()):
            given = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give a puzzle or a text file") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not text in UTF-8; give a puzzle or a text file") from error
    if not given.strip():
        raise BadInput("the puzzle is empty; give its cells row by row, or a text file")
    return given.replace("\n", "") if is_maze(given) else "".join(given.split())


def check_shipped() -> dict[str, list[str]]:
    """For each shipped folder, the CSVs that are missing or differ from the sha256 in its README."""
    odd = {}
    for readme in sorted(files.PUZZLES.glob("*/README.md")):
        listed = re.findall(r"`(\w+\.csv)`.*`([0-9a-f]{64})`", readme.read_text(encoding="utf-8"))
        found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in readme.parent.glob("*.csv")}
        odd[readme.parent.name] = [name for name, digest in listed if found.get(name) != digest]
    return odd
