"""The benchmark: torch's count is the count by hand, the law is recovered, the words hold the
numbers.
"""

from dataclasses import replace
from functools import partial

import pytest
import torch

from trm_minimal.__main__ import main
from trm_minimal.lab import bench
from trm_minimal.lab.recipes import by_name
from trm_minimal.layers import mlp_mixer
from trm_minimal.schedules import Depth, constant, curriculum
from trm_minimal.train import train_step


def tiny(**changes):
    parts = {
        "dim": 16,
        "block": partial(mlp_mixer, multiple=16),
        "batch": 4,
        "precision": torch.float32,
    }
    return replace(by_name("sudoku_4x4"), **(parts | changes))


def by_hand(recipe, depth: Depth) -> int:
    """FLOP of the net's products in a step: each weight meets each row once a call, forward 1 time,
    backward 2.
    """
    L, D, layers = recipe.prefix + 16, recipe.dim, recipe.layers
    hidden = {width: -(-round(4 * width * 2 / 3) // 16) * 16 for width in (L, D)}
    call = layers * 2 * recipe.batch * (D * 3 * L * hidden[L] + L * 3 * D * hidden[D])
    heads = 2 * recipe.batch * (16 * D * 6 + D * recipe.q_outputs)
    return call * (depth.net_calls + 2 * (depth.n + 1)) + 3 * heads


@pytest.mark.parametrize("depth", [Depth(1, 1), Depth(3, 2), Depth(2, 3)])
def test_the_flop_of_a_step_are_those_counted_by_hand(depth):
    recipe = tiny(depth=constant(*depth))
    assert bench.step_flop(recipe, recipe.task(), "cpu") == by_hand(recipe, depth)


def test_the_law_is_found_again_and_a_step_off_it_is_told():
    grid = [
        bench.Cost(depth, 8, 0.001 + 0.002 * depth.net_calls + 0.005 * (depth.n + 1))
        for depth in bench.GRID
    ]
    law, miss = bench.fit(grid)
    assert law == pytest.approx([0.001, 0.002, 0.005]) and miss < 1e-9
    odd = [
        cost._replace(seconds=cost.seconds * (2 if cost.depth == Depth(4, 2) else 1))
        for cost in grid
    ]
    assert bench.fit(odd)[1] > 0.1


def test_a_step_takes_longer_with_more_calls():
    """The ends of the table, 4 calls' work against 35: no clock is that noisy."""
    recipe = tiny(batch=32)
    task = recipe.task()
    least, most = (replace(recipe, depth=constant(*depth)) for depth in (Depth(1, 1), Depth(6, 3)))
    assert bench.step_seconds(most, task, "cpu", 5) > 2 * bench.step_seconds(least, task, "cpu", 5)


def test_the_recipes_own_update_is_timed_and_more_steps_than_the_recipe_has():
    steps = []

    def update(recipe, state):
        steps.append(state.step)
        return train_step(recipe, state)

    recipe = tiny(update=update, steps=2)
    assert bench.step_seconds(recipe, recipe.task(), "cpu", 4) > 0
    assert steps == [*range(bench.WARM_UP + 4)]
    assert bench.step_flop(recipe, recipe.task(), "cpu") > 0 and steps[-1] == 0


def test_the_words_hold_the_numbers(monkeypatch):
    speed = bench.Speed(0.25, 256.0, 300.0, 5e9, 2e10, 0.5)
    monkeypatch.setattr(bench, "measure", lambda *arguments: speed)
    told = bench.report(tiny(), None, "cpu", 7)
    for words in (
        "250.0 ms, the median of 7",
        "256, each",
        "300 MiB",
        "5.0 GFLOP a step, 20.0 GFLOP/s",
        "50% of",
    ):
        assert words in told


def test_the_command_prints_the_measure_and_the_table(capsys):
    assert main(["bench", "sudoku_4x4", "--batch", "2", "--steps", "1", "--threads", "1"]) == 0
    told = capsys.readouterr().out
    assert "sudoku_4x4, torch.float32, batch 2, 1 threads" in told and "GFLOP a step" in told
    rows = [line.split() for line in told.splitlines() if line[:5].strip() in ("1", "2")]
    assert [(int(row[0]), int(row[3])) for row in rows] == [
        (b, d.n * d.T) for b in (1, 2) for d in bench.GRID
    ]
    assert "ms for each of the T (n + 1) calls forward" in told
    assert (
        main(["bench", "sudoku_4x4", "--batch", "2", "--steps", "1", "--threads", "1", "--brief"])
        == 0
    )
    assert "forward" not in capsys.readouterr().out


def test_advice_follows_the_measured_gain():
    assert (
        "--precision bf16" in bench.advice(2.0)
        and "slow" in bench.advice(0.1)
        and bench.advice(1.0) == ""
    )
    assert bench.matmul_rate("cpu", torch.float32) > 1e8


def test_the_flop_of_a_run_are_the_sum_over_its_steps():
    recipe = tiny(depth=curriculum((0, Depth(1, 1)), (3, Depth(2, 2))), steps=5)
    wanted = 3 * by_hand(recipe, Depth(1, 1)) + 2 * by_hand(recipe, Depth(2, 2))
    assert bench.run_flop(recipe, recipe.task(), "cpu") == wanted


def test_a_recipe_whose_depth_grows_is_measured_at_its_full_depth():
    recipe = tiny(depth=curriculum((0, Depth(1, 1)), (3, Depth(2, 2))))
    assert bench.measure(recipe, recipe.task(), "cpu", 1).step_flop == by_hand(recipe, Depth(2, 2))
