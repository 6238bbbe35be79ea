"""The command line when something around it is amiss: Ctrl-C, other data, a missing compiler."""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from test_cli import FOUR, command, refused, small

from trm_minimal.__main__ import main
from trm_minimal.engine import checkpoint
from trm_minimal.lab import commands, machine, recipes, weights
from trm_minimal.lab.folders import run_folder
from trm_minimal.lab.records import provenance, runs
from trm_minimal.lab.studies import registry
from trm_minimal.model import compiled
from trm_minimal.tasks import files

ROOT = Path(__file__).parents[1]
TRAIN = ["train", "tiny", "--out", "run"]


def tiny(**changes):
    return small(recipes.sudoku_4x4(), **changes)


@pytest.fixture(autouse=True)
def room(tmp_path, monkeypatch):
    """An empty folder to stand in, and a recipe of a second."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(recipes.RECIPES, "tiny", tiny)
    return tmp_path


# Stopped, and gone on with.


def stopping_at(stop):
    """The recipe's update, stopped by Ctrl-C before a step."""

    def update(recipe, state):
        if state.step == stop["at"]:
            raise KeyboardInterrupt
        return tiny().update(recipe, state)

    return update


def test_ctrl_c_says_how_to_go_on_and_only_if_that_is_possible(room, capsys, monkeypatch):
    stop = {"at": 5}
    monkeypatch.setitem(recipes.RECIPES, "tiny", partial(tiny, update=stopping_at(stop)))
    assert main(TRAIN) == 130
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == "stopped; no state had been saved yet, so there is nothing to go on with"
    assert list(room.iterdir()) == []
    stop["at"] = 15
    assert main(TRAIN) == 130
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == "stopped; the same command with --resume goes on"
    stop["at"] = None
    assert main([*TRAIN, "--resume"]) == 0
    assert main([*TRAIN[:-1], "whole"]) == 0
    tensors, facts = checkpoint.load(room / "run" / "weights.safetensors")
    whole, other = checkpoint.load(room / "whole" / "weights.safetensors")
    assert facts == other and all(torch.equal(whole[name], tensors[name]) for name in whole)
    assert sorted(path.name for path in (room / "run").iterdir()) == [
        "state.safetensors",
        "weights.safetensors",
    ]


def test_a_stopped_sweep_says_that_the_same_command_goes_on(capsys, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(provenance, "require_clean_tree", lambda: None)
    monkeypatch.setattr(commands.sweeps, "run", stop)
    assert main(["sweep", "ablate_sudoku"]) == 130
    told = "stopped; what was recorded stays, and the same command goes on\n"
    assert capsys.readouterr().err == told


def test_a_divergence_before_the_first_state_leaves_no_folder(room, capsys, monkeypatch):
    lost = partial(tiny, schedule=lambda step, steps: float("nan"))
    monkeypatch.setitem(recipes.RECIPES, "tiny", lost)
    assert main(TRAIN) == 1
    assert "no state had been saved before" in capsys.readouterr().err
    assert list(room.iterdir()) == []


def test_resume_refuses_other_puzzles_threads_and_settings_by_name(room, capsys):
    few = ["--train", "40", "--validation", "20", "--test", "5"]
    assert main(["data", "make", "sudoku", "data/sudoku-4x4", "--size", "4", *few]) == 0
    assert main([*TRAIN, "--data-dir", "data"]) == 0
    capsys.readouterr()
    resume, threads = [*TRAIN, "--resume"], torch.get_num_threads()
    assert "differs in puzzles;" in refused(capsys, room, *resume)
    same = [*resume, "--data-dir", "data"]
    changed = refused(capsys, room, *same, "--batch", "8", "--precision", "bf16")
    assert "differs in recipe.batch, recipe.precision;" in changed
    try:
        told = refused(capsys, room, *same, "--threads", str(threads + 1))
    finally:
        torch.set_num_threads(threads)
    assert "differs in threads;" in told
    assert main(same) == 0
    capsys.readouterr()
    shutil.copy("data/sudoku-4x4/test.csv", "data/sudoku-4x4/validation.csv")
    assert "differs in puzzles;" in refused(capsys, room, *same)


def spoil(path: Path, change) -> None:
    tensors, facts = checkpoint.load(path)
    change(tensors, facts)
    checkpoint.save(path, tensors, facts)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tensors, facts: facts.pop("seconds"), "does not say its seconds"),
        (lambda tensors, facts: facts.update(seconds="5"), "says seconds '5', which is no float"),
        (lambda tensors, facts: facts.update(step=10**9), "says step 1000000000 of 20"),
        (lambda tensors, facts: facts.update(step=True), "says step True, which is no int"),
        (lambda tensors, facts: facts.update(curve={}), "says curve {}, which is no list"),
        (lambda tensors, facts: facts.update(scaler=[]), r"says scaler [], which is no dict"),
        (lambda tensors, facts: facts.update(kind="weights"), "differs in kind;"),
        (lambda tensors, facts: tensors.pop("carry/y"), "is no whole training state"),
        (lambda tensors, facts: tensors.pop("generator/data"), "is no whole training state"),
        (
            lambda tensors, facts: tensors.pop("optimizer/0/exp_avg"),
            "lacks a moment of the optimizer",
        ),
        (lambda tensors, facts: tensors.update({"optimizer/1/step": torch.ones(3)}), "of weight 1"),
        (
            lambda tensors, facts: tensors.update({"optimizer/1/step": torch.tensor(True)}),
            "weight 1",
        ),
        (
            lambda tensors, facts: tensors.update({"carry/halted": torch.ones(16)}),
            "carry/halted is",
        ),
        (
            lambda tensors, facts: tensors.update({"carry/ids": torch.ones(3).long()}),
            "carry/ids is",
        ),
        (lambda tensors, facts: facts.update(curve=[[]]), "no run can have saved what it holds"),
        (lambda tensors, facts: facts.update(curve=[]), "is a finished run without a curve"),
        (lambda tensors, facts: tensors["ema/tokens_VD"].fill_(torch.nan), "not all finite floats"),
        (lambda tensors, facts: tensors["model/q_head.bias"].fill_(torch.inf), "not all finite"),
    ],
)
def test_a_spoilt_state_is_one_sentence(change, reason, finished, room, capsys):
    shutil.copytree(finished, "run")
    spoil(room / "run" / "state.safetensors", change)
    assert reason in refused(capsys, room, *TRAIN, "--resume")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.RECIPES, "tiny", tiny)
        assert main(["train", "tiny", "--out", str(folder)]) == 0
    return folder


def test_two_trainings_do_not_share_a_folder(finished, room, capsys):
    shutil.copytree(finished, "run")
    for words in (TRAIN, [*TRAIN, "--resume"]):
        with run_folder(room / "run", room / "run" / "state.safetensors", resume=True):
            told = refused(capsys, room, *words)
        assert "another process is writing run" in told or "already holds a run" in told
    assert main([*TRAIN, "--resume"]) == 0


# Data.


def test_the_number_of_training_puzzles_is_said_and_an_odd_one_is_noticed(room, capsys):
    assert main(TRAIN) == 0
    told = capsys.readouterr()
    assert told.out.startswith("1736 training puzzles of sudoku-4x4, 250 for validation\n")
    assert "notice" not in told.err
    plain = SimpleNamespace(task=partial(files.read_splits))
    turned = SimpleNamespace(task=partial(files.read_splits, prepare=len))
    for recipe, count, noticed in (
        (plain, 1000, False),
        (plain, 8000, True),
        (plain, 999, True),
        (turned, 8000, False),
        (turned, 1000, True),
    ):
        task = SimpleNamespace(name="sudoku-extreme-1k", train=range(count), validation=())
        commands.tell_puzzles(recipe, task)
        notice = capsys.readouterr().err
        assert bool(notice) == noticed
        assert not noticed or f"gives {count} training puzzles, not" in notice


def test_without_the_repository_commands_name_the_cure(room, capsys, monkeypatch, finished):
    monkeypatch.setattr(files, "PUZZLES", room / "site-packages" / "data" / "puzzles")
    monkeypatch.setattr(weights, "CHECKPOINTS", room / "site-packages" / "data" / "checkpoints")
    given = str(finished / "weights.safetensors")
    for words in (["data", "list"], TRAIN, ["bench", "tiny"], ["evaluate", given], ["solve", FOUR]):
        assert "install it with `pip install -e .` from a clone" in refused(capsys, room, *words)
    assert main(["doctor"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert len(lines) == 1 and "`pip install -e .` from a clone" in lines[0]
    assert main(["solve", given, FOUR]) == 0


def test_a_file_without_end_is_not_read_to_its_end(room, capsys):
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no /dev/zero")
    assert "/dev/zero: is larger than" in refused(capsys, room, "solve", "/dev/zero")


# The machine.


def test_without_a_compiler_a_recipe_runs_call_by_call_and_says_so(room, capsys, monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "tiny", partial(tiny, compilation=compiled))
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert main(TRAIN) == 0
    notices = [line for line in capsys.readouterr().err.splitlines() if "notice" in line]
    assert len(notices) == 1 and "no compiler (no-such-compiler), which torch.compile" in notices[0]
    monkeypatch.setattr(provenance, "require_clean_tree", lambda: None)
    monkeypatch.setattr(runs, "RUNS", room)
    record = ["train", "tiny", "--out", "other", "--record"]
    for words in (record, ["sweep", "parity"]):
        assert "no compiler (no-such-compiler)" in refused(capsys, room, *words)
    variants = registry.SWEEPS["parity"]().variants.values()
    assert any(recipe.compilation is not recipes.eager for recipe in variants)


def test_the_compiler_is_the_one_that_torch_takes(monkeypatch):
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    there = {"g++": "/bin/g++", "clang": "/bin/clang"}
    monkeypatch.setattr(machine.shutil, "which", there.get)
    monkeypatch.setattr(machine.sys, "platform", "linux")
    assert machine.compiler() == "/bin/g++" and machine.compiler("cuda") == "/bin/clang"
    monkeypatch.setenv("CXX", "clang")
    assert machine.compiler() == "/bin/clang"


@pytest.mark.parametrize("fail", [lambda: torch.empty(2**60), lambda: bytearray(2**62)])
def test_too_little_memory_is_one_sentence(fail, room, capsys, monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "tiny", partial(tiny, update=lambda recipe, state: fail()))
    assert main(TRAIN) == 2
    bar, error, end = capsys.readouterr().err.rsplit("\n", 2)
    assert "step/s" in bar and end == "" and len(error) < 450
    assert error.startswith("error: too little memory; pass a smaller --batch")
    assert list(room.iterdir()) == []


def test_an_error_of_ours_is_not_taken_for_one_of_the_machine(monkeypatch):
    def fail(recipe, state):
        raise RuntimeError("a mistake in the code")

    monkeypatch.setitem(recipes.RECIPES, "tiny", partial(tiny, update=fail))
    with pytest.raises(RuntimeError, match="a mistake in the code"):
        main(TRAIN)


def test_a_name_that_the_terminal_cannot_show_loses_nothing(room):
    words = ["data", "make", "sudoku", "головоломки", "--size", "4"]
    few = ["--train", "20", "--validation", "2", "--test", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    line = [sys.executable, "-m", "trm_minimal", *words, *few]
    for code in (0, 2):  # the second time it is there already
        done = subprocess.run(line, capture_output=True, env=environment, check=False)
        told = (done.stdout or done.stderr).decode("cp1252")
        assert done.returncode == code and told.count("\n") == 1 and r"\u0433\u043e" in told
    assert len(files.read_csv(room / "головоломки" / "train.csv")) == 20


def test_a_reader_that_goes_away_is_no_error():
    line = [sys.executable, "-m", "trm_minimal", "recipes", "sudoku_4x4"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment}
    with subprocess.Popen(line, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait() == 141


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_clone_with_other_line_ends_holds_the_same_bytes(room):
    """As git makes it on Windows: checksums are taken of what is in the folder."""
    origin = room / "origin"
    origin.mkdir()
    shutil.copy(ROOT / ".gitattributes", origin)
    texts = ("a.csv", "a.json", "SHA256SUMS", "README.md", "a.py", "a.ipynb")
    for name in (*texts, "a.npy", "a.safetensors"):
        (origin / name).write_bytes(b"one\ntwo\n" if name in texts else b"\x00one\r\ntwo\n")
    git = ["git", "-c", "user.name=T", "-c", "user.email=t@t", "-c", "core.autocrlf=true"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "c"]):
        subprocess.run([*git, *words], cwd=origin, check=True, capture_output=True)
    clone = ["clone", "-q", "-c", "core.autocrlf=true", str(origin), "clone"]
    subprocess.run(["git", *clone], check=True, capture_output=True)
    for path in (path for path in origin.iterdir() if path.is_file()):
        assert (room / "clone" / path.name).read_bytes() == path.read_bytes(), path.name


def test_every_tracked_text_has_plain_line_ends():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git repository")
    done = subprocess.run(["git", "ls-files", "--eol"], cwd=ROOT, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert len(lines) > 500 and not [line for line in lines if re.match(r"i/(crlf|mixed)", line)]


def test_bench_asks_git_for_nothing(capsys, monkeypatch):
    monkeypatch.setattr(provenance, "git", lambda *arguments: pytest.fail("asked git"))
    assert main(["bench", "tiny", "--steps", "1", "--brief"]) == 0
    assert re.match(r"tiny, .*\ndevice        \S", capsys.readouterr().out)


def test_evaluate_in_a_process_refuses_wrong_facts(finished, room):
    tensors, facts = checkpoint.load(finished / "weights.safetensors")
    checkpoint.save(room / "w.safetensors", tensors, facts | {"recipe": ["\x1b[2J"]})
    done = command("evaluate", "w.safetensors", cwd=room)
    assert done.returncode == 2 and "Traceback" not in done.stderr and "\x1b" not in done.stderr
