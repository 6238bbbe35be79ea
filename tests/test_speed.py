"""Parts for speed: the same recursion, the same losses."""

import shutil
from dataclasses import replace
from functools import partial

import pytest
import torch

from trm_minimal.lab import recipes
from trm_minimal.lab.parts.speed import compiled_whole, deep_recursion_in_autocast
from trm_minimal.layers import mlp_mixer
from trm_minimal.recursion import deep_recursion
from trm_minimal.schedules import constant
from trm_minimal.state import TrainState
from trm_minimal.train import train_step


def states():
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, 4, generator=draw, requires_grad=i == 0) for i in range(3)]


def net_that_notes(seen):
    def net(state, injection):
        seen.append((state.dtype, injection.dtype))
        return torch.tanh(state + 0.5 * injection)

    return net


def test_without_autocast_it_is_deep_recursion_bit_for_bit():
    for n, T, rounds in ((1, 1, 1), (3, 2, 1), (2, 3, 2)):
        seen, results = [], []
        for recursion in (deep_recursion, deep_recursion_in_autocast):
            x, y, z = states()
            y, z = recursion(net_that_notes(seen), x, y, z, n, T, rounds)
            (y.sum() + z.sum()).backward()
            results.append((y, z, x.grad))
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
        assert set(seen) == {(torch.float32, torch.float32)}


def test_under_autocast_the_net_sees_rounded_states_and_the_caller_float32():
    seen = []
    x, y, z = states()
    with torch.autocast("cpu", torch.bfloat16):
        y, z = deep_recursion_in_autocast(net_that_notes(seen), x, y, z, 2, 2)
    assert set(seen) == {(torch.bfloat16, torch.bfloat16)} and len(seen) == 6
    assert y.dtype is z.dtype is torch.float32
    y.sum().backward()
    assert x.grad.dtype is torch.float32 and x.grad.abs().min() > 0


@pytest.mark.skipif(
    shutil.which("g++") is None,
    reason="torch.compile needs a C++ compiler, and g++ is not installed",
)
def test_a_step_compiled_whole_trains_as_the_written_one():
    recipe = replace(
        recipes.sudoku_4x4(),
        dim=16,
        block=partial(mlp_mixer, multiple=16),
        depth=constant(1, 2),
        batch=4,
        N_sup=2,
    )
    task, losses = recipe.task(), []
    for part in (recipe, replace(recipe, compilation=compiled_whole)):
        state = TrainState(part, task, 0)
        losses.append(torch.stack([train_step(part, state)[0] for _ in range(3)]))
    assert (
        state.model._compiled_call_impl is not None and state.ema.model._compiled_call_impl is None
    )
    assert torch.allclose(*losses, atol=1e-5)
