"""Batches: the same whatever the shipment, on every device; nothing is drawn past the save; shares
make the whole.
"""

from dataclasses import replace

import pytest
import torch

from trm_minimal.engine.batches import AHEAD, Batches
from trm_minimal.engine.parallel import Workers
from trm_minimal.lab.recipes import by_name
from trm_minimal.state import TrainState
from trm_minimal.train import train_step

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["sudoku_6x6", "maze_9x9", "maze_6x6_noise_relabelled"])
def task(request):
    return by_name(request.param).task()


def seeded():
    return torch.Generator().manual_seed(3)


def stream(task, steps, device=CPU, workers=None, **keywords):
    batches = Batches(task, 6, seeded(), device, workers or Workers(), **keywords)
    return [batches.next(steps - step) for step in range(steps)]


def same(one, two):
    pairs = zip(one, two, strict=True)
    return all(
        torch.equal(a.cpu(), b.cpu())
        for batch, other in pairs
        for a, b in zip(batch, other, strict=True)
    )


def test_a_batch_is_drawn_rows_moved_by_a_drawn_symmetry(task):
    draw, drawn = seeded(), []
    for _ in range(3):
        rows_B = torch.randint(len(task.train), (6,), generator=draw)
        move = task.symmetries(6, draw)
        moved = (move(tokens_NL[rows_B]) for tokens_NL in task.train)
        drawn.append((*moved, torch.zeros(6, dtype=torch.long)))  # nobody has an identity here
    assert same(stream(task, 3), drawn) and not same(drawn[:2], drawn[1:])


@pytest.mark.parametrize("ahead", [2, 5, 100])
def test_drawing_ahead_changes_no_batch_and_never_passes_the_save(task, ahead):
    assert same(stream(task, 11, ahead=ahead), stream(task, 11))
    generator, left = seeded(), 7
    batches = Batches(task, 6, generator, CPU, Workers(), ahead=ahead)
    for step in range(left):
        batches.next(left - step)
    assert not batches.drawn
    step_by_step = seeded()
    slow = Batches(task, 6, step_by_step, CPU, Workers())
    for _ in range(left):
        slow.next(1)
    assert torch.equal(generator.get_state(), step_by_step.get_state())


def test_the_shares_of_three_workers_make_the_whole_batch(task):
    parts = [stream(task, 4, workers=Workers(rank, 3)) for rank in range(3)]
    joined = [
        tuple(torch.cat(part) for part in zip(*batches, strict=True))
        for batches in zip(*parts, strict=True)
    ]
    assert same(joined, stream(task, 4))


def test_a_state_with_batches_drawn_ahead_is_not_saved(tmp_path):
    recipe = replace(by_name("sudoku_4x4"), dim=16, batch=4)
    state = TrainState(recipe, recipe.task(), 0)
    state.batches.ahead = 3
    train_step(recipe, state)
    with pytest.raises(ValueError, match="2 batches are drawn ahead"):
        state.save(tmp_path / "state.safetensors", {})
    train_step(recipe, state)
    train_step(recipe, state)
    state.save(tmp_path / "state.safetensors", {})


gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")


@gpu
def test_a_gpu_sees_the_batches_of_a_cpu(task):
    assert same(stream(task, 70, torch.device("cuda")), stream(task, 70))


def first_losses(precision=torch.float32, device="cpu", noise=0.0):
    """20 losses of sudoku_4x4, its first weights moved by a share `noise`."""
    recipe = replace(by_name("sudoku_4x4"), precision=precision)
    state = TrainState(recipe, recipe.task(), 0, device)
    with torch.no_grad():
        for weight in state.model.parameters():
            weight.mul_(1 + noise * torch.randn(weight.shape, generator=seeded()).to(device))
    return torch.stack([train_step(recipe, state)[0] for _ in range(20)]).cpu()


def test_a_last_digit_grows_for_a_few_steps_and_then_stays_small():
    """The yardstick of the next test, on one device: a ten-millionth of the weights grows about
    tenfold a step.
    """
    gap = (first_losses(noise=1e-7) - first_losses()).abs()
    assert gap[:3].max() < 1e-4 and 1e-3 < gap.mean() < 0.03


@gpu
@pytest.mark.parametrize(
    ("precision", "first", "mean"),
    [(torch.float32, 1e-4, 0.03), (torch.bfloat16, 0.03, 0.05), (torch.float16, 0.03, 0.05)],
)
def test_the_first_losses_on_a_gpu_are_those_of_a_cpu_in_float32(precision, first, mean):
    """20 steps of loss 2: near at once, and no farther than a last digit takes it (the test
    above).
    """
    gap = (first_losses(precision, "cuda") - first_losses()).abs()
    print(f"{precision}: first three {gap[:3].max():.1e}, mean {gap.mean():.1e}")
    assert gap[:3].max() < first and gap.mean() < mean


@gpu
@pytest.mark.parametrize("name", ["sudoku_4x4", "sudoku_extreme_fast"])
def test_the_inner_loop_never_waits_for_the_gpu(name):
    small = replace(by_name("sudoku_4x4"), dim=64, precision=torch.bfloat16)
    recipe = replace(small, optimizer=by_name(name).optimizer, recursion=by_name(name).recursion)
    state = TrainState(recipe, recipe.task(), 0, "cuda")
    for _ in range(3):
        train_step(recipe, state)
    torch.cuda.set_sync_debug_mode("error")  # whatever waits raises
    try:
        for _ in range(AHEAD + 1):
            train_step(recipe, state)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert state.step == AHEAD + 4
