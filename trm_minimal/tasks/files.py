"""Puzzles on disk: the published CSV files and the folders that the official builders write.

Dimension key: N puzzles, L cells. A CSV has the columns of `Row`; a built folder is what
`write_built` writes.
"""

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Puzzles, Task

PUZZLES = Path(__file__).parents[2] / "data" / "puzzles"  # what the repository ships
PUBLISHED = {  # folder -> the dataset on the Hugging Face hub; these files are not ours to ship
    "sudoku-extreme": "the dataset sapientinc/sudoku-extreme (train.csv has 3,831,994 puzzles)",
    "sudoku-extreme-1k": (
        "a train.csv of 1,000 random rows of the dataset sapientinc/sudoku-extreme (the paper's "
        "set: build_sudoku_dataset.py --subsample-size 1000), not all its 3,831,994,"
    ),
    "maze-30x30-hard-1k": "the dataset sapientinc/maze-30x30-hard-1k",
}

# What np.save writes before the numbers of an array. Whatever differs is refused unread: np.load
# evaluates it as Python, and a spoilt one ends in any of a dozen errors or in none.
NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..){'descr': '([^']{1,9})', 'fortran_order': (?:False|True), "
    rb"'shape': \(\d{1,9},(?: \d{1,9})?\), } *\n",
    re.DOTALL,
)


class Row(NamedTuple):
    """One puzzle of a CSV, as text. Only the question and the answer reach the network."""

    source: str
    question: str
    answer: str
    rating: str


def read_csv(path: Path) -> list[Row]:
    """All puzzles of a CSV, untouched: maze strings begin and end with spaces.

    BadInput names the file and the line.
    """
    try:
        with open(path, "rb") as raw:
            end = raw.seek(0, 2)
            raw.seek(max(end - 1, 0))
            whole = raw.read() == b"\n"
        with open(path, newline="", encoding="utf-8-sig") as text:
            rows = _rows(csv.reader(text, strict=True), path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path.") from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}: is not text; a CSV with the header {','.join(Row._fields)} is wanted."
        ) from error
    if not whole:  # a rating cut from 110 to 11 would show nowhere else
        cure = "fetch the file again if it was cut off, or add a line feed if this line is whole"
        raise BadInput(f"{path}, line {len(rows) + 1}: the file ends inside this line; {cure}.")
    return rows


def _rows(reader, path: Path) -> list[Row]:
    rows: list[Row] = []
    try:
        header = next(reader, None)
        if header is None:
            raise BadInput(
                f"{path}: is empty; a CSV with the header {','.join(Row._fields)} is wanted."
            )
        if header != list(Row._fields):
            raise BadInput(
                f"{path}, line 1: the header must be {','.join(Row._fields)}, not"
                f" {','.join(header)[:80]!r}."
            )
        for line, fields in enumerate(reader, start=2):
            if len(fields) != len(Row._fields):
                raise BadInput(
                    f"{path}, line {line}: {len(fields)} fields instead of 4; repair or remove the"
                    " line."
                )
            row = Row(*fields)
            if len(row.question) != len(row.answer):
                sizes = f"{len(row.question)} characters, the answer {len(row.answer)}"
                raise BadInput(
                    f"{path}, line {line}: the question has {sizes}; they must be equally long."
                )
            if not row.question or (rows and len(row.question) != len(rows[0].question)):
                wanted = len(rows[0].question) if rows else "at least 1"
                found = len(row.question)
                raise BadInput(
                    f"{path}, line {line}: {found} characters where {wanted} are wanted; one size a"
                    " file."
                )
            rows.append(row)
    except csv.Error as error:
        raise BadInput(
            f"{path}, line {reader.line_num}: is no CSV line ({error}); repair or fetch the file."
        ) from error
    if not rows:
        raise BadInput(f"{path}: has a header but no puzzle; fetch or make it again.")
    return rows


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write what `read_csv` reads, with plain line feeds; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as text:
        csv.writer(text, lineterminator="\n").writerows([Row._fields, *rows])


def encode(texts: Sequence[str], symbols: str, where: str) -> Tensor:
    """Equally long texts -> uint8 tokens_NL with `symbols[token]` the character.

    Padding, `symbols[0]`, is no character of a puzzle. BadInput says `where`, the line (the first
    text is line 2, as in a CSV) and the character's place.
    """
    length = len(texts[0]) if texts else 0
    for line, text in enumerate(texts, start=2):
        if len(text) != length:
            raise BadInput(
                f"{where}, line {line}: {len(text)} characters where {length} are wanted."
            )
    codes_NL = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32).reshape(
        len(texts), length
    )
    # the last entry catches everything beyond
    token_of = np.zeros(max(map(ord, symbols)) + 2, dtype=np.uint8)
    token_of[[ord(symbol) for symbol in symbols[1:]]] = np.arange(1, len(symbols))
    tokens_NL = token_of[np.minimum(codes_NL, len(token_of) - 1)]
    if not tokens_NL.all():
        row, column = map(int, np.argwhere(tokens_NL == 0)[0])
        found = texts[row][column]
        raise BadInput(
            f"{where}, line {row + 2}, character {column + 1}: {found!r} is none of"
            f" {symbols[1:]!r}."
        )
    return torch.from_numpy(tokens_NL)


def encode_rows(board: Callable[[int], Task], rows: list[Row], path: Path) -> Puzzles:
    """Rows of a CSV -> Puzzles of the Task that `board` gives for so many cells.

    BadInput names the file and the line when an answer does not solve its question.
    """
    task = board(len(rows[0].question))
    inputs_NL = encode([row.question for row in rows], task.symbols, str(path))
    puzzles = Puzzles(inputs_NL, encode([row.answer for row in rows], task.symbols, str(path)))
    right_N = task.is_solution(puzzles.inputs_NL, puzzles.labels_NL)
    if not right_N.all():
        line = 2 + int(right_N.int().argmin())
        told = "the answer does not solve the question; repair or remove the puzzle"
        raise BadInput(f"{path}, line {line}: {told}.")
    return puzzles


def write_built(
    folder: Path,
    split: str,
    puzzles: Puzzles,
    vocab_size: int,
    groups: Sequence[int] | None = None,
    identifiers: Sequence[str] = ("<blank>",),
) -> None:
    """Write `folder/split` as the official builders do, and folder/identifiers.json.

    groups: first example of each group (an original with its augmentations), and N at the end; by
    default one each. identifiers: the name of each identity; the first stands for none. Neighbours
    of one identity are written as one puzzle with several examples.
    """
    count, length = puzzles.inputs_NL.shape
    # of each puzzle its first example
    firsts, ids_N = list(range(count)), np.zeros(count, np.int32)
    if puzzles.ids_N is not None:
        ids_N = puzzles.ids_N.numpy().astype(np.int32)
        firsts = [i for i in firsts if i == 0 or ids_N[i] != ids_N[i - 1]]
    starts = [*firsts, count] if groups is None else list(groups)
    if not starts or starts[0] != 0 or starts[-1] != count or (np.diff(starts) < 1).any():
        raise BadInput(f"{folder / split}: groups must rise from 0 to {count}.")
    if not set(starts) <= {*firsts, count}:
        raise BadInput(f"{folder / split}: a group begins between two examples of one identity.")
    if count and not 0 <= ids_N.min() <= ids_N.max() < len(identifiers):
        told = f"identities up to {ids_N.max()}, but {len(identifiers)} names for them"
        raise BadInput(f"{folder / split}: {told}.")
    arrays = {
        "inputs": puzzles.inputs_NL.numpy().astype(np.uint8),
        "labels": puzzles.labels_NL.numpy().astype(np.uint8),
        "puzzle_identifiers": ids_N[firsts],
        "puzzle_indices": np.array([*firsts, count], np.int32),
        "group_indices": np.searchsorted([*firsts, count], starts).astype(np.int32),
    }
    description = {
        "seq_len": length,
        "vocab_size": vocab_size,
        "pad_id": 0,
        "ignore_label_id": 0,
        "blank_identifier_id": 0,
        "num_puzzle_identifiers": len(identifiers),
        "total_groups": len(starts) - 1,
        "mean_puzzle_examples": count / max(len(firsts), 1),
        # Sic: TRM's builders of Sudoku and mazes count the groups here, its builder of ARC puzzles.
        "total_puzzles": len(starts) - 1 if puzzles.ids_N is None else len(firsts),
        "sets": ["all"],
    }
    (folder / split).mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / split / f"all__{name}.npy", array, allow_pickle=False)
    (folder / split / "dataset.json").write_text(json.dumps(description))
    (folder / "identifiers.json").write_text(json.dumps(list(identifiers)))


def read_built(folder: Path, split: str) -> tuple[Puzzles, dict]:
    """The examples of `folder/split` and its dataset.json (HRM's lacks total_puzzles).

    BadInput names the file.
    """
    path = folder / split / "dataset.json"
    again = "fetch or build it again"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        told = f"cannot be read ({error.strerror})"
        raise BadInput(f"{path}: {told}; it belongs beside the .npy files.") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: is no plain JSON; {again}.") from error
    known = description if isinstance(description, dict) else {}
    length, vocab_size = (known.get(key) for key in ("seq_len", "vocab_size"))
    if any(type(size) is not int or size < 1 for size in (length, vocab_size)):
        told = "seq_len and vocab_size must be whole numbers from 1 up"
        raise BadInput(f"{path}: {told}; {again}.")
    tokens, last = [], min(vocab_size, 256) - 1
    for name in ("inputs", "labels"):
        file = folder / split / f"all__{name}.npy"
        array = _read_npy(file)
        if array.ndim != 2 or array.shape[1] != length or not len(array):
            told = f"its shape is {array.shape}, but dataset.json wants (puzzles, {length})"
            raise BadInput(f"{file}: {told}.")
        for token in (array.min(), array.max()):  # before the cast, which would bend 256 to 0
            if not 0 <= token <= last:
                raise BadInput(f"{file}: holds the token {token}, but tokens are 0 to {last}.")
        tokens.append(torch.from_numpy(array.astype(np.uint8)))
    count = len(tokens[0])
    if count != len(tokens[1]):
        raise BadInput(f"{file}: {len(tokens[1])} labels for {count} inputs; {again}.")
    return Puzzles(*tokens, _read_identities(folder / split, count)), description


def _read_identities(folder: Path, count: int) -> Tensor | None:
    """The identity of each of the `count` examples, int64; None when all are blank."""
    path = folder / "all__puzzle_identifiers.npy"
    identifiers = _read_npy(path)
    if not identifiers.any():
        return None
    examples = np.diff(_read_npy(folder / "all__puzzle_indices.npy").astype(np.int64), axis=0)
    if identifiers.shape != examples.shape or (examples < 0).any() or examples.sum() != count:
        told = f"does not cover the {count} examples with all__puzzle_indices"
        raise BadInput(f"{path}: {told}; fetch or build it again.")
    if not 0 <= identifiers.min() <= identifiers.max() < 2**31:
        raise BadInput(f"{path}: an identity is below 0 or too large; fetch or build it again.")
    return torch.from_numpy(np.repeat(identifiers.astype(np.int64), examples))


def _read_npy(path: Path) -> np.ndarray:
    """Whole numbers of any type, as they stand in the file."""
    try:
        with open(path, "rb") as file:
            header = NPY_HEADER.match(file.read(256))
    except OSError as error:
        told = f"cannot be read ({error.strerror})"
        raise BadInput(f"{path}: {told}; fetch or build it again.") from error
    if not header or int.from_bytes(header[1], "little") != header.end() - 10:
        raise BadInput(f"{path}: is no plain .npy file, or a cut one; fetch or build it again.")
    if not re.fullmatch(rb"[<>|][iu][1248]", header[2]):
        kind = header[2].decode("latin-1")
        raise BadInput(f"{path}: whole numbers are wanted, not {kind!r}; build it again.")
    try:
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False), order="C")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is shorter than it says; fetch or build it again.") from error


def _first_of_groups(folder: Path, count: int) -> np.ndarray:
    """First example of each group, and `count` at the end."""
    puzzles = _read_npy(folder / "all__puzzle_indices.npy").astype(np.int64)
    groups = _read_npy(folder / "all__group_indices.npy").astype(np.int64)
    rising = all(
        a.ndim == 1 and len(a) > 1 and a[0] == 0 and (np.diff(a) > 0).all()
        for a in (puzzles, groups)
    )
    if not rising or puzzles[-1] != count or groups[-1] != len(puzzles) - 1:
        raise BadInput(
            f"{folder}: all__puzzle_indices and all__group_indices do not cover the {count}"
            " examples."
        )
    return puzzles[groups]


def read_splits(
    folder: Path, encode_rows: Callable[[list[Row], Path], Puzzles], validation: str | None = None
) -> tuple[Puzzles, Puzzles, Puzzles]:
    """train, validation and test of a folder with train.csv, or else train/ or built/train/ with
    .npy files.

    Without a validation split it is `validation`, a CSV of the shipped sets. Without that the last
    100 puzzles of train are held out (a tenth of less than 1,000, at least one), and of a built set
    whole groups, so that no augmentation of a held-out puzzle is trained on. Without a test split,
    test is empty.
    """
    if not folder.is_dir():
        published = PUBLISHED.get(folder.name)
        hint = f"fetch {published} into it; " if published else ""
        hint += "--data-dir names the folder above it"
        raise BadInput(f"{folder}: there is no such folder; {hint}.")
    if (folder / "train.csv").exists():
        found = {}
        for split in ("train", "validation", "test"):
            path = folder / f"{split}.csv"
            if path.exists():
                found[split] = encode_rows(read_csv(path), path)
        first = np.arange(len(found["train"]) + 1)
    else:
        base = next(
            (b for b in (folder, folder / "built") if (b / "train" / "all__inputs.npy").exists()),
            None,
        )
        if base is None:
            raise BadInput(
                f"{folder}: has neither train.csv nor train/all__inputs.npy; put one of them there."
            )
        found = {
            split: read_built(base, split)[0]
            for split in ("train", "validation", "test")
            if (base / split).is_dir()
        }
        first = _first_of_groups(base / "train", len(found["train"]))
    if validation and "validation" not in found:
        found["validation"] = encode_rows(read_csv(PUZZLES / validation), PUZZLES / validation)
    train = found["train"]
    for split, puzzles in found.items():
        if puzzles.inputs_NL.shape[1] != train.inputs_NL.shape[1]:
            sizes = f"{puzzles.inputs_NL.shape[1]} cells, train {train.inputs_NL.shape[1]}"
            raise BadInput(f"{folder}: {split} has boards of {sizes}; one board size a folder.")
    groups = len(first) - 1
    if "validation" not in found:
        if groups < 2:
            few = "one puzzle is too few to train and to validate"
            raise BadInput(f"{folder}: {few}; add some, or a validation split.")
        kept = groups - min(100, max(1, groups // 10))
        originals = torch.from_numpy(first[kept:-1])  # the builders write the original first
        found["validation"] = train[originals]
        train = train[: first[kept]]
    return train, found["validation"], found.get("test", train[:0])
