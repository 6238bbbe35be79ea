"""Recorded runs: written by one command from a clean tree, read by notebooks, checked by `check`.

A run is a folder data/runs/<recipe>/<device>-<seed>/ with recipe.json (resolved), curve.csv (one
row a validation), eval.json (right or wrong, puzzle by puzzle), first_steps.json (five losses in
float32 on a CPU), env.json, the EMA weights, and SHA256SUMS. A file superseded.txt (with the
reason) marks a run whose recipe or code has moved on.
"""

import copy
import csv
import json
import time
from pathlib import Path

from trm_minimal.errors import BadInput
from trm_minimal.evaluate import copy_baseline
from trm_minimal.lab.folders import new_folder
from trm_minimal.lab.recipes import Recipe, describe
from trm_minimal.lab.records.provenance import ROOT, has_git, sha256
from trm_minimal.lab.records.replay import first_losses
from trm_minimal.lab.records.score import score, scored_sets
from trm_minimal.lab.weights import is_large, save_weights
from trm_minimal.state import TrainState
from trm_minimal.tasks import Task

RUNS = ROOT / "data" / "runs"
FIRST_STEPS = 5


def write_run(
    folder: Path, name: str, recipe: Recipe, task: Task, state: TrainState, seed: int, env: dict
) -> None:
    """Write the whole record of a finished run, or nothing. BadInput when the folder is taken.

    The first steps are left to `adopt` where there is no git: that machine is rented by the second.
    """
    averaged, started = state.ema.model, time.perf_counter()
    if is_large(averaged):
        averaged = copy.deepcopy(averaged).half().float()  # scored as it is kept
    nets = {"raw": state.model, "ema": averaged}
    scores = {
        split: {which: score(recipe, task, net, puzzles) for which, net in nets.items()}
        | {
            "n": len(puzzles),
            "copy_baseline_cells": copy_baseline(puzzles.inputs_NL, puzzles.labels_NL),
        }
        for split, puzzles in scored_sets(recipe, task).items()
    }
    env = env | {"scoring_seconds": round(time.perf_counter() - started, 1)}
    parts = {"recipe": {"name": name, "seed": seed} | describe(recipe), "eval": scores, "env": env}
    if has_git():
        parts["first_steps"] = first_losses(recipe, task, seed, FIRST_STEPS)
    with new_folder(folder) as unfinished:
        for part, value in parts.items():
            (unfinished / f"{part}.json").write_text(
                json.dumps(value, indent=1) + "\n", encoding="utf-8"
            )
        with open(unfinished / "curve.csv", "w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, list(state.curve[0]), lineterminator="\n")
            rows.writeheader()
            rows.writerows(state.curve)
        facts = {"recipe": name, "seed": seed, "step": state.step}
        save_weights(unfinished / "weights.safetensors", nets["ema"], facts)
        write_sums(unfinished)


def write_sums(folder: Path) -> None:
    files = sorted(
        path for path in folder.iterdir() if path.name not in ("SHA256SUMS", "superseded.txt")
    )
    (folder / "SHA256SUMS").write_text(
        "".join(f"{sha256(path)}  {path.name}\n" for path in files), encoding="utf-8"
    )


class Run:
    """A recorded run, read. BadInput when a part is missing or damaged."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        try:
            self.recipe, self.eval, self.env, self.first_steps = (
                json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
                if (self.folder / f"{name}.json").exists() or name != "first_steps"
                else None  # the record of a machine without git, not adopted yet
                for name in ("recipe", "eval", "env", "first_steps")
            )
            with open(self.folder / "curve.csv", newline="", encoding="utf-8") as file:
                rows = [row.items() for row in csv.DictReader(file)]
            self.curve = [
                {key: float(value) if value else None for key, value in row} for row in rows
            ]
        except (OSError, ValueError) as error:
            raise BadInput(
                f"{self.folder} is no whole record ({error}); fetch it again or record it anew"
            ) from error
        self.superseded = (self.folder / "superseded.txt").exists()

    def __repr__(self) -> str:
        return f"Run({self.recipe['name']}, seed {self.recipe['seed']}, {self.env['device']})"


def read_runs(recipe: str | None = None) -> list[Run]:
    """Every recorded run, or those of one recipe, in order of their folders."""
    folders = sorted(RUNS.glob(f"{recipe or '[!.]*'}/[!.]*"))  # a dot: not finished
    return [Run(folder) for folder in folders if folder.is_dir()]
