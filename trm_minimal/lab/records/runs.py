"""Recorded runs: written by one command from a clean tree, read by notebooks, derived again by the tests.

A run is a folder data/runs/<recipe>/<device>-<seed>/ with recipe.json (resolved), curve.csv (one row a validation),
eval.json (right or wrong, puzzle by puzzle), first_steps.json (five losses in float32 on a CPU), env.json, the EMA
weights, and SHA256SUMS. A file superseded.txt (with the reason) marks a run whose recipe or code has moved on.

Each check_... derives one part of a record again and returns complaints, one sentence each: none when all is well.
"""

import copy
import csv
import hashlib
import json
import math
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from trm_minimal import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.evaluate import answer, cells_by_step, copy_baseline, early_exit, exact_by_step
from trm_minimal.lab.folders import new_folder
from trm_minimal.lab.recipes import Recipe, by_name, describe
from trm_minimal.lab.records.translate import as_today
from trm_minimal.lab.weights import is_large, load_model, save_weights
from trm_minimal.model import TinyRecursiveModel, count_parameters, eager
from trm_minimal.tasks import Puzzles, Task
from trm_minimal.train import TrainState, build_model

ROOT = Path(__file__).parents[3]
RUNS = ROOT / "data" / "runs"
FIRST_STEPS = 5
SLICE = 100  # test puzzles that a check scores again
MINUTE = 4e12  # FLOP that one thread of a CPU does in about a minute


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sources() -> dict[str, str]:
    """Digest of every source file of the package."""
    package = ROOT / "trm_minimal"
    return {str(path.relative_to(ROOT)): sha256(path) for path in sorted(package.rglob("*.py"))}


def has_git() -> bool:
    """Whether this is a git repository, and git is here to read it."""
    return (ROOT / ".git").exists() and shutil.which("git") is not None


def git(*arguments: str) -> bytes:
    """What git prints in this repository. BadInput when it refuses."""
    done = subprocess.run(["git", "--no-optional-locks", *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        complaint = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise BadInput(f"git {' '.join(arguments)} fails in {ROOT} ({complaint}); mend that first")
    return done.stdout


def require_clean_tree() -> None:
    """BadInput when the tree has uncommitted changes, records apart: a record must name the code that made it."""
    if has_git() and (changed := git("status", "--porcelain", "--", ".", ":!data/runs", ":!data/sweeps")):
        first = changed.decode().splitlines()[0].strip()
        raise BadInput(f"the working tree has uncommitted changes ({first}); commit before recording")


def peak_memory_mib() -> float | None:
    """Peak memory of this process, or of the GPU when one was used, in MiB; None where the system does not say."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / 2**20
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def affordable(recipe: Recipe, model: TinyRecursiveModel, calls: int) -> int:
    """How many puzzles a CPU takes through so many calls of the net in about a minute; at least 16.

    Counted as if every weight met every cell once a call: all the small nets are far below the limit.
    """
    flop = 2 * count_parameters(model) * (recipe.prefix + model.length) * calls
    return max(16, int(MINUTE / flop))


def first_losses(recipe: Recipe, task: Task, seed: int) -> list[float]:
    """The losses of the first five steps, in float32 on the CPU whatever the recipe's precision and compilation.

    With as many slots as the recipe has, or as a CPU can afford.
    """
    model = build_model(recipe, task.vocab_size, task.length, seed)
    batch = min(recipe.batch, affordable(recipe, model, FIRST_STEPS * 2 * recipe.test_depth.net_calls))
    recipe = replace(recipe, precision=torch.float32, compilation=eager, batch=batch)
    state = TrainState(recipe, task, seed)
    return [float(recipe.update(recipe, state)[0]) for _ in range(FIRST_STEPS)]


def score(
    recipe: Recipe, task: Task, model: TinyRecursiveModel, puzzles: Puzzles, progress=iter, precision=torch.float32
) -> dict:
    """Everything about one model on one set: exact flags by supervision step and puzzle, cells, other valid answers."""
    options = {"progress": progress, "precision": precision}
    answers = answer(model, puzzles.inputs_NL, recipe.N_sup, recipe.test_depth, **options)
    valid_N = task.is_solution(puzzles.inputs_NL.long(), answers.tokens_SNL[-1].long())
    accuracy, steps = early_exit(answers, puzzles.labels_NL)
    return {
        "exact": ["".join("01"[int(right)] for right in row) for row in exact_by_step(answers, puzzles.labels_NL)],
        "cells": [round(float(share), 6) for share in cells_by_step(answers, puzzles.labels_NL)],
        "any_solution": "".join("01"[int(right)] for right in valid_N),
        "early_exit": {"exact": accuracy, "mean_steps": steps},
    }


def exact_accuracy(scored: dict, step: int = -1) -> float:
    """Exact accuracy after a supervision step, from the flags of `score`."""
    return scored["exact"][step].count("1") / len(scored["exact"][step])


def interval(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    p, z2 = successes / n, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def summary(scored: dict) -> dict:
    """What `score` found as shares of the puzzles; of `exact` with its 95 % interval."""
    n, exact = len(scored["any_solution"]), scored["exact"][-1].count("1")
    return {
        "n": n,
        "exact": exact / n,
        "exact_95": interval(exact, n),
        "any_solution": scored["any_solution"].count("1") / n,
        "cells": scored["cells"][-1],
        "exact_by_step": [row.count("1") / n for row in scored["exact"]],
        "cells_by_step": scored["cells"],
        "early_exit": scored["early_exit"],
    }


def by_rating(scored: dict, ratings: list[int], bounds=(0, 1, 10, 20, 40, 80)) -> list[dict]:
    """Exact accuracy, from the flags of `score`, of the puzzles whose rating is from one bound up to the next."""
    rows, flags = [], scored["exact"][-1]
    for low, high in zip(bounds, (*bounds[1:], math.inf), strict=True):
        rights = [flag == "1" for flag, rating in zip(flags, ratings, strict=True) if low <= rating < high]
        if rights:
            share = {"exact": sum(rights) / len(rights), "exact_95": interval(sum(rights), len(rights))}
            rows.append({"rating_from": low, "n": len(rights)} | share)
    return rows


def scored_sets(recipe: Recipe, task: Task) -> dict[str, Puzzles]:
    """The puzzles that a record scores: the validation puzzles of the curve, and the test set where there is one."""
    validation = Puzzles(*(tokens_NL[: recipe.eval_puzzles] for tokens_NL in task.validation))
    return {split: puzzles for split, puzzles in (("validation", validation), ("test", task.test)) if len(puzzles)}


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
        | {"n": len(puzzles), "copy_baseline_cells": copy_baseline(*puzzles)}
        for split, puzzles in scored_sets(recipe, task).items()
    }
    env = env | {"scoring_seconds": round(time.perf_counter() - started, 1)}
    parts = {"recipe": {"name": name, "seed": seed} | describe(recipe), "eval": scores, "env": env}
    if has_git():
        parts["first_steps"] = first_losses(recipe, task, seed)
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


def environment(device: str, command: str) -> dict:
    """What a run ran on and with. To be taken before it: the tree may have moved on when it ends."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()} {device.upper()}",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": git("rev-parse", "HEAD").decode().strip() if has_git() else None,
        "sources": sources(),
        "command": f"python -m trm_minimal {command}",
    }


def check_sources(env: dict, commit: str) -> list[str]:
    """Complaints: a source file that the run had is another one in `commit`. BadInput when git does not know it."""
    held = git("ls-tree", "-r", "--name-only", commit, "trm_minimal").decode().split()
    return [
        f"the run had another {path} than commit {commit} holds"
        for path, digest in env["sources"].items()
        if path not in held or hashlib.sha256(git("show", f"{commit}:{path}")).hexdigest() != digest
    ]


def adopt(folder: Path, commit: str, data_dir: Path | None = None) -> None:
    """Tie a record made without git to `commit`, and take its first steps.

    BadInput when the record is damaged or ran other sources than the commit holds.
    """
    run, commit = Run(folder), git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
    if complaints := check_files(run) + check_sources(run.env, commit):
        raise BadInput(f"{folder}: {complaints[0]}; fetch the record again, or name the commit that it ran")
    parts = {"env": run.env | {"commit": commit}, "first_steps": run.first_steps}
    if run.first_steps is None:
        recipe = by_name(run.recipe["name"])
        parts["first_steps"] = first_losses(recipe, recipe.task(data_dir=data_dir), run.recipe["seed"])
    for name, value in parts.items():
        (run.folder / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    write_sums(run.folder)


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


def check_files(run: Run) -> list[str]:
    """Complaints: a file that differs from its checksum, is missing, or has none."""
    listed = run.folder / "SHA256SUMS"
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {path.name for path in run.folder.iterdir()} - {"SHA256SUMS", "superseded.txt"}
    odd = [f"{name} is missing or has no checksum" for name in sorted(there ^ sums.keys())]
    shared = sorted(there & sums.keys())
    return odd + [f"{name} differs from its checksum" for name in shared if sha256(run.folder / name) != sums[name]]


def check_recipe(run: Run) -> list[str]:
    """Complaints: the recipe of today is another one, and the run is not marked as superseded.

    A field that the record lacks came later: its default does what was done before (the replayed losses prove it).
    The precision is the machine's: a record says its own, and may differ.
    """
    if run.superseded:
        return []
    name, seed = run.recipe["name"], run.recipe["seed"]
    today = {"name": name, "seed": seed} | describe(by_name(name))
    then = describe(Recipe()) | as_today(run.recipe)
    changed = [key for key in today.keys() | then.keys() if today.get(key) != then.get(key) and key != "precision"]
    return [f"today's recipe differs in {', '.join(sorted(changed))}"] if changed else []


def check_curve(run: Run) -> list[str]:
    """Complaints: the curve and the flags of single puzzles contradict the recipe, each other or themselves."""
    complaints = []
    every, last = run.recipe["eval_every"], run.recipe["steps"]
    if [row["step"] for row in run.curve] != [*range(every, last, every), last]:
        complaints.append(f"the curve has not one row every {every} steps to step {last}")
    for split, nets in run.eval.items():
        for which in ("raw", "ema"):
            flags, valid = nets[which]["exact"], nets[which]["any_solution"]
            if [len(row) for row in flags] != [nets["n"]] * run.recipe["N_sup"] or len(valid) != nets["n"]:
                complaints.append(f"{split}, {which}: not {run.recipe['N_sup']} rows of {nets['n']} flags")
            elif "10" in map("".join, zip(flags[-1], valid, strict=True)):
                complaints.append(f"{split}, {which}: an exact answer is said to be no solution")
    rounded = checkpoint.load(run.folder / "weights.safetensors")[0]["tokens_VD"].dtype is torch.float16
    for which in ("raw", "ema"):
        said, counted = run.curve[-1][which], exact_accuracy(run.eval["validation"][which])
        if abs(said - counted) > (0.02 if rounded and which == "ema" else 1e-6):
            complaints.append(f"the curve ends at {which} {said}, the flags give {counted}")
    return complaints


def check_weights(run: Run, task: Task) -> list[str]:
    """Complaints: the weights do not do what was recorded, on the validation puzzles and the first test puzzles.

    Cells right after each step tell a foreign starting state, the early exit tells a foreign Q head. Another processor
    may turn a puzzle or two of fifty, so nothing is compared exactly. Of a large net only the first puzzles are scored,
    and compared after every supervision step.
    """
    model, recipe, facts = load_model(run.folder / "weights.safetensors")
    known = {"recipe": run.recipe["name"], "seed": run.recipe["seed"], "step": run.recipe["steps"]}
    complaints = [f"the weights are of another {key}" for key, value in known.items() if facts.get(key) != value]
    most = affordable(recipe, model, recipe.N_sup * recipe.test_depth.net_calls)
    for split, puzzles in scored_sets(recipe, task).items():
        count = min(most, len(puzzles) if split == "validation" else SLICE)
        part = Puzzles(*(tokens_NL[:count] for tokens_NL in puzzles))
        then, now = run.eval[split]["ema"], score(recipe, task, model, part)
        for step in range(recipe.N_sup) if count == most else (-1,):
            flags = list(zip(then["exact"][step], now["exact"][step], strict=False))  # the test set is longer
            turned = sum(a != b for a, b in flags)
            if turned > max(1, len(flags) // 50):
                complaints.append(f"{split}: {turned} of {len(flags)} puzzles are right or wrong other than recorded")
        if count == run.eval[split]["n"]:
            cells = max(abs(a - b) for a, b in zip(then["cells"], now["cells"], strict=True))
            steps = abs(then["early_exit"]["mean_steps"] - now["early_exit"]["mean_steps"])
            if cells > 0.005 or steps > 0.1:
                complaints.append(f"{split}: cells differ by {cells:.4f}, the early exit by {steps:.2f} steps")
    return complaints


def check_first_steps(run: Run, task: Task, tolerance: float = 1e-4) -> list[str]:
    """Complaints: the first five losses, trained again in float32, differ from the recorded ones."""
    if run.first_steps is None:
        return ["the first losses were never taken; adopt the record"]
    losses = first_losses(by_name(run.recipe["name"]), task, run.recipe["seed"])
    gap = max(abs(now - then) for now, then in zip(losses, run.first_steps, strict=True))
    return [f"the first losses differ by {gap:.1e}"] if gap > tolerance else []
