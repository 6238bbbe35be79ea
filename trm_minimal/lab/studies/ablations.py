"""One thing changed at a time, on a Sudoku and on mazes small enough for many seeds.

The learning rate rises over the first 50 steps and then stays, so a curve may be read at any later
step: at equal steps, and at equal net calls. EMA on or off is two columns of each run.
"""

from dataclasses import replace
from functools import partial

from trm_minimal.halting import halt_at_the_end
from trm_minimal.lab.parts.blocks import (
    attention_over_positions,
    grid_convolution,
    grid_convolution_over_width,
    mixer_over_width,
)
from trm_minimal.lab.parts.losses import continue_loss
from trm_minimal.lab.parts.positions import GridRotary
from trm_minimal.lab.parts.rounds import TwoNets, one_step, several_z, single_z, two_nets
from trm_minimal.lab.recipes import (
    Recipe,
    adamw,
    at_depth,
    at_rate,
    maze_9x9,
    sudoku_6x6,
    with_round,
)
from trm_minimal.lab.records.sweeps import Sweep
from trm_minimal.layers import mlp_mixer, transformer
from trm_minimal.losses import softmax_cross_entropy
from trm_minimal.recurrence import FixedGate, Gated
from trm_minimal.schedules import warmup
from trm_minimal.tasks import maze, sudoku


def sudoku_baseline() -> Recipe:
    """6x6 Sudoku, mixer of two layers, n = 2, T = 3."""
    return replace(
        at_depth(sudoku_6x6(), n=2, T=3),
        N_sup=8,
        steps=1_000,
        batch=16,
        optimizer=adamw(2e-3),
        schedule=partial(warmup, over=50),
        eval_every=125,
        eval_puzzles=64,
    )


def maze_baseline() -> Recipe:
    """9x9 mazes, 3x3 convolution of two layers, n = 2, T = 3."""
    return replace(
        at_depth(maze_9x9(), n=2, T=3),
        block=partial(grid_convolution, side=9, multiple=64),
        dim=64,
        N_sup=8,
        steps=600,
        batch=16,
        optimizer=adamw(8e-4),
        schedule=partial(warmup, over=50),
        eval_every=100,
        eval_puzzles=64,
    )


def variants_of(base: Recipe, blocks: dict, unturned) -> dict[str, Recipe]:
    """The baseline and all that is changed about it; other blocks and the task without symmetries
    are the family's.
    """
    return {
        "baseline": base,
        # Recursion depth. The shallow ones go on until they have made the baseline's net calls.
        "n1-T1": at_depth(base, 1, 1, times=9 / 2),
        "n2-T2": at_depth(base, 2, 2, times=9 / 6),
        "n4-T2": at_depth(base, 4, 2),
        "n6-T3": at_depth(base, 6, 3),
        # Size of the net.
        "4-layers": replace(at_depth(base, 1, 3, times=9 / 6), layers=4),
        "4-layers-n3": replace(at_depth(base, 3, 3), layers=4),
        **{name: replace(base, block=block) for name, block in blocks.items()},
        # What carries gradient.
        "one-step-gradient": with_round(base, one_step),
        "two-rounds": replace(base, grad_rounds=2),
        "all-rounds": replace(base, grad_rounds=3),
        # States and nets.
        "single-z": with_round(base, single_z),
        "several-z": with_round(replace(base, latents=2), several_z),
        "two-nets": with_round(replace(base, net=TwoNets), two_nets),
        # Halting and losses.
        "no-halting": replace(base, halting=halt_at_the_end),
        "continue-loss": replace(base, loss=continue_loss, q_outputs=2),
        "softmax": replace(base, cross_entropy=softmax_cross_entropy),
        # Data.
        "no-augmentation": replace(base, task=unturned),
        # The learning rate: a change is worth little where this moves as much.
        "half-rate": at_rate(base, 0.5),
        "double-rate": at_rate(base, 2),
        "attention-quarter-rate": at_rate(replace(base, block=blocks["attention"]), 0.25),
        # The recurrence, for the question whether gates help TRM itself.
        "gated": replace(base, recurrence=partial(Gated, bias=2.0)),
        "fixed-gate": replace(base, recurrence=partial(FixedGate, gate=0.95)),
    }


SUDOKU_SEEDS, MAZE_SEEDS = (0, 1, 2, 3), (0, 1, 2)


def attentions(side: int) -> dict[str, partial]:
    """Attention with the paper's norm, over the width, and with the mixer's; it knows rows and
    columns.
    """
    parts = {"heads": 4, "rotation": partial(GridRotary, side=side), "multiple": 64}
    return {
        "attention": partial(transformer, **parts),
        "attention-norm-over-positions": partial(attention_over_positions, **parts),
    }


def ablate_sudoku() -> Sweep:
    """6x6 Sudoku; the baseline is a mixer, as the paper's best Sudoku model."""
    blocks = {"norm-over-width": partial(mixer_over_width, multiple=64)} | attentions(side=6)
    unturned = partial(sudoku.load, "sudoku-6x6", symmetries=sudoku.no_symmetries)
    return Sweep(variants_of(sudoku_baseline(), blocks, unturned), SUDOKU_SEEDS)


def ablate_maze() -> Sweep:
    """9x9 mazes; the baseline mixes cells by a convolution, with the mixer's norm.

    The two largest gains are also tried at half the rate: was it the change, or the rate?
    """
    over_width = partial(grid_convolution_over_width, side=9, multiple=64)
    blocks = {"norm-over-width": over_width, "mixer": partial(mlp_mixer, multiple=64)} | attentions(
        side=9
    )
    unturned = partial(maze.load, "maze-9x9", symmetries=maze.no_symmetries)
    variants = variants_of(maze_baseline(), blocks, unturned)
    slower = {f"{name}-half-rate": at_rate(variants[name], 0.5) for name in ("two-nets", "softmax")}
    return Sweep(variants | slower, MAZE_SEEDS)


# What the maze sweep claims of variants that solve some mazes, and against what; its two large
# gains at half the rate.
CLAIMED = {
    **dict.fromkeys(
        ("two-nets", "softmax", "n2-T2", "no-augmentation", "4-layers-n3", "all-rounds"), "baseline"
    ),
    "two-nets-half-rate": "half-rate",
    "softmax-half-rate": "half-rate",
}


def confirm_maze() -> Sweep:
    """What the maze sweep claimed, again, with five seeds that had no part in the claims."""
    variants = ablate_maze().variants
    return Sweep(
        {name: variants[name] for name in ("baseline", "half-rate", *CLAIMED)}, (3, 4, 5, 6, 7)
    )
