"""The command line, used as a person uses it: what it prints, and one sentence and exit code 2 for
every bad input.
"""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from trm_minimal.__main__ import main
from trm_minimal.engine import checkpoint
from trm_minimal.evaluate import answer
from trm_minimal.lab import recipes, weights
from trm_minimal.lab.records import check, provenance, runs, score
from trm_minimal.layers import mlp_mixer
from trm_minimal.schedules import constant
from trm_minimal.tasks import files, maze, sudoku

ROOT = Path(__file__).parents[1]
FOUR = "1.....4..3.....2"
MAZE = files.read_csv(files.PUZZLES / "maze-9x9" / "test.csv")[0].question


def small(recipe, **changes):
    """A recipe of a second or two."""
    parts = {
        "dim": 16,
        "block": partial(mlp_mixer, multiple=16),
        "depth": constant(2, 2),
        "N_sup": 3,
        "steps": 20,
        "batch": 16,
        "eval_every": 10,
        "eval_puzzles": 20,
        "ema": 0.5,
        "precision": torch.float32,
    }
    return replace(recipe, **(parts | changes))


RECIPES = {
    "tiny_sudoku": lambda: small(recipes.sudoku_4x4()),
    "tiny_maze": lambda: small(recipes.maze_9x9(), batch=8),
    "tiny_nine": lambda: small(
        recipes.sudoku_4x4(), task=partial(sudoku.load, "sudoku-generated"), steps=2, batch=4
    ),
    "tiny_published": lambda: small(recipes.sudoku_extreme_small()),
    "tiny_explosion": lambda: small(
        recipes.sudoku_4x4(), schedule=lambda step, steps: float("nan")
    ),
}


@pytest.fixture(autouse=True, scope="module")
def tiny_recipes():
    with pytest.MonkeyPatch.context() as patch:
        for name, recipe in RECIPES.items():
            patch.setitem(recipes.RECIPES, name, recipe)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Finished runs of the command line, one a board."""
    folder = tmp_path_factory.mktemp("trained")
    for name in ("sudoku", "maze", "nine"):
        assert main(["train", f"tiny_{name}", "--out", str(folder / name)]) == 0
    return SimpleNamespace(
        folder=folder, **{path.name: path / "weights.safetensors" for path in folder.iterdir()}
    )


@pytest.fixture(autouse=True)
def room(tmp_path, monkeypatch):
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*words, **options):
    """A real process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "trm_minimal", *map(str, words)]
    return subprocess.run(
        line, capture_output=True, text=True, env=environment, check=False, **options
    )


def tree(folder):
    return {
        path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }


def is_one_sentence(text):
    return text.startswith("error: ") and text.count("\n") == 1 and 20 < len(text) < 450


def refused(capsys, room, *words):
    """Run a command that must end with 2 and one sentence, and write nothing; the sentence."""
    before = tree(room)
    assert main([str(word) for word in words]) == 2
    told = capsys.readouterr()
    error = re.sub(r".*\r|.*step/s\]\n", "", told.err)  # a progress bar
    assert re.fullmatch(r"(\d+ training puzzles of .*\n)?", told.out)  # said before a state is read
    assert is_one_sentence(error), error
    assert tree(room) == before
    return error


# Help.


@pytest.mark.parametrize(
    "words, told",
    [
        ([], ["doctor", "recipes", "data", "train", "bench", "evaluate", "solve", "exit codes"]),
        (["doctor"], ["check"]),
        (["recipes"], ["recipes sudoku_4x4"]),
        (["data"], ["list", "make", "build"]),
        (["data", "list"], ["sha256"]),
        (["data", "make"], ["--givens", "data make maze"]),
        (["data", "build"], ["official"]),
        (["train"], ["--resume", "--record", "--data-dir", "train sudoku_4x4"]),
        (["evaluate"], ["--puzzles", "--json", "evaluate data/checkpoints"]),
        (["solve"], ["CSV", FOUR]),
    ],
)
def test_every_help_teaches(words, told, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--help"])
    text = capsys.readouterr().out
    assert stopped.value.code == 0 and all(part in text for part in told), text


def test_every_option_is_explained_or_lists_its_choices(capsys):
    for words in (["train"], ["evaluate"], ["solve"], ["data", "make"]):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        for option, rest in re.findall(
            r"\n  (--[\w-]+)([^\n]*(?:\n {6,}[^\n]*)*)", capsys.readouterr().out
        ):
            assert re.search(r"\{|  +\w|\n +\w", rest) or option == "--seed", (words, option)


def test_without_a_command_the_help_is_shown(capsys):
    for words, told in (([], "COMMAND"), (["data"], "WHAT")):
        assert main(words) == 0
        shown = capsys.readouterr().out
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        assert told in shown and shown == capsys.readouterr().out


# What works.


def test_doctor_in_a_process():
    done = command("doctor")
    assert done.returncode == 0 and "FAIL" not in done.stdout
    assert (
        "OK   8 training steps of sudoku_4x4" in done.stdout
        and "data/puzzles/maze-9x9" in done.stdout
    )


def test_doctor_finds_a_spoilt_and_a_missing_file(room, monkeypatch, capsys):
    monkeypatch.setitem(recipes.RECIPES, "sudoku_4x4", RECIPES["tiny_sudoku"])
    shutil.copytree(files.PUZZLES / "sudoku-4x4", room / "sudoku-4x4")
    monkeypatch.setattr(files, "PUZZLES", room)
    assert main(["doctor"]) == 0
    capsys.readouterr()
    with open(room / "sudoku-4x4" / "test.csv", "a") as file:
        file.write(f"x,{FOUR},1234341221434321,0\n")
    (room / "sudoku-4x4" / "validation.csv").unlink()
    assert main(["doctor"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    # training is refused the bad line, too
    assert "validation.csv, test.csv differs" in lines[0] and len(lines) == 2
    assert "test.csv, line 252" in lines[1]
    shutil.rmtree(room / "sudoku-4x4")
    assert main(["doctor"]) == 1 and "there is no such folder" in capsys.readouterr().out


def test_recipes(capsys, monkeypatch):
    for name in RECIPES:
        monkeypatch.delitem(recipes.RECIPES, name)
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(recipes.RECIPES)
    assert all(re.match(r"\w+ +\S.{20,}\.$", line) for line in lines)
    assert main(["recipes", "maze_9x9"]) == 0
    assert json.loads(capsys.readouterr().out) == recipes.describe(recipes.maze_9x9())


def test_data_list(capsys):
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        re.match(r"maze-9x9 +15000 train, 500 validation, 1000 test; nothing differs", line)
        for line in lines
    )
    assert len(lines) == len(list(files.PUZZLES.glob("*/README.md")))


@pytest.mark.parametrize(
    "words, family, cells",
    [(["sudoku", "--size", "4"], sudoku, 16), (["maze", "--size", "7"], maze, 49)],
)
def test_data_make_is_a_function_of_its_seed_and_is_read_again(words, family, cells, room, capsys):
    few = ["--train", "20", "--validation", "4", "--test", "5"]
    for folder, seed in (("deep/a", 0), ("b", 0), ("c", 1)):
        assert main(["data", "make", words[0], folder, *words[1:], *few, "--seed", str(seed)]) == 0
    assert "20 train, 4 validation, 5 test puzzles in" in capsys.readouterr().out
    a, b, c = (
        {path.name: path.read_bytes() for path in (room / name).iterdir()}
        for name in ("deep/a", "b", "c")
    )
    assert a == b and a.keys() == c.keys() and a != c
    task = family.load("a", room / "deep")
    assert [len(task.train), len(task.validation), len(task.test), task.length] == [20, 4, 5, cells]


def test_data_build_writes_what_the_loader_reads(room, capsys):
    csv = files.PUZZLES / "sudoku-generated" / "test.csv"
    assert main(["data", "build", str(csv), "set/built"]) == 0
    puzzles, description = files.read_built(room / "set" / "built", "train")
    assert all(torch.equal(a, b) for a, b in zip(puzzles, sudoku.read(csv)[1], strict=True))
    assert description["vocab_size"] == 11 and "160 puzzles in" in capsys.readouterr().out
    assert len(sudoku.load("set", room).train) == 144


def test_train_in_a_process_then_evaluate_its_weights(room, capsys):
    done = command(
        "train",
        "sudoku_4x4",
        "--steps",
        "4",
        "--batch",
        "4",
        "--eval-every",
        "4",
        "--seed",
        "1",
        cwd=room,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"step 4: loss \d.*\nvalidation: 0\.\d+ exact with EMA weights", done.stdout)
    assert re.search(
        r"\d+ s, \d+ puzzles/s without validation, peak memory [1-9]\d+ MiB\n", done.stdout
    )
    path = room / "runs" / "sudoku_4x4" / "cpu-1" / "weights.safetensors"
    assert weights.load_model(path)[2]["step"] == 4
    assert main(["evaluate", str(path), "--limit", "7", "--json", "--N-sup", "2"]) == 0
    told = capsys.readouterr().out
    assert json.loads(told)["n"] == 7 and told.count("\n") == 1


@pytest.mark.parametrize("name", ["sudoku", "maze"])
def test_evaluate_agrees_with_an_independent_count(name, trained, room, capsys):
    """Any CSV of the published format; counted again puzzle by puzzle from the text of the
    answers.
    """
    path = room / "mine.csv"
    folder = {"sudoku": "sudoku-4x4", "maze": "maze-9x9"}[name]
    rows = files.read_csv(files.PUZZLES / folder / "validation.csv")[:9]
    files.write_csv(path, rows)
    trained_path = getattr(trained, name)
    assert (
        main(["evaluate", str(trained_path), "--puzzles", str(path), "--json", "--N-sup", "4"]) == 0
    )
    told = json.loads(capsys.readouterr().out)

    model, recipe, _ = weights.load_model(trained_path)
    symbols = {"sudoku": sudoku.FOUR.symbols, "maze": maze.SYMBOLS}[name]
    inputs_NL = torch.tensor(
        [[symbols.index(c) for c in row.question] for row in rows], dtype=torch.uint8
    )
    steps = [
        ["".join(symbols[token] for token in tokens) for tokens in step]
        for step in answer(model, inputs_NL, 4, recipe.test_depth, batch=2).tokens_SNL.tolist()
    ]

    def right(texts, wanted):
        return sum(
            a == b
            for text, row in zip(texts, rows, strict=True)
            for a, b in zip(text, wanted(row), strict=True)
        )

    cells = sum(len(row.answer) for row in rows)
    assert told["n"] == 9 and told["puzzles"] == str(path)
    assert told["cells_by_step"] == pytest.approx(
        [right(texts, lambda row: row.answer) / cells for texts in steps], abs=1e-6
    )
    assert told["exact_by_step"] == [
        sum(text == row.answer for text, row in zip(texts, rows, strict=True)) / 9
        for texts in steps
    ]
    assert told["exact"] == told["exact_by_step"][-1] and told["cells"] == told["cells_by_step"][-1]
    questions = [row.question for row in rows]
    assert told["copy_baseline_cells"] == pytest.approx(
        right(questions, lambda row: row.answer) / cells
    )
    assert len(set(told["cells_by_step"])) > 1  # the steps are not one and the same


def test_evaluate_by_rating(trained, room, capsys):
    rows = files.read_csv(files.PUZZLES / "sudoku-4x4" / "validation.csv")[:6]
    rated = [
        row._replace(rating=rating)
        for row, rating in zip(rows, ("0", "0", "5", "12", "90", "7"), strict=True)
    ]
    files.write_csv(room / "rated.csv", rated)
    words = [
        "evaluate",
        str(trained.sudoku),
        "--puzzles",
        "rated.csv",
        "--by-rating",
        "--limit",
        "5",
    ]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["rating_from"], row["n"]) for row in told["by_rating"]] == [
        (0, 2),
        (1, 1),
        (10, 1),
        (80, 1),
    ]
    assert len(told["exact_flags"]) == 5 and told["exact_flags"].count("1") == round(
        5 * told["exact"]
    )
    assert main(words) == 0
    assert (
        len(
            re.findall(
                r"^rating from +\d+: \d\.\d{4} of \d, ", capsys.readouterr().out, re.MULTILINE
            )
        )
        == 4
    )
    files.write_csv(room / "rated.csv", [row._replace(rating=f"{row.rating}.5") for row in rated])
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["by_rating"] == told["by_rating"]


def test_ratings_are_looked_at_before_anything_is_scored(trained, room, capsys, monkeypatch):
    monkeypatch.setattr(score, "score", lambda *arguments, **options: pytest.fail("scored"))
    words = ["evaluate", str(trained.sudoku), "--by-rating"]
    assert "name it with --puzzles" in refused(capsys, room, *words)
    rows = files.read_csv(files.PUZZLES / "sudoku-4x4" / "validation.csv")[:3]
    for bad in ("hard", "nan", "inf", "-1", "9" * 5000, ""):
        rated = [*rows[:2], rows[2]._replace(rating=bad)]
        files.write_csv(room / "rated.csv", rated)
        told = refused(capsys, room, *words, "--puzzles", "rated.csv")
        assert f"rated.csv, line 4: the rating {bad[:20]!r} is no number from 0" in told


def test_evaluate_in_another_precision(trained, capsys):
    words = ["evaluate", str(trained.sudoku), "--limit", "40", "--json"]
    told = {}
    for precision in ("fp32", "bf16"):
        assert main([*words, "--precision", precision]) == 0
        told[precision] = json.loads(capsys.readouterr().out)
    assert main(words) == 0 and json.loads(capsys.readouterr().out) == told["fp32"]
    cells = [told[precision]["cells_by_step"] for precision in ("fp32", "bf16")]
    assert cells[0] != cells[1] and cells[0] == pytest.approx(cells[1], abs=0.05)


def test_evaluate_counts_any_shortest_path_and_the_labelled_one_as_exact(
    trained, room, capsys, monkeypatch
):
    """A net that answers the other of two shortest paths: not exact, but a solution."""
    question, labelled, other = "######S  ## # ##  G######", "######S  ##o# ##ooG######", ""
    other = "######Soo## #o##  G######"
    detour = "######S  ##o# ##  G######"
    files.write_csv(room / "two.csv", [files.Row("", question, labelled, "")] * 3)
    tokens_NL = torch.tensor(
        [[maze.SYMBOLS.index(c) for c in text] for text in (labelled, other, detour)]
    )

    def answers(model, inputs_NL, N_sup, depth, **options):
        return SimpleNamespace(
            tokens_SNL=tokens_NL.to(torch.uint8).unsqueeze(0), q_SN=torch.ones(1, 3)
        )

    monkeypatch.setattr(score, "answer", answers)
    monkeypatch.setattr(weights, "require_fit", lambda model, task: None)
    assert main(["evaluate", str(trained.maze), "--puzzles", "two.csv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["exact"], told["any_solution"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))


def test_evaluate_in_words(trained, capsys):
    assert main(["evaluate", str(trained.sudoku), "--limit", "30"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "30 puzzles of sudoku-4x4, 3 supervision steps"
    assert [line.split()[0] for line in lines[1:5]] == ["exact", "any", "cells", "early"]
    assert [line.split()[0] for line in lines[-3:]] == ["1", "2", "3"]


def check_solve(told, question, drawn, model, recipe, steps):
    """Each board is the answer of its step, and the count of changed cells is right."""
    symbols = maze.SYMBOLS if "#" in question else sudoku.SHAPES[len(question)].symbols
    inputs_L = torch.tensor([symbols.index(c) for c in question], dtype=torch.uint8)
    answers = answer(model, inputs_L.unsqueeze(0), steps, recipe.test_depth)
    before_L = inputs_L
    assert drawn(inputs_L) in told
    for step, part in enumerate(told.split("supervision step ")[1:]):
        tokens_L, q = answers.tokens_SNL[step, 0], answers.q_SN[step, 0]
        changed = (tokens_L != before_L).nonzero().flatten().tolist()
        assert part.startswith(
            f"{step + 1}: Q {torch.sigmoid(q):.3f}, {len(changed)} cells changed\n"
        )
        assert drawn(tokens_L) in part
        if changed:
            row, column = divmod(changed[0], int(len(question) ** 0.5))
            assert f"row {row + 1} column {column + 1}" in part
        before_L = tokens_L
    assert step + 1 == steps


@pytest.mark.parametrize("empty", [".", "0"])
def test_solve_prints_every_step_of_a_real_sudoku(trained, capsys, empty):
    question = files.read_csv(files.PUZZLES / "sudoku-generated" / "test.csv")[0].question
    assert main(["solve", str(trained.nine), question.replace(".", empty), "--N-sup", "2"]) == 0
    told = capsys.readouterr().out
    check_solve(
        told,
        question,
        partial(sudoku.draw, sudoku.NINE),
        *weights.load_model(trained.nine)[:2],
        steps=2,
    )
    assert told.rstrip().splitlines()[-1] == "not solved: the answer breaks the rules"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_solve_reads_a_maze_from_a_file(trained, room, capsys, line_end):
    text = line_end.join(MAZE[i : i + 9] for i in range(0, 81, 9)) + line_end
    (room / "maze.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())  # as some editors save it
    assert main(["solve", str(trained.maze), "maze.txt"]) == 0
    check_solve(
        capsys.readouterr().out,
        MAZE,
        partial(maze.draw, 9),
        *weights.load_model(trained.maze)[:2],
        steps=3,
    )
    shutil.copy("maze.txt", "maze")  # a file needs no ending
    assert main(["solve", str(trained.maze), "maze"]) == 0


def test_solve_takes_the_first_puzzle_of_a_csv(trained, room, capsys):
    files.write_csv(room / "a.csv", files.read_csv(files.PUZZLES / "sudoku-4x4" / "test.csv")[:2])
    assert main(["solve", str(trained.sudoku), "a.csv"]) == 0
    of_file = capsys.readouterr().out
    assert main(["solve", str(trained.sudoku), files.read_csv(room / "a.csv")[0].question]) == 0
    assert of_file == capsys.readouterr().out


def test_solve_chooses_the_shipped_checkpoint_by_the_board(trained, room, capsys, monkeypatch):
    monkeypatch.setattr(weights, "CHECKPOINTS", trained.folder / "shipped")
    weights.CHECKPOINTS.mkdir(exist_ok=True)
    for name in ("maze", "nine", "sudoku"):
        shutil.copy(getattr(trained, name), weights.CHECKPOINTS / f"{name}.safetensors")
    for name, puzzle in (("sudoku", FOUR), ("maze", MAZE)):
        assert main(["solve", puzzle]) == 0
        chosen = capsys.readouterr().out
        assert main(["solve", str(getattr(trained, name)), puzzle]) == 0
        assert chosen == capsys.readouterr().out
    six = files.read_csv(files.PUZZLES / "sudoku-6x6" / "test.csv")[0].question
    assert "no shipped checkpoint knows sudoku-6x6" in refused(capsys, room, "solve", six)


def test_solve_says_solved_when_it_is(capsys):
    """The shipped 4x4 net, on a puzzle of the help."""
    assert main(["solve", FOUR]) == 0
    assert capsys.readouterr().out.rstrip().endswith("solved: the answer keeps the rules")


def test_a_finished_run_resumed_stays_as_it_is(trained, room):
    shutil.copytree(trained.folder / "sudoku", room / "run")
    before = (room / "run" / "weights.safetensors").read_bytes()
    assert main(["train", "tiny_sudoku", "--out", "run", "--resume"]) == 0
    assert (room / "run" / "weights.safetensors").read_bytes() == before


# Bad input.


@pytest.mark.parametrize(
    "puzzle, reason",
    [
        (FOUR[:-1], "boards of 15 cells"),
        (FOUR[:-1] + "y", "'y' in row 4, column 4"),
        (FOUR[:-1] + "5", "'5' in row 4, column 4"),
        ("11" + FOUR[2:], "1 twice in one row"),
        ("1" + "." * 15, "has several solutions"),
        ("." * 81, "has several solutions"),
        ("123." + "...." + "...4" + "....", "no solution"),
        ("", "the puzzle is empty"),
        (" \n", "the puzzle is empty"),
        (MAZE.replace(" ", "S", 1), "2 cells S"),
        (MAZE.replace("G", " "), "0 cells G"),
        (MAZE.replace(" ", "x", 1), "'x' at row"),
        (MAZE[:-1], "the maze has 80 characters"),
        ("#" * 9 + "#S#G####" + "#" * 64, "no way from S to G"),
        ("S  G" + "#" * 12, "mazes have 5 x 5 or more"),
        ("missing.txt", "missing.txt: cannot be read (No such file"),
        ("missing.csv", "missing.csv: cannot be read (No such file"),
        ("no/such/file", "no/such/file: cannot be read (No such file"),
        ("folder", "folder: cannot be read (Is a directory)"),
        ("folder.csv", "folder.csv: cannot be read (Is a directory)"),
        ("latin.txt", "latin.txt: is not text in UTF-8"),
        ("latin.csv", "latin.csv: is not text"),
        ("empty.txt", "the puzzle is empty"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_solve_refuses(puzzle, reason, trained, room, capsys):
    (room / "folder").mkdir()
    (room / "folder.csv").mkdir()
    (room / "latin.txt").write_bytes("1..ü".encode("latin-1"))
    (room / "latin.csv").write_bytes("ü".encode("latin-1"))
    (room / "empty.txt").write_text("")
    assert reason in refused(capsys, room, "solve", trained.sudoku, puzzle)


@pytest.fixture
def bad(trained, room):
    """Spoilt and foreign files."""
    good = trained.sudoku.read_bytes()
    (room / "cut.safetensors").write_bytes(good[:-40])
    (room / "header.safetensors").write_bytes(good[:40] + b"\0" + good[41:])
    (room / "noise.safetensors").write_bytes(os.urandom(5000))
    (room / "empty.safetensors").write_bytes(b"")
    (room / "pickle.safetensors").write_bytes(pickle.dumps({"w": 1}))
    torch.save({"w": torch.ones(2)}, room / "torch.safetensors")
    save_file({"w": torch.ones(2)}, room / "foreign.safetensors")
    save_file(
        {"w": torch.ones(2)},
        room / "elsewhere.safetensors",
        metadata={"facts": '{"kind": "weights"}'},
    )
    facts = checkpoint.load(trained.sudoku)[1]
    tokens = {"tokens_VD": torch.ones(facts["vocab_size"], 2)}
    checkpoint.save(room / "wide.safetensors", tokens, facts)
    shutil.copy(trained.folder / "sudoku" / "state.safetensors", room / "state.safetensors")
    (room / "folder.safetensors").mkdir()
    text = (files.PUZZLES / "sudoku-4x4" / "test.csv").read_text().splitlines(keepends=True)
    (room / "cut.csv").write_text("".join(text)[:-1])
    (room / "half.csv").write_text("".join(text)[:-8])
    (room / "binary.csv").write_bytes(os.urandom(500) + b"\xff")
    (room / "weights.csv").write_bytes(good)
    source, question, answered, rating = text[3].split(",")
    (room / "wrong.csv").write_text(
        "".join([*text[:3], f"{source},{question},{answered[::-1]},{rating}", *text[4:]])
    )
    (room / "header.csv").write_text(text[0])
    (room / "folder.csv").mkdir()
    return room


@pytest.mark.parametrize(
    "file, reason",
    [
        ("cut.safetensors", "not a whole safetensors file"),
        ("header.safetensors", "not a whole safetensors file"),
        ("noise.safetensors", "not a whole safetensors file"),
        ("empty.safetensors", "not a whole safetensors file"),
        ("pickle.safetensors", "pickle.safetensors is a pickle"),
        ("torch.safetensors", "torch.safetensors is a pickle"),
        ("foreign.safetensors", "written by another program"),
        ("elsewhere.safetensors", "does not say its recipe"),
        ("wide.safetensors", "is of another recipe"),
        ("state.safetensors", "holds a training state, not weights"),
        ("folder.safetensors", "there is no checkpoint at"),
        ("missing.safetensors", "there is no checkpoint at"),
        ("\x1b[2J\nmissing", r"there is no checkpoint at \x1b[2J\nmissing"),
        ("x" * 300, "File name too long"),
    ],
)
def test_evaluate_and_solve_refuse_a_checkpoint(file, reason, bad, capsys):
    assert reason in refused(capsys, bad, "evaluate", file)
    assert reason in refused(capsys, bad, "solve", file, FOUR)


@pytest.mark.parametrize(
    "file, reason",
    [
        ("cut.csv", "cut.csv, line 251: the file ends inside this line"),
        ("half.csv", "half.csv, line 251: 3 fields instead of 4"),
        ("binary.csv", "is not text"),
        ("weights.csv", "weights.csv"),
        ("wrong.csv", "wrong.csv, line 4: the answer does not solve the question"),
        ("header.csv", "has a header but no puzzle"),
        ("folder.csv", "Is a directory"),
        ("missing.csv", "No such file"),
    ],
)
def test_evaluate_and_build_refuse_a_csv(file, reason, bad, trained, capsys):
    assert reason in refused(capsys, bad, "evaluate", trained.sudoku, "--puzzles", file)
    assert reason in refused(capsys, bad, "data", "build", file, "new")


def test_puzzles_of_another_kind_than_the_checkpoint(trained, room, capsys):
    for name, folder in (
        ("sudoku", "sudoku-6x6"),
        ("maze", "sudoku-generated"),
        ("nine", "maze-9x9"),
    ):
        csv = files.PUZZLES / folder / "test.csv"
        assert "take puzzles and a checkpoint of one kind" in refused(
            capsys, room, "evaluate", getattr(trained, name), "--puzzles", csv
        )
    assert "the checkpoint knows boards of 81 cells" in refused(
        capsys, room, "solve", trained.maze, FOUR
    )
    row = files.Row("", "S  G" + " " * 12, "SooG" + " " * 12, "")
    files.write_csv(room / "four.csv", [row])  # the size and the vocabulary of a 4x4 Sudoku
    assert "5 x 5 or more" in refused(
        capsys, room, "evaluate", trained.sudoku, "--puzzles", "four.csv"
    )


def test_foreign_npy_files_in_a_built_folder(room, capsys):
    main(
        [
            "data",
            "build",
            str(files.PUZZLES / "sudoku-generated" / "test.csv"),
            "data/sudoku-extreme-1k/built",
        ]
    )
    capsys.readouterr()
    words = ["train", "tiny_published", "--data-dir", "data", "--steps", "1"]
    inputs = room / "data" / "sudoku-extreme-1k" / "built" / "train" / "all__inputs.npy"
    good = inputs.read_bytes()
    for array in (
        np.array([{"a": 1}], dtype=object),
        np.ones((160, 81)),
        np.full((160, 81), 99, np.uint8),
        np.ones((160, 80), np.uint8),
    ):
        np.save(inputs, array, allow_pickle=True)
        assert "all__inputs.npy" in refused(capsys, room, *words)
    inputs.write_bytes(pickle.dumps([1]))
    assert "all__inputs.npy: is no plain .npy file" in refused(capsys, room, *words)
    inputs.write_bytes(good[: len(good) // 2])
    assert "all__inputs.npy" in refused(capsys, room, *words)
    inputs.write_bytes(good[:200] + bytes([good[200] % 9 + 2]) + good[201:])
    assert "the answer does not solve the question" in refused(capsys, room, *words)
    inputs.write_bytes(good)
    assert main([*words, "--batch", "2"]) == 0


def test_unknown_recipe_missing_data_and_absent_device(trained, room, capsys, monkeypatch):
    told = refused(capsys, room, "train", "sudoku_5x5")
    assert (
        "no recipe 'sudoku_5x5', but sudoku_" in told
        and "sudoku_6x6" in told
        and "recipes` lists all" in told
    )
    assert "there is no recipe 'x'" in refused(capsys, room, "recipes", "x")
    for words in (["--data-dir", "nowhere"], []):
        error = refused(capsys, room, "train", "sudoku_extreme", *words)
        assert "there is no such folder; fetch a train.csv of 1,000 random rows" in error
        assert "sapientinc/sudoku-extreme" in error
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for words in (["train", "tiny_sudoku"], ["evaluate", trained.sudoku]):
        assert "--device cuda: torch" in refused(capsys, room, *words, "--device", "cuda")


def test_runs_that_are_there_and_runs_that_are_not(trained, room, capsys):
    shutil.copytree(trained.folder / "sudoku", room / "run")
    (room / "file").write_text("mine")
    (room / "full").mkdir()
    (room / "full" / "notes").write_text("mine")
    train = ["train", "tiny_sudoku", "--out"]
    assert "run already holds a run; go on with it by --resume" in refused(
        capsys, room, *train, "run"
    )
    assert "holds no run to resume" in refused(capsys, room, *train, "elsewhere", "--resume")
    assert "differs in recipe.batch;" in refused(
        capsys, room, *train, "run", "--resume", "--batch", "5"
    )
    assert "differs in seed;" in refused(capsys, room, *train, "run", "--resume", "--seed", "5")
    for out in ("file", "full"):
        assert f"{out} is there already" in refused(capsys, room, *train, out)
    for out in ("file/below", "/proc/below/it"):
        assert f"cannot write {out}" in refused(capsys, room, *train, out)
    assert "File name too long" in refused(capsys, room, *train, "x" * 300)
    shutil.copy(trained.sudoku, room / "run" / "state.safetensors")
    assert "differs in kind" in refused(capsys, room, *train, "run", "--resume")
    (room / "run" / "state.safetensors").write_bytes(b"1")
    assert "not a whole safetensors file" in refused(capsys, room, *train, "run", "--resume")


@pytest.mark.parametrize(
    "words, reason",
    [
        (["sudoku", "new", "--size", "5"], "--size 5: Sudoku comes in sizes 4, 6 and 9"),
        (["maze", "new", "--size", "8"], "size 8"),
        (["maze", "new", "--size", "3"], "size 3"),
        (["maze", "new", "--size", "5"], "has a path of 8 steps"),
        (["maze", "deep/new", "--size", "5", "--min-path", "2", "--train", "9999"], "found only"),
        (["sudoku", "new", "--givens", "30", "82"], "0 to 81 givens"),
        (["sudoku", "new", "--givens", "40", "30"], "givens"),
        (["sudoku", "new", "--size", "4", "--givens", "1", "3"], "only 0 different puzzles"),
        (["sudoku", "new", "--size", "4", "--train", "9999"], "ask for fewer"),
        (["sudoku", "file", "--size", "4"], "file is there already"),
        (["sudoku", "full", "--size", "4"], "full is there already"),
        (["sudoku", "file/new", "--size", "4"], "cannot write file/new"),
        (["sudoku", "/proc/new", "--size", "4"], "cannot write /proc/new"),
    ],
)
def test_data_make_refuses_and_leaves_no_folder(words, reason, room, capsys):
    (room / "file").write_text("mine")
    (room / "full").mkdir()
    (room / "full" / "train.csv").write_text("mine")
    assert reason in refused(capsys, room, "data", "make", *words)


@pytest.mark.parametrize(
    "words",
    [
        ["learn"],
        ["train"],
        ["train", "tiny_sudoku", "--steps", "0"],
        ["evaluate"],
        ["solve"],
        ["train", "tiny_sudoku", "--steps", "2.5"],
        ["train", "tiny_sudoku", "--batch", "9" * 20],
        ["train", "tiny_sudoku", "--seed", "-1"],
        ["train", "tiny_sudoku", "--seed", "9" * 20],
        ["train", "tiny_sudoku", "--threads", "²"],
        ["train", "tiny_sudoku", "--threads", "9999"],
        ["train", "tiny_sudoku", "--batch", "1000000"],
        ["data", "make", "maze", "new", "--size", "10001"],
        ["sweep", "parity", "--jobs", "999"],
        ["solve", "x", "--N-sup", "99999"],
        ["bench", "x", "--steps", "999999"],
        ["train", "tiny_sudoku", "--device", "tpu"],
        ["train", "tiny_sudoku", "--precision", "fp8"],
        ["train", "tiny_sudoku", "--eval-every", "0"],
        ["evaluate", "x", "--limit", "0"],
        ["evaluate", "x", "--N-sup", "0"],
        ["data", "make", "chess", "new"],
        ["data", "make", "maze", "new", "--test", "0"],
        ["data", "make", "maze", "new", "--seed", "-1"],
    ],
    ids=" ".join,
)
def test_words_that_argparse_refuses(words, room, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    told = capsys.readouterr()
    assert (
        stopped.value.code == 2
        and told.out == ""
        and "error: " in told.err
        and list(room.iterdir()) == []
    )


def test_divergence_ends_with_1_and_names_the_step(room, capsys):
    assert main(["train", "tiny_explosion", "--out", "run"]) == 1
    error = capsys.readouterr().err.rpartition("\r")[2]
    assert re.search(r"error: the loss of step 2 is nan; .*\n$", error)


FULL_DISK = """
import resource, sys
from trm_minimal.engine import checkpoint
from trm_minimal.__main__ import main
from trm_minimal.lab import recipes, weights
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
make = main(["data", "make", "sudoku", "deep/new", "--size", "4", "--train", "300"])
small = recipes.replace(recipes.sudoku_4x4(), dim=16, steps=1, batch=2, eval_puzzles=2)
recipes.RECIPES["small"] = lambda: small
sys.exit(10 * make + main(["train", "small", "--out", "run"]))
"""


def test_a_full_disk_is_one_sentence_in_a_process(room):
    """As far as a limit on the size of a file can stand for it."""
    line = [sys.executable, "-c", FULL_DISK]
    done = subprocess.run(
        line,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    errors = [
        line.rpartition("\r")[2]
        for line in done.stderr.splitlines()
        if "error" in line or "Error" in line
    ]
    assert done.returncode == 22 and len(errors) == 2, done.stderr
    assert done.stdout == "1736 training puzzles of sudoku-4x4, 250 for validation\n"
    assert (
        errors[0]
        == "error: cannot write deep/new (File too large); choose a folder that is writable and has"
        " room"
    )
    assert errors[1].startswith("error: cannot write run/state.safetensors: ")
    assert list(room.rglob("*")) == []


def test_bad_input_in_a_process(trained, room):
    (room / "cut.safetensors").write_bytes(trained.sudoku.read_bytes()[:-9])
    for words in (["solve", FOUR[:-1]], ["evaluate", "cut.safetensors"]):
        done = command(*words, cwd=room)
        assert done.returncode == 2 and done.stdout == "" and is_one_sentence(done.stderr), (
            done.stderr
        )
    assert [path.name for path in room.iterdir()] == ["cut.safetensors"]


# Records.


@pytest.fixture
def repository(room, monkeypatch):
    """A clean git repository in the place of this one, with room for records."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = room / "repository"
    (root / "trm_minimal").mkdir(parents=True)
    (root / "trm_minimal" / "a.py").write_text("x = 1\n")
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=T", "-c", "user.email=t@t", "commit", "-qm", "c"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    monkeypatch.setattr(provenance, "ROOT", root)
    monkeypatch.setattr(runs, "RUNS", root / "data" / "runs")
    return root


def test_record_from_a_clean_tree_and_only_once(repository, room, capsys):
    words = ["train", "tiny_sudoku", "--seed", "2", "--record", "--out"]
    assert main([*words, "out"]) == 0
    assert "recorded in" in capsys.readouterr().out
    run = runs.Run(repository / "data" / "runs" / "tiny_sudoku" / "cpu-2")
    task = recipes.by_name("tiny_sudoku").task()
    assert check.check_files(run) + check.check_recipe(run) + check.check_curve(run) == []
    assert check.check_weights(run, task) + check.check_first_steps(run, task) == []
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert (
        run.env["commit"] == head.stdout.strip()
        and provenance.check_sources(run.env, run.env["commit"]) == []
    )
    assert (
        run.env["command"]
        == "python -m trm_minimal train tiny_sudoku --seed 2 --device cpu --threads 1 --record"
    )
    assert (
        run.env["wall_seconds"] > 0
        and run.env["training_seconds"] > 0
        and run.env["peak_memory_mib"] > 1
    )
    assert "is recorded already" in refused(capsys, room, *words, "again")
    assert (room / "out" / "weights.safetensors").read_bytes() == (
        run.folder / "weights.safetensors"
    ).read_bytes()


def test_record_refuses_changed_settings_and_a_dirty_tree(repository, room, capsys):
    words = ["train", "tiny_sudoku", "--record", "--out", "out"]
    for option in (["--steps", "3"], ["--batch", "3"], ["--eval-every", "3"]):
        assert "--record keeps a recipe as it is" in refused(capsys, room, *words, *option)
    (repository / "trm_minimal" / "a.py").write_text("x = 2\n")
    assert "uncommitted changes (M trm_minimal/a.py); commit" in refused(capsys, room, *words)
    (repository / ".git" / "HEAD").write_text("nonsense")
    assert "git status" in refused(capsys, room, *words)


def test_the_precision_of_a_record_is_the_machines(repository, capsys):
    assert main(["train", "tiny_sudoku", "--precision", "bf16", "--record", "--out", "out"]) == 0
    run = runs.Run(repository / "data" / "runs" / "tiny_sudoku" / "cpu-0")
    assert (
        run.recipe["precision"] == "torch.bfloat16"
        and "--threads 1 --precision bf16 --record" in run.env["command"]
    )
    task = recipes.by_name("tiny_sudoku").task()
    assert (
        check.check_recipe(run)
        + check.check_first_steps(run, task)
        + check.check_weights(run, task)
        == []
    )


def test_a_record_does_not_join_steps_of_two_versions(repository, room, capsys):
    """A run begun without --record, or with other code, cannot be finished as a record."""
    assert main(["train", "tiny_sudoku", "--out", "out"]) == 0
    capsys.readouterr()
    words = ["train", "tiny_sudoku", "--out", "out", "--resume", "--record"]
    assert "differs in code; resume with the same, or start anew" in refused(capsys, room, *words)


# The published puzzles.


@pytest.mark.parametrize(
    "recipe, batch, puzzles, limit",
    [
        ("sudoku_extreme_small", 8, "sudoku-real/eval_mix.csv", 16),
        ("maze_hard_small", 2, "maze-30x30-hard-1k/test.csv", 4),
    ],
)
def test_the_published_puzzles_train_and_are_scored(
    published, recipe, batch, puzzles, limit, room, capsys, monkeypatch
):
    monkeypatch.setitem(
        recipes.RECIPES, recipe, partial(replace, recipes.by_name(recipe), eval_puzzles=2)
    )
    words = [
        "train",
        recipe,
        "--data-dir",
        str(published),
        "--steps",
        "12",
        "--batch",
        str(batch),
        "--eval-every",
        "6",
    ]
    assert main([*words, "--out", "run"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"s, \d+ puzzles/s without validation, peak memory [1-9]\d+ MiB", told)
    first, last = checkpoint_curve(room / "run")
    assert last["loss"] < first["loss"]
    csv = published / puzzles
    assert (
        main(
            [
                "evaluate",
                "run/weights.safetensors",
                "--puzzles",
                str(csv),
                "--limit",
                str(limit),
                "--json",
            ]
        )
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    rows = files.read_csv(csv)[:limit]
    same = sum(a == b for row in rows for a, b in zip(row.question, row.answer, strict=True))
    assert told["n"] == limit and told["copy_baseline_cells"] == pytest.approx(
        same / sum(len(r.answer) for r in rows)
    )


def checkpoint_curve(folder):
    return checkpoint.load(folder / "state.safetensors")[1]["curve"]
