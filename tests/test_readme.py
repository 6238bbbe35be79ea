"""What the READMEs state is what the records say, and the picture is the net's."""

import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from trm_minimal.lab.records import sweeps
from trm_minimal.lab.records.runs import read_runs
from trm_minimal.lab.studies.tables import (
    agreement_table,
    claims_table,
    confirmation_table,
    recipes_table,
    runs_table,
    sweeps_table,
)

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("file", "table"), [("README.md", recipes_table), ("data/runs/README.md", runs_table)])
def test_the_result_tables_are_those_of_the_recorded_runs(file, table):
    assert table(read_runs()) in (ROOT / file).read_text(encoding="utf-8"), "python -m trm_minimal.lab.studies.tables"


def test_the_table_of_sweeps_is_that_of_their_records():
    assert sweeps_table() in (ROOT / "data" / "sweeps" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [agreement_table, confirmation_table, claims_table])
def test_a_table_of_verdicts_is_that_of_the_records(table, monkeypatch):
    assert table() in (ROOT / "README.md").read_text(encoding="utf-8"), "python -m trm_minimal.lab.studies.tables"
    read, before = sweeps.read, table()
    monkeypatch.setattr(sweeps, "read", lambda name: {cell: run for cell, run in read(name).items() if cell[1] == 0})
    assert table() != before  # one seed is no claim


def test_a_changed_record_changes_the_tables():
    runs = read_runs()
    before = [recipes_table(runs), runs_table(runs)]
    flags = runs[0].eval["test"]["ema"]["exact"]
    flags[-1] = "0" * len(flags[-1])
    after = [recipes_table(runs), runs_table(runs)]
    assert before[0] != after[0] and before[1] != after[1]


def test_the_picture_shows_what_the_net_does_today(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "figures"))
    import make

    task, run, labels_L = make.latest_maze()
    said = make.maze_thinking(Figure(figsize=(9, 2)), task, run, labels_L)
    assert said in (ROOT / "figures" / "README.md").read_text(encoding="utf-8"), "python figures/make.py"
    with Image.open(ROOT / "figures" / "maze_thinking.gif") as picture:
        assert picture.n_frames == len(make.maze_moments(task, run, labels_L)), "python figures/make.py"
    right_K = run.right(labels_L)[:, 0].all(-1)
    assert not right_K[run.moment(2)] and right_K[run.moment(3, 1) :].all()  # as figures/README.md says


@pytest.mark.parametrize("draw", ["ablations", "explosion"])
def test_a_picture_says_what_the_records_and_nets_say(draw, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "figures"))
    import make

    said = getattr(make, draw)(Figure(figsize=(8, 5.4), layout="constrained"))
    assert said in (ROOT / "figures" / "README.md").read_text(encoding="utf-8"), "python figures/make.py"


def test_the_readmes_commands_exist():
    """Every `python -m trm_minimal ...` line of the README is one that the parser takes."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = {line.split()[3] for line in text.splitlines() if line.strip().startswith("python -m trm_minimal ")}
    assert {"doctor", "solve", "train", "evaluate"} <= commands
    for command in commands:
        run = subprocess.run([sys.executable, "-m", "trm_minimal", command, "--help"], cwd=ROOT, capture_output=True)
        assert run.returncode == 0, command
