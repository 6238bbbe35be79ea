"""How fast a recipe trains, how near that is to what the device can do, and what depth costs."""

import time
from collections import Counter
from dataclasses import replace
from itertools import product
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from trm_minimal.lab.recipes import Recipe
from trm_minimal.lab.records.provenance import device_name, peak_memory_mib
from trm_minimal.schedules import Depth, constant
from trm_minimal.state import TrainState
from trm_minimal.tasks import Task

WARM_UP = 3  # steps
GRID = (Depth(1, 1), Depth(2, 1), Depth(2, 2), Depth(4, 2), Depth(4, 3), Depth(6, 3))


class Speed(NamedTuple):
    """One recipe on one device. A puzzle is counted once for each supervision step that it gets."""

    step_seconds: float  # median
    puzzles_per_second: float
    peak_mib: float | None  # of the process so far; on a GPU of torch's allocations
    step_flop: float  # products of matrices, both passes
    flop_per_second: float
    matmul_share: float  # of the rate that one large product of matrices reaches


def clock(device: str) -> float:
    """Seconds, when all work sent to the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    if device == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def matmul_rate(device: str, precision: torch.dtype) -> float:
    """FLOP a second of one large square product: the best of five."""
    n = 1024 if device == "cpu" else 8192
    a, b = torch.randn(2, n, n, device=device, dtype=precision).unbind()
    seconds = []
    for _ in range(6):
        started = clock(device)
        a @ b
        seconds.append(clock(device) - started)
    return 2 * n**3 / min(seconds[1:])


def advice(gain: float) -> str:
    """What to do about bfloat16 where its products run at `gain` times the rate of float32."""
    if gain > 1.2:
        return "; train with --precision bf16"
    return "; it will be slow in training" if gain < 0.8 else ""


def step_flop(recipe: Recipe, task: Task, device: str) -> float:
    """FLOP of one training step, as torch counts them: matrix products, forward and backward."""
    state = TrainState(recipe, task, 0, device)
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        recipe.update(recipe, state)
    return float(counter.get_total_flops())


def run_flop(recipe: Recipe, task: Task, device: str) -> float:
    """FLOP of a whole run: a step of each depth in the schedule, times how often it comes."""
    draw = torch.Generator()
    steps = Counter(recipe.depth(step, draw) for step in range(recipe.steps))
    fixed = {depth: replace(recipe, depth=constant(*depth)) for depth in steps}
    return sum(n * step_flop(fixed[depth], task, device) for depth, n in steps.items())


def step_seconds(recipe: Recipe, task: Task, device: str, steps: int) -> float:
    """Median over `steps`, after a few that warm up (and compile)."""
    recipe = replace(recipe, steps=max(recipe.steps, WARM_UP + steps))  # a run that is long enough
    state, seconds = TrainState(recipe, task, 0, device), []
    for _ in range(WARM_UP + steps):
        started = clock(device)
        recipe.update(recipe, state)
        seconds.append(clock(device) - started)
    return median(seconds[WARM_UP:])


def measure(recipe: Recipe, task: Task, device: str = "cpu", steps: int = 5) -> Speed:
    """Train a few steps at the depth of its tests and see."""
    recipe = replace(recipe, depth=constant(*recipe.test_depth))
    seconds, memory = step_seconds(recipe, task, device, steps), peak_memory_mib()
    flop = step_flop(recipe, task, device)
    rate = flop / seconds
    share = rate / matmul_rate(device, recipe.precision)
    return Speed(seconds, recipe.batch / seconds, memory, flop, rate, share)


class Cost(NamedTuple):
    """What a training step takes at one depth and batch."""

    depth: Depth
    batch: int
    seconds: float

    @property
    def calls(self) -> tuple[int, int]:
        """Calls of the net forward, T (n + 1), and backward, n + 1."""
        return self.depth.net_calls, self.depth.n + 1


def costs(recipe: Recipe, task: Task, device: str, steps: int, progress=iter) -> list[Cost]:
    """Step times over depths and two batches."""
    found, batches = [], (recipe.batch // 2, recipe.batch)
    for batch, depth in progress([*product(batches, GRID)]):
        here = replace(recipe, batch=batch, depth=constant(*depth))
        found.append(Cost(depth, batch, step_seconds(here, task, device, steps)))
    return found


def fit(measured: list[Cost]) -> tuple[np.ndarray, float]:
    """((fixed, a forward call, a backward call) in seconds, largest miss) of the best linear law.

    The miss is a share of the measured time.
    """
    calls = np.array([(1, *cost.calls) for cost in measured], dtype=float)
    seconds = np.array([cost.seconds for cost in measured])
    weight = 1 / seconds[:, None]  # a miss counts by its share
    law = np.linalg.lstsq(calls * weight, np.ones(len(seconds)), rcond=None)[0]
    return law, float(np.abs(calls @ law / seconds - 1).max())


def report(recipe: Recipe, task: Task, device: str, steps: int) -> str:
    """What `measure` finds, in words."""
    speed = measure(recipe, task, device, steps)
    gflop, rate = speed.step_flop / 1e9, speed.flop_per_second / 1e9
    return "\n".join(
        (
            f"device        {device_name(device)}",
            f"step          {1000 * speed.step_seconds:.1f} ms, the median of {steps}",
            f"puzzles/s     {speed.puzzles_per_second:.0f}, each counted once a supervision step",
            f"peak memory   {speed.peak_mib or 0:.0f} MiB",
            f"products      {gflop:.1f} GFLOP a step, {rate:.1f} GFLOP/s",
            f"share         {speed.matmul_share:.0%} of the rate of one large product here",
        )
    )


def table(recipe: Recipe, task: Task, device: str, steps: int, progress=iter) -> str:
    """What `costs` finds, a row a depth and batch, and the law of `fit` for the recipe's batch."""
    measured = costs(recipe, task, device, steps, progress)
    lines = ["batch  n  T  n*T  forward  backward       ms  ms/puzzle"]
    for cost in measured:
        (n, T), (forward, backward), ms = cost.depth, cost.calls, 1000 * cost.seconds
        row = f"{cost.batch:5} {n:2} {T:2} {n * T:4} {forward:8} {backward:9}"
        lines.append(f"{row} {ms:8.1f} {ms / cost.batch:10.2f}")
    law, miss = fit([cost for cost in measured if cost.batch == recipe.batch])
    fixed, forward, backward = 1000 * law
    lines.append(
        f"batch {recipe.batch}: a step takes {fixed:.1f} ms, "
        f"{forward:.2f} ms for each of the T (n + 1) calls forward "
        f"and {backward:.2f} ms for each of the n + 1 calls backward, within {miss:.0%}"
    )
    return "\n".join(lines)
