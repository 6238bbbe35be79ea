"""How fast does a recipe train on a device, how near is that to what the device can do, and what does depth cost?"""

import time
from collections import Counter
from dataclasses import replace
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
from trm_minimal.train import train_step

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
    """What to do about bfloat16 on a processor where its products run at `gain` times the rate of float32."""
    if gain > 1.2:
        return "; train with --precision bf16"
    return "; it will be slow in training" if gain < 0.8 else ""


def step_flop(recipe: Recipe, task: Task, device: str) -> float:
    """FLOP of one training step, as torch counts them: products of matrices, forward and backward."""
    state = TrainState(recipe, task, 0, device)
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        train_step(recipe, state)
    return float(counter.get_total_flops())


def run_flop(recipe: Recipe, task: Task, device: str) -> float:
    """FLOP of a whole run: a step of each depth that the schedule gives is counted, and taken as often as it comes."""
    draw = torch.Generator()
    steps = Counter(recipe.depth(step, draw) for step in range(recipe.steps))
    return sum(n * step_flop(replace(recipe, depth=constant(*depth)), task, device) for depth, n in steps.items())


def step_seconds(recipe: Recipe, task: Task, device: str, steps: int) -> float:
    """Median over `steps`, after three that warm up (and compile)."""
    state, seconds = TrainState(recipe, task, 0, device), []
    for _ in range(3 + steps):
        started = clock(device)
        train_step(recipe, state)
        seconds.append(clock(device) - started)
    return median(seconds[3:])


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
    found = []
    for batch, depth in progress([(b, depth) for b in (recipe.batch // 2, recipe.batch) for depth in GRID]):
        here = replace(recipe, batch=batch, depth=constant(*depth))
        found.append(Cost(depth, batch, step_seconds(here, task, device, steps)))
    return found


def fit(measured: list[Cost]) -> tuple[np.ndarray, float]:
    """((fixed, a forward call, a backward call) in seconds, largest miss as a share) of the best linear law."""
    calls = np.array([(1, *cost.calls) for cost in measured], dtype=float)
    seconds = np.array([cost.seconds for cost in measured])
    weight = 1 / seconds[:, None]  # a miss counts by its share
    law = np.linalg.lstsq(calls * weight, np.ones(len(seconds)), rcond=None)[0]
    return law, float(np.abs(calls @ law / seconds - 1).max())


def report(recipe: Recipe, task: Task, device: str, steps: int) -> str:
    """What `measure` finds, in words."""
    speed = measure(recipe, task, device, steps)
    return "\n".join(
        (
            f"device        {device_name(device)}",
            f"step          {1000 * speed.step_seconds:.1f} ms, the median of {steps}",
            f"puzzles/s     {speed.puzzles_per_second:.0f}, each counted once a supervision step",
            f"peak memory   {speed.peak_mib or 0:.0f} MiB",
            f"products      {speed.step_flop / 1e9:.1f} GFLOP a step, {speed.flop_per_second / 1e9:.1f} GFLOP/s",
            f"share         {speed.matmul_share:.0%} of the rate of one large product on this device",
        )
    )


def table(recipe: Recipe, task: Task, device: str, steps: int, progress=iter) -> str:
    """What `costs` finds, a row a depth and batch, and the law that `fit` finds for the recipe's batch."""
    measured = costs(recipe, task, device, steps, progress)
    lines = ["batch  n  T  n*T  forward  backward       ms  ms/puzzle"]
    for cost in measured:
        (n, T), (forward, backward), ms = cost.depth, cost.calls, 1000 * cost.seconds
        row = f"{cost.batch:5} {n:2} {T:2} {n * T:4} {forward:8} {backward:9} {ms:8.1f} {ms / cost.batch:10.2f}"
        lines.append(row)
    (fixed, forward, backward), miss = fit([cost for cost in measured if cost.batch == recipe.batch])
    lines.append(
        f"batch {recipe.batch}: a step takes {1000 * fixed:.1f} ms, {1000 * forward:.2f} ms for each of the T (n + 1) "
        f"calls forward and {1000 * backward:.2f} ms for each of the n + 1 calls backward, within {miss:.0%}"
    )
    return "\n".join(lines)
