"""What changes with the training step: depth, supervision budget and learning rate.

A depth schedule is (step, generator) -> Depth(n, T). A supervision budget is (step, steps, N_sup)
-> the most supervision steps that a puzzle gets now. A learning-rate schedule is (step, steps) ->
factor.
"""

import math
from functools import partial
from typing import NamedTuple

import torch


class Depth(NamedTuple):
    """n latent updates before each answer update, T such rounds in a supervision step."""

    n: int
    T: int

    @property
    def net_calls(self) -> int:
        return self.T * (self.n + 1)


def staged_depth(
    step: int, generator: torch.Generator, stages: tuple[tuple[int, Depth], ...]
) -> Depth:
    """The depth of the last stage that has begun."""
    return [depth for first_step, depth in stages if step >= first_step][-1]


def curriculum(*stages: tuple[int, Depth]):
    """`curriculum((0, Depth(2, 1)), (1000, Depth(6, 3)))`: each depth holds from its first step on;
    the first is 0.
    """
    if not stages or stages[0][0] != 0:
        raise ValueError(f"the first stage of a curriculum starts at step 0, got {stages}")
    return partial(staged_depth, stages=stages)


def constant(n: int, T: int):
    """The same depth at every step; the paper's is constant(6, 3)."""
    return curriculum((0, Depth(n, T)))


def drawn_depth(
    step: int, generator: torch.Generator, n: tuple[int, int], T: tuple[int, int]
) -> Depth:
    """n and T drawn evenly, both ends included."""
    return Depth(
        *(int(torch.randint(low, high + 1, (), generator=generator)) for low, high in (n, T))
    )


def uniform(n: tuple[int, int], T: tuple[int, int]):
    """A depth drawn at each step, both ends included."""
    return partial(drawn_depth, n=n, T=T)


def final_depth(schedule) -> Depth:
    """The depth that a curriculum ends with, the only one of `constant`. ValueError for others."""
    stages = getattr(schedule, "keywords", {}).get("stages")
    if not stages:
        raise ValueError(
            f"{schedule} ends with no one depth; give the recipe tested_at=Depth(n, T)"
        )
    return stages[-1][1]


def full_budget(step: int, steps: int, N_sup: int) -> int:
    """N_sup supervision steps at every time: the paper."""
    return N_sup


def warmup(step: int, steps: int, over: int) -> float:
    """Rise in a line over `over` steps, then stay (official). `step` counts from 0."""
    return min(1.0, (step + 1) / max(over, 1))


def warmup_cosine(step: int, steps: int, over: int, floor: float = 0.1) -> float:
    """Rise in a line, then fall along half a cosine to `floor` at the last of `steps`."""
    progress = min(max(step - over, 0) / max(steps - over, 1), 1.0)
    return warmup(step, steps, over) * (
        floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))
    )
