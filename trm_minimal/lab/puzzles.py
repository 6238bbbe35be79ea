"""A puzzle as people hand it over: a text, a text file, a CSV. Its family is seen from its signs.

A new family is one more entry of FAMILIES; everything else it brings with its Task.
"""

import hashlib
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Puzzles, Task, files, maze, sudoku

LARGEST = 1_000_000  # bytes of a text file; a puzzle has a few thousand


def without_spaces(text: str) -> str:
    """The cells of a board whose symbols are single characters, none of them a space."""
    return "".join(text.split())


@dataclass(frozen=True, kw_only=True)
class Family:
    """What a family of tasks needs so that its puzzles can be read."""

    signs: str  # characters that its boards are known by
    board: Callable[[int], Task]  # so many cells -> the Task, without puzzles
    cells: Callable[[str], Sequence[str]] = without_spaces  # a text -> its symbols, row by row
    # (rows of a CSV, its path) -> puzzles; by default symbol for symbol
    encode_rows: Callable[[list[files.Row], Path], Puzzles] | None = None

    def read(self, rows: list[files.Row], path: Path) -> Puzzles:
        """The puzzles of a CSV. BadInput names the line of one that is wrong."""
        return (self.encode_rows or partial(files.encode_rows, self.board))(rows, path)


def _maze_board(length: int) -> Task:
    if length < 25:  # 4x4 has the size and vocabulary of a 4x4 Sudoku
        raise BadInput(f"the maze has {length} characters, but mazes have 5 x 5 or more")
    return maze.board(length)


FAMILIES = {
    "sudoku": Family(
        signs=".0123456789_*-xX",
        board=sudoku.board,
        cells=sudoku.cells,
        encode_rows=sudoku.encode_rows,
    ),
    "maze": Family(
        signs="#SG",
        board=_maze_board,
        cells=maze.cells,
        encode_rows=maze.encode_rows,
    ),
}


def _signs() -> set[str]:
    return {sign for family in FAMILIES.values() for sign in family.signs}


def family_of(text: str) -> Family:
    """The family with most of its signs in the text.

    Comments (# and a word) count only where nothing else does.
    """
    letters = "".join(sign for sign in _signs() if sign.isalpha())
    bare = re.sub(rf"#[^\n]*[^\W\d_o{letters}][^\n]*", "", text)

    def known(family: Family) -> tuple[int, int]:
        return tuple(sum(map(part.count, family.signs)) for part in (bare, text))

    return max(FAMILIES.values(), key=known)


def board_of(question: str) -> Task:
    """The Task, without puzzles, whose board the question is on. BadInput when there is none."""
    return family_of(question).board(len(question))


def task_of_csv(path: Path) -> Task:
    """The task whose test set is a CSV of the published format. BadInput names the wrong line."""
    rows = files.read_csv(path)
    family = family_of(rows[0].question)
    test = family.read(rows, path)
    return replace(family.board(test.inputs_NL.shape[1]), name=str(path), test=test)


def ratings(path: Path) -> list[float]:
    """The column `rating` of a CSV. BadInput names the first line that has no number from 0 up."""
    found = []
    for line, row in enumerate(files.read_csv(path), 2):
        try:
            found.append(float(row.rating))
        except ValueError:
            found.append(math.nan)
        if not 0 <= found[-1] < math.inf:
            told = f"the rating {row.rating[:20]!r} is no number from 0 up"
            raise BadInput(f"{path}, line {line}: {told}; leave out --by-rating")
    return found


def read_question(given: str) -> str:
    """The cells, row by row, of a puzzle or of the first in a file. BadInput if unreadable."""
    text = _text_of(given)
    if not text.strip():
        raise BadInput("the puzzle is empty; give its cells row by row, or a text file")
    if not set(text) & _signs():
        raise BadInput(f"{given[:80]!r}: no such file, and no puzzle; give its cells row by row")
    return "".join(family_of(text).cells(text))


def _text_of(given: str) -> str:
    """What stands in the file of that name (in a CSV the first question), or the text itself."""
    path, ending = Path(given), re.search(r"\.([^\W\d_]\w+)$", given)
    named = bool(ending) and not set(ending[1]) <= _signs()
    try:  # a name has at most 255 characters, a maze may have more
        if not (named or os.sep in given or (0 < len(given) < 256 and path.exists())):
            return given
        if path.suffix.lower() == ".csv":
            return files.read_csv(path)[0].question
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise BadInput(f"{path}: is larger than {LARGEST:,} bytes; give a file with one puzzle")
        return content.decode("utf-8-sig")
    except OSError as error:
        told = f"cannot be read ({error.strerror})"
        raise BadInput(f"{path}: {told}; give a puzzle or a text file") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not text in UTF-8; give a puzzle or a text file") from error


def check_shipped() -> dict[str, list[str]]:
    """For each shipped folder, the CSVs that are missing or differ from the sha256 in its
    README.
    """
    odd = {}
    for readme in sorted(files.PUZZLES.glob("*/README.md")):
        listed = re.findall(r"`(\w+\.csv)`.*`([0-9a-f]{64})`", readme.read_text(encoding="utf-8"))
        found = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in readme.parent.glob("*.csv")
        }
        odd[readme.parent.name] = [name for name, digest in listed if found.get(name) != digest]
    return odd
