"""The first losses of a run, trained again: what shows that today's code still does what it did."""

from dataclasses import replace
from math import isclose, isfinite, isnan

import torch

from trm_minimal.lab.recipes import Recipe
from trm_minimal.model import TinyRecursiveModel, count_parameters, eager
from trm_minimal.state import TrainState, build_model
from trm_minimal.tasks import Task

MINUTE = 4e12  # FLOP that one thread of a CPU does in about a minute


def affordable(recipe: Recipe, model: TinyRecursiveModel, calls: int) -> int:
    """How many puzzles a CPU takes through so many net calls in about a minute; at least 16.

    Counted as if every weight met every cell once a call: all small nets are far below the limit.
    """
    flop = 2 * count_parameters(model) * (recipe.prefix + model.length) * calls
    return max(16, int(MINUTE / flop))


def first_losses(recipe: Recipe, task: Task, seed: int, count: int) -> list[float]:
    """The losses of the first steps, in float32 on the CPU, call by call.

    Whatever the recipe's precision and compilation; with as many slots as the recipe has, or as a
    CPU can afford.
    """
    model = build_model(recipe, task.vocab_size, task.length, seed)
    calls = count * 2 * recipe.test_depth.net_calls  # the backward pass costs about as much again
    batch = min(recipe.batch, affordable(recipe, model, calls))
    recipe = replace(recipe, precision=torch.float32, compilation=eager, batch=batch)
    state = TrainState(recipe, task, seed)
    return [float(recipe.update(recipe, state)[0]) for _ in range(count)]


def check_losses(
    now: list[float], then: list[float], tolerance: float = 1e-4, relative: float | None = None
) -> list[str]:
    """Complaints: replayed losses differ from the recorded ones, or are finite where those are not.

    `relative` is the tolerance as a share of the loss, by default as large: some losses explode.
    """
    pairs = list(zip(now, then, strict=True))
    near = {"rel_tol": tolerance if relative is None else relative, "abs_tol": tolerance}
    if all(
        isfinite(a) == isfinite(b) and (isnan(a + b) or isclose(a, b, **near)) for a, b in pairs
    ):
        return []
    gap = max(abs(a - b) for a, b in pairs)
    said = ", ".join(f"{loss:.5g}" for loss in now)
    return [f"the first losses differ by {gap:.1e}: they are {said}"]
