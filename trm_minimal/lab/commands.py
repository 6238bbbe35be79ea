"""What the commands of `python -m trm_minimal` do: from argparse's arguments to the exit code.

Options are checked and folders held before work is spent; what was made is written before it is
told.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from trm_minimal.engine import checkpoint
from trm_minimal.engine.parallel import join
from trm_minimal.errors import BadInput
from trm_minimal.evaluate import answer, copy_baseline
from trm_minimal.lab import bench, doctor, folders, machine, puzzles, recipes, weights
from trm_minimal.lab.recipes import Recipe
from trm_minimal.lab.records import provenance, runs, score, sweeps
from trm_minimal.lab.studies import registry
from trm_minimal.model import eager
from trm_minimal.tasks import Task, files, maze, sudoku
from trm_minimal.train import train

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
SPLITS = ("train", "validation", "test")
GIVENS = {4: (4, 8), 6: (10, 16), 9: (28, 36)}
PROGRESS = partial(tqdm, leave=False)


def notice(text: str) -> None:
    """Say something beside the result."""
    print(f"notice: {text}", file=sys.stderr)


def require_shipped() -> None:
    """BadInput when the package is here without the repository's data."""
    if not files.PUZZLES.is_dir():
        cure = "install it with `pip install -e .` from a clone of the repository"
        raise BadInput(f"the package is here without its puzzles and checkpoints; {cure}")


def task_of(recipe: Recipe, data_dir: Path | None) -> Task:
    """The recipe's puzzles. BadInput when they are not here."""
    if data_dir is None:
        require_shipped()
    return recipe.task(data_dir=data_dir)


def settled(arguments) -> tuple[Recipe, dict]:
    """(the recipe with the settings that the arguments change, those settings), precision apart."""
    settings = {name: getattr(arguments, name, None) for name in ("steps", "batch", "eval_every")}
    changed = {name: value for name, value in settings.items() if value is not None}
    recipe = recipes.by_name(arguments.recipe)
    precision = PRECISIONS.get(arguments.precision, recipe.precision)
    return replace(recipe, precision=precision, **changed), changed


def eager_without_compiler(recipe: Recipe, device: str) -> Recipe:
    """The recipe; call by call, with a notice, where it compiles its net and nothing can."""
    if recipe.compilation is eager:
        return recipe
    try:
        machine.compiler(device)
    except BadInput as error:
        notice(f"{error}. Until then every call runs as it is written, more slowly")
        return replace(recipe, compilation=eager)
    return recipe


def doctor_command(arguments) -> int:
    """Say what is here and what is missing, and train for two seconds. 1 if anything fails."""
    checks = doctor.examine()
    for good, text in checks:
        print("OK  " if good else "FAIL", text)
    whole = all(good for good, _ in checks)
    if whole:
        print("next: `solve 1.....4..3.....2`, or notebooks/00_start_here.ipynb")
    return 0 if whole else 1


def recipes_command(arguments) -> int:
    """List the recipes, or print one in full."""
    if arguments.recipe:
        recipe = recipes.by_name(arguments.recipe)
        print(json.dumps(recipes.describe(recipe), indent=1))
    else:
        for name, recipe in recipes.RECIPES.items():
            print(f"{name:28}{recipe.__doc__.splitlines()[0]}")
    return 0


def data_list_command(arguments) -> int:
    """The shipped sets."""
    require_shipped()
    for folder, odd in puzzles.check_shipped().items():
        paths = (files.PUZZLES / folder / f"{split}.csv" for split in SPLITS)
        there = [path for path in paths if path.exists()]
        counts = ", ".join(f"{len(files.read_csv(path))} {path.stem}" for path in there)
        differs = f"{', '.join(odd) or 'nothing'} differs from the README's sha256"
        print(f"{folder:18}{counts}; {differs}")
    return 0


def data_make_command(arguments) -> int:
    """New puzzles, split without leaks."""
    counts = {split: getattr(arguments, split) for split in SPLITS}
    generator, size = torch.Generator().manual_seed(arguments.seed), arguments.size
    with folders.new_folder(arguments.folder) as folder:
        if arguments.family == "maze":
            rows = maze.make(size, counts, generator, arguments.min_path)
        elif size in GIVENS:
            least, most = arguments.givens or GIVENS[size]
            rows = sudoku.make(sudoku.SHAPES[size**2], counts, range(least, most + 1), generator)
        else:
            raise BadInput(f"--size {size}: Sudoku comes in sizes 4, 6 and 9")
        for split, made in rows.items():
            files.write_csv(folder / f"{split}.csv", made)
    counted = ", ".join(f"{len(made)} {split}" for split, made in rows.items())
    print(f"{counted} puzzles in {arguments.folder}")
    return 0


def data_build_command(arguments) -> int:
    """A CSV as the official builder's folder."""
    task = puzzles.task_of_csv(arguments.csv)
    with folders.new_folder(arguments.folder) as folder:
        files.write_built(folder, arguments.split, task.test, task.vocab_size)
    print(f"{len(task.test)} puzzles in {arguments.folder / arguments.split}")
    return 0


def tell_puzzles(recipe: Recipe, task: Task) -> None:
    """How many there are to train on; a notice when a published set of 1,000 has another number."""
    count = len(task.train)
    print(f"{count} training puzzles of {task.name}, {len(task.validation)} for validation")
    if task.name.endswith("-1k"):
        usual = 8000 if "prepare" in recipe.task.keywords else 1000  # a maze in its 8 symmetries
        if count != usual:
            trained = f"{task.name} gives {count} training puzzles, not {usual}"
            notice(f"{trained}: results do not compare with those of the published 1k set")


def digest_of(task: Task) -> str:
    """sha256 of the puzzles that a run learns from and is validated on."""
    splits = {"train": task.train, "validation": task.validation}
    tokens = {
        f"{name}/{index}": part
        for name, split in splits.items()
        for index, part in enumerate((split.inputs_NL, split.labels_NL, split.ids_N))
        if part is not None
    }
    return checkpoint.digest(tokens, {})


@contextmanager
def resumable(state_path: Path) -> Iterator[None]:
    """Ctrl-C inside says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "the same command with --resume goes on"
        none = "no state had been saved yet, so there is nothing to go on with"
        raise KeyboardInterrupt(kept if state_path.exists() else none) from None


def train_command(arguments) -> int:
    """Train a recipe; with --record write a recorded run."""
    name, seed = arguments.recipe, arguments.seed
    device = machine.require_device(arguments.device)
    recipe, changed = settled(arguments)
    torch.set_num_threads(arguments.threads or torch.get_num_threads())
    threads = torch.get_num_threads()
    record = runs.RUNS / name / f"{device}-{seed}"
    code = {}
    if arguments.record:
        if changed:
            options = "--steps, --batch and --eval-every"
            raise BadInput(f"--record keeps a recipe as it is; leave out {options}")
        if record.exists():
            cure = "remove it first, or take another --seed"
            raise BadInput(f"{record} is recorded already; {cure}")
        provenance.require_clean_tree()
        if recipe.compilation is not eager:
            machine.compiler(device)
        precision = f" --precision {arguments.precision}" if arguments.precision else ""
        data_dir = " --data-dir FOLDER" if arguments.data_dir else ""  # a record names no path
        words = f"train {name} --seed {seed} --device {device} --threads {threads}"
        env = provenance.environment(device, f"{words}{precision}{data_dir} --record")
        code = {"code": env["sources"]}  # --resume cannot join steps of two versions in one record
    recipe = eager_without_compiler(recipe, device)

    task = task_of(recipe, arguments.data_dir)
    facts = {
        "recipe": {"name": name} | recipes.describe(recipe),
        "puzzles": digest_of(task),
        "device": device,
        "threads": threads,
    }
    out = arguments.out or Path("runs") / name / f"{device}-{seed}"
    state_path = out / "state.safetensors"
    with join(device) as (workers, mine):
        first = not workers.rank  # of several processes: it says and writes everything
        hold = folders.run_folder(out, state_path, arguments.resume) if first else nullcontext()
        with hold, resumable(state_path):
            if first:
                tell_puzzles(recipe, task)
            started = time.perf_counter()
            options = {"path": state_path, "facts": facts | code, "resume": arguments.resume}
            state = train(recipe, task, seed, device=mine, workers=workers, **options)
            if not first:
                return 0
            if not (state.curve and state.seconds):
                raise BadInput(f"{state_path} is a finished run without a curve; start anew")
            seconds, memory = time.perf_counter() - started, provenance.peak_memory_mib()
            kept = {"recipe": name, "seed": seed, "step": state.step}
            weights.save_weights(out / "weights.safetensors", state.ema.model, kept)
            if arguments.record:
                env |= {
                    "wall_seconds": round(seconds, 1),
                    "training_seconds": round(state.seconds, 1),
                    "peak_memory_mib": memory,
                    "processes": workers.count,
                }
                runs.write_run(record, name, recipe, task, state, seed, env)

    last, speed = state.curve[-1], recipe.batch * state.step / state.seconds
    print(f"step {state.step}: loss {last['loss']:.3f}")
    print(f"validation: {last['ema']:.3f} exact with EMA weights, {last['raw']:.3f} without")
    spent = f"{seconds:.0f} s, {speed:.0f} puzzles/s without validation"
    print(f"{spent}, peak memory {memory or 0:.0f} MiB")
    print(f"EMA weights in {out / 'weights.safetensors'}")
    if arguments.record:
        print(f"recorded in {record}")
    return 0


def evaluate_command(arguments) -> int:
    """Score a checkpoint on puzzles it was not trained on."""
    device = machine.require_device(arguments.device)
    csv = arguments.puzzles
    if arguments.by_rating and not csv:
        raise BadInput("--by-rating reads the ratings of a CSV; name it with --puzzles FILE.csv")
    ratings = puzzles.ratings(csv) if arguments.by_rating else []
    model, recipe, _ = weights.load_model(arguments.checkpoint)
    task = puzzles.task_of_csv(csv) if csv else task_of(recipe, arguments.data_dir)
    weights.require_fit(model, task)
    test = task.test[: arguments.limit]
    if not len(test):
        raise BadInput(f"{task.name} has no test puzzles; name some with --puzzles FILE.csv")
    recipe = replace(recipe, N_sup=arguments.N_sup or recipe.N_sup)
    precision = PRECISIONS[arguments.precision]
    options = {"progress": partial(PROGRESS, unit="batch"), "precision": precision}
    flags = score.score(recipe, task, model.to(device), test, **options)
    copied = copy_baseline(*test)
    scored = {"puzzles": task.name, "copy_baseline_cells": copied} | score.summary(flags)
    if arguments.by_rating:
        scored["by_rating"] = score.by_rating(flags, ratings[: len(test)])
    if arguments.json:
        print(json.dumps(scored | {"exact_flags": flags["exact"][-1]}))
    else:
        tell_score(scored)
    return 0


def tell_score(scored: dict) -> None:
    """What `evaluate` found, in words."""
    (low, high), early = scored["exact_95"], scored["early_exit"]
    steps = len(scored["exact_by_step"])
    print(f"{scored['n']} puzzles of {scored['puzzles']}, {steps} supervision steps")
    print(f"exact         {scored['exact']:.4f}  95 % interval {low:.4f} to {high:.4f}")
    print(f"any solution  {scored['any_solution']:.4f}  other right answers counted too")
    copied = f"handing the question back gives {scored['copy_baseline_cells']:.4f}"
    print(f"cells         {scored['cells']:.4f}  {copied}")
    stopping = f"exact, stopping when Q says solved: {early['mean_steps']:.2f} steps"
    print(f"early exit    {early['exact']:.4f}  {stopping}")
    print("\nstep  exact   cells")
    by_step = zip(scored["exact_by_step"], scored["cells_by_step"], strict=True)
    for step, shares in enumerate(by_step, 1):
        print(f"{step:4}  " + "  ".join(f"{share:.4f}" for share in shares))
    for row in scored.get("by_rating", ()):
        low, high = row["exact_95"]
        share = f"{row['exact']:.4f} of {row['n']}, {low:.4f} to {high:.4f}"
        print(f"rating from {row['rating_from']:3}: {share}")


def bench_command(arguments) -> int:
    """Time the training steps of a recipe."""
    device = machine.require_device(arguments.device)
    recipe = eager_without_compiler(settled(arguments)[0], device)
    torch.set_num_threads(arguments.threads or torch.get_num_threads())
    task = task_of(recipe, arguments.data_dir)
    threads = torch.get_num_threads()
    print(f"{arguments.recipe}, {recipe.precision}, batch {recipe.batch}, {threads} threads")
    print(bench.report(recipe, task, device, arguments.timed))
    if not arguments.brief:
        progress = partial(PROGRESS, unit="depth")
        print("\n" + bench.table(recipe, task, device, arguments.timed, progress))
    return 0


def sweep_command(arguments) -> int:
    """Train and record what a sweep still lacks."""
    name, device = arguments.sweep, machine.require_device(arguments.device)
    if name not in registry.SWEEPS:
        raise BadInput(f"there is no sweep {name!r}, but {', '.join(registry.SWEEPS)}")
    provenance.require_clean_tree()
    sweep = registry.SWEEPS[name]()
    if any(recipe.compilation is not eager for recipe in sweep.variants.values()):
        machine.compiler(device)
    env = sweeps.environment(device, f"sweep {name} --device {device}")
    options = {"only": arguments.only, "jobs": arguments.jobs, "device": device}
    try:
        done, all_cells = sweeps.run(name, sweep, env, **options)
    except KeyboardInterrupt:
        kept = "what was recorded stays, and the same command goes on"
        raise KeyboardInterrupt(kept) from None
    kept = f"the records are in {sweeps.SWEEPS / name}"
    print(f"{done} of {all_cells} runs trained now; {kept}")
    return 0


def solve_command(arguments) -> int:
    """Let a net solve one puzzle and print every board on the way."""
    question = puzzles.read_question(arguments.puzzle)
    task = puzzles.board_of(question)
    inputs_L = task.parse(question)
    if not arguments.checkpoint:
        require_shipped()
    model, recipe, _ = weights.load_model(arguments.checkpoint or weights.shipped_checkpoint(task))
    weights.require_fit(model, task)
    steps = arguments.N_sup or recipe.N_sup
    answers = answer(model, inputs_L.unsqueeze(0), steps, recipe.test_depth)
    print(f"the question\n{task.draw(inputs_L)}")
    before_L = inputs_L
    by_step = zip(answers.tokens_SNL[:, 0], answers.q_SN[:, 0], strict=True)
    for step, (tokens_L, q) in enumerate(by_step, 1):
        cells = (tokens_L != before_L).nonzero().flatten().tolist()
        places = (divmod(cell, task.columns) for cell in cells[:8])
        places = [f"row {row + 1} column {column + 1}" for row, column in places]
        more = f" and {len(cells) - 8} more" if len(cells) > 8 else ""
        print(f"\nsupervision step {step}: Q {torch.sigmoid(q):.3f}, {len(cells)} cells changed")
        print("\n".join(filter(None, [", ".join(places) + more, task.draw(tokens_L)])))
        before_L = tokens_L
    right = task.is_solution(inputs_L.long().unsqueeze(0), before_L.long().unsqueeze(0)).item()
    good, bad = "solved: the answer keeps the rules", "not solved: the answer breaks the rules"
    print(f"\n{good if right else bad}")
    return 0
