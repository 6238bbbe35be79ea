"""How a model is scored: right or wrong, puzzle by puzzle, and the shares that follow from it."""

import math

import torch

from trm_minimal.evaluate import answer, cells_by_step, early_exit, exact_by_step
from trm_minimal.lab.recipes import Recipe
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.tasks import Puzzles, Task


def as_flags(right_N) -> str:
    """A row of bools as text: 1 for right, 0 for wrong."""
    return "".join("01"[int(right)] for right in right_N)


def score(
    recipe: Recipe,
    task: Task,
    model: TinyRecursiveModel,
    puzzles: Puzzles,
    progress=iter,
    precision=torch.float32,
) -> dict:
    """One model on one set: exact flags by supervision step and puzzle, cells, any valid answer."""
    answers = answer(
        model,
        puzzles.inputs_NL,
        recipe.N_sup,
        recipe.test_depth,
        progress=progress,
        precision=precision,
        ids_N=puzzles.ids_N,
    )
    valid_N = task.is_solution(puzzles.inputs_NL.long(), answers.tokens_SNL[-1].long())
    accuracy, steps = early_exit(answers, puzzles.labels_NL)
    return {
        "exact": [as_flags(row) for row in exact_by_step(answers, puzzles.labels_NL)],
        "cells": [round(float(share), 6) for share in cells_by_step(answers, puzzles.labels_NL)],
        "any_solution": as_flags(valid_N),
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


def by_rating(scored: dict, ratings: list[float], bounds=(0, 1, 10, 20, 40, 80)) -> list[dict]:
    """Exact accuracy, from the flags of `score`, by ratings from one bound up to the next."""
    rows, flags = [], scored["exact"][-1]
    for low, high in zip(bounds, (*bounds[1:], math.inf), strict=True):
        pairs = zip(flags, ratings, strict=True)
        right = [flag == "1" for flag, rating in pairs if low <= rating < high]
        if right:
            exact = sum(right) / len(right)
            share = {"exact": exact, "exact_95": interval(sum(right), len(right))}
            rows.append({"rating_from": low, "n": len(right)} | share)
    return rows


def scored_sets(recipe: Recipe, task: Task) -> dict[str, Puzzles]:
    """What a record scores: the validation puzzles of the curve, and the test set, if any."""
    sets = {"validation": task.validation[: recipe.eval_puzzles], "test": task.test}
    return {split: puzzles for split, puzzles in sets.items() if len(puzzles)}
