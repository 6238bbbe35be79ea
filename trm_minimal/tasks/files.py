"""Puzzles on disk: the published CSV files and the folders that the official builders write.

Dimension key: N puzzles, L cells. A CSV has the columns of `Row`; a built folder is what `write_built` writes.
"""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Puzzles

PUZZLES = Path(__file__).parents[2] / "data" / "puzzles"  # what the repository ships
PUBLISHED = {  # folder -> dataset on the Hugging Face hub; these files are not ours to ship
    "sudoku-extreme": "sapientinc/sudoku-extreme",
    "sudoku-extreme-1k": "sapientinc/sudoku-extreme",
    "maze-30x30-hard-1k": "sapientinc/maze-30x30-hard-1k",
}


# What np.load raises on spoilt files (30,000 tried): it documents ValueError and EOFError alone.
NPY_ERRORS = (ValueError, EOFError, TypeError, SyntaxError, OverflowError, TokenError, BadZipFile)


class Row(NamedTuple):
    """One puzzle of a CSV, as text. Only the question and the answer reach the network."""

    source: str
    question: str
    answer: str
    rating: str


def read_csv(path: Path) -> list[Row]:
    """All puzzles of a CSV, untouched: maze strings begin and end with spaces. BadInput names the file and the line."""
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
        raise BadInput(f"{path}: is not text; a CSV with the header {','.join(Row._fields)} is wanted.") from error
    if not whole:  # a rating cut from 110 to 11 would show nowhere else
        raise BadInput(f"{path}, line {len(rows) + 1}: the file ends inside this line; fetch it again, it was cut off.")
    return rows


def _rows(reader, path: Path) -> list[Row]:
    rows: list[Row] = []
    try:
        header = next(reader, None)
        if header is None:
            raise BadInput(f"{path}: is empty; a CSV with the header {','.join(Row._fields)} is wanted.")
        if header != list(Row._fields):
            raise BadInput(
                f"{path}, line 1: the header must be {','.join(Row._fields)}, not {','.join(header)[:80]!r}."
            )
        for line, fields in enumerate(reader, start=2):
            if len(fields) != len(Row._fields):
                raise BadInput(f"{path}, line {line}: {len(fields)} fields instead of 4; repair or remove the line.")
            row = Row(*fields)
            if len(row.question) != len(row.answer):
                sizes = f"{len(row.question)} characters, the answer {len(row.answer)}"
                raise BadInput(f"{path}, line {line}: the question has {sizes}; they must be equally long.")
            if not row.question or (rows and len(row.question) != len(rows[0].question)):
                wanted = len(rows[0].question) if rows else "at least 1"
                found = len(row.question)
                raise BadInput(f"{path}, line {line}: {found} characters where {wanted} are wanted; one size a file.")
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
    """Equally long texts -> uint8 tokens_NL with `symbols[token]` the character. Padding, `symbols[0]`, is no character
    of a puzzle. BadInput says `where`, the line (the first text is line 2, as in a CSV) and the character's place."""
    length = len(texts[0]) if texts else 0
    for line, text in enumerate(texts, start=2):
        if len(text) != length:
            raise BadInput(f"{where}, line {line}: {len(text)} characters where {length} are wanted.")
    codes_NL = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32).reshape(len(texts), length)
    token_of = np.zeros(max(map(ord, symbols)) + 2, dtype=np.uint8)  # the last entry catches everything beyond
    token_of[[ord(symbol) for symbol in symbols[1:]]] = np.arange(1, len(symbols))
    tokens_NL = token_of[np.minimum(codes_NL, len(token_of) - 1)]
    if not tokens_NL.all():
        row, column = map(int, np.argwhere(tokens_NL == 0)[0])
        found = texts[row][column]
        raise BadInput(f"{where}, line {row + 2}, character {column + 1}: {found!r} is none of {symbols[1:]!r}.")
    return torch.from_numpy(tokens_NL)


def write_built(
    folder: Path, split: str, puzzles: Puzzles, vocab_size: int, groups: Sequence[int] | None = None
) -> None:
    """Write `folder/split` as the official builders do: dataset.json and five all__*.npy; and folder/identifiers.json.

    groups: first puzzle of each group (an original with its augmentations), and N at the end; by default one each.
    """
    count, length = puzzles.inputs_NL.shape
    starts = np.arange(count + 1) if groups is None else np.asarray(groups)
    if not len(starts) or starts[0] != 0 or starts[-1] != count or (np.diff(starts) < 1).any():
        raise BadInput(f"{folder / split}: groups must rise from 0 to {count}.")
    arrays = {
        "inputs": puzzles.inputs_NL.numpy().astype(np.uint8),
        "labels": puzzles.labels_NL.numpy().astype(np.uint8),
        "puzzle_identifiers": np.zeros(count, dtype=np.int32),
        "puzzle_indices": np.arange(count + 1, dtype=np.int32),
        "group_indices": starts.astype(np.int32),
    }
    description = {
        "seq_len": length,
        "vocab_size": vocab_size,
        "pad_id": 0,
        "ignore_label_id": 0,
        "blank_identifier_id": 0,
        "num_puzzle_identifiers": 1,
        "total_groups": len(starts) - 1,
        "mean_puzzle_examples": 1.0,
        "total_puzzles": len(starts) - 1,  # sic: TRM's builders count the groups here
        "sets": ["all"],
    }
    (folder / split).mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / split / f"all__{name}.npy", array, allow_pickle=False)
    (folder / split / "dataset.json").write_text(json.dumps(description))
    (folder / "identifiers.json").write_text(json.dumps(["<blank>"]))


def read_built(folder: Path, split: str) -> tuple[Puzzles, dict]:
    """The examples of `folder/split` and its dataset.json (HRM's files lack total_puzzles). BadInput names the file."""
    path = folder / split / "dataset.json"
    try:
        description = json.loads(path.read_text())
        length, vocab_size = int(description["seq_len"]), int(description["vocab_size"])
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); it belongs beside the .npy files.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: seq_len and vocab_size are wanted in JSON; fetch or build it again.") from error
    tokens = []
    for name in ("inputs", "labels"):
        file = folder / split / f"all__{name}.npy"
        array = _read_npy(file, np.uint8)
        if array.ndim != 2 or array.shape[1] != length or not len(array):
            raise BadInput(f"{file}: its shape is {array.shape}, but dataset.json wants (puzzles, {length}).")
        if array.max() >= vocab_size:
            raise BadInput(f"{file}: holds the token {array.max()}, but the vocabulary ends at {vocab_size - 1}.")
        tokens.append(torch.from_numpy(array))
    if len(tokens[0]) != len(tokens[1]):
        raise BadInput(f"{file}: {len(tokens[1])} labels for {len(tokens[0])} inputs; fetch or build it again.")
    return Puzzles(*tokens), description


def _read_npy(path: Path, dtype: type) -> np.ndarray:
    try:  # memory-mapping never unpickles, and sees type and shape before it reads anything
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error}); fetch or build it again.") from error
    except NPY_ERRORS as error:
        raise BadInput(f"{path}: is no plain .npy file, or a cut one; fetch or build it again.") from error
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        found = getattr(array, "dtype", "an archive")
        raise BadInput(f"{path}: {np.dtype(dtype)} is wanted, not {found}; build it with the official builder.")
    return np.array(array, order="C")


def _first_of_groups(folder: Path, count: int) -> np.ndarray:
    """First example of each group, and `count` at the end."""
    puzzles = _read_npy(folder / "all__puzzle_indices.npy", np.int32)
    groups = _read_npy(folder / "all__group_indices.npy", np.int32)
    rising = all(a.ndim == 1 and len(a) > 1 and a[0] == 0 and (np.diff(a) > 0).all() for a in (puzzles, groups))
    if not rising or puzzles[-1] != count or groups[-1] != len(puzzles) - 1:
        raise BadInput(f"{folder}: all__puzzle_indices and all__group_indices do not cover the {count} examples.")
    return puzzles[groups]


def read_splits(
    folder: Path, encode_rows: Callable[[list[Row], Path], Puzzles], validation: str | None = None
) -> tuple[Puzzles, Puzzles, Puzzles]:
    """train, validation and test of a folder with train.csv, or else train/ or built/train/ with .npy files.

    Without a validation split it is `validation`, a CSV of the shipped sets. Without that the last 100 puzzles of train
    are held out (a tenth of less than 1,000), and of a built set whole groups, so that no augmentation of a held-out
    puzzle is trained on. Without a test split, test is empty.
    """
    if not folder.is_dir():
        published = PUBLISHED.get(folder.name)
        hint = (
            f"fetch the dataset {published} into it; --data-dir names the folder above it"
            if published
            else ("--data-dir names the folder above it")
        )
        raise BadInput(f"{folder}: there is no such folder; {hint}.")
    if (folder / "train.csv").exists():
        found = {}
        for split in ("train", "validation", "test"):
            path = folder / f"{split}.csv"
            if path.exists():
                found[split] = encode_rows(read_csv(path), path)
        first = np.arange(len(found["train"]) + 1)
    else:
        base = next((b for b in (folder, folder / "built") if (b / "train" / "all__inputs.npy").exists()), None)
        if base is None:
            raise BadInput(f"{folder}: has neither train.csv nor train/all__inputs.npy; put one of them there.")
        found = {
            split: read_built(base, split)[0] for split in ("train", "validation", "test") if (base / split).is_dir()
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
        kept = groups - min(100, groups // 10)
        originals = torch.from_numpy(first[kept:-1].astype(np.int64))  # the builders write the original first
        found["validation"] = Puzzles(*(tokens_NL[originals] for tokens_NL in train))
        train = Puzzles(*(tokens_NL[: int(first[kept])] for tokens_NL in train))
    nothing = Puzzles(*(tokens_NL[:0] for tokens_NL in train))
    return train, found["validation"], found.get("test", nothing)
