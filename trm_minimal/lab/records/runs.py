"""Recorded runs: written by one command from a clean tree, read by notebooks, checked by `check`.

A run is a folder data/runs/<recipe>/<device>-<seed>/ with recipe.json (resolved), curve.csv (one
row a validation), eval.json (right or wrong, puzzle by puzzle), first_steps.json (five losses in
float32 on a CPU), env.json, the EMA weights, and SHA256SUMS. A file superseded.txt (with the
reason) marks a run whose recipe or code has moved on.
"""

import copy
import csv
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trm_minimal import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.evaluate import copy_baseline
from trm_minimal.lab.recipes import Recipe, by_name, describe
from trm_minimal.lab.records.provenance import ROOT, has_git, sha256
from trm_minimal.lab.records.replay import first_losses
from trm_minimal.lab.records.score import score, scored_sets
from trm_minimal.model import TinyRecursiveModel, count_parameters
from trm_minimal.state import TrainState, build_model
from trm_minimal.tasks import Task

RUNS = ROOT / "data" / "runs"
CHECKPOINTS = ROOT / "data" / "checkpoints"
FIRST_STEPS = 5
LARGE = 16e6  # bytes


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes its name when all went well and leaves nothing behind when not.

    BadInput when the name is taken by anything but an empty folder, or when it cannot be written.
    """
    try:
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise BadInput(f"{folder} is there already; name a new folder")
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=above) as room:
            unfinished = Path(room) / "new"
            unfinished.mkdir()
            yield unfinished
            folder.parent.mkdir(parents=True, exist_ok=True)
            unfinished.replace(folder)
    except OSError as error:
        reason = error.strerror or error
        raise BadInput(f"cannot write {folder} ({reason}); choose a folder that is writable and has room") from error


def require_place(out: Path, state_path: Path, resume: bool) -> None:
    """BadInput when `out` holds a run that is not to be gone on with, or none that is, or cannot be written."""
    if resume and not state_path.is_file():
        raise BadInput(f"{out} holds no run to resume; leave out --resume to start one")
    if state_path.exists() and not resume:
        raise BadInput(f"{out} already holds a run; go on with it by --resume, or name another --out")
    if not resume:
        with new_folder(out):
            pass  # made now: a folder that cannot be written is known before the first step, not after an hour


def is_large(model: TinyRecursiveModel) -> bool:
    """Whether its weights take more than 16 MB in float32. They are kept in float16 then."""
    return 4 * count_parameters(model) > LARGE


def save_weights(path: Path, model: TinyRecursiveModel, facts: dict) -> None:
    """A model for others to load: its weights (see `is_large`), and how to build it (recipe, vocabulary, length)."""
    sizes = {"kind": "weights", "vocab_size": model.vocab_size, "length": model.length}
    tensors = {name: tensor.half() if is_large(model) else tensor for name, tensor in model.state_dict().items()}
    checkpoint.save(path, tensors, sizes | facts)


def load_model(path: Path) -> tuple[TinyRecursiveModel, Recipe, dict]:
    """(model, recipe, facts) from a file of `save_weights`. BadInput when it is damaged or its recipe has changed."""
    tensors, facts = checkpoint.load(path)
    if facts.get("kind") != "weights":
        kind = facts.get("kind", "something else")
        raise BadInput(f"{path} holds a {kind}, not weights; give the weights.safetensors of a run")
    absent = [name for name in ("recipe", "vocab_size", "length") if name not in facts]
    if absent:
        raise BadInput(f"{path} does not say its {absent[0]}; fetch it again, or train anew")
    recipe = by_name(facts["recipe"])
    model = build_model(recipe, facts["vocab_size"], facts["length"], seed=0)
    checkpoint.load_weights(model, tensors, str(path))
    return model.eval(), recipe, facts


def require_fit(model: TinyRecursiveModel, task: Task) -> None:
    """BadInput when the model was made for other boards."""
    if (task.vocab_size, task.length) != (model.vocab_size, model.length):
        raise BadInput(
            f"the checkpoint knows boards of {model.length} cells and {model.vocab_size} tokens, but {task.name} has "
            f"{task.length} and {task.vocab_size}; take puzzles and a checkpoint of one kind"
        )


def shipped_checkpoint(task: Task) -> Path:
    """The shipped checkpoint for boards like the task's. BadInput when there is none."""
    for path in sorted(CHECKPOINTS.glob("*.safetensors")):
        facts = checkpoint.load(path)[1]
        if (facts["vocab_size"], facts["length"]) == (task.vocab_size, task.length):
            return path
    raise BadInput(f"no shipped checkpoint knows {task.name}; name the weights of a run before the puzzle")


def write_run(folder: Path, name: str, recipe: Recipe, task: Task, state: TrainState, seed: int, env: dict) -> None:
    """Write the whole record of a finished run, or nothing. BadInput when the folder is taken.

    The first steps are left to `adopt` where there is no git: that machine is rented by the second.
    """
    averaged, started = state.ema.model, time.perf_counter()
    if is_large(averaged):
        averaged = copy.deepcopy(averaged).half().float()  # scored as it is kept
    nets = {"raw": state.model, "ema": averaged}
    scores = {
        split: {which: score(recipe, task, net, puzzles) for which, net in nets.items()}
        | {"n": len(puzzles), "copy_baseline_cells": copy_baseline(puzzles.inputs_NL, puzzles.labels_NL)}
        for split, puzzles in scored_sets(recipe, task).items()
    }
    env = env | {"scoring_seconds": round(time.perf_counter() - started, 1)}
    parts = {"recipe": {"name": name, "seed": seed} | describe(recipe), "eval": scores, "env": env}
    if has_git():
        parts["first_steps"] = first_losses(recipe, task, seed, FIRST_STEPS)
    with new_folder(folder) as unfinished:
        for part, value in parts.items():
            (unfinished / f"{part}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        with open(unfinished / "curve.csv", "w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, list(state.curve[0]), lineterminator="\n")
            rows.writeheader()
            rows.writerows(state.curve)
        facts = {"recipe": name, "seed": seed, "step": state.step}
        save_weights(unfinished / "weights.safetensors", nets["ema"], facts)
        write_sums(unfinished)


def write_sums(folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.name not in ("SHA256SUMS", "superseded.txt"))
    (folder / "SHA256SUMS").write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files), encoding="utf-8")


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
            self.curve = [{key: float(value) if value else None for key, value in row} for row in rows]
        except (OSError, ValueError) as error:
            raise BadInput(f"{self.folder} is no whole record ({error}); fetch it again or record it anew") from error
        self.superseded = (self.folder / "superseded.txt").exists()

    def __repr__(self) -> str:
        return f"Run({self.recipe['name']}, seed {self.recipe['seed']}, {self.env['device']})"


def read_runs(recipe: str | None = None) -> list[Run]:
    """Every recorded run, or those of one recipe, in order of their folders."""
    folders = sorted(RUNS.glob(f"{recipe or '[!.]*'}/[!.]*"))  # a dot: not finished
    return [Run(folder) for folder in folders if folder.is_dir()]
