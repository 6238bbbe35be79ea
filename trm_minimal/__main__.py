"""The command line: `python -m trm_minimal --help`. Bad input ends with one sentence and exit code 2."""

import argparse
import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from trm_minimal.engine.parallel import join
from trm_minimal.errors import BadInput, Diverged
from trm_minimal.evaluate import answer, copy_baseline
from trm_minimal.lab import bench, doctor, puzzles, recipes
from trm_minimal.lab.records import provenance, runs, score, sweeps
from trm_minimal.lab.studies import registry
from trm_minimal.tasks import Puzzles, files, maze, sudoku
from trm_minimal.train import train

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
GIVENS = {4: (4, 8), 6: (10, 16), 9: (28, 36)}


def devices() -> list[str]:
    """Where torch can compute on this machine."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, usable in there.items() if usable]


def pick_device(name: str) -> str:
    """The device asked for. BadInput when this machine lacks it."""
    if name not in devices():
        raise BadInput(f"--device {name}: torch {torch.__version__} finds none; take one of: {', '.join(devices())}")
    return name


def doctor_command(arguments) -> int:
    """Say what is here and what is missing, and train for two seconds. 1 if anything fails."""
    checks = doctor.examine(devices())
    for good, text in checks:
        print("OK  " if good else "FAIL", text)
    return 0 if all(good for good, _ in checks) else 1


def list_recipes(arguments) -> int:
    """List the recipes, or print one in full."""
    if arguments.recipe:
        print(json.dumps(recipes.describe(recipes.by_name(arguments.recipe)), indent=1))
    else:
        for name, recipe in recipes.RECIPES.items():
            print(f"{name:28}{recipe.__doc__.splitlines()[0]}")
    return 0


def data_list(arguments) -> int:
    """The shipped sets."""
    for folder, odd in puzzles.check_shipped().items():
        paths = [files.PUZZLES / folder / f"{split}.csv" for split in ("train", "validation", "test")]
        counts = ", ".join(f"{len(files.read_csv(path))} {path.stem}" for path in paths if path.exists())
        print(f"{folder:18}{counts}; {', '.join(odd) or 'nothing'} differs from the README's sha256")
    return 0


def data_make(arguments) -> int:
    """New puzzles, split without leaks."""
    counts = {split: getattr(arguments, split) for split in ("train", "validation", "test")}
    generator, size = torch.Generator().manual_seed(arguments.seed), arguments.size
    with runs.new_folder(arguments.folder) as folder:
        if arguments.family == "maze":
            rows = maze.make(size, counts, generator, arguments.min_path)
        elif size in GIVENS:
            least, most = arguments.givens or GIVENS[size]
            rows = sudoku.make(sudoku.SHAPES[size**2], counts, range(least, most + 1), generator)
        else:
            raise BadInput(f"--size {size}: Sudoku comes in sizes 4, 6 and 9")
        for split, made in rows.items():
            files.write_csv(folder / f"{split}.csv", made)
    print(f"{', '.join(f'{len(made)} {split}' for split, made in rows.items())} puzzles in {arguments.folder}")
    return 0


def data_build(arguments) -> int:
    """A CSV as the official builder's folder."""
    task = puzzles.task_of_csv(arguments.csv)
    with runs.new_folder(arguments.folder) as folder:
        files.write_built(folder, arguments.split, task.test, task.vocab_size)
    print(f"{len(task.test)} puzzles in {arguments.folder / arguments.split}")
    return 0


def train_command(arguments) -> int:
    """Train a recipe; with --record write a recorded run."""
    name, seed, device = arguments.recipe, arguments.seed, pick_device(arguments.device)
    options = {"steps": arguments.steps, "batch": arguments.batch, "eval_every": arguments.eval_every}
    changed = {option: value for option, value in options.items() if value is not None}
    recipe = replace(recipes.by_name(name), **changed)
    recipe = replace(recipe, precision=PRECISIONS.get(arguments.precision, recipe.precision))
    torch.set_num_threads(arguments.threads or torch.get_num_threads())
    facts = {"recipe": {"name": name} | recipes.describe(recipe)}
    record = runs.RUNS / name / f"{device}-{seed}"
    if arguments.record:
        if changed:
            raise BadInput("--record keeps a recipe as it is; leave out --steps, --batch and --eval-every")
        if record.exists():
            raise BadInput(f"{record} is recorded already; remove it first, or take another --seed")
        provenance.require_clean_tree()
        precision = f" --precision {arguments.precision}" if arguments.precision else ""
        data_dir = " --data-dir FOLDER" if arguments.data_dir else ""  # no path of this machine in a record
        words = f"train {name} --seed {seed} --device {device} --threads {torch.get_num_threads()}"
        env = provenance.environment(device, f"{words}{precision}{data_dir} --record")
        facts["code"] = env["sources"]  # so that --resume cannot join steps of two versions in one record

    task = recipe.task(data_dir=arguments.data_dir)
    out = arguments.out or Path("runs") / name / f"{device}-{seed}"
    state_path = out / "state.safetensors"
    with join(device) as (workers, mine):
        if not workers.rank:
            runs.require_place(out, state_path, arguments.resume)
        started, options = time.perf_counter(), {"path": state_path, "facts": facts, "resume": arguments.resume}
        state = train(recipe, task, seed, device=mine, workers=workers, **options)
    if workers.rank:  # the first of several processes says and writes everything
        return 0
    seconds, memory, last = time.perf_counter() - started, provenance.peak_memory_mib(), state.curve[-1]
    weights = out / "weights.safetensors"
    runs.save_weights(weights, state.ema.model, {"recipe": name, "seed": seed, "step": state.step})
    print(f"step {state.step}: loss {last['loss']:.3f}")
    print(f"validation: {last['ema']:.3f} exact with EMA weights, {last['raw']:.3f} without")
    speed = recipe.batch * state.step / state.seconds
    print(f"{seconds:.0f} s, {speed:.0f} puzzles/s without validation, peak memory {memory or 0:.0f} MiB")
    print(f"EMA weights in {weights}")
    if arguments.record:
        times = {"wall_seconds": round(seconds, 1), "training_seconds": round(state.seconds, 1)}
        env |= times | {"peak_memory_mib": memory, "processes": workers.count}
        runs.write_run(record, name, recipe, task, state, seed, env)
        print(f"recorded in {record}")
    return 0


def evaluate(arguments) -> int:
    """Score a checkpoint on puzzles it was not trained on."""
    device = pick_device(arguments.device)
    model, recipe, _ = runs.load_model(arguments.checkpoint)
    task = puzzles.task_of_csv(arguments.puzzles) if arguments.puzzles else recipe.task(data_dir=arguments.data_dir)
    runs.require_fit(model, task)
    test = Puzzles(*(tokens_NL[: arguments.limit] for tokens_NL in task.test))
    if not len(test):
        raise BadInput(f"{task.name} has no test puzzles; name some with --puzzles FILE.csv")
    recipe = replace(recipe, N_sup=arguments.N_sup or recipe.N_sup)
    options = {"progress": partial(tqdm, unit="batch", leave=False), "precision": PRECISIONS[arguments.precision]}
    flags = score.score(recipe, task, model.to(device), test, **options)
    scored = {"puzzles": task.name, "copy_baseline_cells": copy_baseline(*test)} | score.summary(flags)
    if arguments.by_rating:
        if not arguments.puzzles:
            raise BadInput("--by-rating reads the ratings of a CSV; name it with --puzzles FILE.csv")
        scored["by_rating"] = score.by_rating(flags, puzzles.ratings(arguments.puzzles)[: len(test)])
    if arguments.json:
        print(json.dumps(scored | {"exact_flags": flags["exact"][-1]}))
        return 0
    low, high = scored["exact_95"]
    early = scored["early_exit"]
    print(f"{scored['n']} puzzles of {task.name}, {recipe.N_sup} supervision steps")
    print(f"exact         {scored['exact']:.4f}  95 % interval {low:.4f} to {high:.4f}")
    print(f"any solution  {scored['any_solution']:.4f}  other right answers counted too")
    print(f"cells         {scored['cells']:.4f}  handing the question back gives {scored['copy_baseline_cells']:.4f}")
    print(f"early exit    {early['exact']:.4f}  exact, stopping when Q says solved: {early['mean_steps']:.2f} steps")
    print("\nstep  exact   cells")
    for step, shares in enumerate(zip(scored["exact_by_step"], scored["cells_by_step"], strict=True), 1):
        print(f"{step:4}  " + "  ".join(f"{share:.4f}" for share in shares))
    for row in scored.get("by_rating", ()):
        print("rating from {rating_from:3}: {exact:.4f} of {n}, {exact_95[0]:.4f} to {exact_95[1]:.4f}".format(**row))
    return 0


def bench_command(arguments) -> int:
    """Time the training steps of a recipe."""
    device, recipe = pick_device(arguments.device), recipes.by_name(arguments.recipe)
    recipe = replace(recipe, precision=PRECISIONS.get(arguments.precision, recipe.precision))
    recipe = replace(recipe, batch=arguments.batch or recipe.batch)
    torch.set_num_threads(arguments.threads or torch.get_num_threads())
    task = recipe.task(data_dir=arguments.data_dir)
    print(f"{arguments.recipe}, {recipe.precision}, batch {recipe.batch}, {torch.get_num_threads()} threads")
    print(bench.report(recipe, task, device, arguments.steps))
    if not arguments.brief:
        print("\n" + bench.table(recipe, task, device, arguments.steps, partial(tqdm, unit="depth", leave=False)))
    return 0


def sweep_command(arguments) -> int:
    """Train and record what a sweep still lacks."""
    if arguments.sweep not in registry.SWEEPS:
        raise BadInput(f"there is no sweep {arguments.sweep!r}, but {', '.join(registry.SWEEPS)}")
    name, device = arguments.sweep, pick_device(arguments.device)
    provenance.require_clean_tree()
    env = sweeps.environment(device, f"sweep {name} --device {device}")
    options = {"only": arguments.only, "jobs": arguments.jobs, "device": device}
    done, all_cells = sweeps.run(name, registry.SWEEPS[name](), env, **options)
    print(f"{done} of {all_cells} runs trained now; the records are in {sweeps.SWEEPS / name}")
    return 0


def solve(arguments) -> int:
    """Let a net solve one puzzle and print every board on the way."""
    question = puzzles.read_question(arguments.puzzle)
    task = puzzles.board_of(question)
    inputs_L = task.parse(question)
    model, recipe, _ = runs.load_model(arguments.checkpoint or runs.shipped_checkpoint(task))
    runs.require_fit(model, task)
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
    right = task.is_solution(inputs_L.long().unsqueeze(0), before_L.long().unsqueeze(0)).item()
    print("\nsolved: the answer keeps the rules" if right else "\nnot solved: the answer breaks the rules")
    return 0


def whole(least: int, most: int = 10**9):
    """A type for argparse: a whole number within bounds."""

    def number(text: str) -> int:
        if not (text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return number


def parser() -> argparse.ArgumentParser:
    """The commands and their help."""
    layout = argparse.RawDescriptionHelpFormatter  # keeps the examples line by line
    top = argparse.ArgumentParser(
        prog="python -m trm_minimal",
        formatter_class=layout,
        description="Train, score and watch Tiny Recursive Models on Sudoku and mazes.",
        epilog="first steps:\n  doctor\n  solve 1.....4..3.....2\n  train sudoku_4x4\n\n"
        "Each command has its own --help. Exit code 0: done; 1: training diverged, or doctor found a fault; "
        "2: bad input.",
    )

    def add(commands, name: str, function, text: str, *examples: str) -> argparse.ArgumentParser:
        epilog = "\n  ".join(["examples:", *examples]) if examples else None
        added = commands.add_parser(name, help=text, description=text, epilog=epilog, formatter_class=layout)
        added.set_defaults(function=function)
        return added

    def settings(command: argparse.ArgumentParser, least_batch: int) -> None:
        command.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
        command.add_argument("--precision", choices=tuple(PRECISIONS), help="instead of the recipe's")
        command.add_argument("--batch", type=whole(least_batch), help="instead of the recipe's")
        command.add_argument("--threads", type=whole(1), help="CPU threads for torch")
        command.add_argument("--data-dir", type=Path, help="the folder above the recipe's set, for published sets")

    commands = top.add_subparsers(required=True, metavar="COMMAND")
    add(commands, "doctor", doctor_command, "check this machine and the shipped files, and train for two seconds")

    command = add(commands, "recipes", list_recipes, "list the recipes, or print one in full", "recipes sudoku_4x4")
    command.add_argument("recipe", nargs="?", help="a name from the list")

    family = commands.add_parser("data", help="list, make or convert puzzles", description="Puzzles as CSV files.")
    kinds = family.add_subparsers(required=True, metavar="WHAT")
    add(kinds, "list", data_list, "the shipped sets, their counts, and whether their sha256 are right")
    examples = ("data make sudoku new-folder --size 6", "data make maze new-folder --size 11 --min-path 20")
    command = add(kinds, "make", data_make, "new puzzles, each with one solution, split without leaks", *examples)
    command.add_argument("family", choices=("sudoku", "maze"))
    command.add_argument("folder", type=Path, help="a new folder for train.csv, validation.csv and test.csv")
    command.add_argument("--size", type=whole(1), default=9, help="Sudoku: 4, 6 or 9; mazes: odd, from 5 (default 9)")
    for split, count in (("train", 1000), ("validation", 100), ("test", 100)):
        command.add_argument(f"--{split}", type=whole(1), default=count, help=f"how many (default {count})")
    command.add_argument(
        "--givens", type=whole(0), nargs=2, metavar=("LEAST", "MOST"), help="Sudoku (default 4 8, 10 16 or 28 36)"
    )
    command.add_argument("--min-path", type=whole(1), default=8, help="mazes: least steps from S to G (default 8)")
    command.add_argument("--seed", type=whole(0), default=0)
    command = add(kinds, "build", data_build, "write a CSV as the official builder's .npy folder")
    command.add_argument("csv", type=Path)
    command.add_argument("folder", type=Path, help="a new folder")
    command.add_argument("--split", choices=("train", "test"), default="train")

    examples = (
        "train sudoku_4x4 --seed 1",
        "train sudoku_4x4 --seed 1 --resume       (go on with a run that was stopped)",
        "train sudoku_extreme --data-dir FOLDER   (FOLDER holds sudoku-extreme-1k/train.csv)",
    )
    command = add(commands, "train", train_command, "train a recipe", *examples)
    command.add_argument("recipe", help="a name that `recipes` lists")
    command.add_argument("--seed", type=whole(0), default=0, help="of weights and batches (default 0)")
    settings(command, least_batch=1)
    command.add_argument("--steps", type=whole(1), help="instead of the recipe's")
    command.add_argument("--eval-every", type=whole(1), help="steps between validations, instead of the recipe's")
    command.add_argument("--out", type=Path, help="where to keep the run (default runs/RECIPE/DEVICE-SEED)")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out, bit for bit on a CPU")
    command.add_argument("--record", action="store_true", help="write data/runs/RECIPE/DEVICE-SEED; needs a clean tree")

    examples = ("bench sudoku_4x4", "bench sudoku_extreme --device cuda --data-dir FOLDER")
    command = add(commands, "bench", bench_command, "time the training steps of a recipe on a device", *examples)
    command.add_argument("recipe", help="a name that `recipes` lists")
    settings(command, least_batch=2)
    command.add_argument("--steps", type=whole(1), default=5, help="how many to time (default 5)")
    command.add_argument("--brief", action="store_true", help="leave out the table over depths n, T and two batches")

    examples = ("evaluate data/checkpoints/sudoku_4x4.safetensors", "evaluate WEIGHTS --puzzles FILE.csv --json")
    command = add(commands, "evaluate", evaluate, "score a checkpoint on puzzles it was not trained on", *examples)
    command.add_argument("checkpoint", type=Path, help="weights.safetensors of a run, or one of data/checkpoints")
    command.add_argument("--puzzles", type=Path, help="a CSV of the published format (default: the recipe's test set)")
    command.add_argument("--data-dir", type=Path, help="the folder above the recipe's set, for published sets")
    command.add_argument("--limit", type=whole(1), help="the first so many puzzles only")
    command.add_argument("--N-sup", type=whole(1), help="supervision steps (default: the recipe's)")
    command.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    command.add_argument("--precision", choices=tuple(PRECISIONS), default="fp32", help="default fp32")
    command.add_argument("--by-rating", action="store_true", help="exact accuracy by the ratings of the CSV as well")
    command.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    examples = ("sweep parity --jobs 2", "sweep parity --only 'post-norm@*'")
    command = add(commands, "sweep", sweep_command, "train and record what a sweep of variants still lacks", *examples)
    command.add_argument("sweep", help=f"one of: {', '.join(registry.SWEEPS)}")
    command.add_argument("--only", default="*", help="a pattern for the names of variants")
    command.add_argument("--jobs", type=whole(1), default=1, help="runs at a time, of one thread each (default 1)")
    command.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")

    examples = ("solve 1.....4..3.....2", "solve runs/maze_9x9/cpu-0/weights.safetensors maze.txt")
    command = add(commands, "solve", solve, "watch a net solve one puzzle, supervision step by step", *examples)
    command.add_argument("checkpoint", nargs="?", type=Path, help="weights (default: the shipped ones for such boards)")
    command.add_argument("puzzle", help="its cells row by row, or a text file of them, or a CSV, of which the first")
    command.add_argument("--N-sup", type=whole(1), help="supervision steps (default: the recipe's)")
    return top


def main(words: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    arguments = parser().parse_args(words)
    try:
        return arguments.function(arguments)
    except (BadInput, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Diverged as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except torch.OutOfMemoryError as error:
        print(f"error: too little memory ({str(error).partition('.')[0]}); pass a smaller --batch", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; a training run goes on with --resume, a sweep by the same command", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
