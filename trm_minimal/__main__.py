"""The command line: `python -m trm_minimal --help`. Bad input ends with one sentence and exit code 2."""

import argparse
import importlib
import json
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from trm_minimal import checkpoint
from trm_minimal.errors import BadInput, Diverged
from trm_minimal.evaluate import answer, cells_by_step, copy_baseline, early_exit, exact_by_step
from trm_minimal.lab import recipes, runs
from trm_minimal.tasks import Puzzles, Task, files, maze, sudoku
from trm_minimal.train import train

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
NEEDED = ("numpy", "safetensors", "tqdm", "scipy", "networkx")
COURSE = ("jupyterlab", "ipywidgets", "matplotlib", "seaborn", "pandas", "nbval")


def pick_device(name: str) -> str:
    """The device asked for. BadInput when this machine lacks it."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[name]:
        usable = ", ".join(device for device, is_there in there.items() if is_there)
        raise BadInput(f"--device {name}: torch {torch.__version__} finds none here; take one of: {usable}")
    return name


def doctor(arguments) -> int:
    """Say what is here and what is missing; train for two seconds."""
    failed = 0

    def line(good: bool, text: str) -> None:
        nonlocal failed
        failed += not good
        print(f"{'OK  ' if good else 'FAIL'}  {text}")

    line(sys.version_info >= (3, 11), f"Python {platform.python_version()} (3.11 or newer)")
    line(tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 11), f"torch {torch.__version__} (2.11 or newer)")
    for group, packages in (("needed", NEEDED), ("for the notebooks", COURSE)):
        for package in packages:
            there = importlib.util.find_spec(package) is not None
            line(there, f"{package}, {group}{'' if there else ': run pip install -r requirements.txt'}")
    line(True, f"devices: {', '.join(['cpu'] + [d for d in ('cuda', 'mps') if getattr(torch, d).is_available()])}")
    for name, complaint in check_shipped().items():
        line(not complaint, f"data/puzzles/{name}{': ' + complaint if complaint else ''}")
    with tempfile.TemporaryDirectory() as folder:
        recipe = replace(recipes.by_name("sudoku_4x4"), steps=8, eval_every=8, eval_puzzles=8)
        started = time.perf_counter()
        state = train(recipe, recipe.task(), 0, path=Path(folder) / "state.safetensors")
        losses = f"loss {state.curve[-1]['loss']:.2f} on average"
        line(True, f"8 training steps of sudoku_4x4 in {time.perf_counter() - started:.1f} s, {losses}")
    return 1 if failed else 0


def check_shipped() -> dict[str, str]:
    """For each shipped folder of puzzles, what is wrong with it, or nothing."""
    complaints = {}
    for readme in sorted(files.PUZZLES.glob("*/README.md")):
        text = readme.read_text(encoding="utf-8")
        odd = [path.name for path in sorted(readme.parent.glob("*.csv")) if runs.sha256(path) not in text]
        complaints[readme.parent.name] = f"{', '.join(odd)} differs from the README's sha256" if odd else ""
    return complaints


def list_recipes(arguments) -> int:
    """List the recipes, or print one in full."""
    if arguments.recipe:
        print(json.dumps(recipes.describe(recipes.by_name(arguments.recipe)), indent=1))
        return 0
    for name, recipe in recipes.RECIPES.items():
        print(f"{name:16} {recipe.__doc__.splitlines()[0]}")
    return 0


def data(arguments) -> int:
    """Make puzzles, list the shipped ones, or write a CSV as an official built folder."""
    if arguments.what == "list":
        for name, complaint in check_shipped().items():
            counts = {path.stem: len(files.read_csv(path)) for path in sorted((files.PUZZLES / name).glob("*.csv"))}
            print(
                f"{name:18} {', '.join(f'{n} {split}' for split, n in counts.items())}  {complaint or 'sha256 right'}"
            )
        return 0
    if arguments.what == "build":
        task = task_of_csv(arguments.csv)
        require_new(arguments.folder)
        files.write_built(arguments.folder, arguments.split, task.test, task.vocab_size)
        print(f"{len(task.test.inputs_NL)} puzzles in {arguments.folder / arguments.split}")
        return 0
    require_new(arguments.folder)
    counts = {split: getattr(arguments, split) for split in ("train", "validation", "test")}
    generator = torch.Generator().manual_seed(arguments.seed)
    if arguments.family == "sudoku":
        shape = sudoku.SHAPES.get(arguments.size**2)
        if shape is None:
            raise BadInput(f"--size {arguments.size}: Sudoku comes in 4, 6 and 9")
        rows = sudoku.make(shape, counts, range(arguments.givens[0], arguments.givens[1] + 1), generator)
    else:
        rows = maze.make(arguments.size, counts, generator, arguments.min_path)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for split, split_rows in rows.items():
        files.write_csv(arguments.folder / f"{split}.csv", split_rows)
        print(f"{len(split_rows)} puzzles in {arguments.folder / split}.csv")
    return 0


def require_new(folder: Path) -> None:
    """BadInput when `folder` holds something already or cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput(f"{folder} is not empty; name a new folder")
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}; choose another folder") from error


def train_command(arguments) -> int:
    """Train a recipe; with --record write a recorded run."""
    recipe = recipes.by_name(arguments.recipe)
    changed = {"steps": arguments.steps, "batch": arguments.batch, "eval_every": arguments.eval_every}
    changed["precision"] = PRECISIONS.get(arguments.precision)
    changed = {name: value for name, value in changed.items() if value is not None}
    recipe = replace(recipe, **changed)
    device = pick_device(arguments.device)
    if arguments.record and changed:
        raise BadInput("--record keeps a recipe as it is; leave out --steps, --batch, --precision and --eval-every")
    if arguments.record:
        runs.require_clean_tree()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    task = recipe.task(data_dir=arguments.data_dir)
    out = arguments.out or Path("runs") / arguments.recipe / f"{device}-{arguments.seed}"
    state_path = out / "state.safetensors"
    if state_path.exists() and not arguments.resume:
        raise BadInput(f"{out} already holds a run; pass --resume to go on with it, or another --out")
    if arguments.resume and not state_path.exists():
        raise BadInput(f"{out} holds no run to resume; leave out --resume to start one")
    if not arguments.resume:
        require_new(out)

    started = time.perf_counter()
    facts = {"recipe": {"name": arguments.recipe} | recipes.describe(recipe)}
    state = train(recipe, task, arguments.seed, device=device, path=state_path, facts=facts, resume=arguments.resume)
    seconds = time.perf_counter() - started
    about = {"recipe": arguments.recipe, "seed": arguments.seed, "step": state.step, "task": task.name}
    runs.save_weights(out / "weights.safetensors", state.ema.model, about)
    last = state.curve[-1]
    print(
        f"step {state.step}: loss {last['loss']:.3f}, validation exact {last['ema']:.3f} (EMA) {last['raw']:.3f} (raw)"
    )
    memory = runs.peak_memory_mib()
    print(f"{seconds:.0f} s, {recipe.batch * state.step / seconds:.0f} puzzles/s, peak memory {memory or 0:.0f} MiB")
    print(f"EMA weights in {out / 'weights.safetensors'}")
    if arguments.record:
        folder = runs.RUNS / arguments.recipe / f"{device}-{arguments.seed}"
        env = runs.environment(device, seconds)
        runs.write_run(folder, arguments.recipe, recipe, task, state, arguments.seed, env)
        print(f"recorded in {folder}")
    return 0


def task_of_csv(path: Path) -> Task:
    """The task whose test set is a CSV of the published format: a maze if its first board has walls, else Sudoku."""
    first = files.read_csv(path)[0].question
    family = maze if "#" in first or "S" in first else sudoku
    return replace(family.board(len(first)), name=str(path), test=family.read(path)[1])


def evaluate(arguments) -> int:
    """Score a checkpoint on held-out puzzles."""
    model, recipe, _ = runs.load_model(arguments.checkpoint)
    model = model.to(pick_device(arguments.device))
    task = task_of_csv(arguments.puzzles) if arguments.puzzles else recipe.task(data_dir=arguments.data_dir)
    if (task.vocab_size, task.length) != (model.vocab_size, model.length):
        raise BadInput(
            f"{arguments.checkpoint} was trained on boards of {model.length} cells and {model.vocab_size} tokens, "
            f"{task.name} has {task.length} and {task.vocab_size}; give puzzles of the same kind"
        )
    puzzles = Puzzles(*(tokens_NL[: arguments.limit] for tokens_NL in task.test))
    if not len(puzzles.inputs_NL):
        raise BadInput(f"{task.name} has no test puzzles; name some with --puzzles FILE.csv")
    answers = answer(model, puzzles.inputs_NL, arguments.N_sup or recipe.N_sup, recipe.test_depth)
    exact_SN = exact_by_step(answers, puzzles.labels_NL)
    valid_N = task.is_solution(puzzles.inputs_NL.long(), answers.tokens_SNL[-1].long())
    low, high = runs.interval(int(exact_SN[-1].sum()), exact_SN.shape[1])
    early, steps = early_exit(answers, puzzles.labels_NL)
    result = {
        "puzzles": task.name,
        "n": exact_SN.shape[1],
        "exact": float(exact_SN[-1].double().mean()),
        "exact_95": [low, high],
        "any_solution": float(valid_N.double().mean()),
        "cells": float(cells_by_step(answers, puzzles.labels_NL)[-1]),
        "copy_baseline_cells": copy_baseline(*puzzles),
        "exact_by_step": exact_SN.double().mean(1).tolist(),
        "cells_by_step": cells_by_step(answers, puzzles.labels_NL).tolist(),
        "early_exit": {"exact": early, "mean_steps": steps},
    }
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(f"{result['n']} puzzles of {task.name}")
    print(f"exact          {result['exact']:.4f}  (95 % interval {low:.4f} to {high:.4f})")
    print(f"any solution   {result['any_solution']:.4f}")
    print(f"cells          {result['cells']:.4f}  (the question handed back: {result['copy_baseline_cells']:.4f})")
    print(f"early exit     {early:.4f} exact after {steps:.2f} of {len(exact_SN)} supervision steps on average")
    print("exact by step  " + " ".join(f"{share:.3f}" for share in result["exact_by_step"]))
    return 0


def solve(arguments) -> int:
    """Let a net solve one puzzle and print every board on the way."""
    path = Path(arguments.puzzle)
    text = path.read_text(encoding="utf-8") if len(arguments.puzzle) < 200 and path.is_file() else arguments.puzzle
    family = maze if "#" in text or "S" in text else sudoku
    length = len(text.replace("\n", "")) if family is maze else len("".join(text.split()))
    task = family.board(length)
    inputs_L = task.parse(text)
    model, recipe, _ = runs.load_model(arguments.checkpoint or shipped_checkpoint(task))
    if (task.vocab_size, task.length) != (model.vocab_size, model.length):
        raise BadInput(
            f"the checkpoint solves boards of {model.length} cells, the puzzle has {task.length}; take another"
        )
    answers = answer(model, inputs_L.unsqueeze(0), arguments.N_sup or recipe.N_sup, recipe.test_depth)
    print(f"the question\n{task.draw(inputs_L)}")
    before_L = inputs_L
    for step, (tokens_L, q) in enumerate(zip(answers.tokens_SNL[:, 0], answers.q_SN[:, 0], strict=True), 1):
        cells = (tokens_L != before_L).nonzero().flatten().tolist()
        places = [f"row {cell // task.columns + 1} column {cell % task.columns + 1}" for cell in cells[:8]]
        more = f" and {len(cells) - 8} more" if len(cells) > 8 else ""
        print(f"\nsupervision step {step}: Q {torch.sigmoid(q):.3f}, {len(cells)} cells changed")
        print("\n".join(filter(None, [", ".join(places) + more, task.draw(tokens_L)])))
        before_L = tokens_L
    right = bool(task.is_solution(inputs_L.long().unsqueeze(0), before_L.long().unsqueeze(0)))
    print(
        f"\n{'solved' if right else 'not solved'}: the answer {'keeps' if right else 'breaks'} the rules of the puzzle"
    )
    return 0


def shipped_checkpoint(task: Task) -> Path:
    """The shipped checkpoint for boards of this kind. BadInput when there is none."""
    for path in sorted(runs.CHECKPOINTS.glob("*.safetensors")):
        facts = checkpoint.load(path)[1]
        if (facts["vocab_size"], facts["length"]) == (task.vocab_size, task.length):
            return path
    raise BadInput(f"no shipped checkpoint solves boards of {task.length} cells like this; name one with --checkpoint")


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m trm_minimal",
        description="Train, score and watch Tiny Recursive Models on Sudoku and mazes.",
        epilog="Start with: doctor, then solve, then train sudoku_4x4. Every command has its own --help.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, function, text: str, epilog: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, epilog=epilog)
        added.set_defaults(function=function)
        return added

    command(
        "doctor", doctor, "check this machine and the files; train for two seconds", "Exit code 1 if something fails."
    )

    added = command("recipes", list_recipes, "list the recipes, or print one in full", "Example: recipes sudoku_4x4")
    added.add_argument("recipe", nargs="?", help="a name from the list")

    added = command(
        "data", data, "list, make or convert puzzles", "Example: data make sudoku new-folder --size 6 --train 500"
    )
    kinds = added.add_subparsers(dest="what", required=True, metavar="WHAT")
    kinds.add_parser("list", help="the shipped sets, their counts, and whether their sha256 are right")
    made = kinds.add_parser("make", help="new puzzles, each with one solution, split without leaks")
    made.add_argument("family", choices=("sudoku", "maze"))
    made.add_argument("folder", type=Path, help="a new folder for train.csv, validation.csv and test.csv")
    made.add_argument(
        "--size", type=positive, default=9, help="Sudoku: 4, 6 or 9; mazes: any odd size from 5 (default 9)"
    )
    for split, count in (("train", 1000), ("validation", 100), ("test", 100)):
        made.add_argument(f"--{split}", type=positive, default=count, help=f"how many (default {count})")
    made.add_argument(
        "--givens", type=positive, nargs=2, default=(28, 36), help="Sudoku: least and most (default 28 36)"
    )
    made.add_argument("--min-path", type=positive, default=8, help="mazes: least steps from S to G (default 8)")
    made.add_argument("--seed", type=int, default=0)
    built = kinds.add_parser("build", help="write a CSV as the official builder's .npy folder")
    built.add_argument("csv", type=Path)
    built.add_argument("folder", type=Path, help="a new folder")
    built.add_argument("--split", choices=("train", "test"), default="train")

    added = command(
        "train",
        train_command,
        "train a recipe",
        "Example: train sudoku_4x4 --seed 1. The published sets: train sudoku_extreme --data-dir FOLDER, where FOLDER "
        "holds sudoku-extreme-1k/train.csv. A run that was stopped goes on with --resume.",
    )
    added.add_argument("recipe", help="a name that `recipes` lists")
    added.add_argument("--seed", type=int, default=0)
    added.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    added.add_argument("--precision", choices=tuple(PRECISIONS), help="instead of the recipe's")
    added.add_argument("--steps", type=positive, help="instead of the recipe's")
    added.add_argument("--batch", type=positive, help="instead of the recipe's")
    added.add_argument("--eval-every", type=positive, help="steps between validations, instead of the recipe's")
    added.add_argument("--threads", type=positive, help="CPU threads for torch")
    added.add_argument("--data-dir", type=Path, help="the folder above the recipe's set, for published sets")
    added.add_argument("--out", type=Path, help="where to keep the run (default runs/RECIPE/DEVICE-SEED)")
    added.add_argument("--resume", action="store_true", help="go on with the run in --out, bit for bit on a CPU")
    added.add_argument("--record", action="store_true", help="write data/runs/RECIPE/DEVICE-SEED from a clean git tree")

    added = command(
        "evaluate", evaluate, "score a checkpoint", "Example: evaluate FILE.safetensors --puzzles FILE.csv --json"
    )
    added.add_argument("checkpoint", type=Path, help="weights.safetensors of a run, or one of data/checkpoints")
    added.add_argument("--puzzles", type=Path, help="a CSV of the published format (default: the recipe's test set)")
    added.add_argument("--data-dir", type=Path, help="the folder above the recipe's set, for published sets")
    added.add_argument("--limit", type=positive, help="the first so many puzzles only")
    added.add_argument("--N-sup", type=positive, help="supervision steps (default: the recipe's)")
    added.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    added.add_argument("--json", action="store_true", help="print one JSON object")

    added = command("solve", solve, "watch a net solve one puzzle", "Example: solve '1..4....4..3.....' (a 4x4 Sudoku)")
    added.add_argument("checkpoint", nargs="?", type=Path, help="weights (default: the shipped ones for such boards)")
    added.add_argument("puzzle", help="the puzzle as text, row by row, or a file that holds it")
    added.add_argument("--N-sup", type=positive, help="supervision steps (default: the recipe's)")
    return top


def main() -> int:
    arguments = parser().parse_args()
    try:
        return arguments.function(arguments)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Diverged as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; a training run goes on from its last validation with --resume", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
