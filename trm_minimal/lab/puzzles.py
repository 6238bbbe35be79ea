"""A puzzle as people hand it over: as text, in a text file, in a CSV. Which family it is of is seen from its signs."""

import hashlib
import math
import os
import re
from dataclasses import replace
from pathlib import Path

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Task, files, maze, sudoku

LONGEST = 100_000  # characters of a file with a puzzle


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


def ratings(path: Path) -> list[float]:
    """The column `rating` of a CSV. BadInput names the first line without a number from 0."""

    def number(line: int, text: str) -> float:
        try:
            rating = float(text)
        except ValueError:
            rating = -1.0
        if not 0 <= rating < math.inf:
            wanted = f"the rating {text[:20]!r} is no number from 0"
            raise BadInput(f"{path}, line {line}: {wanted}; leave out --by-rating")
        return rating

    return [number(line, row.rating) for line, row in enumerate(files.read_csv(path), 2)]


def text_of(path: Path) -> str:
    """The text of a file. BadInput when it is longer than any puzzle; it may have no end at all."""
    with open(path, encoding="utf-8-sig") as file:
        text = file.read(LONGEST + 1)
    if len(text) > LONGEST:
        raise BadInput(f"{path}: is longer than any puzzle; give a puzzle or a text file")
    return text


def read_question(given: str) -> str:
    """The puzzle itself, or what the file holds, of a CSV the first. BadInput when it is unreadable."""
    path = Path(given)
    if path.suffix == ".csv":
        return files.read_csv(path)[0].question
    try:  # a name has at most 255 characters, a maze may have more
        if path.suffix == ".txt" or os.sep in given or (0 < len(given) < 256 and path.exists()):
            given = text_of(path)
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
