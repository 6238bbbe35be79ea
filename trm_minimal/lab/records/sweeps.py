"""Sweeps: variants x seeds, trained by one command in parallel, each run recorded in one small
file.

A record is data/sweeps/<sweep>/<variant>/<seed>.json: the resolved recipe, the curve, right or
wrong for every test puzzle, the first losses, the environment, and a digest of all this; the
sweep's first seed keeps its weights beside it. A run whose loss stopped being finite is a result,
too: it says where, and all its test puzzles count as wrong.
"""

import copy
import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import partial
from itertools import chain, islice, product
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch
from tqdm import tqdm

from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput, Diverged
from trm_minimal.evaluate import answer, exact_by_step
from trm_minimal.lab.recipes import Recipe, describe
from trm_minimal.lab.records import provenance
from trm_minimal.lab.records.replay import first_losses
from trm_minimal.lab.records.score import as_flags
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.state import build_model
from trm_minimal.tasks import Puzzles, Task
from trm_minimal.train import train

SWEEPS = provenance.ROOT / "data" / "sweeps"
FIRST_STEPS = 2
TESTED = 250  # puzzles of each test set, the first ones


@dataclass(frozen=True)
class Sweep:
    """What is compared: every variant with every seed, and more cells."""

    variants: dict[str, Recipe]
    seeds: tuple[int, ...]
    more_cells: tuple[tuple[str, int], ...] = ()
    other_tests: dict[str, Callable[..., Task]] = field(default_factory=dict)  # of other lengths
    weights_kept: str = ""  # a pattern: variants of which every seed keeps its weights

    def cells(self) -> Iterator[tuple[str, int]]:
        """(variant, seed), seed by seed: what is done of a sweep that was stopped is a sweep with
        fewer seeds.
        """
        return chain(
            ((variant, seed) for seed, variant in product(self.seeds, self.variants)),
            self.more_cells,
        )

    def keeps_weights(self, variant: str, seed: int) -> bool:
        """Whether the run keeps its weights."""
        return seed == self.seeds[0] or fnmatch(variant, self.weights_kept)


def at_rates(variants: dict[str, Recipe], rates: Iterable[float]) -> dict[str, Recipe]:
    """Each variant at each learning rate, named `variant@rate`."""
    return {
        f"{name}@{rate:g}": replace(recipe, optimizer=partial(recipe.optimizer, lr=rate))
        for (name, recipe), rate in product(variants.items(), rates)
    }


def flags(recipe: Recipe, model: TinyRecursiveModel, puzzles: Puzzles) -> str:
    """Right (1) or wrong (0) after the last supervision step, for each of the first puzzles."""
    puzzles = puzzles[:TESTED]
    answers = answer(model, puzzles.inputs_NL, recipe.N_sup, recipe.test_depth, ids_N=puzzles.ids_N)
    return as_flags(exact_by_step(answers, puzzles.labels_NL)[-1])


def rounded(
    recipe: Recipe, model: TinyRecursiveModel, puzzles: Puzzles, then: str
) -> dict[str, torch.Tensor]:
    """The weights in float16, half the size, if every answer stays right or wrong as it was.

    In float32 where rounding turns a puzzle: some variants are chaotic.
    """
    halves = {key: tensor.half() for key, tensor in model.state_dict().items()}
    other = copy.deepcopy(model)
    other.load_state_dict(halves)
    return halves if flags(recipe, other, puzzles) == then else model.state_dict()


def fit(recipe: Recipe, model: TinyRecursiveModel, task: Task) -> TinyRecursiveModel:
    """The model for boards of the task's length.

    A part with a table of positions refuses by load_state_dict.
    """
    if model.length == task.length:
        return model
    longer = build_model(recipe, task.vocab_size, task.length, seed=0)
    longer.load_state_dict(model.state_dict())
    return longer


def digest(record: dict) -> str:
    """Of everything in a record but the digest itself."""
    rest = {key: value for key, value in record.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def run_cell(
    name: str, sweep: Sweep, variant: str, seed: int, folder: Path, env: dict, device: str
) -> None:
    """Train and record one cell. The weights come first: where the record is, all is."""
    # a process trains many models, and each would count as a recompilation of the first
    torch.compiler.reset()
    recipe = sweep.variants[variant]
    task = recipe.task()
    tests = {"test": task} | {title: build() for title, build in sweep.other_tests.items()}
    started, diverged, exact = time.process_time(), None, {}
    try:
        state = train(recipe, task, seed, device=device, quiet=True)
        curve = state.curve
        for title, other in tests.items():
            nets = {"raw": state.model, "ema": state.ema.model}
            exact[title] = {
                which: flags(recipe, fit(recipe, net, other), other.test)
                for which, net in nets.items()
            }
        if sweep.keeps_weights(variant, seed):
            facts = {"kind": "weights of a sweep", "sweep": name, "variant": variant, "seed": seed}
            (folder / variant).mkdir(parents=True, exist_ok=True)
            weights = rounded(recipe, state.ema.model, task.test, exact["test"]["ema"])
            checkpoint.save(folder / variant / f"{seed}.safetensors", weights, facts)
    except Diverged as error:
        curve, diverged = error.curve, str(error).partition(";")[0]
        for title, other in tests.items():
            exact[title] = dict.fromkeys(("raw", "ema"), "0" * len(other.test[:TESTED]))
    record = {
        "recipe": {"sweep": name, "variant": variant, "seed": seed} | describe(recipe),
        "curve": curve,
        "diverged": diverged,
        "exact": exact,
        "first_steps": first_losses(recipe, task, seed, FIRST_STEPS),
        "env": env | {"cpu_seconds": round(time.process_time() - started, 1)},  # scoring included
    }
    write(folder / variant / f"{seed}.json", record)


def write(path: Path, record: dict) -> None:
    """Write a record and its digest, whole or not at all."""
    record = json.loads(json.dumps(record))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(record | {"digest": digest(record)}) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _start_worker(parent: Connection) -> None:
    """One thread. Ctrl-C is left to the parent; the end comes when its end of a pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)

    def follow() -> None:
        wait([parent])  # nothing is ever sent
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def environment(device: str, command: str) -> dict:
    """As of a recorded run, with one digest for all sources and one thread a run."""
    env = provenance.environment(device, command)
    sources = hashlib.sha256(json.dumps(env["sources"], sort_keys=True).encode()).hexdigest()
    return env | {"threads": 1, "sources": sources}


def read(name: str) -> dict[tuple[str, int], dict]:
    """The records of a sweep by (variant, seed). BadInput when one is damaged."""
    records = {}
    for path in sorted((SWEEPS / name).glob("*/*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            records[record["recipe"]["variant"], record["recipe"]["seed"]] = record
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(
                f"{path} is no record of a sweep ({error}); remove it and run the sweep again"
            ) from error
    return records


def run(
    name: str,
    sweep: Sweep,
    env: dict,
    *,
    only: str = "*",
    jobs: int = 1,
    device: str = "cpu",
) -> tuple[int, int]:
    """Train the cells whose variant fits `only` and that are not recorded yet.

    Returns (cells done now, cells of the sweep). A cell begins when a worker is free, never before;
    whatever ends this process or this call ends the workers. BadInput when a worker was killed.
    """
    folder, cells = SWEEPS / name, list(sweep.cells())
    fits = [(variant, seed) for variant, seed in cells if fnmatch(variant, only)]
    wanted = [(v, seed) for v, seed in fits if not (folder / v / f"{seed}.json").exists()]
    coming, running, context = iter(wanted), set(), get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, context, initializer=_start_worker, initargs=(reader,))
    bar = tqdm(total=len(wanted), unit="run", desc=name, smoothing=0)
    with reader, pool, writer, bar:  # left from the right: workers know before they are awaited
        try:
            while True:
                for cell in islice(coming, jobs - len(running)):
                    running.add(pool.submit(run_cell, name, sweep, *cell, folder, env, device))
                if not running:
                    return len(wanted), len(cells)
                done, running = futures.wait(running, return_when=futures.FIRST_COMPLETED)
                for work in done:
                    work.result()
                    bar.update()
        except BrokenProcessPool as error:
            why = "a process in training was killed, for want of memory perhaps"
            cure = "the same command goes on, with fewer --jobs if need be"
            raise BadInput(f"{why}; {cure}") from error


def load(path: Path, recipe: Recipe, task: Task) -> TinyRecursiveModel:
    """The kept weights of a run as a model, in float32 whatever the file has."""
    tensors, _ = checkpoint.load(path)
    model = build_model(recipe, task.vocab_size, task.length, seed=0)
    checkpoint.load_weights(model, tensors, str(path))
    return model.eval()
