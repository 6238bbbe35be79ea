"""A recipe is a function that returns a `Recipe`; an ablation is `replace(recipe, one_field=...)`.

Defaults are the paper's for Sudoku-Extreme (section 5) with the official code's details (config/,
README commands).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path

import torch
from torch import nn

from trm_minimal.errors import BadInput
from trm_minimal.halting import halt_at_the_end, halt_by_q
from trm_minimal.lab.parts.blocks import grid_convolution
from trm_minimal.lab.parts.optimizers import muon_adamw
from trm_minimal.lab.parts.rounds import one_step
from trm_minimal.lab.parts.speed import compiled_whole, deep_recursion_in_autocast
from trm_minimal.layers import mlp_mixer, transformer
from trm_minimal.losses import answer_and_halting_loss, stablemax_cross_entropy
from trm_minimal.model import FixedInit, NoPositions, TinyNet, compiled, eager
from trm_minimal.recurrence import Replace
from trm_minimal.recursion import deep_recursion
from trm_minimal.schedules import (
    Depth,
    constant,
    curriculum,
    final_depth,
    full_budget,
    warmup,
    warmup_cosine,
)
from trm_minimal.tasks import Task, maze, sudoku
from trm_minimal.train import train_step


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that a run depends on besides its seed."""

    task: Callable[..., Task] = partial(  # called with data_dir=
        sudoku.load, "sudoku-extreme-1k", validation="sudoku-generated/test.csv"
    )

    dim: int = 512
    layers: int = 2
    prefix: int = 16
    q_outputs: int = 2  # the second, "continue", has no loss by default
    block: Callable[[int, int], nn.Module] = mlp_mixer
    recurrence: Callable[[int], nn.Module] = Replace
    net: Callable[..., nn.Module] = TinyNet
    latents: int = 1
    puzzles: int = 0  # how many puzzle identities have a learned vector
    init: Callable[[int], nn.Module] = FixedInit
    positions: Callable[[int, int, int], nn.Module] = NoPositions

    depth: Callable = constant(n=6, T=3)
    tested_at: Depth | None = None  # None: at the depth that training ends with
    recursion: Callable = deep_recursion
    grad_rounds: int = 1
    N_sup: int = 16
    budget: Callable = full_budget
    halting: Callable = halt_by_q
    cross_entropy: Callable = stablemax_cross_entropy
    loss: Callable = answer_and_halting_loss

    update: Callable = train_step  # (recipe, state) -> loss and counts: one update of the weights
    # 50,000 draws of each of 1,000 puzzles at batch 768; the paper's text says 60,000
    steps: int = 65_100
    batch: int = 768
    # of named weights
    optimizer: Callable = partial(torch.optim.AdamW, lr=1e-4, betas=(0.9, 0.95), weight_decay=1.0)
    schedule: Callable[[int, int], float] = partial(warmup, over=2000)
    clip: float = float("inf")  # the official code does not clip
    ema: float = 0.999
    precision: torch.dtype = torch.bfloat16
    compilation: Callable = eager
    eval_every: int = 6_510
    eval_puzzles: int = 512  # of the validation set, for the curve

    def __post_init__(self):
        n, T = self.test_depth
        if n < 1 or T < 1 or self.grad_rounds < 1:
            told = f"n = {n}, T = {T}, grad_rounds = {self.grad_rounds}"
            raise ValueError(f"{told}: each must be 1 or more, or nothing of the net is trained")

    @property
    def test_depth(self) -> Depth:
        """The depth (n, T) of validation and tests."""
        return self.tested_at or final_depth(self.depth)


def adamw(lr: float, weight_decay: float = 0.1) -> Callable:
    """AdamW with the paper's betas; a tenth of its weight decay, for runs that are short."""
    return partial(torch.optim.AdamW, lr=lr, betas=(0.9, 0.95), weight_decay=weight_decay)


def at_depth(recipe: Recipe, n: int, T: int, times: float = 1) -> Recipe:
    """The recipe at another depth, for `times` as many steps."""
    return replace(recipe, depth=constant(n, T), steps=round(recipe.steps * times))


def at_rate(recipe: Recipe, times: float) -> Recipe:
    """The recipe at so many times its learning rate."""
    lr = times * recipe.optimizer.keywords["lr"]
    return replace(recipe, optimizer=partial(recipe.optimizer, lr=lr))


def with_round(recipe: Recipe, one_round: Callable) -> Recipe:
    """The recipe with another round, as `parts.rounds` has them."""
    return replace(recipe, recursion=partial(deep_recursion, one_round=one_round))


def sudoku_extreme() -> Recipe:
    """The paper's best Sudoku model (87.4 % on the published test set), 5M parameters.

    For a GPU.
    """
    return Recipe()


def _maze_hard_task(prepare=None) -> Callable[..., Task]:
    """The published mazes, none turned while training; `prepare` may turn them before."""
    options = {"symmetries": maze.no_symmetries, "validation": "maze-generated/test.csv"}
    return partial(
        maze.load, "maze-30x30-hard-1k", **options, **({"prepare": prepare} if prepare else {})
    )


def maze_hard() -> Recipe:
    """The paper's Maze-Hard model (85.3 %): attention, 7M parameters. For a GPU.

    n = 4 as in the official command.
    """
    return replace(
        sudoku_extreme(),
        task=_maze_hard_task(),
        block=transformer,
        depth=constant(n=4, T=3),
    )


def maze_hard_plain() -> Recipe:
    """Maze-Hard in its 8 symmetries, the labels turned along.

    They contradict the rule that the labels follow.
    """
    return replace(maze_hard(), task=_maze_hard_task(maze.plain_eightfold))


def maze_hard_relabelled() -> Recipe:
    """Maze-Hard in its 8 symmetries, the labels made anew by their own rule."""
    return replace(maze_hard(), task=_maze_hard_task(maze.relabelled))


def sudoku_extreme_fast() -> Recipe:
    """Sudoku-Extreme on one large GPU in minutes: Muon, half the batch, a depth that grows.

    Muon and batch 384 as the fastest public run (arXiv 2601.19085); a depth that grows as in CGAR
    (arXiv 2511.08653). With 15 blank positions in front there are 96 in all, a number that the
    GPU's matrix units like. One seed is recorded: six minutes, a third of the way to the paper's
    accuracy.
    """
    return replace(
        sudoku_extreme(),
        prefix=15,
        recursion=deep_recursion_in_autocast,
        depth=curriculum((0, Depth(n=2, T=1)), (3_000, Depth(n=4, T=2)), (5_500, Depth(n=6, T=3))),
        steps=9_000,
        batch=384,
        optimizer=partial(muon_adamw, lr=1e-3, weight_decay=0.1),
        schedule=partial(warmup_cosine, over=200),
        clip=1.0,
        ema=0.998,
        compilation=compiled,
        eval_every=1_500,
        eval_puzzles=160,
    )


def maze_hard_fast() -> Recipe:
    """Maze-Hard on one large GPU in a few minutes, by a 3x3 convolution, not the paper's block.

    Timed on a GPU, and tried there with a smaller batch (LOG.md); not run to its end yet.
    """
    return replace(
        maze_hard(),
        dim=128,
        prefix=4,
        q_outputs=1,
        block=partial(grid_convolution, side=30, multiple=128),
        recursion=deep_recursion_in_autocast,
        depth=constant(n=4, T=2),
        halting=partial(halt_by_q, exploration=1.0),
        steps=3_000,
        batch=192,
        optimizer=adamw(1e-3),
        schedule=partial(warmup_cosine, over=200),
        clip=1.0,
        ema=0.99,
        compilation=compiled_whole,
        eval_every=500,
        eval_puzzles=100,
    )


def maze_hard_fast_plain() -> Recipe:
    """The same with the mazes in their 8 symmetries, the labels turned along."""
    return replace(maze_hard_fast(), task=_maze_hard_task(maze.plain_eightfold))


def maze_hard_fast_relabelled() -> Recipe:
    """The same with the mazes in their 8 symmetries, the labels made anew by their own rule."""
    return replace(maze_hard_fast(), task=_maze_hard_task(maze.relabelled))


def _class_size() -> Recipe:
    """What the class-size recipes share: a short run on a CPU, so short EMA, and clipping."""
    return replace(
        sudoku_extreme(),
        prefix=4,
        q_outputs=1,
        optimizer=adamw(2e-3),
        clip=1.0,
        # many processors have no bfloat16: there it takes ten times as long
        precision=torch.float32,
        eval_puzzles=256,
    )


def sudoku_4x4() -> Recipe:
    """4x4 Sudoku in a few minutes on a CPU."""
    return replace(
        _class_size(),
        task=partial(sudoku.load, "sudoku-4x4"),
        dim=64,
        block=partial(mlp_mixer, multiple=64),
        depth=constant(n=4, T=2),
        steps=1_000,
        batch=64,
        optimizer=adamw(3e-3),
        schedule=partial(warmup_cosine, over=50),
        ema=0.98,
        eval_every=100,
    )


def maze_9x9() -> Recipe:
    """9x9 mazes with one shortest path, about half an hour on one idle core."""
    return replace(
        _class_size(),
        task=partial(maze.load, "maze-9x9"),
        dim=96,
        block=partial(mlp_mixer, multiple=64),
        depth=constant(n=2, T=2),
        # At the official 0.1 nearly every slot halts after a step or two once the net is good,
        # later steps are hardly trained any more, and answers that were right do not stay (LOG.md,
        # and the superseded run).
        halting=partial(halt_by_q, exploration=1.0),
        steps=3_000,
        batch=64,
        optimizer=adamw(1.5e-3),
        schedule=partial(warmup_cosine, over=200),
        ema=0.98,
        eval_every=500,
        eval_puzzles=128,
    )


def maze_15x15() -> Recipe:
    """15x15 mazes with one shortest path, by a 3x3 convolution: 40 minutes on one idle core.

    Mixer and attention of this size were still at the start of their way when this had arrived
    (LOG.md).
    """
    return replace(
        maze_9x9(),
        task=partial(maze.load, "maze-15x15"),
        dim=64,
        block=partial(grid_convolution, side=15, multiple=64),
        steps=4_000,
        batch=32,
        optimizer=adamw(8e-4),
        schedule=partial(warmup_cosine, over=100),
        eval_puzzles=100,
    )


def maze_6x6_noise() -> Recipe:
    """1,000 mazes of 6x6 in the manner of Maze-Hard, each with several shortest paths."""
    return replace(
        maze_9x9(),
        task=partial(maze.load, "maze-6x6-noise", symmetries=maze.no_symmetries),
        dim=64,
        steps=1_000,
        schedule=partial(warmup_cosine, over=50),
        ema=0.97,
        eval_every=50,
        eval_puzzles=100,
    )


def maze_6x6_noise_plain() -> Recipe:
    """The same mazes in their 8 symmetries, the labels turned along."""
    options = {"symmetries": maze.no_symmetries, "prepare": maze.plain_eightfold}
    task = partial(maze.load, "maze-6x6-noise", **options)
    return replace(maze_6x6_noise(), task=task)


def maze_6x6_noise_relabelled() -> Recipe:
    """The same mazes in their 8 symmetries, the labels made anew by their own rule."""
    options = {"symmetries": maze.no_symmetries, "prepare": maze.relabelled}
    task = partial(maze.load, "maze-6x6-noise", **options)
    return replace(maze_6x6_noise(), task=task)


def sudoku_6x6() -> Recipe:
    """6x6 Sudoku, solution classes held out, a quarter of an hour on a CPU."""
    return replace(
        sudoku_4x4(),
        task=partial(sudoku.load, "sudoku-6x6"),
        steps=2_000,
        batch=48,
        optimizer=adamw(2e-3),
        schedule=partial(warmup_cosine, over=200),
        eval_every=250,
    )


def sudoku_6x6_short() -> Recipe:
    """sudoku_6x6 for half the steps: short of the ceiling, so that variants can differ."""
    return replace(sudoku_6x6(), steps=1_000, eval_every=100)


def sudoku_6x6_one_step() -> Recipe:
    """Gradient through the last z update and the last y update only: HRM's 1-step approximation."""
    return with_round(sudoku_6x6_short(), one_step)


def sudoku_6x6_full_gradient() -> Recipe:
    """Gradient through all T rounds of a supervision step."""
    return replace(sudoku_6x6_short(), grad_rounds=2)


def sudoku_6x6_no_halting() -> Recipe:
    """Every puzzle stays for N_sup supervision steps.

    Equal steps are equal compute: the batch has as many slots.
    """
    return replace(sudoku_6x6_short(), halting=halt_at_the_end)


def sudoku_6x6_attention() -> Recipe:
    """Cells mixed by attention instead of an MLP; positions by rotation, as official."""
    return replace(sudoku_6x6_short(), block=partial(transformer, heads=4, multiple=64))


def sudoku_9x9() -> Recipe:
    """Easy 9x9 Sudoku (36 to 50 givens), about twenty minutes on a CPU."""
    return replace(
        _class_size(),
        task=partial(sudoku.load, "sudoku-9x9"),
        dim=96,
        block=partial(mlp_mixer, multiple=64),
        depth=constant(n=2, T=2),
        steps=2_000,
        batch=32,
        schedule=partial(warmup_cosine, over=200),
        ema=0.98,
        eval_every=250,
        eval_puzzles=128,
    )


def sudoku_extreme_small() -> Recipe:
    """A small net on the published Sudoku-Extreme puzzles (--data-dir), to see them train."""
    return replace(
        sudoku_9x9(),
        task=Recipe().task,
        dim=128,
        depth=constant(n=4, T=2),
        steps=3_000,
        optimizer=adamw(1.5e-3),
        schedule=partial(warmup, over=20),
        eval_every=500,
        eval_puzzles=32,
    )


def maze_hard_small() -> Recipe:
    """The published Maze-Hard puzzles (--data-dir) in an hour on one CPU core, by a convolution."""
    return replace(
        maze_15x15(),
        task=_maze_hard_task(),
        dim=48,
        block=partial(grid_convolution, side=30, multiple=64),
        depth=constant(n=3, T=2),
        steps=6_000,
        batch=8,
        optimizer=adamw(6e-4),
        eval_every=1_000,
        eval_puzzles=40,
    )


def maze_hard_small_relabelled() -> Recipe:
    """The same with the mazes in their 8 symmetries, the labels made anew by their own rule."""
    return replace(maze_hard_small(), task=_maze_hard_task(maze.relabelled))


RECIPES: dict[str, Callable[[], Recipe]] = {
    recipe.__name__: recipe
    for recipe in (
        *(sudoku_4x4, sudoku_6x6, sudoku_9x9, maze_9x9, maze_15x15),
        *(sudoku_6x6_short, sudoku_6x6_one_step, sudoku_6x6_full_gradient, sudoku_6x6_no_halting),
        sudoku_6x6_attention,
        *(maze_6x6_noise, maze_6x6_noise_plain, maze_6x6_noise_relabelled),
        *(sudoku_extreme_small, maze_hard_small, maze_hard_small_relabelled),
        *(sudoku_extreme, sudoku_extreme_fast, maze_hard, maze_hard_plain, maze_hard_relabelled),
        *(maze_hard_fast, maze_hard_fast_plain, maze_hard_fast_relabelled),
    )
}


def by_name(name: str) -> Recipe:
    """The recipe of that name. BadInput names those that are nearest."""
    if name not in RECIPES:
        near = ", ".join(get_close_matches(name, RECIPES, 5, 0.0))
        raise BadInput(
            f"there is no recipe {name!r}, but {near}; `python -m trm_minimal recipes` lists all"
        )
    return RECIPES[name]()


def describe(value):
    """Any part of a recipe as JSON: a function by its name, a partial by its name and arguments."""
    if isinstance(value, partial):
        given = {str(i): argument for i, argument in enumerate(value.args)} | value.keywords
        return {"call": describe(value.func)} | {
            name: describe(argument) for name, argument in given.items()
        }
    if isinstance(value, Recipe):
        names = [field.name for field in fields(value) if field.name != "tested_at"]
        return {name: describe(getattr(value, name)) for name in (*names, "test_depth")}
    if isinstance(value, (tuple, list)):
        return [describe(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    if isinstance(value, (torch.dtype, Path)):
        return str(value)
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return value
