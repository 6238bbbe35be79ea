"""Derive records again: each check returns complaints, one sentence each, and none when all is
well.

Another processor rounds otherwise and may turn a puzzle or two, so flags are not compared exactly.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.lab.recipes import by_name, describe
from trm_minimal.lab.records import sweeps
from trm_minimal.lab.records.provenance import sha256
from trm_minimal.lab.records.replay import affordable, check_losses, first_losses
from trm_minimal.lab.records.runs import FIRST_STEPS, Run
from trm_minimal.lab.records.score import exact_accuracy, score, scored_sets
from trm_minimal.lab.records.sweeps import Sweep
from trm_minimal.lab.records.translate import changed_fields
from trm_minimal.lab.weights import load_model
from trm_minimal.tasks import Task

SLICE = 100  # test puzzles of a run that are scored again
SWEEP_SLICE = 64  # of a run of a sweep


def complaining(check: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """A check that complains of a record too damaged to be checked, where it would raise."""

    @wraps(check)
    def checked(*record, **options) -> list[str]:
        try:
            return check(*record, **options)
        except (BadInput, LookupError, TypeError, AttributeError) as error:
            return [f"cannot be checked: {type(error).__name__} {error}"]

    return checked


def turned(now: str, then: str) -> int:
    """How many puzzles are right in one row of flags and wrong in the other, as far as both go."""
    return sum(a != b for a, b in zip(now, then, strict=False))


def curve_steps(every: int, last: int) -> list[int]:
    """The steps at which a run is validated."""
    return [*range(every, last, every), last]


@complaining
def check_files(run: Run) -> list[str]:
    """Complaints: a file that differs from its checksum, is missing, or has none."""
    listed = run.folder / "SHA256SUMS"
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {path.name for path in run.folder.iterdir()} - {"SHA256SUMS", "superseded.txt"}
    odd = [f"{name} is missing or has no checksum" for name in sorted(there ^ sums.keys())]
    differing = [
        name for name in sorted(there & sums.keys()) if sha256(run.folder / name) != sums[name]
    ]
    return odd + [f"{name} differs from its checksum" for name in differing]


@complaining
def check_recipe(run: Run) -> list[str]:
    """Complaints: the recipe of today is another one, and the run is not marked as superseded.

    The precision is the machine's: a record says its own, and may differ.
    """
    if run.superseded:
        return []
    name, seed = run.recipe["name"], run.recipe["seed"]
    today = {"name": name, "seed": seed} | describe(by_name(name))
    changed = [field for field in changed_fields(run.recipe, today) if field != "precision"]
    return [f"today's recipe differs in {', '.join(changed)}"] if changed else []


@complaining
def check_curve(run: Run) -> list[str]:
    """Complaints: curve and flags of single puzzles contradict the recipe, each other or
    themselves.
    """
    complaints = []
    every, last = run.recipe["eval_every"], run.recipe["steps"]
    if [row["step"] for row in run.curve] != curve_steps(every, last):
        complaints.append(f"the curve has not one row every {every} steps to step {last}")
    for split, nets in run.eval.items():
        for which in ("raw", "ema"):
            flags, valid = nets[which]["exact"], nets[which]["any_solution"]
            lengths = [len(row) for row in flags]
            if lengths != [nets["n"]] * run.recipe["N_sup"] or len(valid) != nets["n"]:
                rows = f"{run.recipe['N_sup']} rows of {nets['n']} flags"
                complaints.append(f"{split}, {which}: not {rows}")
            elif "10" in map("".join, zip(flags[-1], valid, strict=True)):
                complaints.append(f"{split}, {which}: an exact answer is said to be no solution")
    is_half = (
        checkpoint.load(run.folder / "weights.safetensors")[0]["tokens_VD"].element_size() == 2
    )
    for which in ("raw", "ema"):
        said, counted = run.curve[-1][which], exact_accuracy(run.eval["validation"][which])
        if abs(said - counted) > (0.02 if is_half and which == "ema" else 1e-6):
            complaints.append(f"the curve ends at {which} {said}, the flags give {counted}")
    return complaints


@complaining
def check_weights(run: Run, task: Task) -> list[str]:
    """Complaints: the weights do not do what was recorded, on validation and the first test
    puzzles.

    Cells right after each step tell a foreign starting state, the early exit tells a foreign Q
    head. Of a large net only the first puzzles are scored, and compared after every supervision
    step.
    """
    model, recipe, facts = load_model(run.folder / "weights.safetensors")
    known = {"recipe": run.recipe["name"], "seed": run.recipe["seed"], "step": run.recipe["steps"]}
    complaints = [
        f"the weights are of another {key}"
        for key, value in known.items()
        if facts.get(key) != value
    ]
    most = affordable(recipe, model, recipe.N_sup * recipe.test_depth.net_calls)
    for split, puzzles in scored_sets(recipe, task).items():
        count = min(most, len(puzzles) if split == "validation" else SLICE)
        then, now = run.eval[split]["ema"], score(recipe, task, model, puzzles[:count])
        for step in range(recipe.N_sup) if count == most else (-1,):
            here, others = now["exact"][step], turned(now["exact"][step], then["exact"][step])
            if others > max(1, len(here) // 50):
                complaints.append(
                    f"{split}: {others} of {len(here)} puzzles are right or wrong other than"
                    " recorded"
                )
        if count == run.eval[split]["n"]:
            cells = max(abs(a - b) for a, b in zip(then["cells"], now["cells"], strict=True))
            steps = abs(then["early_exit"]["mean_steps"] - now["early_exit"]["mean_steps"])
            if cells > 0.005 or steps > 0.1:
                complaints.append(
                    f"{split}: cells differ by {cells:.4f}, the early exit by {steps:.2f} steps"
                )
    return complaints


@complaining
def check_first_steps(run: Run, task: Task, tolerance: float = 1e-4) -> list[str]:
    """Complaints: the first losses, trained again in float32, differ from the recorded ones."""
    if run.first_steps is None:
        return ["the first losses were never taken; adopt the record"]
    recipe = by_name(run.recipe["name"])
    losses = first_losses(recipe, task, run.recipe["seed"], FIRST_STEPS)
    return check_losses(losses, run.first_steps, tolerance, relative=0.0)


@complaining
def check_cell(name: str, sweep: Sweep, record: dict) -> list[str]:
    """Complaints: a record of a sweep is damaged, of another recipe, or contradicts itself."""
    variant, seed = record["recipe"]["variant"], record["recipe"]["seed"]
    if record["digest"] != sweeps.digest(record):
        return [f"{variant}, seed {seed}: differs from its digest"]
    if (variant, seed) not in set(sweep.cells()):
        return [f"{variant}, seed {seed}: is no cell of the sweep {name}"]
    complaints, recipe = [], sweep.variants[variant]
    today = {"sweep": name, "variant": variant, "seed": seed} | describe(recipe)
    if changed := changed_fields(record["recipe"], today):
        complaints.append(f"today's recipe differs in {', '.join(changed)}")
    every, last = recipe.eval_every, recipe.steps
    steps, wanted = [row["step"] for row in record["curve"]], curve_steps(every, last)
    if steps != (wanted[: len(steps)] if record["diverged"] else wanted):
        complaints.append(f"the curve has not one row every {every} steps to step {last}")
    rows = [row for nets in record["exact"].values() for row in nets.values()]
    if record["diverged"] and any("1" in row for row in rows):
        complaints.append("the loss stopped being finite, and yet puzzles are right")
    if set(record["exact"]) != {"test", *sweep.other_tests}:
        complaints.append(f"the test sets are {', '.join(sorted(record['exact']))}")
    return [f"{variant}, seed {seed}: {complaint}" for complaint in complaints]


@complaining
def check_cell_again(
    name: str, sweep: Sweep, record: dict, task: Task, tolerance: float = 1e-4
) -> list[str]:
    """Complaints: first losses computed anew are others, or kept weights do not do what was
    recorded.
    """
    variant, seed = record["recipe"]["variant"], record["recipe"]["seed"]
    recipe = sweep.variants[variant]
    losses = first_losses(recipe, task, seed, sweeps.FIRST_STEPS)
    complaints = check_losses(losses, record["first_steps"], tolerance)
    path: Path = sweeps.SWEEPS / name / variant / f"{seed}.safetensors"
    if path.exists():
        model = sweeps.load(path, recipe, task)
        now = sweeps.flags(recipe, model, task.test[:SWEEP_SLICE])
        others = turned(now, record["exact"]["test"]["ema"])
        if others > SWEEP_SLICE // 20:
            complaints.append(
                f"{others} of {len(now)} puzzles are right or wrong other than recorded"
            )
    elif sweep.keeps_weights(variant, seed) and not record["diverged"]:
        complaints.append("its weights are missing")
    return [f"{variant}, seed {seed}: {complaint}" for complaint in complaints]
