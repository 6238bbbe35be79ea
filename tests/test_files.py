"""Puzzle files: what is written is what is read, and what is foreign or broken is refused by name
and place.
"""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Puzzles, files
from trm_minimal.tasks.files import Row

SYMBOLS = "_# SGo"
HEADER = "source,question,answer,rating\n"
ROWS = [
    Row("a", " S# ", " S# ", "7"),
    Row("b,c", "#G  ", "#Go ", ""),
    Row("", "    ", " oo ", "12"),
]
DATA = Path(os.environ.get("TRM_DATA", files.PUZZLES.parents[2] / "shared" / "data"))


def encode_rows(rows, path):
    pair = ([row.question for row in rows], [row.answer for row in rows])
    return Puzzles(*(files.encode(texts, SYMBOLS, str(path)) for texts in pair))


def mazes(count, length=4):
    """`count` puzzles that can be told apart by their tokens."""
    numbers = torch.arange(count)[:, None] // 5 ** torch.arange(length) % 5 + 1
    return Puzzles(numbers.to(torch.uint8), numbers.flip(1).to(torch.uint8))


def rows_of(puzzles):
    return [
        Row("", *("".join(SYMBOLS[token] for token in tokens) for tokens in pair), "")
        for pair in zip(*puzzles, strict=True)
    ]


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_csv_round_trip_keeps_every_space(tmp_path):
    path = tmp_path / "new" / "train.csv"
    files.write_csv(path, ROWS)
    assert files.read_csv(path) == ROWS
    assert path.read_bytes().count(b"\r") == 0 and path.read_text().startswith(HEADER)


@pytest.mark.parametrize(
    "content, fragments",
    [
        (b"", ["is empty"]),
        (HEADER.encode(), ["no puzzle"]),
        (b"question,answer\n", ["line 1", "source,question,answer,rating", "question,answer"]),
        (HEADER.encode() + b"a,12,12,1\nb,12,12\n", ["line 3", "3 fields instead of 4"]),
        (HEADER.encode() + b"a,12,12,1,9\n", ["line 2", "5 fields"]),
        (HEADER.encode() + b"a,12,12,1\n\n", ["line 3", "0 fields"]),
        (HEADER.encode() + b"a,12,123,1\n", ["line 2", "2 characters", "the answer 3"]),
        (HEADER.encode() + b"a,12,12,1\nb,1,1,1\n", ["line 3", "1 characters where 2"]),
        (HEADER.encode() + b"a,,,1\n", ["line 2", "0 characters"]),
        (HEADER.encode() + b"a,12,12,110\nb,12,12,11", ["line 3", "cut off"]),
        (HEADER.encode() + b'a,"12,12,1\n', ["line 2", "no CSV line"]),
        (b"\x93NUMPY\x01\x00v\x00\xff\xfe", ["is not text"]),
    ],
)
def test_a_broken_csv_is_refused_by_file_and_line(tmp_path, content, fragments):
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        files.read_csv(path)
    for fragment in [str(path), *fragments]:
        assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_no_file(tmp_path, name):
    with pytest.raises(BadInput, match="cannot be read"):
        files.read_csv(tmp_path / name)


def test_a_csv_cut_at_any_byte_is_refused_or_is_its_first_rows(tmp_path):
    path = tmp_path / "train.csv"
    files.write_csv(path, ROWS)
    content, whole = path.read_bytes(), 0
    for end in range(len(content)):
        path.write_bytes(content[:end])
        try:
            rows = files.read_csv(path)
        except BadInput:
            continue
        assert content[end - 1 : end] == b"\n" and rows == ROWS[: len(rows)]
        whole += 1
    assert whole == 2  # after the first row and after the second


def test_encode_is_the_index_of_each_character():
    puzzles = mazes(60)
    texts = [row.question for row in rows_of(puzzles)]
    tokens_NL = files.encode(texts, SYMBOLS, "here")
    assert tokens_NL.dtype == torch.uint8
    assert tokens_NL.tolist() == [[SYMBOLS.index(symbol) for symbol in text] for text in texts]
    assert files.encode([], SYMBOLS, "here").shape == (0, 0)


# _ is padding, no part of a puzzle
@pytest.mark.parametrize("stranger", ["x", "_", "\0", "é", "♥", "\U0001f9e9"])
def test_encode_names_the_place_of_an_unknown_character(stranger):
    with pytest.raises(BadInput) as caught:
        files.encode(["#SG ", f"# {stranger}G", "xxxx"], SYMBOLS, "train.csv")
    assert str(caught.value).startswith(f"train.csv, line 3, character 3: {stranger!r} is none of")


def test_encode_refuses_texts_of_unequal_length():
    with pytest.raises(BadInput, match="here, line 3: 3 characters where 2"):
        files.encode(["##", "###"], SYMBOLS, "here")


def test_built_round_trip(tmp_path):
    puzzles = mazes(6)
    files.write_built(tmp_path, "train", puzzles, vocab_size=6, groups=[0, 2, 6])
    found, description = files.read_built(tmp_path, "train")
    assert same(found, puzzles) and found.inputs_NL.dtype == torch.uint8
    assert (
        description["seq_len"] == 4
        and description["vocab_size"] == 6
        and description["total_groups"] == 2
    )
    assert json.loads((tmp_path / "identifiers.json").read_text()) == ["<blank>"]
    saved = {
        path.stem: np.load(path, allow_pickle=False) for path in (tmp_path / "train").glob("*.npy")
    }
    assert saved["all__puzzle_indices"].tolist() == list(range(7)) and saved[
        "all__group_indices"
    ].tolist() == [0, 2, 6]
    assert {str(saved[f"all__{name}"].dtype) for name in ("inputs", "labels")} == {"uint8"}
    assert {str(saved[f"all__puzzle_{name}"].dtype) for name in ("identifiers", "indices")} == {
        "int32"
    }


@pytest.mark.parametrize("name, vocab", [("maze-30x30-hard-1k", 6), ("sudoku-extreme-1k", 11)])
def test_built_folders_are_the_official_ones_byte_for_byte(tmp_path, name, vocab):
    built = DATA / name / "built"
    if not built.is_dir():
        pytest.skip(f"{built} is absent (TRM_DATA names the folder of the published data)")
    for split in (path.name for path in built.iterdir() if path.is_dir()):
        files.write_built(tmp_path, split, files.read_built(built, split)[0], vocab)
        for path in (built / split).iterdir():
            assert (tmp_path / split / path.name).read_bytes() == path.read_bytes(), path
    assert (tmp_path / "identifiers.json").read_bytes() == (built / "identifiers.json").read_bytes()


@pytest.mark.parametrize("kind", [">i2", "<u2", "<i4", "<i8", "<u8"])
def test_whole_numbers_of_any_type_are_read(tmp_path, kind):
    """The official Sudoku builder writes int64 when it augments."""
    puzzles = mazes(6)
    files.write_built(tmp_path, "train", puzzles, vocab_size=6, groups=[0, 2, 6])
    for path in (tmp_path / "train").glob("*.npy"):
        np.save(path, np.load(path).astype(kind))
    found = files.read_built(tmp_path, "train")[0]
    assert same(found, puzzles) and found.inputs_NL.dtype == torch.uint8
    assert len(files.read_splits(tmp_path, encode_rows)[0]) == 2


def test_identities_survive_a_built_folder(tmp_path):
    """Two examples of "a", one of none, three of "b": four puzzles would be three."""
    ids_N = torch.tensor([1, 1, 0, 2, 2, 2])
    puzzles = Puzzles(*mazes(6), ids_N)
    names = ("<blank>", "a", "b")
    files.write_built(tmp_path, "train", puzzles, 6, groups=[0, 2, 6], identifiers=names)
    found, description = files.read_built(tmp_path, "train")
    assert same(found, puzzles) and torch.equal(found.ids_N, ids_N)
    assert description["num_puzzle_identifiers"] == description["total_puzzles"] == 3
    assert description["mean_puzzle_examples"] == 2 and description["total_groups"] == 2
    assert json.loads((tmp_path / "identifiers.json").read_text()) == list(names)
    saved = {path.stem: np.load(path).tolist() for path in (tmp_path / "train").glob("*.npy")}
    assert saved["all__puzzle_identifiers"] == [1, 0, 2]
    assert saved["all__puzzle_indices"] == [0, 2, 3, 6] and saved["all__group_indices"] == [0, 1, 3]
    validation = files.read_splits(tmp_path, encode_rows)[1]
    assert validation.ids_N.tolist() == [0]  # the first of the last group
    with pytest.raises(BadInput, match="up to 2, but 2 names"):
        files.write_built(tmp_path, "train", puzzles, 6, identifiers=names[:2])
    with pytest.raises(BadInput, match="between two examples of one identity"):
        files.write_built(tmp_path, "train", puzzles, 6, groups=[0, 4, 6], identifiers=names)
    np.save(tmp_path / "train" / "all__puzzle_indices.npy", np.array([0, 2, 3, 5], np.int32))
    with pytest.raises(BadInput, match=r"identifiers\.npy: does not cover the 6 examples"):
        files.read_built(tmp_path, "train")


def test_rows_of_puzzles_keep_their_identity():
    puzzles = Puzzles(*mazes(6), torch.arange(6) * 10)
    mask_N = torch.arange(6) % 2 == 0
    for rows in (slice(0, 6, 2), torch.tensor([0, 2, 4]), mask_N):
        some = puzzles[rows]
        assert len(some) == 3 and some.ids_N.tolist() == [0, 20, 40]
        assert same(some, [tokens_NL[::2] for tokens_NL in puzzles])
    assert mazes(6)[:2].ids_N is None and len(mazes(6)[:0]) == 0


def test_hrm_files_lack_total_puzzles(tmp_path):
    files.write_built(tmp_path, "train", mazes(3), vocab_size=6)
    path = tmp_path / "train" / "dataset.json"
    description = json.loads(path.read_text())
    del description["total_puzzles"]
    path.write_text(json.dumps(description))
    assert files.read_built(tmp_path, "train")[1] == description


class Trap:
    """Unpickling this would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_no_pickle_is_ever_loaded(tmp_path):
    files.write_built(tmp_path, "train", mazes(3), vocab_size=6)
    inputs = tmp_path / "train" / "all__inputs.npy"
    sprung = tmp_path / "sprung"
    np.save(inputs, np.array([Trap(sprung)], dtype=object), allow_pickle=True)
    np.load(inputs, allow_pickle=True)
    assert sprung.exists()  # the trap works
    sprung.unlink()
    for content in (inputs.read_bytes(), pickle.dumps(Trap(sprung))):
        inputs.write_bytes(content)
        with pytest.raises(BadInput, match=r"all__inputs\.npy"):
            files.read_built(tmp_path, "train")
    assert not sprung.exists()


@pytest.mark.parametrize(
    "array, fragment",
    [
        (np.ones((3, 4), np.float32), "whole numbers are wanted, not '<f4'"),
        (np.ones((3, 4), bool), r"whole numbers are wanted, not '\|b1'"),
        (np.ones((3, 5), np.uint8), r"\(3, 5\)"),
        (np.ones(12, np.uint8), r"\(12,\)"),
        (np.ones((0, 4), np.uint8), r"\(0, 4\)"),
        (np.full((3, 4), 6, np.uint8), "token 6, but tokens are 0 to 5"),
        (np.full((3, 4), 256 + 1, np.int64), "token 257, but tokens are 0 to 5"),  # 1 after a cast
        (np.full((3, 4), -255, np.int16), "token -255, but tokens are 0 to 5"),
        (np.ones((2, 4), np.uint8), "2 labels for 3 inputs"),
    ],
)
def test_a_foreign_npy_is_refused_by_name(tmp_path, array, fragment):
    files.write_built(tmp_path, "train", mazes(3), vocab_size=6)
    np.save(tmp_path / "train" / "all__labels.npy", array)
    with pytest.raises(BadInput, match=f"all__labels.npy: .*{fragment}"):
        files.read_built(tmp_path, "train")


def test_an_archive_is_no_npy(tmp_path):
    files.write_built(tmp_path, "train", mazes(3), vocab_size=6)
    path = tmp_path / "train" / "all__inputs.npy"
    with open(path, "wb") as file:
        np.savez(file, inputs=np.ones((3, 4), np.uint8))
    for content in (
        path.read_bytes(),
        path.read_bytes()[:50],
        b"\x93NUMPY\x01\0\xff\xff{'descr': " + b"[" * 65_000,
    ):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"all__inputs\.npy"):
            files.read_built(tmp_path, "train")


@pytest.mark.parametrize(
    "shape", ["(10**30, 4)", f"({10**30}, 4)", f"({2**62}, 4)", f"({2**63 - 1}, 4)", "(True, 4)"]
)
# in NumPy, on the way to its refusal
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_a_npy_that_promises_too_much_is_refused(tmp_path, shape):
    files.write_built(tmp_path, "train", mazes(3), vocab_size=6)
    path = tmp_path / "train" / "all__inputs.npy"
    header, body = path.read_bytes()[:128], path.read_bytes()[128:]
    spoilt = header.replace(b"(3, 4)", shape.encode()).rstrip(b" \n")
    path.write_bytes(spoilt.ljust(127) + b"\n" + body)
    with pytest.raises(BadInput, match=r"all__inputs\.npy"):
        files.read_built(tmp_path, "train")


def test_a_npy_cut_at_any_byte_is_refused(tmp_path):
    files.write_built(tmp_path, "train", mazes(3), vocab_size=6)
    path = tmp_path / "train" / "all__inputs.npy"
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        with pytest.raises(BadInput, match=r"all__inputs\.npy"):
            files.read_built(tmp_path, "train")


def test_a_npy_with_a_spoilt_byte_gives_puzzles_or_bad_input(tmp_path):
    files.write_built(tmp_path, "train", mazes(3), vocab_size=6)
    path = tmp_path / "train" / "all__inputs.npy"
    content, refused = path.read_bytes(), 0
    for place in range(len(content)):
        for value in b"\x00P({'9\xff":
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            try:
                assert files.read_built(tmp_path, "train")[0].inputs_NL.shape == (3, 4)
                same_header = place >= 128 or content[place] == value
                assert same_header, f"byte {place} of the header is {value}, and it was read"
            except BadInput:
                refused += 1
    assert refused > 300


@pytest.mark.parametrize(
    "content",
    [None, "{", "[]", "{}", "\xff", "[" * 100_000, '{"seq_len": 4}']
    + [f'{{"seq_len": {size}, "vocab_size": 6}}' for size in ('"x"', "1e999", "4.0", "true", "-4")]
    + [f'{{"seq_len": {"9" * 5_000}, "vocab_size": 6}}'],
    ids=lambda content: str(content)[:24],
)
def test_a_broken_dataset_json_is_refused(tmp_path, content):
    files.write_built(tmp_path, "train", mazes(3), vocab_size=6)
    path = tmp_path / "train" / "dataset.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput, match=r"dataset\.json"):
        files.read_built(tmp_path, "train")


@pytest.mark.parametrize("groups", [[0, 2, 5], [1, 6], [0, 3, 3, 6], [0, 4, 2, 6], []])
def test_groups_cover_the_puzzles(tmp_path, groups):
    with pytest.raises(BadInput, match="groups must rise from 0 to 6"):
        files.write_built(tmp_path, "train", mazes(6), vocab_size=6, groups=groups)
    assert not (tmp_path / "train").exists()


@pytest.mark.parametrize(
    "count, held_out", [(1200, 100), (1000, 100), (990, 99), (25, 2), (9, 1), (2, 1)]
)
@pytest.mark.parametrize("built", [False, True])
def test_without_validation_the_last_puzzles_of_train_are_held_out(
    tmp_path, count, held_out, built
):
    puzzles = mazes(count, length=5)
    if built:
        files.write_built(tmp_path, "train", puzzles, vocab_size=6)
    else:
        files.write_csv(tmp_path / "train.csv", rows_of(puzzles))
    train, validation, test = files.read_splits(tmp_path, encode_rows)
    assert (len(train), len(validation), len(test)) == (count - held_out, held_out, 0)
    assert test.inputs_NL.shape == (0, 5)
    assert same([torch.cat(pair) for pair in zip(train, validation, strict=True)], puzzles)


@pytest.mark.parametrize("built", [False, True])
def test_one_puzzle_is_not_split(tmp_path, built):
    if built:
        files.write_built(tmp_path, "train", mazes(8), vocab_size=6, groups=[0, 8])
    else:
        files.write_csv(tmp_path / "train.csv", rows_of(mazes(1)))
    with pytest.raises(BadInput, match="one puzzle is too few to train and to validate"):
        files.read_splits(tmp_path, encode_rows)


def test_the_splits_of_a_folder_are_its_files(tmp_path):
    puzzles = mazes(9)
    for split, at in {"train": 0, "validation": 3, "test": 6}.items():
        files.write_csv(tmp_path / f"{split}.csv", rows_of(puzzles)[at : at + 3])
    for at, split in zip((0, 3, 6), files.read_splits(tmp_path, encode_rows), strict=True):
        assert same(split, [tokens[at : at + 3] for tokens in puzzles])


def test_a_shipped_csv_validates_where_the_folder_has_none(tmp_path, monkeypatch):
    """And then nothing of train is held out; a validation file of the folder's own wins."""
    monkeypatch.setattr(files, "PUZZLES", tmp_path)
    files.write_csv(tmp_path / "set" / "train.csv", rows_of(mazes(20)))
    files.write_csv(tmp_path / "shipped" / "test.csv", rows_of(mazes(25))[20:])
    train, validation, test = files.read_splits(tmp_path / "set", encode_rows, "shipped/test.csv")
    assert same(train, mazes(20)) and len(test) == 0
    assert same(validation, mazes(25)[20:])
    files.write_csv(tmp_path / "set" / "validation.csv", rows_of(mazes(3)))
    assert same(files.read_splits(tmp_path / "set", encode_rows, "shipped/test.csv")[1], mazes(3))
    (tmp_path / "set" / "validation.csv").unlink()
    with pytest.raises(BadInput, match="nowhere"):
        files.read_splits(tmp_path / "set", encode_rows, "nowhere/test.csv")


def test_of_an_augmented_set_whole_groups_are_held_out(tmp_path):
    originals = mazes(30)
    eight = Puzzles(*(tokens.repeat_interleave(8, 0) for tokens in originals))
    files.write_built(tmp_path / "built", "train", eight, 6, groups=range(0, 241, 8))
    files.write_built(tmp_path / "built", "test", originals, 6)
    train, validation, test = files.read_splits(tmp_path, encode_rows)
    assert (len(train), len(validation), len(test)) == (27 * 8, 3, 30)
    trained = {tuple(row) for row in train.inputs_NL.tolist()}
    assert (
        not trained & {tuple(row) for row in validation.inputs_NL.tolist()} and len(trained) == 27
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"group_indices": [0, 9]},
        {"group_indices": [0, 4, 2, 6]},
        {"group_indices": [1, 6]},
        {"puzzle_indices": [0, 2, 4], "group_indices": [0, 2]},
        {"puzzle_indices": [[0, 6]], "group_indices": [0, 1]},
    ],
)
def test_index_files_that_do_not_fit_are_refused(tmp_path, changed):
    files.write_built(tmp_path, "train", mazes(6), vocab_size=6)
    for name, values in changed.items():
        np.save(tmp_path / "train" / f"all__{name}.npy", np.array(values, np.int32))
    with pytest.raises(BadInput, match="do not cover the 6 examples"):
        files.read_splits(tmp_path, encode_rows)


@pytest.mark.parametrize(
    "name, fragments",
    [
        ("maze-9x9", ["--data-dir"]),
        ("maze-30x30-hard-1k", ["sapientinc/maze-30x30-hard-1k", "--data-dir"]),
        ("sudoku-extreme", ["sapientinc/sudoku-extreme", "--data-dir"]),
    ],
)
def test_a_missing_folder_is_named_and_where_to_get_it(tmp_path, name, fragments):
    with pytest.raises(BadInput) as caught:
        files.read_splits(tmp_path / name, encode_rows)
    for fragment in [str(tmp_path / name), *fragments]:
        assert fragment in str(caught.value)
    assert ("sapientinc" in str(caught.value)) == (len(fragments) == 2)


def test_a_folder_without_puzzles_or_of_two_sizes_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"neither train\.csv nor"):
        files.read_splits(tmp_path, encode_rows)
    files.write_csv(tmp_path / "train.csv", rows_of(mazes(3, length=4)))
    files.write_csv(tmp_path / "test.csv", rows_of(mazes(3, length=9)))
    with pytest.raises(BadInput, match="test has boards of 9 cells, train 4"):
        files.read_splits(tmp_path, encode_rows)


def test_the_readme_counts_what_is_shipped():
    lines = (files.PUZZLES / "README.md").read_text().splitlines()
    folders = sorted(path.parent for path in files.PUZZLES.glob("*/train.csv"))
    assert len(folders) == 8
    for folder in folders:
        line = next(
            line
            for line in lines
            if line.startswith(f"| [{folder.name}]({folder.name}/README.md) |")
        )
        paths = [folder / f"{split}.csv" for split in ("train", "validation", "test")]
        assert line.split(" | ")[2:5] == [
            f"{len(files.read_csv(p)):,}" if p.exists() else "-" for p in paths
        ]
