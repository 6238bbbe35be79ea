"""Recorded runs: written by one command from a clean tree, read by notebooks, derived again by the tests.

A run is a folder data/runs/<recipe>/<device>-<seed>/ with recipe.json (resolved), curve.csv (one row a validation),
eval.json (right or wrong, puzzle by puzzle), first_steps.json (five losses in float32 on a CPU), env.json, the EMA
weights, and SHA256SUMS. A file superseded.txt (with the reason) marks a run whose recipe or code has moved on.
"""

import csv
import hashlib
import json
import math
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from trm_minimal import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.evaluate import answer, cells_by_step, copy_baseline, early_exit, exact_by_step
from trm_minimal.lab.recipes import Recipe, by_name, describe
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.schedules import Depth
from trm_minimal.tasks import Puzzles, Task
from trm_minimal.train import TrainState, build_model, train_step

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "data" / "runs"
CHECKPOINTS = ROOT / "data" / "checkpoints"
FIRST_STEPS = 5
SLICE = 100  # test puzzles that a check scores again


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sources() -> dict[str, str]:
    """Digest of every source file of the package."""
    package = ROOT / "trm_minimal"
    return {str(path.relative_to(ROOT)): sha256(path) for path in sorted(package.rglob("*.py"))}


def git(*arguments: str) -> str | None:
    """What git prints in this repository; None where there is no git or no repository."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return None
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def require_clean_tree() -> None:
    """BadInput when the tree has uncommitted changes, records apart: a record must name the code that made it."""
    if changed := git("status", "--porcelain", "--", ".", ":!data/runs"):
        raise BadInput(
            f"the working tree has uncommitted changes ({changed.splitlines()[0].strip()}); commit before recording"
        )


def peak_memory_mib() -> float | None:
    """Peak memory of this process, or of the GPU when one was used, in MiB; None where the system does not say."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / 2**20
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def first_losses(recipe: Recipe, task: Task, seed: int) -> list[float]:
    """The losses of the first five steps, in float32 on the CPU whatever the recipe's precision."""
    state = TrainState(replace(recipe, precision=torch.float32), task, seed)
    return [float(train_step(replace(recipe, precision=torch.float32), task, state)[0]) for _ in range(FIRST_STEPS)]


def score(recipe: Recipe, task: Task, model: TinyRecursiveModel, puzzles: Puzzles) -> dict:
    """Everything about one model on one set: exact flags by supervision step and puzzle, cells, other valid answers."""
    answers = answer(model, puzzles.inputs_NL, recipe.N_sup, recipe.test_depth)
    valid_N = task.is_solution(puzzles.inputs_NL.long(), answers.tokens_SNL[-1].long())
    accuracy, steps = early_exit(answers, puzzles.labels_NL)
    return {
        "exact": ["".join("01"[int(right)] for right in row) for row in exact_by_step(answers, puzzles.labels_NL)],
        "cells": [round(float(share), 6) for share in cells_by_step(answers, puzzles.labels_NL)],
        "any_solution": "".join("01"[int(right)] for right in valid_N),
        "early_exit": {"exact": accuracy, "mean_steps": steps},
    }


def exact_accuracy(scored: dict, step: int = -1) -> float:
    """Share of ones in a row of flags of `score`."""
    return scored["exact"][step].count("1") / len(scored["exact"][step])


def interval(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    p, z2 = successes / n, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def save_weights(path: Path, model: TinyRecursiveModel, facts: dict) -> None:
    """A model for others to load: its weights, and how to build it (recipe, vocabulary, length)."""
    sizes = {"kind": "weights", "vocab_size": model.vocab_size, "length": model.length}
    checkpoint.save(path, model.state_dict(), sizes | facts)


def load_model(path: Path) -> tuple[TinyRecursiveModel, Recipe, dict]:
    """(model, recipe, facts) from a file of `save_weights`. BadInput when it is damaged or its recipe has changed."""
    tensors, facts = checkpoint.load(path)
    if facts.get("kind") != "weights":
        raise BadInput(
            f"{path} holds a {facts.get('kind')}, not weights to evaluate; give the weights.safetensors beside it"
        )
    recipe = by_name(facts["recipe"])
    model = build_model(recipe, facts["vocab_size"], facts["length"], seed=0)
    checkpoint.load_weights(model, tensors, str(path))
    return model.eval(), recipe, facts


def write_run(folder: Path, name: str, recipe: Recipe, task: Task, state: TrainState, seed: int, env: dict) -> None:
    """Write the whole record of a finished run, or nothing."""
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)

    def write_json(file: str, value) -> None:
        (unfinished / file).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")

    nets = {"raw": state.model, "ema": state.ema.model}
    validation = Puzzles(*(tokens_NL[: recipe.eval_puzzles] for tokens_NL in task.validation))
    sets = {"validation": validation, "test": task.test}
    scores = {
        split: {which: score(recipe, task, net, puzzles) for which, net in nets.items()}
        | {"n": len(puzzles.inputs_NL), "copy_baseline_cells": copy_baseline(*puzzles)}
        for split, puzzles in sets.items()
        if len(puzzles.inputs_NL)
    }
    write_json("recipe.json", {"name": name, "seed": seed} | describe(recipe))
    write_json("eval.json", scores)
    write_json("first_steps.json", first_losses(recipe, task, seed))
    write_json("env.json", env)
    with open(unfinished / "curve.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, list(state.curve[0]), lineterminator="\n")
        rows.writeheader()
        rows.writerows(state.curve)
    save_weights(
        unfinished / "weights.safetensors", state.ema.model, {"recipe": name, "seed": seed, "step": state.step}
    )
    write_sums(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def write_sums(folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.name not in ("SHA256SUMS", "superseded.txt"))
    (folder / "SHA256SUMS").write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files), encoding="utf-8")


def environment(device: str, wall_seconds: float) -> dict:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else platform.machine() + " CPU",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": git("rev-parse", "HEAD"),
        "sources": sources(),
        "command": "python -m trm_minimal " + " ".join(sys.argv[1:]),
        "wall_seconds": round(wall_seconds, 1),
        "peak_memory_mib": peak_memory_mib(),
    }


def adopt(folder: Path, commit: str) -> None:
    """Tie a record made without git to `commit`. BadInput when a source it ran differs from that commit's."""
    env = json.loads((folder / "env.json").read_text(encoding="utf-8"))
    for path, digest in env["sources"].items():
        text = subprocess.run(["git", "show", f"{commit}:{path}"], cwd=ROOT, capture_output=True, check=False).stdout
        if hashlib.sha256(text).hexdigest() != digest:
            raise BadInput(f"{folder} ran another {path} than commit {commit} holds; name the commit that it ran")
    env["commit"] = commit
    (folder / "env.json").write_text(json.dumps(env, indent=1) + "\n", encoding="utf-8")
    write_sums(folder)


class Run:
    """A recorded run, read."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.recipe, self.eval, self.first_steps, self.env = (
            json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
            for name in ("recipe", "eval", "first_steps", "env")
        )
        with open(self.folder / "curve.csv", newline="", encoding="utf-8") as file:
            self.curve = [
                {key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)
            ]
        self.superseded = (self.folder / "superseded.txt").exists()

    def __repr__(self) -> str:
        return f"Run({self.recipe['name']}, seed {self.recipe['seed']}, {self.env['device']})"


def read_runs(recipe: str | None = None) -> list[Run]:
    """Every recorded run, or those of one recipe, in order of their folders."""
    return [Run(path.parent) for path in sorted(RUNS.glob(f"{recipe or '*'}/*/recipe.json"))]


def check_files(run: Run) -> list[str]:
    """Complaints: a file that differs from its checksum, is missing, or has none."""
    lines = (run.folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    there = {path.name for path in run.folder.iterdir()} - {"SHA256SUMS", "superseded.txt"}
    odd = [f"{run.folder}: {name} is missing or has no checksum" for name in sorted(there ^ sums.keys())]
    return odd + [
        f"{run.folder}: {name} differs from its checksum"
        for name in sorted(there & sums.keys())
        if sha256(run.folder / name) != sums[name]
    ]


def check_recipe(run: Run) -> list[str]:
    """Complaints: the recipe of today is another one, and the run is not marked as superseded."""
    today = {"name": run.recipe["name"], "seed": run.recipe["seed"]} | describe(by_name(run.recipe["name"]))
    changed = [key for key in today.keys() | run.recipe.keys() if today.get(key) != run.recipe.get(key)]
    return (
        [f"{run.folder}: today's recipe differs in {', '.join(sorted(changed))}"]
        if changed and not run.superseded
        else []
    )


def check_curve(run: Run) -> list[str]:
    """Complaints: the last row of the curve is not what the flags of the validation puzzles say."""
    complaints = []
    for which in ("raw", "ema"):
        said, flags = run.curve[-1][which], exact_accuracy(run.eval["validation"][which])
        if abs(said - flags) > 1e-6:
            complaints.append(f"{run.folder}: the curve ends at {which} {said}, the flags give {flags}")
    return complaints


def check_weights(run: Run, load_task: Callable[[], Task]) -> list[str]:
    """Complaints: the shipped weights, scored again on the first test puzzles, differ by more than one puzzle."""
    model, recipe, _ = load_model(run.folder / "weights.safetensors")
    test = load_task().test
    answers = answer(model, test.inputs_NL[:SLICE], recipe.N_sup, Depth(*recipe.test_depth))
    right = int(exact_by_step(answers, test.labels_NL[:SLICE])[-1].sum())
    recorded = run.eval["test"]["ema"]["exact"][-1][:SLICE].count("1")
    return [f"{run.folder}: {right} of {SLICE} right today, {recorded} recorded"] if abs(right - recorded) > 1 else []


def check_first_steps(run: Run, load_task: Callable[[], Task], tolerance: float = 1e-4) -> list[str]:
    """Complaints: the first five losses, trained again in float32, differ from the recorded ones."""
    losses = first_losses(by_name(run.recipe["name"]), load_task(), run.recipe["seed"])
    gap = max(abs(now - then) for now, then in zip(losses, run.first_steps, strict=True))
    return [f"{run.folder}: the first losses differ by {gap:.1e}"] if gap > tolerance else []
