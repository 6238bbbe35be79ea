"""Training through time and HRM's halting: against gradients and updates written out."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from trm_minimal.halting import halt_at_the_end, halt_by_q
from trm_minimal.lab import recipes
from trm_minimal.lab.parts.losses import continue_loss, continue_target
from trm_minimal.lab.parts.through_time import through_time
from trm_minimal.layers import mlp_mixer
from trm_minimal.losses import answer_and_halting_loss, answer_loss, softmax_cross_entropy
from trm_minimal.schedules import constant
from trm_minimal.state import TrainState
from trm_minimal.tasks import toys
from trm_minimal.train import train_step


def tiny(**changes):
    parts = {
        "task": partial(toys.parity, 8, train=200),
        "dim": 16,
        "block": partial(mlp_mixer, multiple=16),
        "depth": constant(2, 2),
        "N_sup": 3,
        "steps": 20,
        "batch": 8,
        "eval_every": 20,
        "cross_entropy": softmax_cross_entropy,
        "update": through_time,
        "clip": float("inf"),
        "optimizer": partial(torch.optim.SGD, lr=0.1),
        "schedule": lambda step, steps: 1.0,
    }
    return replace(recipes.sudoku_4x4(), **(parts | changes))


@pytest.fixture(scope="module")
def task():
    return tiny().task()


def test_the_update_is_by_the_gradient_through_every_call(task):
    """All N_sup T (n + 1) calls as one long chain, nothing detached, losses after each supervision
    step.
    """
    recipe = tiny()
    state, twin = TrainState(recipe, task, 0), TrainState(recipe, task, 0)
    loss, ended, right = through_time(recipe, state)
    model = twin.model
    inputs_BL, labels_BL, _ = twin.batches.next(20)
    y_BLD, z_BLD = model.initial_states(inputs_BL)
    total = 0
    for _ in range(3):
        x_BLD = model.input_embedding(inputs_BL)
        for _ in range(2):
            for _ in range(2):
                z_BLD = model.net(z_BLD, x_BLD + y_BLD)
            y_BLD = model.net(y_BLD, z_BLD)
        logits_BLV = model.output_head(y_BLD[:, model.prefix :])
        total = total + answer_loss(softmax_cross_entropy, logits_BLV, labels_BL).mean()
    (total / 3).backward()
    assert float(loss) == pytest.approx(float(total.detach()) / 3, abs=1e-6)
    assert (int(ended), state.step) == (8, 1)
    assert int(right) == int((logits_BLV[:, 0].argmax(-1) == labels_BL[:, 0]).sum())
    for (name, after), before in zip(
        state.model.named_parameters(), model.parameters(), strict=True
    ):
        step = torch.zeros_like(before) if before.grad is None else 0.1 * before.grad
        torch.testing.assert_close(after.data, before.data - step, msg=name)
        assert (before.grad is None) == name.startswith("q_head")


def test_it_differs_from_the_cut_gradient_and_only_by_the_cut(task):
    """With one supervision step and T = 1 there is nothing to cut: the same gradient, but for the
    halting loss.
    """
    for N_sup, T, same in ((1, 1, True), (3, 1, False), (1, 2, False)):
        changed = {}
        for update in (through_time, train_step):
            depth = {"depth": constant(2, T), "N_sup": N_sup}
            recipe = tiny(update=update, halting=halt_at_the_end, **depth)
            state = TrainState(recipe, task, 0)
            nn.init.constant_(state.model.q_head.bias, -40.0)
            state.model.q_head.requires_grad_(False)
            update(recipe, state)
            changed[update] = next(state.model.net.parameters()).detach().clone()
        assert torch.allclose(*changed.values(), atol=1e-7) == same


def test_a_run_through_time_is_bit_for_bit_the_same_twice_and_learns(task):
    recipe = tiny(
        steps=60, optimizer=partial(torch.optim.AdamW, lr=3e-3), depth=constant(1, 1), N_sup=2
    )
    losses = []
    for _ in range(2):
        state = TrainState(recipe, task, 3)
        losses.append([float(through_time(recipe, state)[0]) for _ in range(60)])
    assert losses[0] == losses[1] and sum(losses[0][-10:]) < sum(losses[0][:10])


def test_what_going_on_is_worth():
    q_B2 = torch.tensor([[2.0, -1.0], [-1.0, 2.0], [-1.0, 2.0]])
    last_B = torch.tensor([False, False, True])
    want = torch.sigmoid(torch.tensor([2.0, 2.0, -1.0]))
    assert torch.equal(continue_target(q_B2, last_B), want)


def test_the_continue_loss_is_added_and_decides_with_the_halt():
    recipe = replace(
        tiny(update=train_step, loss=continue_loss, q_outputs=2),
        halting=partial(halt_by_q, exploration=0.0),
        task=recipes.sudoku_4x4().task,
    )
    task = recipe.task()
    state, plain = TrainState(recipe, task, 0), TrainState(recipe, task, 0)
    with torch.no_grad():
        for each in (state, plain):
            # halting is worth more than going on
            each.model.q_head.bias.copy_(torch.tensor([-5.0, -6.0]))
    loss, halted, _ = train_step(recipe, state)
    without, _, _ = train_step(replace(recipe, loss=answer_and_halting_loss), plain)
    # the next step's better output, with the heads' weights at zero
    worth = torch.sigmoid(torch.tensor(-5.0))
    extra = 0.5 * torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(-6.0), worth)
    assert float(loss - without) == pytest.approx(float(extra), abs=1e-5)
    assert int(halted) == 8  # by the first logit alone, -5, none would halt
    with torch.no_grad():
        state.model.q_head.bias.copy_(torch.tensor([-5.0, 5.0]))
        state.model.q_head.weight.zero_()
    assert int(train_step(recipe, state)[1]) == 0
